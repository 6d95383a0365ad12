/**
 * The library in a real page: headless Chromium, driven by playwright-core. Looks for the browser in
 * CHROMIUM_PATH and where Debian puts it, and says so when there is none.
 */
import { existsSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import { neuron, train } from "./browser/program.ts";

const here = dirname(fileURLToPath(import.meta.url));
const executablePath = [process.env.CHROMIUM_PATH ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);

async function bundle(entry: string, globalName?: string): Promise<string> {
  const result = await build({
    entryPoints: [join(here, entry)],
    bundle: true,
    minify: true,
    write: false,
    format: globalName === undefined ? "esm" : "iife",
    ...(globalName === undefined ? {} : { globalName }),
    platform: "browser",
    target: "es2022",
    conditions: ["@tapegrad/source"],
    // Loaded by the functions that need a file system or a terminal, never in a page.
    external: ["node:*", "cli-progress"],
    logLevel: "silent",
  });
  return result.outputFiles[0]!.text;
}

interface Program {
  neuron: typeof neuron;
  train: typeof train;
}

const suite = executablePath === undefined ? describe.skip : describe;

suite("in headless Chromium (set CHROMIUM_PATH, or install Debian's chromium)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const script = await bundle("browser/program.ts", "program");
    server = createServer((request, response) => {
      const isScript = request.url === "/program.js";
      response.statusCode = request.url === "/favicon.ico" ? 204 : 200;
      response.setHeader("content-type", isScript ? "text/javascript" : "text/html");
      // A strict policy: WebAssembly may be compiled, strings may not.
      response.setHeader(
        "content-security-policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
      );
      response.end(isScript ? script : '<!doctype html><script src="/program.js"></script>');
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it("computes the sigmoid neuron", async () => {
    const shown = await page.evaluate(() =>
      (globalThis as unknown as { program: Program }).program.neuron(),
    );
    expect(shown).toEqual(["0.73", "-0.20", "-0.39", "0.20", "0.39", "-0.59"]);
    expect(shown).toEqual(neuron());
  });

  it("trains to the same bits as Node", async () => {
    const there = await page.evaluate(() =>
      (globalThis as unknown as { program: Program }).program.train(),
    );
    expect(there.last).toBeLessThan(there.first / 2);
    expect(there).toEqual(train());
  });

  it("without a word on the console, under a strict Content-Security-Policy", () => {
    expect(complaints).toEqual([]);
  });
});

it("training gives the bits that are stored here, whatever the engine", () => {
  // Measured on Node 20, 22 and 24; the test above compares Chromium's.
  expect(train().hash).toBe("6102f87c");
});

it("the core engine is at most 150 kB gzip, kernels included", async () => {
  const text = await bundle("../../core/src/index.ts");
  expect(gzipSync(text).length).toBeLessThan(150_000);
});
