/** @jest-config-loader esbuild-register */
import type { Config } from "jest";

export default {
  // Sources are ES modules; siblings resolve to each other's TypeScript, so tests need no build
  // beyond the kernels' WebAssembly.
  extensionsToTreatAsEsm: [".ts"],
  testEnvironmentOptions: { customExportConditions: ["@tapegrad/source", "node", "node-addons"] },
  transform: {
    "\\.ts$": [
      "@swc/jest",
      {
        jsc: { target: "es2022", parser: { syntax: "typescript" } },
        module: { type: "es6" },
      },
    ],
  },
  testMatch: ["packages", "examples", "docs", "bench"].map(
    (folder) => `<rootDir>/${folder}/**/*.test.{ts,mjs}`,
  ),
  testPathIgnorePatterns: ["/node_modules/", "/dist/"],
  modulePathIgnorePatterns: ["/dist/"],
  maxWorkers: "100%",
  // A busy machine is no failure; speed is judged by bench/.
  testTimeout: 60_000,
} satisfies Config;
