/** The dashboard: plots of runs in a browser, while they train. Node only. */
import { show, ValueError } from "@tapegrad/core";
import type { RunUpdate } from "./dashboard-page.ts";
import { listed } from "./index.ts";
import { pageOf, policyOf } from "./page-frame.ts";
import type { RunRecord } from "./record.ts";

/** A run in the making; a Solver is one. */
export interface LiveRun {
  readonly record: RunRecord;
  subscribe(listener: (state: unknown, event: string) => void): () => void;
}

export interface ServeOptions {
  /** 0 is any free one. Default 6006. */
  port?: number;
  /** Default "Training". */
  title?: string;
  /** Whether the program stays alive until `close()`, after training, too. Default false. */
  keepAlive?: boolean;
}

export interface Dashboard {
  /** "http://127.0.0.1:6006/" */
  readonly url: string;
  /** One more run, in all open pages. */
  add(run: LiveRun | RunRecord): void;
  /** Ends all connections, and the server. */
  close(): Promise<void>;
}

const where = "serve";
/** News go to pages at most so often. */
const paceMs = 250;

type Http = typeof import("node:http");
type Client = import("node:http").ServerResponse;
type Request = import("node:http").IncomingMessage;

/**
 * A page on this machine with the plots of {@link report}, which follow the training.
 *
 * ```ts
 * const dashboard = await serve(solver);
 * console.log(dashboard.url);
 * await solver.fit();
 * ```
 *
 * It listens on 127.0.0.1 only, answers to no other name, reads no files, and takes nothing from pages. Pages draw by
 * themselves: training pays for the lines that are sent.
 *
 * @param runs  Solvers, which are followed; or records of runs that are over
 * @throws ValueError outside Node, for what is no run, for options that make no sense, and a port that is taken
 */
export async function serve(
  runs: LiveRun | RunRecord | readonly (LiveRun | RunRecord)[],
  { port = 6006, title = "Training", keepAlive = false }: ServeOptions = {},
): Promise<Dashboard> {
  if (typeof process !== "object" || process.versions?.node === undefined) {
    throw new ValueError(`${where}: a dashboard needs Node; in a page, show what report() gives.`);
  }
  if (!Number.isSafeInteger(port) || port < 0 || port > 65535) {
    throw new ValueError(
      `${where}: port is ${show(port)}; it must be a whole number from 0 to 65535.`,
    );
  }
  // No literal, so that bundlers for pages don't look for it.
  const name = "node:http";
  const { createServer } = (await import(name)) as Http;
  const { dashboardScript } = await import("../generated/dashboard.ts");
  const board = new Board(pageOf({ title, theme: "auto", main: "", script: dashboardScript }));
  for (const run of Array.isArray(runs) ? runs : [runs]) board.add(run);
  const server = createServer((request, response) => board.answer(request, response));
  if (!keepAlive) {
    server.unref();
    server.on("connection", (socket) => socket.unref());
  }
  await new Promise<void>((resolve, reject) => {
    server.once("error", (error: NodeJS.ErrnoException) => {
      const reason =
        error.code === "EADDRINUSE" ? "is taken; give another one, or 0 for any" : error.message;
      reject(new ValueError(`${where}: port ${port} ${reason}.`, { cause: error }));
    });
    server.listen(port, "127.0.0.1", resolve);
  });
  board.port = (server.address() as import("node:net").AddressInfo).port;
  return {
    url: `http://127.0.0.1:${board.port}/`,
    add: (run) => board.add(run),
    close: () =>
      new Promise((resolve) => {
        board.close();
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A run, and what of it was sent. */
interface Followed {
  record(): RunRecord;
  runId: string | undefined;
  sent: number;
  isEnded: boolean;
  forget(): void;
}

class Board {
  port = 0;
  private readonly page: string;
  private readonly runs: Followed[] = [];
  private readonly clients = new Set<Client>();
  private timer: NodeJS.Timeout | null = null;

  constructor(page: string) {
    this.page = page;
  }

  add(run: LiveRun | RunRecord): void {
    const isLive = typeof (run as LiveRun)?.subscribe === "function";
    const record = isLive ? () => (run as LiveRun).record : () => run as RunRecord;
    listed(where, record());
    const followed: Followed = { record, runId: "", sent: 0, isEnded: !isLive, forget: () => {} };
    if (isLive) {
      followed.forget = (run as LiveRun).subscribe((_, event) => {
        followed.isEnded = event === "end";
        this.plan();
      });
    }
    this.runs.push(followed);
    this.plan();
  }

  /** Tells the news, soon. */
  private plan(): void {
    if (this.clients.size === 0) return;
    this.timer ??= setTimeout(() => {
      this.timer = null;
      this.send([...this.clients], this.news(false));
    }, paceMs).unref();
  }

  /** What pages don't know. @param isWhole  all that there is, for a page that knows nothing */
  private news(isWhole: boolean): RunUpdate[] {
    return this.runs.map((run, index) => {
      const record = run.record();
      const isNew = isWhole || run.runId !== record.runId;
      const lines = record.lines.slice(isNew ? 0 : run.sent);
      run.runId = record.runId;
      run.sent = record.lines.length;
      const { name } = record;
      // They are long, and worth a look now and then.
      const hasFilters = isNew || lines.some(({ type }) => type !== "step") || run.isEnded;
      const filters = hasFilters ? { filters: record.filters ?? null } : {};
      return { index, name, isEnded: run.isEnded, isWhole: isNew, lines, ...filters };
    });
  }

  private send(clients: readonly Client[], updates: readonly RunUpdate[]): void {
    const text = `event: runs\ndata: ${JSON.stringify(updates)}\n\n`;
    for (const client of clients) client.write(text);
  }

  answer(request: Request, response: Client): void {
    const { method, url, headers } = request;
    const end = (status: number, text: string, type = "text/plain") => {
      response.writeHead(status, {
        "Content-Type": `${type}; charset=utf-8`,
        "Content-Security-Policy": policyOf(true),
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cache-Control": "no-store",
      });
      response.end(text);
    };
    // A foreign page may make its own name mean this machine.
    const names = ["127.0.0.1", "localhost"].map((name) => `${name}:${this.port}`);
    if (!names.includes(headers.host ?? "")) end(403, `Ask for http://${names[0]}/.\n`);
    else if (method !== "GET") end(405, "There is only GET.\n");
    else if (url === "/") end(200, this.page, "text/html");
    else if (url === "/events") this.follow(response);
    else end(404, "There is nothing here.\n");
  }

  private follow(response: Client): void {
    response.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cross-Origin-Resource-Policy": "same-origin",
      "Cache-Control": "no-store",
    });
    // Others get their news first: from then on all know the same.
    this.send([...this.clients], this.news(false));
    this.clients.add(response);
    response.on("close", () => this.clients.delete(response));
    this.send([response], this.news(true));
  }

  close(): void {
    if (this.timer !== null) clearTimeout(this.timer);
    for (const { forget } of this.runs) forget();
    for (const client of this.clients) client.end();
  }
}
