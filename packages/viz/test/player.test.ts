/**
 * The player in headless Chromium, driven by playwright-core: bundled by esbuild and served under a strict
 * Content-Security-Policy, with and without cross-origin isolation.
 */
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, expect, it } from "@jest/globals";
import { build } from "esbuild";
import type { Browser, BrowserContextOptions, Page } from "playwright-core";
import type { Graph } from "../src/index.ts";
import { browserSuite, hint, launch } from "./chromium.ts";
import { leaf, neuron, perceptron } from "./circuits.ts";

const here = dirname(fileURLToPath(import.meta.url));
/** The program of the page: the player, and a circuit of its own, for `build`. */
const program = `
  import { definePlayer } from "@tapegrad/viz/player";
  definePlayer();
  globalThis.silly = ({ x, y }) => x.item() > 0 ? x.mul(y).sigmoid() : x.add(y);
`;

let folder: string;
let outputs: Record<string, { bytes: number; imports: { path: string; kind: string }[] }>;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tapegrad-player-"));
  const { metafile } = await build({
    stdin: { contents: program, resolveDir: here, sourcefile: "program.js" },
    outdir: folder,
    bundle: true,
    splitting: true,
    minify: true,
    metafile: true,
    format: "esm",
    target: "es2022",
    conditions: ["@tapegrad/source"],
    absWorkingDir: folder,
    logLevel: "silent",
  });
  outputs = metafile.outputs;
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it("is less than 60 kB gzip, layout included; engine and typesetter come when they are needed", () => {
  const entry = Object.keys(outputs).find((name) => name.endsWith("stdin.js"))!;
  const loaded = new Set([entry]);
  for (const name of loaded)
    for (const { path, kind } of outputs[name]!.imports)
      if (kind === "import-statement") loaded.add(path);
  const size = [...loaded]
    .map((name) => gzipSync(readFileSync(join(folder, name))).length)
    .reduce((sum, bytes) => sum + bytes, 0);
  expect(size).toBeLessThan(60_000);
  const rest = Object.keys(outputs).filter((name) => !loaded.has(name));
  expect(rest.some((name) => name.includes("recompute"))).toBe(true);
  expect(rest.some((name) => name.includes("math"))).toBe(true);
});

