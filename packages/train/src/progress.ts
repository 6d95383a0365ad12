/** Telling a human how training goes. */
import type { ProgressMode } from "./options.ts";
import { sparkline } from "./sparkline.ts";
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
/** Of a stream nobody knows how many batches it has. */
const batchCount = ({ batch, batches }: TrainingState) =>
  Number.isFinite(batches) ? `${batch}/${batches}` : String(batch);
const isOver = ({ epoch, epochsDone }: TrainingState) => epochsDone >= epoch;

/** What the epoch that has just ended came to, as far as it was measured. */
function verdict(state: TrainingState): string[] {
  const { trainAccHistory, valAccHistory, valLossHistory, metrics } = state;
  const last = (history: readonly number[], text: (value: number) => string) =>
    history.length === 0 ? [] : [text(history.at(-1)!)];
  const validated =
    valAccHistory.length > 0
      ? last(valAccHistory, (share) => `validation ${percent(share)}`)
      : last(valLossHistory, (loss) => `validation loss ${loss.toFixed(4)}`);
  const numbers = Object.entries(metrics).flatMap(([name, value]) =>
    typeof value === "number" ? [`${name} ${value.toFixed(4)}`] : [],
  );
  return [...last(trainAccHistory, (share) => `train ${percent(share)}`), ...validated, ...numbers];
}

/** What is told within an epoch besides counts and loss. */
function outlook({ accuracy, samplesPerSecond, secondsLeft }: TrainingState): string[] {
  return [
    ...(Number.isNaN(accuracy) ? [] : [`accuracy ${percent(accuracy)}`]),
    ...(Number.isFinite(samplesPerSecond) ? [`${rate(samplesPerSecond)} samples/s`] : []),
    ...(Number.isFinite(secondsLeft) ? [`${clock(secondsLeft)} left`] : []),
  ];
}

/** So many batches of a stream make a line. */
const streamLine = 100;

/** A line at each quarter of an epoch, and one at its end: for logs. */
class Lines implements Progress {
  private readonly output: Output;
  private parts = 0;

  constructor(output: Output) {
    this.output = output;
  }

  batch(state: TrainingState): void {
    const { batch, batches, meanLoss } = state;
    const parts = Number.isFinite(batches)
      ? Math.floor((4 * batch) / batches)
      : Math.floor(batch / streamLine);
    const before = this.parts;
    this.parts = parts;
    if (batch === batches || parts <= before) return;
    this.write([
      counter(state),
      `batch ${batchCount(state)}`,
      `loss ${meanLoss.toFixed(4)}`,
      ...outlook(state),
    ]);
  }

  epoch(state: TrainingState): void {
    this.parts = 0;
    const { meanLoss, seconds } = state;
    this.write([
      counter(state),
      `loss ${meanLoss.toFixed(4)}`,
      ...verdict(state),
      `${clock(seconds)} passed`,
    ]);
  }

  private write(facts: readonly string[]): void {
    this.output.write(`${facts.join(" · ")}\n`);
  }

  stop(): void {}
}

type SingleBar = import("cli-progress").SingleBar;

/** A line that moves, one for each epoch, with a bar of all epochs and one of batches; finished ones stay above it. */
class Bars implements Progress {
  private readonly make: () => SingleBar;
  private bar: SingleBar | null = null;

  constructor(Bar: typeof import("cli-progress").SingleBar, output: Output) {
    this.make = () =>
      new Bar({
        stream: output as NodeJS.WritableStream,
        format: (_options, _params, { state }: { state: TrainingState }) =>
          drawLine(state, output.columns ?? 80),
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
const widestEpochs = 10;
const widestCurve = 10;

/**
 * The batches' bar takes what the text leaves of the line; facts that find no room are left out. A finished epoch
 * has the curve of all losses so far.
 */
export function drawLine(state: TrainingState, columns: number): string {
  const { batch, batches, meanLoss, step, steps, epochs } = state;
  const facts = [
    batchCount(state),
    `loss ${meanLoss.toFixed(4)}`,
    ...(isOver(state) ? verdict(state) : outlook(state)),
  ];
  let start = `${counter(state)} ${barOf(step / steps, Math.min(epochs, widestEpochs), "▰▱")} `;
  const room = () => columns - 1 - start.length - facts.join(" · ").length - 1;
  // A line that wraps can't be drawn over. The rate goes first, then what else is behind the loss.
  while (room() < narrowestBar && facts.length > 2) facts.splice(facts.length > 3 ? -2 : -1, 1);
  if (isOver(state) && state.epochsDone > 1) {
    const curve = ` ${sparkline(state.trainLossHistory, { width: widestCurve })}`;
    if (room() - curve.length >= narrowestBar) facts[1] += curve;
  }
  if (room() < narrowestBar) start = `${counter(state)} `;
  const width = Math.max(0, Math.min(widestBar, room()));
  const bar = barOf(Number.isFinite(batches) ? batch / batches : 1, width, "█░");
  return `${start}${bar} ${facts.join(" · ")}`;
}

function barOf(share: number, width: number, [full, empty]: string): string {
  const cells = Number.isFinite(width) ? width : widestEpochs;
  const filled = Number.isFinite(share) ? Math.round(cells * Math.min(1, share)) : 0;
  return full.repeat(filled) + empty.repeat(cells - filled);
}
