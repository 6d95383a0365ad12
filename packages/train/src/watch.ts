/**
 * Looking into a model while it trains: norms of weights and gradients, how far updates go, what layers give.
 * A look reads and never writes, so that the numbers of the training are the same to the bit with it and without.
 */
import { isFloat, peekGrad, Tensor } from "@tapegrad/core";
import type { AnyModule } from "@tapegrad/nn";

export interface WatchOptions {
  /** A look at each so many updates, and at the first; half as often whenever the run is twice as long. Default 100. */
  everySteps?: number;
}

/** A line of metrics.jsonl: what one update looked like from inside. */
export interface LayersLine {
  type: "layers";
  step: number;
  epoch: number;
  parameters: ParameterFacts[];
  activations: ActivationFacts[];
}

/** Norms are those of all elements, √(Σx²). */
export interface ParameterFacts {
  name: string;
  /** ‖w‖ before the update. */
  norm: number;
  /** ‖∂loss/∂w‖, clipped if the run clips; null where no gradient arrived. */
  gradNorm: number | null;
  /** ‖Δw‖ / ‖w‖ of the update, healthy at about 1e-3 (CS231n, "Neural Networks Part 3"); null for w = 0. */
  updateRatio: number | null;
}

/** What an innermost module gave for the update's first batch. */
export interface ActivationFacts {
  /** Path of the module; "" is the model itself. */
  name: string;
  /** Its class: "ReLU". */
  kind: string;
  mean: number;
  std: number;
  /** Of the finite elements. */
  min: number;
  max: number;
  /** Share of the units (elements for one example) that are 0 for every example of the batch. */
  dead: number;
  /** Counts in {@link histogramBins} bins of equal width from min to max. */
  histogram: number[];
}

export const histogramBins = 24;
/** Looks at the first pace; from then on the pace halves whenever their number would double. */
const mostAtFirst = 200;

/** Whether to record at a step: a run of n steps has O(log n) records more than `most`. Needs no memory, so it resumes. */
export function isDue(step: number, every: number, most: number): boolean {
  const halvings = Math.max(0, Math.ceil(Math.log2(step / (every * most))));
  return step === 1 || step % (every * 2 ** halvings) === 0;
}

export class Watcher {
  private readonly model: AnyModule;
  private readonly everySteps: number;

  constructor(model: AnyModule, { everySteps = 100 }: WatchOptions) {
    this.model = model;
    this.everySteps = everySteps;
  }

  isDue(step: number): boolean {
    return isDue(step, this.everySteps, mostAtFirst);
  }

  /** Runs an update and tells what it saw of it. */
  look<T>(update: () => T): { result: T; facts: Pick<LayersLine, "parameters" | "activations"> } {
    const { model } = this;
    const activations: ActivationFacts[] = [];
    const leaves = model.namedModules().filter(([, module]) => module.children().length === 0);
    const hooks = leaves.map(([name, module]) => {
      let isFirst = true;
      return module.registerForwardHook((_: unknown, __: unknown, y: unknown) => {
        if (!isFirst || !(y instanceof Tensor) || !isFloat(y.dtype)) return;
        if (y.size === 0 || y.rank === 0) return;
        isFirst = false;
        // "ReLU()", "Linear(…)": the class as prints tell it.
        const kind = String(module).split("(", 1)[0];
        activations.push({ name, kind, ...describe(y) });
      });
    });
    // Sizes that the first batch settles are there after it.
    const before = new Map(
      model.isInitialized ? model.namedParameters().map(([name, w]) => [name, w.data()]) : [],
    );
    try {
      const result = update();
      const parameters = model
        .namedParameters()
        .map(([name, w]) => parameterFacts(name, w, before.get(name)));
      return { result, facts: { parameters, activations } };
    } finally {
      for (const remove of hooks) remove();
    }
  }
}

function parameterFacts(
  name: string,
  w: Tensor,
  before: ArrayLike<number> | undefined,
): ParameterFacts {
  const grad = peekGrad(w);
  const after = w.data();
  const norm = normOf(before ?? after);
  return {
    name,
    norm,
    gradNorm: grad === null ? null : normOf(grad.data()),
    updateRatio: before === undefined || norm === 0 ? null : normOf(after, before) / norm,
  };
}

/** √(Σ(a − b)²) in double precision. */
function normOf(a: ArrayLike<number>, b?: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) {
    const difference = b === undefined ? a[i] : a[i] - b[i];
    sum += difference * difference;
  }
  return Math.sqrt(sum);
}

/** By index rather than by iterator: activations are long. */
function describe(y: Tensor): Omit<ActivationFacts, "name" | "kind"> {
  const data = y.data();
  const { length } = data;
  let [min, max, sum] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0];
  for (let i = 0; i < length; i++) {
    const v = data[i];
    sum += v;
    if (v < min && v !== Number.NEGATIVE_INFINITY) min = v;
    if (v > max && v !== Number.POSITIVE_INFINITY) max = v;
  }
  const mean = sum / length;
  const histogram = new Float64Array(histogramBins);
  const scale = max > min ? histogramBins / (max - min) : 0;
  let squares = 0;
  for (let i = 0; i < length; i++) {
    const v = data[i];
    squares += (v - mean) * (v - mean);
    // The largest value is in the last bin.
    if (v >= min && v <= max) {
      histogram[Math.min(histogramBins - 1, Math.trunc((v - min) * scale))]++;
    }
  }
  const dead = deadShare(data, length / y.shape[0]);
  return {
    mean,
    std: Math.sqrt(squares / length),
    min,
    max,
    dead,
    histogram: Array.from(histogram),
  };
}

/** @param units  in one example */
function deadShare(data: ArrayLike<number>, units: number): number {
  let dead = 0;
  for (let unit = 0; unit < units; unit++) {
    let i = unit;
    while (i < data.length && data[i] === 0) i += units;
    if (i >= data.length) dead++;
  }
  return dead / units;
}
