/**
 * The promise of the same bits: one program (scripts/engines/program.mjs) with any number of threads, in every
 * Node that there is, and in headless Chromium. `identity.json` holds the hashes; after a change that is meant to
 * change numbers, WRITE_HASHES=1 has the run on one thread write them anew.
 */
import { execFile } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, jest } from "@jest/globals";
import { type Browser, chromium } from "playwright-core";
import { serveSite } from "../../../scripts/serve-site.mjs";
import { bundle, chromiumPath, launchOptions } from "./browser/chromium.ts";

interface Run {
  threads: number;
  hashes: Record<string, string>;
}

const here = dirname(fileURLToPath(import.meta.url));
const engines = join(here, "../../../scripts/engines");
const stored = join(here, "identity.json");
const hashes = () => JSON.parse(readFileSync(stored, "utf8")) as Run["hashes"];

// With more threads than cores a busy machine takes its time.
jest.setTimeout(240_000);

const folder = mkdtempSync(join(tmpdir(), "tapegrad-identity-"));
const script = join(folder, "program.mjs");

beforeAll(async () => {
  writeFileSync(script, await bundle(join(engines, "program.mjs")));
  writeFileSync(join(folder, "index.html"), "<!doctype html>");
});

afterAll(() => rmSync(folder, { recursive: true }));

function inNode(node: string, threads: number): Promise<Run> {
  const source = `import { run } from ${JSON.stringify(script)}; console.log(JSON.stringify(await run(${threads})));`;
  return new Promise((done, failed) => {
    execFile(node, ["--input-type=module", "--eval", source], (error, printed) => {
      if (error === null) done(JSON.parse(printed) as Run);
      else failed(error);
    });
  });
}

describe("training gives the bits that are stored here", () => {
  it("on one thread", async () => {
    const run = await inNode(process.execPath, 1);
    if (process.env.WRITE_HASHES === "1") {
      writeFileSync(stored, `${JSON.stringify(run.hashes, null, 2)}\n`);
    }
    expect(run).toEqual({ threads: 1, hashes: hashes() });
    expect(new Set(Object.values(run.hashes)).size).toBe(6);
  });

  it.each([2, 3, 4])("on %i threads", async (threads) => {
    expect(await inNode(process.execPath, threads)).toEqual({ threads, hashes: hashes() });
  });

  for (const version of [22, 24]) {
    const node = join(engines, `node_modules/node${version}/bin/node`);
    const test = existsSync(node) ? it : it.skip;
    test(`on Node ${version} (npm ci --prefix scripts/engines installs it, on Linux with x64)`, async () => {
      expect(await inNode(node, 3)).toEqual({ threads: 3, hashes: hashes() });
    });
  }
});

const suite = chromiumPath === undefined ? describe.skip : describe;

suite("and in headless Chromium (set CHROMIUM_PATH, or install Debian's chromium)", () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch(launchOptions);
  });

  afterAll(() => browser?.close());

  it.each([
    { isolated: true, threads: 3 },
    { isolated: false, threads: 1 },
  ])("%p", async ({ isolated, threads }) => {
    const { server, address } = await serveSite(folder, { isolated });
    const page = await browser.newPage();
    await page.goto(`${address}/`);
    const run = await page.evaluate(async (path) => {
      const { run } = (await import(path)) as { run(threads: number): Promise<Run> };
      return run(3);
    }, "/program.mjs");
    await page.close();
    server.close();
    expect(run).toEqual({ threads, hashes: hashes() });
  });
});
