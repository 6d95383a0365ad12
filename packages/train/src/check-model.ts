/** Every gradient of a model against central differences. */
import {
  DTypeError,
  Generator,
  grad,
  isFloat,
  noGrad,
  randperm,
  relativeError,
  show,
  Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";
import type { Batch } from "@tapegrad/data";
import type { Module } from "@tapegrad/nn";
import { generatorsOf, setStates, statesOf } from "./generators.ts";
import { outcomeOf } from "./objective.ts";
import type { Example, SolverOptions } from "./options.ts";
import { remember } from "./restore.ts";
import { formatTable } from "./table.ts";

export interface CheckModelOptions<S = Tensor, B extends Example = Batch>
  extends Pick<SolverOptions<S, B>, "loss" | "objective"> {
  /** Coordinates of each parameter, drawn at random; all of smaller ones. Default 20. */
  samples?: number;
  /** Half-width of the central difference. Default 1e-5. */
  h?: number;
  /** Relative errors up to this pass. Default 1e-5. */
  tolerance?: number;
  /** Of the choice of coordinates. Default 0. */
  seed?: number;
}

/** How well the gradient of one parameter agrees. */
export interface ParameterCheck {
  readonly name: string;
  readonly shape: readonly number[];
  /** Number of coordinates compared. */
  readonly checked: number;
  /** CS231n's: the largest |a − n| / max(1e-8, |a| + |n|). */
  readonly relativeError: number;
  /** At the coordinate with the largest relative error among those that fail, or else of all. */
  readonly analytic: number;
  readonly numeric: number;
  readonly coordinate: readonly number[];
  readonly passed: boolean;
}

export interface ModelCheck {
  readonly passed: boolean;
  readonly parameters: readonly ParameterCheck[];
}

/**
 * Differences that rounding alone can make: a float64 loss of size L has an error of about ε·L, which the
 * division by 2h enlarges. Ten times that, as forward passes round more than once.
 */
const roundingError = (loss: number, h: number) =>
  (10 * Number.EPSILON * Math.max(1, Math.abs(loss))) / h;

/**
 * Compares the gradient of the loss for each trainable parameter with (L(w + h) − L(w − h)) / 2h at random
 * coordinates, as CS231n's notes ask for before training
 * (https://cs231n.github.io/neural-networks-3/#gradcheck). A parameter passes if at every coordinate the
 * relative error is within `tolerance`, or the difference is within what rounding makes.
 *
 * The model is used in the mode it is in; every evaluation draws the same random numbers, so dropout can
 * be checked, too. It is as before afterwards. Where a step of h crosses a kink (relu at 0) the two differ
 * rightly: a lone failure of such a net may go away with another input or a smaller h.
 *
 * @param model  in float64: `model.to("float64")`
 * @param batch  examples; floats are converted to float64
 * @throws DTypeError for a model that is not float64, ValueError if nothing can be trained
 */
export function checkModel<S = Tensor, B extends Example = Batch>(
  model: Module<never[], S>,
  batch: B,
  options: CheckModelOptions<S, B> = {},
): ModelCheck {
  const { samples = 20, h = 1e-5, tolerance = 1e-5, seed = 0 } = options;
  checkOptions({ samples, h, tolerance });
  const parameters = model.namedParameters().filter(([, p]) => p.requiresGrad);
  if (parameters.length === 0) {
    throw new ValueError("checkModel: the model has no parameter that requires grad.");
  }
  for (const [name, p] of parameters) {
    if (p.dtype === "float64") continue;
    throw new DTypeError(
      `checkModel: parameter ${name} is ${p.dtype}; central differences need float64: use model.to("float64").`,
    );
  }
  const exact = inFloat64(batch);
  const restore = remember(model as never);
  const generators = generatorsOf(model as never, []);
  const states = statesOf(generators);
  const lossOf = () => {
    setStates(generators, states);
    return outcomeOf({ model, ...options }, exact).loss;
  };
  try {
    const loss = lossOf();
    const found = grad(
      loss,
      parameters.map(([, p]) => p),
      { allowUnused: true },
    );
    const generator = new Generator(seed);
    const checks = parameters.map(([name, p], k) => {
      const order = randperm(p.size, { generator }).data().subarray(0, samples);
      const exactGradient = found[k]?.data();
      const pairs = Array.from(order, (i) => ({
        i,
        analytic: exactGradient?.[i] ?? 0,
        numeric: slope(p, i, h, () => lossOf().item()),
      }));
      return judge(name, p, pairs, { tolerance, rounding: roundingError(loss.item(), h) });
    });
    return { passed: checks.every((check) => check.passed), parameters: checks };
  } finally {
    restore();
  }
}

function checkOptions(given: { samples: number; h: number; tolerance: number }): void {
  const { samples, ...positive } = given;
  if (!Number.isSafeInteger(samples) || samples < 1) {
    throw new ValueError(
      `checkModel: samples is ${show(samples)}; it must be a whole number from 1.`,
    );
  }
  for (const [name, value] of Object.entries(positive)) {
    if (Number.isFinite(value) && value > 0) continue;
    throw new ValueError(
      `checkModel: ${name} is ${show(value)}; it must be a finite number above 0.`,
    );
  }
}

function inFloat64<B extends Example>(batch: B): B {
  const wide = (x: unknown) => (x instanceof Tensor && isFloat(x.dtype) ? x.to("float64") : x);
  return { ...batch, x: wide(batch.x), y: wide(batch.y) };
}

/** (f(p + h) − f(p − h)) / 2h for element i of a parameter, which is as before afterwards. */
function slope(parameter: Tensor, i: number, h: number, f: () => number): number {
  return noGrad(() => {
    const at = parameter.data();
    const value = at[i];
    const set = (element: number) => {
      at[i] = element;
      parameter.copy_(tensor(at, { shape: parameter.shape }));
    };
    const [above, below] = [value + h, value - h].map((element) => {
      set(element);
      return f();
    });
    set(value);
    return (above - below) / (2 * h);
  });
}

interface Pair {
  i: number;
  analytic: number;
  numeric: number;
}

function judge(
  name: string,
  parameter: Tensor,
  pairs: readonly Pair[],
  { tolerance, rounding }: { tolerance: number; rounding: number },
): ParameterCheck {
  const error = ({ analytic, numeric }: Pair) => relativeError([analytic], [numeric]);
  const failing = pairs.filter(
    (pair) => !(error(pair) <= tolerance || Math.abs(pair.analytic - pair.numeric) <= rounding),
  );
  const shown = failing.length > 0 ? failing : pairs;
  const [worst] = [...shown].sort((a, b) => error(b) - error(a));
  let rest = worst?.i ?? 0;
  const coordinate = parameter.shape.map((_, axis) => {
    const step = parameter.shape.slice(axis + 1).reduce((product, size) => product * size, 1);
    const at = Math.floor(rest / step);
    rest -= at * step;
    return at;
  });
  return {
    name,
    shape: parameter.shape,
    checked: pairs.length,
    relativeError: pairs.reduce((most, pair) => Math.max(most, error(pair)), 0),
    analytic: worst?.analytic ?? Number.NaN,
    numeric: worst?.numeric ?? Number.NaN,
    coordinate,
    passed: failing.length === 0,
  };
}

/** A row for each parameter: its relative error, and the two gradients where that is largest. */
export function formatModelCheck({ parameters }: ModelCheck): string {
  return formatTable([
    ["parameter", "shape", "checked", "relative error", "analytic", "numeric", "at", ""],
    ...parameters.map((one) => [
      one.name,
      `[${one.shape.join(", ")}]`,
      String(one.checked),
      one.relativeError.toExponential(2),
      one.analytic.toExponential(4),
      one.numeric.toExponential(4),
      `[${one.coordinate.join(", ")}]`,
      one.passed ? "ok" : "DIFFERS",
    ]),
  ]);
}
