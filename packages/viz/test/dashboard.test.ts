/** The dashboard over real HTTP, and in a real browser while a net trains. */
import { get, type IncomingMessage, request } from "node:http";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import type { Browser } from "playwright-core";
import { type Dashboard, type RunRecord, report, serve } from "../src/index.ts";
import type { RunUpdate } from "../src/plots/dashboard-page.ts";
import { browserSuite, hint, launch } from "./chromium.ts";
import { small, spiralSolver } from "./runs.ts";

const open = new Set<Dashboard>();
async function started(...args: Parameters<typeof serve>): Promise<Dashboard> {
  const dashboard = await serve(args[0], { port: 0, ...args[1] });
  open.add(dashboard);
  return dashboard;
}
afterAll(async () => {
  for (const dashboard of open) await dashboard.close();
});

async function asked(
  url: string,
  { method = "GET", host, path }: { method?: string; host?: string; path?: string } = {},
): Promise<{ status: number; text: string; headers: IncomingMessage["headers"] }> {
  return new Promise((resolve, reject) => {
    const headers = host === undefined ? {} : { host };
    request(url, { method, headers, ...(path !== undefined && { path }) }, (response) => {
      let text = "";
      response.on("data", (chunk) => {
        text += chunk;
      });
      response.on("end", () =>
        resolve({ status: response.statusCode!, text, headers: response.headers }),
      );
    })
      .on("error", reject)
      .end();
  });
}

/** What the server tells a page. */
class Events {
  readonly seen: RunUpdate[][] = [];
  private text = "";
  private wake = () => {};
  private closed = false;

  constructor(url: string) {
    get(`${url}events`, (response) => {
      response.on("data", (chunk) => {
        this.text += chunk;
        const parts = this.text.split("\n\n");
        this.text = parts.pop()!;
        for (const part of parts)
          this.seen.push(JSON.parse(part.replace(/^event: runs\ndata: /, "")));
        this.wake();
      });
      response.on("close", () => {
        this.closed = true;
        this.wake();
      });
    }).on("error", () => {});
  }

  async until(check: (events: Events) => boolean): Promise<void> {
    while (!check(this)) {
      await new Promise<void>((resolve) => {
        this.wake = resolve;
      });
    }
  }

  /** What a page knows of a run. */
  linesOf(index: number): RunUpdate["lines"] {
    return this.seen.reduce<RunUpdate["lines"]>((lines, updates) => {
      const update = updates[index];
      if (update === undefined) return lines;
      return update.isWhole ? update.lines : lines.concat(update.lines);
    }, []);
  }

  get isClosed(): boolean {
    return this.closed;
  }
}

describe("a dashboard's server", () => {
  it("serves its page and nothing else", async () => {
    const { url } = await started(small, { title: "My <run>" });
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/$/);
    const page = await asked(url);
    expect(page.status).toBe(200);
    expect(page.text).toContain("<title>My &lt;run&gt;</title>");
    expect(page.headers["content-security-policy"]).toContain("default-src 'none'");
    expect(page.text.match(/<script/g)).toHaveLength(1);
    for (const path of ["/../package.json", "/etc/passwd", "/%2e%2e/", "/events/..%2f", "//"])
      expect((await asked(url, { path })).status).toBe(404);
    expect((await asked(url, { method: "POST" })).status).toBe(405);
  });

  it("answers to its own name only, so that foreign pages can't read it", async () => {
    const { url } = await started(small);
    const { port } = new URL(url);
    expect((await asked(url, { host: `localhost:${port}` })).status).toBe(200);
    for (const host of ["evil.example", `evil.example:${port}`, "127.0.0.1:1"]) {
      expect(await asked(url, { host })).toMatchObject({ status: 403, text: `Ask for ${url}.\n` });
      expect((await asked(`${url}events`, { host })).status).toBe(403);
    }
  });

  it("tells a page all, then what is new", async () => {
    const { solver } = spiralSolver({ epochs: 12 });
    const { url } = await started([solver, small]);
    const events = new Events(url);
    await events.until(({ seen }) => seen.length > 0);
    expect(events.seen[0]!.map(({ name, isWhole, isEnded }) => [name, isWhole, isEnded])).toEqual([
      [solver.record.name, true, false],
      ["small", true, true],
    ]);
    await solver.fit();
    await events.until(({ seen }) => seen.at(-1)![0]!.isEnded);
    const told = events.linesOf(0);
    expect(told).toEqual(JSON.parse(JSON.stringify(solver.record.lines)));
    // A page that comes late.
    const late = new Events(url);
    await late.until(({ seen }) => seen.length > 0);
    expect(late.seen[0]![0]!.lines).toEqual(told);
    expect(late.seen[0]![0]!.isEnded).toBe(true);
  });

  it("takes a run that is added, and a Solver that begins anew", async () => {
    const { solver } = spiralSolver({ epochs: 1 });
    const dashboard = await started(solver);
    const events = new Events(dashboard.url);
    await solver.fit();
    await events.until(({ seen }) => seen.at(-1)?.[0]?.isEnded === true);
    dashboard.add({ ...small, name: "added" });
    await events.until(({ seen }) => seen.at(-1)![1]?.name === "added");
    const [{ runId }, told] = [solver.record, events.seen.length];
    await solver.fit();
    expect(solver.record.runId).not.toBe(runId);
    await events.until(({ seen }) => seen.length > told && seen.at(-1)![0]!.isEnded);
    expect(events.linesOf(0)).toEqual(JSON.parse(JSON.stringify(solver.record.lines)));
  });

  it("closes with pages open, more than once, and listens no more", async () => {
    const { solver } = spiralSolver({ epochs: 1 });
    const dashboard = await started(solver);
    const events = new Events(dashboard.url);
    await events.until(({ seen }) => seen.length > 0);
    await dashboard.close();
    await events.until(({ isClosed }) => isClosed);
    await dashboard.close();
    await expect(asked(dashboard.url)).rejects.toThrow(/ECONNREFUSED|hang up/);
    await solver.fit();
  });

  it("refuses what makes no sense", async () => {
    await expect(serve({} as RunRecord)).rejects.toThrow(
      "serve: got an object; it must be a run's record, such as solver.record, or an array of these.",
    );
    await expect(serve(small, { port: 65_536 })).rejects.toThrow(
      "serve: port is 65536; it must be a whole number from 0 to 65535.",
    );
    const { url } = await started(small);
    const port = Number(new URL(url).port);
    await expect(serve(small, { port })).rejects.toThrow(
      `serve: port ${port} is taken; give another one, or 0 for any.`,
    );
  });
});

