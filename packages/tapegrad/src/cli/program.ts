/**
 * The command line: what there is to ask for. Nothing else is loaded before a command runs, so that help
 * comes at once.
 */
import { readFileSync } from "node:fs";
import { Command, CommanderError, InvalidArgumentError, Option } from "commander";
import { exitCodes, type Io, UsageError } from "./io.ts";

function whole(least: number): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (/^\d+$/.test(text) && Number.isSafeInteger(value) && value >= least) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${least}.`);
  };
}

function notNegative(text: string): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isFinite(value) && value >= 0) return value;
  throw new InvalidArgumentError("It must be a number from 0.");
}

function shape(text: string): number[] {
  const sizes = text.split(",").map(Number);
  if (sizes.every((size) => Number.isSafeInteger(size) && size >= 1)) return sizes;
  throw new InvalidArgumentError("It must be sizes with commas between them, such as 3,32,32.");
}

const collected = (text: string, before: readonly string[]) => [...before, text];
const json = () => new Option("--json", "print one JSON document").default(false);
const set = () =>
  new Option("--set <place=value>", "change a value, such as optimizer.lr=0.01; may be repeated")
    .argParser(collected)
    .default([], "nothing");
const run = () => new Option("--run <folder>", "the run of a checkpoint outside of its folder");

const examples = (...lines: string[]) =>
  `\nExample${lines.length > 1 ? "s" : ""}:\n${lines.map((line) => `  $ tapegrad ${line}`).join("\n")}\n`;

const version = (): string => {
  const manifest = readFileSync(new URL("../../package.json", import.meta.url), "utf8");
  return JSON.parse(manifest).version;
};

type Finish = (exitCode: number) => void;

/** @param finish  gets the exit code of the command that ran */
function program(io: Io, finish: Finish): Command {
  const root = new Command("tapegrad")
    .description("Trains, measures and uses models that JSON files describe.")
    .version(version())
    .addHelpText(
      "after",
      `${examples("train examples/configs/iris.json", "eval runs/iris", "train --help")}
