/** The library in a real page: headless Chromium, driven by playwright-core. Says so when there is none. */
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Browser, chromium, type Page } from "playwright-core";
import { bundle, chromiumPath, launchOptions } from "./browser/chromium.ts";
import { fused, neuron, train } from "./browser/program.ts";

const here = dirname(fileURLToPath(import.meta.url));
interface Program {
  neuron: typeof neuron;
  train: typeof train;
  fused: typeof fused;
}

const suite = chromiumPath === undefined ? describe.skip : describe;

suite("in headless Chromium (set CHROMIUM_PATH, or install Debian's chromium)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  const complaints: string[] = [];

  beforeAll(async () => {
    const script = await bundle(join(here, "browser/program.ts"), "program");
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
    browser = await chromium.launch(launchOptions);
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

  it("compiles a formula to the same bits as Node", async () => {
    const there = await page.evaluate(() =>
      (globalThis as unknown as { program: Program }).program.fused(),
    );
    expect(there.different).toBe(0);
    expect(there).toEqual(fused());
  });

  it("without a word on the console, under a strict Content-Security-Policy", () => {
    expect(complaints).toEqual([]);
  });
});

// setNumerics("fast") loads its kernels by itself.
const weigh = async (entry: string) =>
  gzipSync(await bundle(join(here, entry), undefined, ["*/generated/fast.ts"])).length;

it("the core engine is at most 150 kB gzip, kernels included", async () => {
  expect(await weigh("browser/engine.ts")).toBeLessThan(150_000);
});

it("all that core exports, gradient checks and decompositions too, is at most 180 kB gzip", async () => {
  expect(await weigh("../../core/src/index.ts")).toBeLessThan(180_000);
});
