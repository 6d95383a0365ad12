/** Every live cell of every page, in Node; the browser's side of it is in site.test.ts. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { docs, liveCells, pages, runHere } from "./pages.ts";

describe("live cells", () => {
  it("are all found", () => {
    const marked = pages.flatMap((page) =>
      [...readFileSync(join(docs, page), "utf8").matchAll(/^```ts live/gm)].map(() => page),
    );
    expect(liveCells.map(({ page }) => page)).toEqual(marked);
  });

  for (const { page, line, code, check, solution } of liveCells) {
    it(`${page}, line ${line}`, async () => {
      const given = await runHere({ code, check });
      expect(given.errors).toEqual([]);
      const wrong = given.checks.filter((text) => !text.startsWith("✓"));
      if (solution === null) {
        expect(wrong).toEqual([]);
        return;
      }
      // An exercise isn't solved by itself, and its solution solves it.
      expect(wrong.length).toBeGreaterThan(0);
      const solved = await runHere({ code: solution, check });
      expect(solved.errors).toEqual([]);
      expect(solved.checks.filter((text) => !text.startsWith("✓"))).toEqual([]);
    });
  }
});
