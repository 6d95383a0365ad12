/**
 * Workers and readers in a real page: headless Chromium, driven by playwright-core. Looks for the browser
 * in CHROMIUM_PATH and where Debian puts it, and says so when there is none.
 */
import { existsSync, readFileSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { build } from "esbuild";
import { type Browser, chromium, type Page } from "playwright-core";
import type { formats, workers } from "./browser-program.ts";

const executablePath = [process.env.CHROMIUM_PATH ?? "", "/usr/bin/chromium"].find(
  (path) => path !== "" && existsSync(path),
);
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const images = JSON.parse(readFileSync(path("fixtures/images.json"), "utf8"));

interface Program {
  workers: typeof workers;
  formats: typeof formats;
}

const suite = executablePath === undefined ? describe.skip : describe;

suite("in headless Chromium (set CHROMIUM_PATH, or install Debian's chromium)", () => {
  let server: Server;
  let browser: Browser;
  let page: Page;
  let base = "";
  const complaints: string[] = [];

  beforeAll(async () => {
    const { outputFiles } = await build({
      entryPoints: [path("browser-program.ts")],
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
    // The module of the tests in Node, less what only Node has.
    const items = readFileSync(path("fixtures/items.mjs"), "utf8").replace(/^import .*$/m, "");
    const pages: Record<string, [type: string, body: string]> = {
      "/": ["text/html", '<!doctype html><script src="/program.js"></script>'],
      "/program.js": ["text/javascript", outputFiles[0]!.text],
      "/items.mjs": ["text/javascript", items],
      "/favicon.ico": ["image/x-icon", ""],
    };
    server = createServer((request, response) => {
      const [type, body] = pages[request.url ?? ""] ?? ["text/plain", ""];
      response.setHeader("content-type", type);
      response.setHeader(
        "content-security-policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'; worker-src blob:",
      );
      response.end(body);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    browser = await chromium.launch({
      executablePath: executablePath!,
      args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-sync"],
    });
    page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    await page.goto(base);
  }, 60_000);

  afterAll(async () => {
    await browser?.close();
    server?.close();
  });

  it("workers read what the page reads, and end", async () => {
    const module = `${base}/items.mjs`;
    const seen = await page.evaluate(
      (url) => (globalThis as unknown as { program: Program }).program.workers(url),
      module,
    );
    expect(seen).toEqual({
      same: true,
      error: `${module}, "open": example 1 can't be read: no picture 1`,
    });
    // The browser tells of ended workers a little later.
    for (let turn = 0; turn < 100 && page.workers().length > 0; turn++) {
      await new Promise((done) => setTimeout(done, 50));
    }
    expect(page.workers()).toEqual([]);
  });

  it("readers read, and those of files say what to do instead", async () => {
    const bytes = (base64: string) => [...Buffer.from(base64, "base64")];
    const files = {
      png: bytes(images.rgb[0]),
      jpeg: bytes(images.jpeg[0]),
      pt: [...readFileSync(path("fixtures/state.pt"))],
    };
    const seen = await page.evaluate(
      (given) => (globalThis as unknown as { program: Program }).program.formats(given),
      files,
    );
    expect(seen).toEqual({
      png: images.rgb[3].slice(0, 6),
      jpeg: [20, 16],
      pt: 16,
      npz: true,
      csv: [["a", "b"], 2],
      iris: 150,
      noFiles:
        "loadNpy: there are no files in a page; fetch the bytes and use the functions that take bytes.",
    });
    expect(complaints).toEqual([]);
  });
});
