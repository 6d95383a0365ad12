/** The browser of the tests: looked for in CHROMIUM_PATH and where Debian puts it; and what its pages load. */
import { existsSync } from "node:fs";
import { build } from "esbuild";
import type { LaunchOptions } from "playwright-core";

/** undefined: there is none. */
export const chromiumPath = [process.env.CHROMIUM_PATH ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);

export const launchOptions: LaunchOptions = {
  ...(chromiumPath === undefined ? {} : { executablePath: chromiumPath }),
  args: [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
  ],
};

/**
 * The sources from `entry` on as one script: a module, or with `globalName` a classic script that sets it.
 *
 * @param later  what is imported when it is asked for and left out
 */
export async function bundle(
  entry: string,
  globalName?: string,
  later: readonly string[] = [],
): Promise<string> {
  const result = await build({
    entryPoints: [entry],
    bundle: true,
    minify: true,
    write: false,
    format: globalName === undefined ? "esm" : "iife",
    ...(globalName === undefined ? {} : { globalName }),
    platform: "browser",
    target: "es2022",
    conditions: ["@tapegrad/source"],
    // Loaded by the functions that need a file system or a terminal, never in a page.
    external: ["node:*", "cli-progress", ...later],
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}
