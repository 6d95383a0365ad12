/**
 * What training plots are made of: plain data, as `solver.record` and `readRecord` of the package `train` give it,
 * or as a program of one's own makes it. In JSON, numbers that are NaN or infinite are null.
 */

type Measured = number | null;

/** A run: what it is called, and what it told in the order of time. */
export interface RunRecord {
  readonly runId?: string;
  readonly name: string;
  readonly lines: readonly RunLine[];
  /** Of the first layer. */
  readonly filters?: Filters | null;
}

export type RunLine = StepLine | EpochLine | LayersLine;

/** After an update. */
export interface StepLine {
  readonly type: "step";
  readonly step: number;
  readonly loss: Measured;
  readonly learningRate?: Measured;
}

/** After an epoch. */
export interface EpochLine {
  readonly type: "epoch";
  readonly step: number;
  readonly epoch: number;
  /** Mean of the epoch's updates. */
  readonly loss: Measured;
  readonly trainAcc?: Measured;
  readonly valLoss?: Measured;
  readonly valAcc?: Measured;
  /** Numbers, or plain data with numbers in it, such as a confusion matrix. */
  readonly metrics?: Readonly<Record<string, unknown>>;
  readonly learningRate?: Measured;
  readonly seconds?: number;
}

/** What an update looked like from inside. */
export interface LayersLine {
  readonly type: "layers";
  readonly step: number;
  readonly parameters: readonly {
    readonly name: string;
    /** ‖w‖, ‖∂loss/∂w‖ and ‖Δw‖ / ‖w‖. */
    readonly norm: Measured;
    readonly gradNorm: Measured;
    readonly updateRatio: Measured;
  }[];
  readonly activations: readonly Activation[];
}

/** What a layer gave for a batch. */
export interface Activation {
  readonly name: string;
  /** "ReLU". */
  readonly kind: string;
  readonly mean: Measured;
  readonly std: Measured;
  readonly min: Measured;
  readonly max: Measured;
  /** Share of the units that are 0 for every example. */
  readonly dead: Measured;
  /** Counts in bins of equal width from min to max. */
  readonly histogram: readonly number[];
}

/** Weights as images. */
export interface Filters {
  readonly name?: string;
  /** [filters, channels, height, width]; channels are 1 or 3. */
  readonly shape: readonly number[];
  /** Row-major. */
  readonly values: ArrayLike<number>;
}

/** How often which class was taken for which. */
export interface ConfusionCounts {
  readonly classNames: readonly string[];
  /** counts[actual][predicted]. */
  readonly counts: readonly (readonly number[])[];
}

const linesOf = <T extends RunLine["type"]>({ lines }: RunRecord, type: T) =>
  lines.filter((line): line is Extract<RunLine, { type: T }> => line.type === type);

export const stepsOf = (run: RunRecord): StepLine[] => linesOf(run, "step");
export const epochsOf = (run: RunRecord): EpochLine[] => linesOf(run, "epoch");
export const layersOf = (run: RunRecord): LayersLine[] => linesOf(run, "layers");

/** The matrix of the last epoch that has one, under whatever name. */
export function confusionOf(run: RunRecord): ConfusionCounts | null {
  for (const { metrics = {} } of epochsOf(run).reverse()) {
    const found = Object.values(metrics).find(isConfusion);
    if (found !== undefined) return found;
  }
  return null;
}

function isConfusion(value: unknown): value is ConfusionCounts {
  const { classNames, counts } = (value ?? {}) as Partial<ConfusionCounts>;
  return Array.isArray(classNames) && Array.isArray(counts) && counts.length > 0;
}

/** "f1", "report.macro.f1": the names of all numbers in the epochs' metrics, lists left out. */
export function metricNames(run: RunRecord): string[] {
  return [...new Set(epochsOf(run).flatMap(({ metrics }) => numbersIn(metrics, "")))];
}

function numbersIn(value: unknown, path: string): string[] {
  if (typeof value === "number") return [path];
  if (typeof value !== "object" || value === null || Array.isArray(value)) return [];
  return Object.entries(value).flatMap(([key, inner]) =>
    numbersIn(inner, path === "" ? key : `${path}.${key}`),
  );
}

/** The number of that name in an epoch's metrics; names themselves may have dots. */
export function metricOf(metrics: unknown, name: string): Measured {
  if (typeof metrics !== "object" || metrics === null) return null;
  for (const [key, value] of Object.entries(metrics)) {
    if (key === name) return typeof value === "number" ? value : null;
    if (!name.startsWith(`${key}.`)) continue;
    const inner = metricOf(value, name.slice(key.length + 1));
    if (inner !== null) return inner;
  }
  return null;
}
