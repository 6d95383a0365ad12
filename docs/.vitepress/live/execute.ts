/** What a cell can do, and how it is run: in a page's worker, and in Node by the tests. */
import * as tapegrad from "tapegrad";
import { compare, type Values } from "./check.ts";
import { compile, lineOf } from "./compile.ts";
import { inspect } from "./inspect.ts";
import { picture, plot } from "./plot.ts";
import type { Job, Report } from "./protocol.ts";

const library = new Proxy(tapegrad as Record<string | symbol, unknown>, {
  get(all, name) {
    if (name in all || typeof name === "symbol" || name === "__esModule") return all[name];
    throw new ReferenceError(`"tapegrad" exports nothing named ${name}.`);
  },
});

function require(name: string): unknown {
  if (name === "tapegrad") return library;
  throw new Error(`A cell can import from "tapegrad", not from "${name}".`);
}

type AsyncFunction = (...args: unknown[]) => Promise<void>;
const AsyncFunction = (async () => {}).constructor as new (...text: string[]) => AsyncFunction;

/** Everything that a cell does is reported; the last report is that it is done. */
export async function execute(job: Job, report: (message: Report) => void): Promise<void> {
  const print =
    (level: "log" | "warn" | "error") =>
    (...values: unknown[]) =>
      report({ type: "print", level, text: values.map((value) => inspect(value)).join(" ") });
  const globals = {
    require,
    exports: {},
    console: {
      log: print("log"),
      info: print("log"),
      debug: print("log"),
      warn: print("warn"),
      error: print("error"),
    },
    /** Shows an SVG, or a tensor of two axes. */
    show(what: unknown) {
      const svg = typeof what === "string" ? what : picture(what as tapegrad.Tensor);
      if (!/^\s*(<\?xml[^>]*>\s*)?<svg[\s>]/.test(svg))
        throw new TypeError(
          "show: the text is no SVG; show takes SVG text or a tensor of two axes.",
        );
      report({ type: "picture", svg });
    },
    plot,
    check(name: string, got: Values, expected: Values, options: { tolerance?: number } = {}) {
      report({ type: "check", name, ...compare(got, expected, options.tolerance) });
    },
  };
  const started = performance.now();
  try {
    const run = new AsyncFunction(...Object.keys(globals), compile(job));
    await run(...Object.values(globals));
  } catch (error) {
    const text = error instanceof Error ? `${error.name}: ${error.message}` : inspect(error);
    report({ type: "error", text, line: lineOf(error, job) });
  }
  report({ type: "done", ms: performance.now() - started });
}
