/** Telling a human how training goes. */
import type { ProgressMode } from "./options.ts";
import type { TrainingState } from "./state.ts";

/** Where progress is written: a Node stream, or anything with `write`. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

export interface Progress {
  batch(state: TrainingState): void;
  /** After an epoch, its accuracies known. */
  epoch(state: TrainingState): void;
  /** Training is over, by whatever way. */
  stop(): void;
}

const silent: Progress = { batch() {}, epoch() {}, stop() {} };

/** The progress that the mode asks for. */
export async function openProgress(
  mode: ProgressMode,
  output: Output | undefined,
): Promise<Progress> {
  const node = typeof process === "object" && process.stdout !== undefined;
  const stream: Output | undefined = output ?? (node ? process.stdout : undefined);
  if (mode === "silent" || stream === undefined) return silent;
  const interactive = stream.isTTY === true && node && !process.env.CI;
  if (mode === "lines" || (mode === "auto" && !interactive)) return new Lines(stream);
  // No literal, so that bundlers for pages don't look for the terminal's package.
  const name = "cli-progress";
  const { default: package_ } = (await import(name)) as {
    default: typeof import("cli-progress");
  };
  return new Bars(package_.SingleBar, stream);
}

/** Where warnings go: a line of their own. */
export function warner(output: Output | undefined): (message: string) => void {
  return (message) => {
    if (output === undefined) console.warn(`warning: ${message}`);
    else output.write(`warning: ${message}\n`);
  };
}

const percent = (share: number) => `${(100 * share).toFixed(1)} %`;
const rate = (perSecond: number) => Math.round(perSecond).toLocaleString("en-US");
const clock = (seconds: number) => {
  const whole = Math.round(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
};
const counter = ({ epoch, epochs }: TrainingState) =>
  `epoch ${String(epoch).padStart(String(epochs).length)}/${epochs}`;

/** The accuracies of the epoch that has just ended; "" inside an epoch. */
function verdict({ epoch, trainAccHistory, valAccHistory }: TrainingState): string {
  if (trainAccHistory.length < epoch) return "";
  const train = `train ${percent(trainAccHistory.at(-1)!)}`;
  return valAccHistory.length === 0
    ? train
    : `${train} · validation ${percent(valAccHistory.at(-1)!)}`;
}

/** A line at each quarter of an epoch, and one at its end: for logs. */
class Lines implements Progress {
  private readonly output: Output;

  constructor(output: Output) {
    this.output = output;
  }

  batch(state: TrainingState): void {
    const { batch, batches, meanLoss, accuracy, samplesPerSecond, secondsLeft } = state;
    const quarter = Math.floor((4 * batch) / batches);
    if (batch === batches || quarter === Math.floor((4 * (batch - 1)) / batches)) return;
    this.output.write(
      `${counter(state)} · batch ${batch}/${batches} · loss ${meanLoss.toFixed(4)} · accuracy ${percent(accuracy)} · ${rate(samplesPerSecond)} samples/s · ${clock(secondsLeft)} left\n`,
    );
  }

  epoch(state: TrainingState): void {
    this.output.write(
      `${counter(state)} · loss ${state.meanLoss.toFixed(4)} · ${verdict(state)} · ${clock(state.seconds)} passed\n`,
    );
  }

  stop(): void {}
}

type SingleBar = import("cli-progress").SingleBar;

/** A bar that moves, one for each epoch; finished ones stay above it. */
class Bars implements Progress {
  private readonly make: () => SingleBar;
  private bar: SingleBar | null = null;

  constructor(Bar: typeof import("cli-progress").SingleBar, output: Output) {
    this.make = () =>
      new Bar({
        stream: output as NodeJS.WritableStream,
        format: (_options, _params, { state }: { state: TrainingState }) =>
          drawBar(state, output.columns ?? 80),
        // A second Ctrl-C kills at once: nothing may be left switched off in the terminal, and
        // signals are the caller's business.
        linewrap: true,
        hideCursor: false,
        gracefulExit: false,
      });
  }

  batch(state: TrainingState): void {
    if (this.bar === null) {
      this.bar = this.make();
      this.bar.start(state.batches, state.batch, { state });
    } else {
      this.bar.update(state.batch, { state });
    }
  }

  epoch(state: TrainingState): void {
    this.bar?.update(state.batch, { state });
    this.stop();
  }

  stop(): void {
    this.bar?.stop();
    this.bar = null;
  }
}

const widestBar = 30;
const narrowestBar = 8;

/** The bar takes what the text leaves of the line. */
function drawBar(state: TrainingState, columns: number): string {
  const { batch, batches, meanLoss, accuracy, samplesPerSecond, secondsLeft } = state;
  const end = verdict(state);
  const start = counter(state);
  const facts = [`${batch}/${batches}`, `loss ${meanLoss.toFixed(4)}`];
  facts.push(
    ...(end === ""
      ? [
          `accuracy ${percent(accuracy)}`,
          `${rate(samplesPerSecond)} samples/s`,
          `${clock(secondsLeft)} left`,
        ]
      : [end]),
  );
  const text = facts.join(" · ");
  const room = columns - start.length - text.length - 3;
  const width = Math.max(narrowestBar, Math.min(widestBar, room));
  const filled = Math.round((width * batch) / batches);
  return `${start} ${"█".repeat(filled)}${"░".repeat(width - filled)} ${text}`;
}
