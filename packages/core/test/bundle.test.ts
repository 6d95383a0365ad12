import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { runInThisContext } from "node:vm";
import { expect, it } from "@jest/globals";
import { build } from "esbuild";
import { Tensor } from "../src/index.ts";

it("a bundle of a program that imports only `tensor` has every method", async () => {
  const { outputFiles } = await build({
    stdin: {
      contents: `
        import { tensor } from "@tapegrad/core";
        export const methods = Object.getOwnPropertyNames(Object.getPrototypeOf(tensor(1)));`,
      resolveDir: dirname(fileURLToPath(import.meta.url)),
    },
    bundle: true,
    write: false,
    format: "iife",
    globalName: "program",
    platform: "browser",
    target: "es2022",
    conditions: ["@tapegrad/source"],
    external: ["node:*"],
    logLevel: "silent",
  });
  const { methods } = runInThisContext(`${outputFiles[0]!.text}; program`);
  expect(methods.sort()).toEqual(Object.getOwnPropertyNames(Tensor.prototype).sort());
});
