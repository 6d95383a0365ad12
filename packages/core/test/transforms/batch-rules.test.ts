import { readFileSync, writeFileSync } from "node:fs";
import { expect, it } from "@jest/globals";
import { registeredOps } from "../../src/index.ts";
import { batchRuleOf } from "../../src/transforms/batch-calls.ts";

it("docs/transforms.md names the ops that run in a loop under vmap; WRITE_TRANSFORMS_PAGE=1 writes them", () => {
  const file = new URL("../../../../docs/transforms.md", import.meta.url);
  const loops = [...registeredOps().values()]
    .filter((op) => batchRuleOf(op) === null)
    .map(({ name }) => `\`${name}\``)
    .sort();
  expect(registeredOps().size).toBeGreaterThan(130);
  const text = `Ops of \`core\` that run in a loop: ${loops.join(", ") || "none"}.\n`;
  const page = readFileSync(file, "utf8");
  const [before, after] = [
    "<!-- What follows is checked by a test. -->\n",
    "<!-- Until here. -->\n",
  ];
  const start = page.indexOf(before) + before.length;
  const end = page.indexOf(after);
  expect([start, end].every((at) => at > 0)).toBe(true);
  if (process.env.WRITE_TRANSFORMS_PAGE !== undefined) {
    writeFileSync(file, page.slice(0, start) + text + page.slice(end));
  }
  expect(readFileSync(file, "utf8").slice(start, end)).toBe(text);
});
