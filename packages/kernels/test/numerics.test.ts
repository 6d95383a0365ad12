import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { buildSync } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "tapegrad-numerics-"));
const program = join(folder, "program.mjs");
const relaxed = "--experimental-wasm-relaxed-simd";
const needsFlag = process.versions.node.startsWith("20.");

/** Products by chosen numerics, on one thread and on two; then what refuses to change them. */
const source = `
  import { alloc, copyOut, numerics, setNumerics, setThreads, wasmKernels } from "../src/index.ts";
  const say = (value) => console.log(JSON.stringify(value));
  const refused = (wanted) => setNumerics(wanted).catch(({ name, message }) => say(name + ": " + message));
  await refused("exactly");
  await refused(process.argv[2]);
  say(numerics());
  const n = 201;
  const fresh = () => ({
    storage: alloc("float32", n * n), value: 0, dtype: "float32", shape: [n, n], strides: [n, 1], offset: 0,
  });
  const kernels = wasmKernels();
  const [a, b, y] = [fresh(), fresh(), fresh()];
  kernels.random("uniform", a, [1, 2], 0, -1, 1);
  kernels.random("uniform", b, [3, 4], 0, -1, 1);
  const bits = [1, 2].map((threads) => {
    setThreads(threads);
    for (let i = 0; i < 50; i++) kernels.matmul(a, b, y);
    return Array.from(copyOut(y.storage));
  });
  say(bits[0].every((x, i) => x === bits[1][i]));
  say(bits[0]);
  // The beginnings of a and b as images and as weights, of all channels and of one.
  const lying = (x, shape) => ({ ...x, shape, strides: shape.map((_, i) => shape.slice(i + 1).reduce((p, q) => p * q, 1)) });
  const ones = { stride: [1, 1], dilation: [1, 1], before: [1, 1], input: [20, 20], output: [20, 20], kernel: [3, 3] };
  for (const groups of [1, 8]) {
    const [x, w, z] = [[2, 8, 20, 20], [8, 8 / groups, 3, 3], [2, 8, 20, 20]];
    kernels.conv({ ...ones, groups }, lying(a, x), lying(b, w), lying(y, z));
    say(Array.from(copyOut(y.storage, 0, 6400)));
  }
  await refused(numerics() === "fast" ? "exact" : "fast");
`;

function run(wanted: string, ...flags: string[]): unknown[] {
  const { stdout, stderr } = spawnSync(process.execPath, [...flags, program, wanted], {
    encoding: "utf8",
  });
  if (stderr !== "") throw new Error(stderr);
  const lines = stdout.trim().split("\n");
  return lines.map((line) => JSON.parse(line) as unknown);
}

beforeAll(() => {
  buildSync({
    stdin: { contents: source, resolveDir: here, loader: "ts" },
    bundle: true,
    format: "esm",
    platform: "node",
    outfile: program,
    logLevel: "silent",
  });
});

afterAll(() => rmSync(folder, { recursive: true }));

const unknown = 'RangeError: setNumerics: got "exactly"; it takes "exact" or "fast".';
const late = (wanted: string) =>
  `Error: setNumerics("${wanted}"): kernels are at work already; call it before the first operation.`;

describe("numerics", () => {
  it("fast: other bits, as near to the truth, the same for any number of threads", () => {
    const flags = needsFlag ? [relaxed] : [];
    type Said = [string, string, boolean, number[], number[], number[], string];
    const [, fast, alike, ...results] = run("fast", ...flags) as Said;
    expect([fast, alike, results.pop()]).toEqual(["fast", true, late("exact")]);
    const [, exact, , ...expected] = run("exact") as Said;
    expect(exact).toBe("exact");
    // A product, a convolution and a depthwise one.
    expect(results.length).toBe(3);
    (results as number[][]).forEach((result, k) => {
      const errors = result.map((x, i) => Math.abs(x - (expected[k] as number[])[i]));
      expect(Math.max(...errors)).toBeLessThan(1e-5);
      expect(Math.max(...errors)).toBeGreaterThan(0);
    });
  });

  it("says what it takes, and when", () => {
    const said = run("exact", ...(needsFlag ? [relaxed] : []));
    expect([said[0], said.at(-1)]).toEqual([unknown, late("fast")]);
  });

  (needsFlag ? it : it.skip)("says what an engine without relaxed SIMD needs", () => {
    const [, refused, chosen] = run("fast");
    expect(refused).toBe(
      'Error: setNumerics("fast"): this JavaScript engine has no relaxed SIMD. Node 20 has it behind a flag, ' +
        "node --experimental-wasm-relaxed-simd; Node 22, Chrome 114 and later have it as they are.",
    );
    expect(chosen).toBe("exact");
  });
});
