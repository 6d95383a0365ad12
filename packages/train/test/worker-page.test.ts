/**
 * Training in a page's worker: headless Chromium, looked for in CHROMIUM_PATH and where Debian puts it;
 * skipped, and said so, where there is none.
 */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import type * as program from "./fixtures/page.ts";
import { makeSolver } from "./fixtures/training.ts";

const executablePath = [process.env.CHROMIUM_PATH ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);

async function bundle(entry: string, format: "esm" | "iife"): Promise<string> {
  const { outputFiles } = await build({
    entryPoints: [fileURLToPath(new URL(`./fixtures/${entry}`, import.meta.url))],
    bundle: true,
    minify: true,
    write: false,
    format,
    globalName: "program",
    platform: "browser",
    conditions: ["@tapegrad/source"],
    external: ["node:*", "cli-progress"],
    logLevel: "silent",
  });
  return outputFiles[0].text;
}

const suite = executablePath === undefined ? describe.skip : describe;

suite("in headless Chromium (set CHROMIUM_PATH, or install Debian's chromium)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const scripts: Record<string, string> = {
      "/page.js": await bundle("page.ts", "iife"),
      "/training.js": await bundle("training.ts", "esm"),
    };
    server = createServer((request, response) => {
      const script = scripts[request.url!];
      response.statusCode = request.url === "/favicon.ico" ? 204 : 200;
      response.setHeader("content-type", script === undefined ? "text/html" : "text/javascript");
      response.setHeader(
        "content-security-policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:",
      );
      response.end(script ?? '<!doctype html><script src="/page.js"></script>');
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking"],
    });
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  });
  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it("gives what a Solver here gives, to the bit, and leaves the page free", async () => {
    const there = await page.evaluate(() =>
      (globalThis as unknown as { program: typeof program }).program.train(),
    );
    const here = makeSolver();
    const { lossHistory, steps } = await here.fit();
    expect(there.lossHistory).toEqual(lossHistory);
    expect(there.weights).toEqual(
      [...here.model.stateDict()].map(([name, x]) => [name, [...x.data()]]),
    );
    expect(there.step).toBe(steps);
    // Twelve batches of 30 ms and more would have held up a timer of 10 ms.
    expect(there.ticks).toBeGreaterThan(12);
  });

  it("passes errors on", async () => {
    const { broken, diverged } = await page.evaluate(() =>
      (globalThis as unknown as { program: typeof program }).program.fail(),
    );
    expect(broken).toMatch(/^WorkerSolver: "http:.*" can't be opened: no data today\.$/);
    expect(diverged).toBe(true);
  });

  it("without a word on the console", () => {
    expect(complaints).toEqual([]);
  });
});
