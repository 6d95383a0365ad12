/** The command line of the MNIST example. */
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { Adam, type Module, type optim, RMSProp, SGD } from "tapegrad";

type Parameters = ReturnType<Module["parameters"]>;

/** Each optimizer with a learning rate that suits it here. */
export const optimizers = {
  sgd: { lr: 0.1, make: (params: Parameters, lr: number) => new SGD(params, { lr }) },
  momentum: {
    lr: 0.05,
    make: (params: Parameters, lr: number) => new SGD(params, { lr, momentum: 0.9 }),
  },
  nesterov: {
    lr: 0.05,
    make: (params: Parameters, lr: number) =>
      new SGD(params, { lr, momentum: 0.9, nesterov: true }),
  },
  rmsprop: { lr: 0.001, make: (params: Parameters, lr: number) => new RMSProp(params, { lr }) },
  adam: { lr: 0.001, make: (params: Parameters, lr: number) => new Adam(params, { lr }) },
} satisfies Record<
  string,
  { lr: number; make: (params: Parameters, lr: number) => optim.Optimizer<{ lr: number }> }
>;

export interface Options {
  epochs: number;
  batchSize: number;
  /** Undefined: the optimizer's own. */
  lr?: number;
  lrDecay: number;
  hidden: number[];
  optimizer: keyof typeof optimizers;
  dropout: number;
  seed: number;
  /** Stop after so many batches. */
  steps?: number;
  output: string;
  progress: "auto" | "bar" | "lines" | "silent";
  quiet: boolean;
}

const wrongUsage = 2;

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
    }
    return value;
  };
}

function number(accepts: (value: number) => boolean, expected: string): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === "" || !Number.isFinite(value) || !accepts(value)) {
      throw new InvalidArgumentError(`It must be ${expected}.`);
    }
    return value;
  };
}

const maxHidden = 1 << 14;

function sizes(text: string): number[] {
  const list = text.split(",").map((part) => (/^\s*\d+\s*$/.test(part) ? Number(part) : 0));
  if (list.some((size) => size < 1 || size > maxHidden)) {
    throw new InvalidArgumentError(
      `It must be sizes from 1 to ${maxHidden} with commas between them, such as 256,128.`,
    );
  }
  return list;
}

function filePath(text: string): string {
  if (text.trim() === "") throw new InvalidArgumentError("It must be the path of a file.");
  return text;
}

function command(): Command {
  return new Command("npm start --")
    .description(
      "Trains a network on the 60,000 handwritten digits of MNIST and saves its weights.",
    )
    .option("-e, --epochs <n>", "passes over the training digits", whole(1), 6)
    .option("-b, --batch-size <n>", "digits per step", whole(1), 128)
    .option(
      "-l, --lr <rate>",
      `learning rate (default: ${Object.entries(optimizers)
        .map(([name, { lr }]) => `${lr} for ${name}`)
        .join(", ")})`,
      number((value) => value > 0, "a number above 0"),
    )
    .option(
      "--lr-decay <factor>",
      "multiplies the learning rate after each epoch",
      number((value) => value > 0 && value <= 1, "a number above 0, up to 1"),
      0.7,
    )
    .addOption(
      new Option("-H, --hidden <sizes>", "sizes of the hidden layers")
        .argParser(sizes)
        .default([256, 128], "256,128"),
    )
    .addOption(
      new Option("-o, --optimizer <name>", "how the weights are updated")
        .choices(Object.keys(optimizers))
        .default("adam"),
    )
    .option(
      "-d, --dropout <p>",
      "share of hidden units switched off while training",
      number((value) => value >= 0 && value < 1, "a number from 0, below 1"),
      0.1,
    )
    .option("-s, --seed <n>", "fixes every random number: same seed, same weights", whole(0), 1)
    .option("--steps <n>", "stop after so many batches", whole(1))
    .option("--output <file>", "where the weights go", filePath, "mnist-mlp.safetensors")
    .addOption(
      new Option("-p, --progress <mode>", "how progress shows: auto is a bar on a terminal")
        .choices(["auto", "bar", "lines", "silent"])
        .default("auto"),
    )
    .option("-q, --quiet", "print one line at the end", false);
}

/**
 * Reads the arguments after the program's name.
 *
 * @returns  the options; or, if there is nothing to run, the exit code and what to print (help: 0, a
 *   wrong option: 2 and one line)
 */
export function parseOptions(
  args: readonly string[],
): Options | { exitCode: number; text: string } {
  let text = "";
  const write = (more: string) => {
    text += more;
  };
  const parser = command()
    .exitOverride()
    .configureOutput({ writeOut: write, writeErr: write, getOutHelpWidth: () => 90 });
  try {
    return parser.parse(args, { from: "user" }).opts<Options>();
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return { exitCode: 0, text };
    const line = text.trim().replaceAll("\n", " ");
    return { exitCode: wrongUsage, text: `${line} See npm start -- --help.\n` };
  }
}