browserSuite(`<tapegrad-graph> in headless Chromium (${hint})`, () => {
  let browser: Browser;
  const servers: Server[] = [];
  /** What a clean page has none of: console messages, errors, requests to others. */
  let complaints: string[] = [];
  let body = "";

  async function serve(isolated: boolean): Promise<void> {
    const server = createServer((request, response) => {
      const file = join(folder, request.url!);
      const isScript = request.url!.endsWith(".js");
      response.setHeader(
        "content-type",
        isScript
          ? "text/javascript"
          : request.url!.endsWith(".json")
            ? "application/json"
            : "text/html; charset=utf-8",
      );
      response.setHeader(
        "content-security-policy",
        "default-src 'self'; script-src 'self' 'wasm-unsafe-eval'",
      );
      if (isolated) {
        response.setHeader("cross-origin-opener-policy", "same-origin");
        response.setHeader("cross-origin-embedder-policy", "require-corp");
      }
      if (request.url === "/favicon.ico") response.statusCode = 204;
      if (request.url === "/neuron.json") response.end(JSON.stringify(neuron()));
      else if (isScript && existsSync(file) && statSync(file).isFile())
        response.end(readFileSync(file));
      else response.end(body);
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    servers.push(server);
  }

  beforeAll(async () => {
    await serve(true);
    await serve(false);
    browser = await launch();
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    for (const server of servers) server.close();
  });
  afterEach(async () => {
    for (const context of browser.contexts()) await context.close();
    expect(complaints).toEqual([]);
  });

  /** A page with this inside its body. */
  async function open(
    inside: string,
    { isolated = true, ...options }: BrowserContextOptions & { isolated?: boolean } = {},
  ): Promise<Page> {
    complaints = [];
    const { port } = servers[isolated ? 0 : 1]!.address() as AddressInfo;
    body = `<!doctype html><html lang="en"><title>Page</title>${inside}<script type="module" src="/stdin.js"></script>`;
    const context = await browser.newContext({
      viewport: { width: 1000, height: 800 },
      ...options,
    });
    const page = await context.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(`http://127.0.0.1:${port}/`)) complaints.push(request.url());
    });
    await page.goto(`http://127.0.0.1:${port}/`);
    return page;
  }

  const inline = (graph: Graph) =>
    `<tapegrad-graph><script type="application/json">${JSON.stringify(graph).replaceAll("<", "\\u003c")}</script></tapegrad-graph>`;
  const button = (page: Page, name: string) => page.getByRole("button", { name, exact: true });
  const count = (page: Page) => page.locator(".count").textContent();
  const panel = (page: Page) => page.locator(".panel").innerText();
  const spoken = (page: Page) => page.locator("[aria-live]").textContent();
  /** The numbers of this colour that are to be seen, in the order of the wires. */
  const seen = (page: Page, colour: "value" | "gradient") =>
    page.locator(`[data-wire] text.${colour}:not(.waiting)`).allTextContents();

  it("steps through the sigmoid neuron, to the numbers that CS231n publishes, and back", async () => {
    const page = await open('<tapegrad-graph src="/neuron.json"></tapegrad-graph>');
    await button(page, "Step forward").waitFor();
    expect(await count(page)).toBe("0 / 17");
    expect(await seen(page, "value")).toEqual(["2.00", "−1.00", "−3.00", "−2.00", "−3.00"]);
    expect(await seen(page, "gradient")).toEqual([]);
    const moments: string[][] = [];
    const both = async () => [
      ...(await seen(page, "value")),
      "|",
      ...(await seen(page, "gradient")),
    ];
    moments.push(await both());
    for (let step = 1; step <= 17; step++) {
      await button(page, "Step forward").click();
      moments.push(await both());
    }
    expect(new Set(moments.map(String)).size).toBe(18);
    expect(moments[8]!.at(-2)).toBe("0.73");
    expect(moments[9]!.slice(-2)).toEqual(["|", "1.00"]);
    const shown = await page.evaluate(() => {
      const { graph } = document.querySelector("tapegrad-graph")!;
      const text = (id: string) =>
        document
          .querySelector("tapegrad-graph")!
          .shadowRoot!.querySelector(`[data-wire="${id}"] text.gradient:not(.waiting)`)!
          .textContent;
      return Object.fromEntries(
        graph!.nodes
          .filter(({ kind }) => kind === "leaf")
          .map(({ id, name }) => [name, text(graph!.edges.find(({ from }) => from === id)!.id)]),
      );
    });
    expect(shown).toEqual({ w0: "−0.20", x0: "0.39", w1: "−0.39", x1: "−0.59", w2: "0.20" });
    expect(await button(page, "Step forward").isDisabled()).toBe(true);
    for (let step = 16; step >= 0; step--) {
      await button(page, "Step back").click();
      expect(await both()).toEqual(moments[step]);
    }
    await page.locator("input[type=range]").fill("12");
    expect(await both()).toEqual(moments[12]);
  });

  it("shows upstream × local = downstream with the local gradient, and says it in words", async () => {
    const page = await open(inline(neuron()));
    await button(page, "To the end").click();
    const text = await panel(page);
    expect(text).toContain("upstream × local = downstream");
    expect(text).toContain("0.1966 × −1 = −0.1966");
    expect(text).toContain("0.1966 × 2 = 0.3932");
    await page.locator(".panel math").first().waitFor();
    expect(await spoken(page)).toBe(
      "Backward through mul: upstream × local = downstream; to w0 flows 0.1966 × −1 = −0.1966; to x0 flows 0.1966 × 2 = 0.3932.",
    );
    await button(page, "To the start").click();
    expect(await spoken(page)).toBe("Inputs: w0 = 2, x0 = −1, w1 = −3, x1 = −2, w2 = −3.");
    await button(page, "Step forward").click();
    expect(await spoken(page)).toBe("Forward: mul of w0 = 2 and x0 = −1 is −2.");
    expect(await page.locator('[data-id="n2"]').getAttribute("aria-label")).toBe(
      "mul, ×, value −2",
    );
    expect(await page.locator('[data-id="n5"]').getAttribute("aria-label")).toBe("mul, ×");
    await page.locator("input[type=range]").fill("9");
    expect(await spoken(page)).toMatch(/^The turn: the gradient of the result by itself is 1\./);
  });

  for (const isolated of [true, false]) {
    it(`an input is changed, and everything follows (cross-origin isolated: ${isolated})`, async () => {
      const page = await open(inline(neuron()), { isolated });
      expect(await page.evaluate(() => crossOriginIsolated)).toBe(isolated);
      await button(page, "To the end").click();
      await page.getByLabel("w2", { exact: true }).fill("-1");
      // f = σ(2·(−1) + (−3)(−2) − 1) = σ(3), and dσ/ds = σ(1 − σ)
      await page.locator('[data-wire] text.value:text-is("0.95")').waitFor();
      const slope = 0.9525741268224334 * (1 - 0.9525741268224334);
      expect(
        await page.evaluate(() => {
          const { graph } = document.querySelector("tapegrad-graph")!;
          return graph!.nodes.find(({ name }) => name === "w1")!.outputs[0]!.gradient!.values;
        }),
      ).toEqual([expect.closeTo(-2 * slope, 12)]);
      expect(await seen(page, "gradient")).toContain("−0.09");
      expect(await count(page)).toBe("17 / 17");
      await page.getByLabel("w2", { exact: true }).fill("");
      expect(await page.getByRole("alert").textContent()).toBe("w2: One number, please.");
      await button(page, "Reset").click();
      expect(await seen(page, "value")).toContain("0.73");
      expect(await page.getByLabel("w2", { exact: true }).inputValue()).toBe("-3");
      expect(await page.getByRole("alert").isVisible()).toBe(false);
    });
  }

  it("plays, with the keyboard alone, and hears the keys only where they are meant for it", async () => {
    const page = await open(
      inline(neuron()).replace("<tapegrad-graph", '<tapegrad-graph interval="60"'),
    );
    await page.keyboard.press("Tab");
    expect(
      await page.evaluate(() => document.activeElement!.shadowRoot!.activeElement!.className),
    ).toBe("player");
    const steps = page.evaluate(
      () =>
        new Promise<string[]>((done) => {
          const heard: string[] = [];
          document.addEventListener("step", (event) => {
            const { index, last, phase } = (event as CustomEvent).detail;
            heard.push(phase);
            if (index === last) done(heard);
          });
        }),
    );
    await page.keyboard.press(" ");
    expect(await steps).toEqual([
      ...new Array(8).fill("forward"),
      "turn",
      ...new Array(8).fill("backward"),
    ]);
    await button(page, "Play").waitFor();
    for (const [key, expected] of [
      ["Home", "0 / 17"],
      ["ArrowRight", "1 / 17"],
      ["ArrowRight", "2 / 17"],
      ["ArrowLeft", "1 / 17"],
      ["End", "17 / 17"],
    ] as const) {
      await page.keyboard.press(key);
      expect(await count(page)).toBe(expected);
    }
    // A gate tells all about itself; a leaf's field is ready to be changed, and the keys are the field's then.
    await page.locator('[data-id="n2"]').focus();
    await page.keyboard.press("Enter");
    expect(await panel(page)).toContain("keeps for backward");
    await page.keyboard.press("Escape");
    expect(await panel(page)).not.toContain("keeps for backward");
    await page.locator('[data-id="n0"]').focus();
    await page.keyboard.press("Enter");
    await page.keyboard.press("Home");
    await page.keyboard.type("1");
    expect(await page.getByLabel("w0", { exact: true }).inputValue()).toMatch(/^12?$/);
    expect(await count(page)).toBe("17 / 17");
  });

  it("moves nothing for those who want it reduced, and something for others", async () => {
    for (const [reducedMotion, moving] of [
      ["reduce", false],
      ["no-preference", true],
    ] as const) {
      const page = await open(inline(neuron()), { reducedMotion });
      await button(page, "Step forward").click();
      const names = await page
        .locator(".fresh")
        .evaluateAll((all) => all.map((element) => getComputedStyle(element).animationName));
      expect(names.length).toBeGreaterThan(0);
      expect(names.every((name) => (name === "none") !== moving)).toBe(true);
    }
  });

  it("is used by touch on a phone: large buttons, a picture that moves along, taps", async () => {
    const page = await open(inline(neuron()), {
      viewport: { width: 360, height: 700 },
      hasTouch: true,
      isMobile: true,
    });
    for (const name of ["To the start", "Step back", "Play", "Step forward", "To the end"]) {
      const box = (await button(page, name).boundingBox())!;
      expect(Math.min(box.width, box.height)).toBeGreaterThan(43.9);
    }
    expect(
      await page.evaluate(() => document.documentElement.scrollWidth <= window.innerWidth),
    ).toBe(true);
    const inSight = () =>
      page.locator(".active").evaluate((active) => {
        const [it, area] = [active, active.closest(".picture")!].map((e) =>
          e.getBoundingClientRect(),
        );
        return it!.left >= area!.left && it!.right <= area!.right;
      });
    for (let step = 1; step <= 8; step++) {
      await button(page, "Step forward").tap();
      expect(await inSight()).toBe(true);
    }
    await page.locator(".active").tap();
    expect(await panel(page)).toContain("value");
  });

  it("folds and unfolds modules, which keeps the moment", async () => {
    const page = await open(inline(perceptron()));
    const player = page.locator("tapegrad-graph");
    await button(page, "To the end").click();
    const unfolded = await count(page);
    const labels = () => page.locator(".atom text.name").allTextContents();
    expect(await labels()).toContain("bias");
    await page.locator('.unfolded[data-id="g1"]').focus();
    await page.keyboard.press("Enter");
    expect(await labels()).toContain("1 · BatchNorm1d");
    expect(await count(page)).not.toBe(unfolded);
    expect(
      await player.evaluate((p) => (p as unknown as { index: number; last: number }).index),
    ).toBe(await player.evaluate((p) => (p as unknown as { last: number }).last));
    await page.locator('[data-id="g1"]').dblclick();
    expect(await labels()).not.toContain("1 · BatchNorm1d");
    expect(await count(page)).toBe(unfolded);
  });

  it("shows the circuit of a function, and follows it where it branches", async () => {
    const page = await open("<tapegrad-graph></tapegrad-graph>");
    await page.waitForFunction(() => customElements.get("tapegrad-graph") !== undefined);
    await page.evaluate(() => {
      const { silly } = globalThis as unknown as { silly: never };
      const player = document.querySelector("tapegrad-graph")!;
      Object.assign(player, { inputs: { x: 0.5, y: 2 }, build: silly });
    });
    await button(page, "To the end").click();
    expect(await seen(page, "value")).toEqual(["0.50", "2.00", "1.00", "0.73"]);
    await page.getByLabel("x", { exact: true }).fill("-3");
    await page.locator('text.value:text-is("−1.00")').waitFor();
    expect(await count(page)).toBe("3 / 3");
  });

  it("says what is wrong with what it gets", async () => {
    const page = await open('<tapegrad-graph src="/nothing.json"></tapegrad-graph>');
    await page.getByRole("alert").waitFor();
    expect(await page.getByRole("alert").textContent()).toMatch(
      /^tapegrad-graph: \/nothing\.json can't be read: /,
    );
    const wrong = await open(
      '<tapegrad-graph><p>Instead.</p><script type="application/json">{"version": 9}</script></tapegrad-graph>',
    );
    await wrong.getByRole("alert").waitFor();
    expect(await wrong.getByRole("alert").textContent()).toBe(
      "tapegrad-graph: this is not the JSON that graph() makes, in version 1 of its format.",
    );
    expect(await wrong.getByText("Instead.").isVisible()).toBe(true);
  });

  it("runs nothing that a name says", async () => {
    const name = '<img src=x onerror="document.title=1">';
    const { graph } = await import("../src/index.ts");
    const x = leaf(1);
    const page = await open(
      inline(graph(() => x.mul(2), { names: { [name]: x }, gradients: true, title: name })),
    );
    await button(page, "To the end").click();
    expect(await panel(page)).toContain(name);
    expect(await page.title()).toBe("Page");
  });
});
