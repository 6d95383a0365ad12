/** What a page downloads: the table of functions is in it, code that makes code is not. */
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import { expect, it } from "@jest/globals";
import { build } from "esbuild";

const bundle = async (contents: string, external: string[]) => {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: dirname(fileURLToPath(import.meta.url)) },
    bundle: true,
    minify: true,
    write: false,
    format: "iife",
    globalName: "program",
    platform: "browser",
    target: "es2022",
    conditions: ["@tapegrad/source"],
    external: ["node:*", ...external],
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
};

it("a bundle of a program that imports only `formula` has every function", async () => {
  const code = await bundle(
    `import { formula } from "@tapegrad/formula";
     export const texts = ["sin(x)", "elu(x)", "softmax(x)"].map((text) => String(formula(text)));`,
    [],
  );
  const { texts } = runInThisContext(`${code}; program`);
  expect(texts).toEqual(["sin(x)", "(x > 0) ? x : expm1((x > 0) ? 0 : x)", "softmax(x)"]);
});

it("this package and what it uses of mathjs stay below 200 kB, and need no eval", async () => {
  const code = await bundle(`export { formula } from "@tapegrad/formula";`, [
    "@tapegrad/core",
    "@tapegrad/kernels",
  ]);
  expect(code.length).toBeLessThan(200_000);
  expect(code).not.toMatch(/new Function\(|\beval\(/);
});