Exit codes: 0 done · 1 failed on the way · 2 wrong command line or config, nothing was begun · 130 interrupted
`,
    );
  addTraining(root, io, finish);
  addUse(root, io, finish);
  addData(root, io, finish);
  addRuns(root, io, finish);
  addPictures(root, io, finish);
  return root;
}

function addTraining(root: Command, io: Io, finish: Finish): void {
  root
    .command("train")
    .description("Trains the model of a config, or goes on with a run. Ctrl-C saves and stops.")
    .argument("[config]", "JSON file: model, data, optimizer, …; see docs/cli.md")
    .addOption(set())
    .option("--out <folder>", "the run's folder (default: a new one in runs/)")
    .option("--resume <run>", "go on where a run stopped, in place of a config")
    .option("--epochs <n>", "passes over the training examples", whole(1))
    .option("--max-steps <n>", "stop after so many updates", whole(1))
    .option("--seed <n>", "fixes every random number", whole(0))
    .option("--threads <n>", "threads that compute", whole(1))
    .addOption(
      new Option("--progress <mode>", "how progress shows: auto is bars on a terminal, else lines")
        .choices(["auto", "bar", "lines", "silent"])
        .default("auto"),
    )
    .option("--serve <port>", "plots in a browser, while it trains; 0 is any free port", whole(0))
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "train examples/configs/iris.json --set optimizer.lr=0.01 --out runs/first",
        "train --resume runs/first --epochs 100",
      ),
    )
    .action(async (path, options) => {
      const { train } = await import("./commands/train.ts");
      finish(await train(path, options, io));
    });
  root
    .command("search")
    .description("Tries a config at many points of its search space; goes on where it stopped.")
    .argument("<config>", "a config with a search part")
    .addOption(set())
    .option("--out <file>", "where trials are kept (default: runs/NAME-search.jsonl)")
    .option("--trials <n>", "how many points are tried", whole(1))
    .addOption(json())
    .addHelpText("after", examples("search examples/configs/iris.json --trials 8"))
    .action(async (path, options) => {
      const { search } = await import("./commands/search.ts");
      finish(await search(path, options, io));
    });
}

function addUse(root: Command, io: Io, finish: Finish): void {
  root
    .command("eval")
    .description("Measures a trained model: loss and metrics.")
    .argument("<run>", "a run's folder, or one of its checkpoints")
    .addOption(run())
    .addOption(
      new Option("--part <name>", "which examples (default: test, else validation)").choices([
        "train",
        "validation",
        "test",
      ]),
    )
    .addOption(
      new Option("--metric <name>", "in place of the config's metrics; may be repeated")
        .argParser(collected)
        .default([], "the config's"),
    )
    .addOption(json())
    .addHelpText(
      "after",
      examples("eval runs/iris --part validation --metric accuracy --metric report"),
    )
    .action(async (path, options) => {
      const { evaluate } = await import("./commands/eval.ts");
      finish(await evaluate(path, options, io));
    });
  root
    .command("predict")
    .description("Says what a trained model makes of pictures, rows of a table, arrays, or a text.")
    .argument("<run>", "a run's folder, or one of its checkpoints")
    .argument("[inputs...]", "files: .png and .jpg, .csv, or .npy, as the run's data were")
    .addOption(run())
    .option("--top <n>", "how many of the likeliest classes are told", whole(1), 3)
    .option("--prompt <text>", "for language models: the text to go on from")
    .option("--length <n>", "characters to write", whole(1), 200)
    .option("--temperature <t>", "below 1 safer, above 1 bolder, 0 the likeliest", notNegative, 1)
    .option("--top-k <n>", "choose among so many of the likeliest characters", whole(1))
    .option("--seed <n>", "fixes the choices", whole(0), 0)
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "predict runs/digits seven.png --top 2",
        'predict runs/char-gpt --prompt "The tape " --temperature 0.8',
      ),
    )
    .action(async (path, inputs, options) => {
      const { predict } = await import("./commands/predict.ts");
      finish(await predict(path, inputs, options, io));
    });
  root
    .command("summary")
    .description("Shows a model's layers, output shapes and parameters.")
    .argument("<model>", "a config or spec (.json), a checkpoint (.safetensors), or a run's folder")
    .addOption(set())
    .option(
      "--input <sizes>",
      "shape of one input, where nothing else tells it, such as 3,32,32",
      shape,
    )
    .option("--depth <n>", "how many levels are shown", whole(0))
    .addOption(json())
    .addHelpText(
      "after",
      examples("summary examples/configs/iris.json", "summary model.json --input 3,32,32"),
    )
    .action(async (path, options) => {
      const { summary } = await import("./commands/summary.ts");
      finish(await summary(path, options, io));
    });
}

function addPictures(root: Command, io: Io, finish: Finish): void {
  root
    .command("graph")
    .description("Draws what a model computes, module by module.")
    .argument("<model>", "a config or spec (.json), a checkpoint (.safetensors), or a run's folder")
    .requiredOption("-o, --output <file>", ".svg, .html, .dot, .mmd, .json or .png")
    .addOption(set())
    .option(
      "--input <sizes>",
      "shape of one input, where nothing else tells it, such as 3,32,32",
      shape,
    )
    .option("--batch <n>", "so many examples at once", whole(1), 2)
    .option("--loss", "examples of the data and their loss, in place of zeros", false)
    .option("--backward", "the gradients of the loss, too", false)
    .option(
      "--fold <depth>",
      "modules nested so deep are boxes (default: the outermost few)",
      whole(1),
    )
    .option("--unfold", "every operation", false)
    .addOption(json())
    .addHelpText(
      "after",
      examples(
        "graph examples/configs/iris.json -o iris.svg",
        "graph runs/iris --backward --unfold -o iris.html",
        "graph model.safetensors --input 3,32,32 -o model.png",
      ),
    )
    .action(async (path, options) => {
      const { graph } = await import("./commands/graph.ts");
      finish(await graph(path, options, io));
    });
  root
    .command("report")
    .description("Plots runs side by side: loss, metrics, learning rate, layers, filters.")
    .argument("<runs...>", "the runs' folders")
    .option("-o, --output <file>", "the page", "report.html")
    .option("--title <text>", "what the page is called")
    .addOption(json())
    .addHelpText("after", examples("report runs/iris runs/iris-2 -o iris.html"))
    .action(async (paths, options) => {
      const { report } = await import("./commands/report.ts");
      finish(await report(paths, options, io));
    });
}

function addData(root: Command, io: Io, finish: Finish): void {
  const data = root
    .command("data")
    .description("Data sets: what there is, downloads, what is in a file.");
  data
    .command("list")
    .description("Lists the sources that a config can name.")
    .addOption(json())
    .addHelpText("after", examples("data list"))
    .action(async (options) => {
      const { listData } = await import("./commands/data.ts");
      finish(listData(options, io));
    });
  data
    .command("download")
    .description("Downloads CIFAR-10 (170 MB), checks it and unpacks it.")
    .argument("<name>", "cifar10")
    .requiredOption("--folder <folder>", "where the files go")
    .option("--url <address>", "a mirror of the archive")
    .option("--sha256 <hash>", "of the mirror's archive, where it is another one")
    .addOption(json())
    .addHelpText("after", examples("data download cifar10 --folder data/cifar10"))
    .action(async (name, options) => {
      const { downloadData } = await import("./commands/data.ts");
      finish(await downloadData(name, options, io));
    });
  data
    .command("info")
    .description("Tells what is in a file or folder.")
    .argument("<path>", ".csv, .npy, .npz, .safetensors, .pt, a picture, a text, MNIST's, a folder")
    .addOption(json())
    .addHelpText("after", examples("data info weights.safetensors"))
    .action(async (path, options) => {
      const { dataInfo } = await import("./commands/data.ts");
      finish(await dataInfo(path, options, io));
    });
}

function addRuns(root: Command, io: Io, finish: Finish): void {
  const runs = root.command("runs").description("Runs that were trained: list, show, compare.");
  runs
    .command("list")
    .description("Lists the runs in a folder.")
    .argument("[folder]", "where the runs' folders are", "runs")
    .addOption(json())
    .addHelpText("after", examples("runs list"))
    .action(async (folder, options) => {
      const { list } = await import("./commands/runs.ts");
      finish(await list(folder, options, io));
    });
  runs
    .command("show")
    .description("Shows a run: its settings, every epoch, its checkpoints.")
    .argument("<run>", "the run's folder")
    .addOption(json())
    .addHelpText("after", examples("runs show runs/iris"))
    .action(async (path, options) => {
      const { show } = await import("./commands/runs.ts");
      finish(await show(path, options, io));
    });
  runs
    .command("compare")
    .description("Shows runs side by side: the settings that differ, and the results.")
    .argument("<runs...>", "the runs' folders")
    .addOption(json())
    .addHelpText("after", examples("runs compare runs/iris runs/iris-2"))
    .action(async (paths, options) => {
      const { compare } = await import("./commands/runs.ts");
      finish(await compare(paths, options, io));
    });
}

/**
 * The whole program but for the process: arguments in, text out.
 *
 * @returns  the exit code
 */
export async function runProgram(args: readonly string[], io: Io): Promise<number> {
  let exitCode: number = exitCodes.done;
  const root = program(io, (code) => {
    exitCode = code;
  });
  configure(root, io);
  try {
    await root.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return failure(error, io);
  }
}

/** Commander's texts go where ours do, and it leaves ending the program to us. */
function configure(command: Command, io: Io): void {
  command.exitOverride().configureOutput({
    writeOut: (text) => void io.output.write(text),
    writeErr: (text) => void io.errors.write(text),
    getOutHelpWidth: () => helpWidth,
    getErrHelpWidth: () => helpWidth,
  });
  command.showHelpAfterError("(--help shows what there is.)");
  for (const inner of command.commands) configure(inner, io);
}

const helpWidth = 100;

/** Tells an error that was foreseen. @returns the exit code; others are thrown on */
async function failure(error: unknown, io: Io): Promise<number> {
  if (error instanceof CommanderError) {
    // Help that nobody asked for is an error, as from `tapegrad data`.
    return error.exitCode === 0 ? exitCodes.done : exitCodes.wrongUsage;
  }
  const { TapegradError } = await import("@tapegrad/core");
  const isUsage = error instanceof UsageError;
  if (!isUsage && !(error instanceof TapegradError)) throw error;
  io.errors.write(`error: ${error.message}\n`);
  return isUsage ? exitCodes.wrongUsage : exitCodes.failed;
}