browserSuite(`a dashboard in headless Chromium (${hint})`, () => {
  let browser: Browser;
  const complaints: string[] = [];
  beforeAll(async () => {
    browser = await launch();
  });
  afterAll(async () => {
    await browser?.close();
  });

  it("shows curves that grow while the net trains, and the end", async () => {
    const { solver } = spiralSolver({ epochs: 100_000 });
    const dashboard = await started(solver);
    const page = await browser.newPage();
    page.on("console", (message) => complaints.push(message.text()));
    page.on("pageerror", (error) => complaints.push(error.message));
    page.on("request", (request) => {
      if (!request.url().startsWith(dashboard.url) && !request.url().startsWith("data:"))
        complaints.push(request.url());
    });
    await page.goto(dashboard.url);
    const training = solver.fit();
    const lastUpdate = async () =>
      Number(await page.locator("#runs tbody td").nth(1).textContent());
    await page.locator("#progress svg").first().waitFor();
    await page.locator("#activations-0 svg").first().waitFor();
    const before = await lastUpdate();
    await page.waitForFunction(
      (n) => Number(document.querySelectorAll("#runs tbody td")[1]!.textContent) > n,
      before,
    );
    expect(await page.locator("#status").textContent()).toBe("running");
    solver.stop();
    await training;
    await page.getByText("training has ended").waitFor();
    const { state } = solver;
    await page.waitForFunction(
      (n) => Number(document.querySelectorAll("#runs tbody td")[1]!.textContent) >= n,
      solver.record.lines.at(-1)!.step,
    );
    expect(state.step).toBeGreaterThan(before);
    const titles = await page.locator("figure svg > title").allTextContents();
    expect(titles).toEqual(
      expect.arrayContaining(["Loss", "Accuracy", "Update / weight ratio", "1 · ReLU"]),
    );
    await dashboard.close();
    await page.getByText("the program has ended").waitFor();
    // The browser tells of the lost connection, as it should.
    expect(complaints.filter((one) => !/ERR_|net::/.test(one))).toEqual([]);
    await page.close();
  });

  it("draws what a report draws", async () => {
    const dashboard = await started(small);
    const page = await browser.newPage();
    await page.goto(dashboard.url);
    await page.locator("#classes-0 svg").first().waitFor();
    const other = await browser.newPage();
    await other.setContent(await report(small));
    const shown = (one: typeof page) =>
      one
        .locator("figure")
        .evaluateAll((figures) =>
          figures.map((figure) => [
            figure.textContent,
            figure.querySelectorAll("path, image, rect").length,
          ]),
        );
    expect(await shown(page)).toEqual(await shown(other));
    await Promise.all([page.close(), other.close()]);
  });

  it("runs nothing that a name says", async () => {
    const name = '<img src=x onerror="document.title=1">';
    const run: RunRecord = JSON.parse(JSON.stringify(small), (key, value) =>
      ["name", "kind"].includes(key) ? name : value,
    );
    const dashboard = await started(run, { title: name });
    const page = await browser.newPage();
    await page.goto(dashboard.url);
    await page.locator("#classes-0 svg").first().waitFor();
    expect(await page.title()).toBe(name);
    expect(await page.locator("img").count()).toBe(0);
    await page.close();
  });
});
