/** What all lessons share: options of the command line, CIFAR-10, published check values. */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Command, InvalidArgumentError } from "commander";
import { data, relativeError, TapegradError, type Tensor, ValueError } from "tapegrad";

/** One option of a lesson: `trainImages` is `--train-images <n>`. */
export interface Option<T> {
  readonly fallback: T;
  readonly about: string;
  readonly parse: (text: string) => T;
}

/** A whole number. */
export function whole(fallback: number, about: string, least = 1): Option<number> {
  const parse = (text: string) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
  };
  return { fallback, about, parse };
}

/** A number from 0, such as a rate. */
export function number(fallback: number, about: string): Option<number> {
  const parse = (text: string) => {
    const value = Number(text);
    if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
    throw new InvalidArgumentError("It must be a number from 0.");
  };
  return { fallback, about, parse };
}

export function text(fallback: string, about: string): Option<string> {
  return { fallback, about, parse: (given) => given };
}

/** Where CIFAR-10 is; see {@link loadCifar}. */
export const cifarFolder = text(
  "",
  "folder with CIFAR-10's binary files (else $CIFAR10_DIR, else ../shared/data/cifar10)",
);

// biome-ignore lint/suspicious/noExplicitAny: an option of any type
type Options = Readonly<Record<string, Option<any>>>;
type Values<O extends Options> = { [K in keyof O]: O[K]["fallback"] };
export type Print = (line: string) => void;

/** A program that tests can run, too: options in, lines and a result out. */
export interface Lesson<O extends Options, R> {
  readonly about: string;
  readonly options: O;
  /** Options that are left out have their defaults. */
  run(options?: Partial<Values<O>>, print?: Print): Promise<R>;
}

export function lesson<O extends Options, R>({
  about,
  options,
  run,
}: {
  about: string;
  options: O;
  run: (options: Values<O>, print: Print) => R | Promise<R>;
}): Lesson<O, R> {
  const defaults = Object.fromEntries(
    Object.entries(options).map(([name, { fallback }]) => [name, fallback]),
  ) as Values<O>;
  return {
    about,
    options,
    run: async (given = {}, print = console.log) => run({ ...defaults, ...given }, print),
  };
}

/** Runs a lesson with the command line's options if its module is the program: `await main(import.meta.url, knn)`. */
export async function main<O extends Options, R>(url: string, one: Lesson<O, R>): Promise<void> {
  const program = process.argv[1];
  if (program === undefined || resolve(program) !== fileURLToPath(url)) return;
  const command = new Command(`node ${program}`).description(one.about);
  for (const [name, { fallback, about, parse }] of Object.entries(one.options)) {
    const flag = name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
    command.option(
      `--${flag} <${typeof fallback === "number" ? "n" : "text"}>`,
      about,
      parse,
      fallback,
    );
  }
  try {
    await one.run(command.parse().opts());
  } catch (error) {
    if (!(error instanceof TapegradError)) throw error;
    console.error(`error: ${error.message}`);
    process.exitCode = 1;
  }
}

export interface CifarParts {
  readonly train: data.Subset;
  readonly validation: data.Subset;
  /** Looked at once, when everything is chosen. */
  readonly test: data.Subset;
}

/**
 * The first `train` images of CIFAR-10's training files, the `validation` images after them, and the first
 * `test` images of the test file; normalised by channel. By default all but 1,000 training images are for
 * training, those 1,000 for validation, and all test images for the test. The files are in random order.
 *
 * @param folder         else the environment's CIFAR10_DIR, else ../shared/data/cifar10 if it is there
 * @param normalization  by default to mean 0 and deviation 1; `{ mean: 0, std: 1 / 255 }` leaves 0 to 255
 * @throws FileError, ValueError if there are no files, or not enough images
 */
export async function loadCifar(
  folder: string,
  sizes: { train?: number; validation?: number; test?: number } = {},
  normalization: data.Normalization = {},
): Promise<CifarParts> {
  const nearby = "../shared/data/cifar10";
  const found = folder || process.env.CIFAR10_DIR || (existsSync(nearby) ? nearby : undefined);
  if (found === undefined) {
    throw new data.FileError(
      `CIFAR-10 is needed: give its folder with --data FOLDER or CIFAR10_DIR. To download it (170 MB): ${downloadCommand}`,
    );
  }
  const cifar = await data.loadCifar10({ folder: found, ...normalization });
  const { validation = 1000, test = cifar.test.length } = sizes;
  const { train = cifar.train.length - validation } = sizes;
  if (train + validation > cifar.train.length || train < 1 || test > cifar.test.length) {
    throw new ValueError(
      `${found} has ${cifar.train.length} training and ${cifar.test.length} test images; ${train} for training, ${validation} for validation and ${test} for the test are not among them.`,
    );
  }
  return {
    train: data.subset(cifar.train, range(0, train)),
    validation: data.subset(cifar.train, range(train, train + validation)),
    test: data.subset(cifar.test, range(0, test)),
  };
}

const downloadCommand = "npx tapegrad data download cifar10 --folder cifar10";

/** The whole numbers from `from` up to, not including, `to`. */
export function range(from: number, to: number): number[] {
  return Array.from({ length: Math.max(0, to - from) }, (_, i) => from + i);
}

/** A dataset as two tensors: x [N, D], each image a row, and y [N]. */
export function asRows(dataset: data.Dataset): { x: Tensor; y: Tensor } {
  const { x, y } = dataset.batch(Int32Array.from(range(0, dataset.length)));
  return { x: x.flatten(1), y };
}

/** A result is not what the course publishes. */
export class MismatchError extends TapegradError {}

/**
 * Prints a result's relative error to digits that the course's notebook prints.
 *
 * @throws MismatchError if it is not below `limit`, ShapeError for another number of digits
 */
export function expectPublished(
  print: Print,
  what: string,
  got: Tensor,
  published: readonly number[],
  limit = 1e-7,
): void {
  const error = relativeError(got.data(), published);
  if (!(error < limit)) {
    throw new MismatchError(
      `${what}: relative error ${error} to the published digits; it must be below ${limit}.`,
    );
  }
  print(`${what}: relative error ${error.toExponential(1)} to the published digits`);
}

const bars = "▁▂▃▄▅▆▇█";

/** A curve as one line of text: means of equal stretches, from the lowest bar to the highest. */
export function sparkline(values: readonly number[], width = 60): string {
  const columns = Math.min(width, values.length);
  const edge = (column: number) => Math.floor((column * values.length) / columns);
  const means = range(0, columns).map((column) => {
    const stretch = values.slice(edge(column), edge(column + 1));
    return stretch.reduce((sum, value) => sum + value, 0) / stretch.length;
  });
  const [low, high] = [Math.min(...means), Math.max(...means)];
  const height = (value: number) =>
    high === low ? 0 : Math.round(((value - low) / (high - low)) * (bars.length - 1));
  return means.map((value) => bars[height(value)]).join("");
}

/** A loss history as one line: `2.30 ▇▅▃▂▁ 0.94`. */
export function lossCurve(losses: readonly number[], width = 60): string {
  return `${losses[0].toFixed(2)} ${sparkline(losses, width)} ${losses.at(-1)!.toFixed(2)}`;
}

/** Rows in columns, the first to the left and the others to the right. */
export function table(rows: readonly (readonly (string | number)[])[]): string {
  const widths = rows[0].map((_, column) =>
    Math.max(...rows.map((row) => String(row[column]).length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, i) =>
          i === 0 ? String(cell).padEnd(widths[i]) : String(cell).padStart(widths[i]),
        )
        .join("  ")
        .trimEnd(),
    )
    .join("\n");
}

export const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
