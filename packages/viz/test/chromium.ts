/** Headless Chromium, driven by playwright-core. Looks for it in CHROMIUM_PATH and where Debian puts it. */
import { existsSync } from "node:fs";
import { describe } from "@jest/globals";
import { type Browser, chromium } from "playwright-core";

const executablePath = [process.env.CHROMIUM_PATH ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);

/** For tests in the browser: skipped where there is none. */
export const browserSuite = executablePath === undefined ? describe.skip : describe;
export const hint = "set CHROMIUM_PATH, or install Debian's chromium";

export const launch = (): Promise<Browser> =>
  chromium.launch({ executablePath: executablePath!, args: ["--no-sandbox"] });
