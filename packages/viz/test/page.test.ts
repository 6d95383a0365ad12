/** The page that toHTML makes, in headless Chromium. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { afterAll, beforeAll, expect, it } from "@jest/globals";
import type { Browser, Page } from "playwright-core";
import { type Graph, graph, toHTML } from "../src/index.ts";
import { browserSuite, hint, launch } from "./chromium.ts";
import { leaf, neuron, perceptron } from "./circuits.ts";

browserSuite(`a page in headless Chromium (${hint})`, () => {
  let browser: Browser;
  let folder: string;
  /** What a clean page has none of: console messages, errors, requests but for itself. */
  const complaints: string[] = [];

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "tapegrad-page-"));
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
    rmSync(folder, { recursive: true, force: true });
  });

  async function open(g: Graph, options: Parameters<typeof toHTML>[1] = {}): Promise<Page> {
    const file = join(folder, "page.html");
    writeFileSync(file, toHTML(g, options));
    const page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!request.url().endsWith("/page.html")) complaints.push(request.url());
    });
    await page.goto(pathToFileURL(file).href);
    return page;
  }
  const details = (page: Page) => page.locator("#details").innerText();
  const labels = (page: Page) => page.locator("#picture .atom text.name").allTextContents();

  it("shows upstream × local = downstream of the gate that is chosen, and typesets its formula", async () => {
    const page = await open(neuron());
    await page.locator('[data-id="n2"]').click();
    expect(await details(page)).toContain("0.1966 × −1 = −0.1966");
    expect(await details(page)).toContain("0.1966 × 2 = 0.3932");
    expect(await details(page)).toContain("a, b (16 B)");
    expect(await page.locator("#details math").count()).toBe(3);
    await page.locator('[data-id="n1"]').hover();
    expect(await details(page)).toContain("0.1966 × 2 = 0.3932");
    await page.keyboard.press("Escape");
    await page.locator('[data-id="n3"]').hover();
    expect(await details(page)).toMatch(/^leaf w1/);
    await page.close();
  });

  it("folds and unfolds modules", async () => {
    const page = await open(perceptron(), { fold: 1 });
    expect(await labels(page)).toContain("1 · BatchNorm1d");
    await page.locator('[data-id="g1"]').dblclick();
    expect(await labels(page)).not.toContain("1 · BatchNorm1d");
    expect(await labels(page)).toContain("bias");
    await page.locator('#details [data-fold="g1"]').click();
    expect(await labels(page)).toContain("1 · BatchNorm1d");
    await page.getByRole("button", { name: "Reset" }).click();
    await page.getByRole("button", { name: "Fold all" }).click();
    expect(await labels(page)).toContain("0 · Linear");
    await page.close();
  });

  it("is used with the keyboard alone", async () => {
    const page = await open(perceptron(), { fold: 1 });
    const focused = () =>
      page.evaluate(() => document.activeElement?.getAttribute("data-id") ?? null);
    await page.locator('[data-id="n0"]').focus();
    await page.keyboard.press("ArrowRight");
    expect(await focused()).toBe("g0");
    await page.keyboard.press("Enter");
    expect(await labels(page)).toContain("weight");
    await page.keyboard.press("Enter");
    expect(await labels(page)).toContain("0 · Linear");
    await page.keyboard.press("ArrowLeft");
    expect(await focused()).toBe("n0");
    await page.keyboard.press("Tab");
    expect(await focused()).not.toBe("n0");
    const box = () => page.locator("#picture svg").getAttribute("viewBox");
    const before = await box();
    await page.keyboard.press("+");
    expect(await box()).not.toBe(before);
    await page.close();
  });

  it("pans with the pointer and zooms with the wheel", async () => {
    const page = await open(neuron());
    const box = async () =>
      (await page.locator("#picture svg").getAttribute("viewBox"))!.split(" ").map(Number);
    const [left, top, width] = await box();
    await page.mouse.move(30, 300);
    await page.mouse.down();
    await page.mouse.move(80, 320);
    await page.mouse.up();
    const moved = await box();
    expect([moved[0]! < left!, moved[1]! < top!, moved[2] === width]).toEqual([true, true, true]);
    expect(await details(page)).toMatch(/^Values are green/);
    await page.mouse.wheel(0, -200);
    expect((await box())[2]!).toBeLessThan(width!);
    await page.close();
  });

  it("runs nothing that a name says", async () => {
    const name = '<img src=x onerror="document.title=1">';
    const x = leaf(1);
    const g = graph(() => x.exp(), { names: { [name]: x }, title: name });
    const page = await open(g);
    await page.locator('[data-id="n0"]').click();
    expect(await details(page)).toContain(name);
    expect(await page.title()).toBe(name);
    expect(await page.locator("img").count()).toBe(0);
    await page.close();
  });

  it("asked for nothing and complained of nothing", () => {
    expect(complaints).toEqual([]);
  });
});
