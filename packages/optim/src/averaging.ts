import {
  formatShape,
  isFloat,
  noGrad,
  ShapeError,
  show,
  Tensor,
  updateInPlace,
  ValueError,
} from "@tapegrad/core";
import { checkHyper, flag, fraction, optional } from "./hyper.ts";
import { drop } from "./scratch.ts";

/** Whose weights are averaged: a model, or a list of tensors. */
export type WeightSource =
  | readonly Tensor[]
  | {
      namedParameters(): Iterable<readonly [string, Tensor]>;
      namedBuffers?(): Iterable<readonly [string, Tensor]>;
    };

export interface AveragingOptions {
  /**
   * How much of the average stays at each update: a number (0.999) makes an exponential moving average,
   * null (the default) the equal mean of all updates, and a function of the updates so far anything else.
   */
  decay?: number | ((updates: number) => number) | null;
  /** Averages the model's buffers (running statistics) too; whole numbers are copied. Default false. */
  buffers?: boolean;
}

/** What {@link AveragedWeights} need to go on exactly where they were. */
export interface AveragedState {
  updates: number;
  averages: ReadonlyMap<string, Tensor>;
}

interface Entry {
  weight: Tensor;
  average: Tensor;
}

/**
 * A running average of weights, which often does better than the last weights: EMA with `decay`, SWA
 * (stochastic weight averaging) without. The first update copies, each later one does a ← a + (1 − decay)·(w − a).
 *
 * ```ts
 * const average = new AveragedWeights(model, { decay: 0.999 });
 * for (const batch of batches) {
 *   train(batch);
 *   average.update();
 * }
 * average.use(() => evaluate(model)); // with the averages in place of the weights
 * ```
 *
 * Batch norm's running statistics belong to the weights that they were measured with. After `swap()`, run
 * training data through the model in training mode to measure them anew, or average them by `buffers`.
 *
 * Polyak and Juditsky, 1992; Izmailov et al., Averaging weights leads to wider optima and better
 * generalization, UAI 2018; https://pytorch.org/docs/stable/optim.html#weight-averaging-swa-and-ema
 */
export class AveragedWeights {
  readonly #entries: ReadonlyMap<string, Entry>;
  readonly #decay: number | ((updates: number) => number) | null;
  #updates = 0;
  #swapped = false;

  /** @throws ValueError for anything but a model or tensors, and options out of range */
  constructor(source: WeightSource, { decay = null, buffers = false }: AveragingOptions = {}) {
    if (typeof decay !== "function") {
      checkHyper(name, { decay: optional(fraction(0.999)) }, { decay });
    }
    checkHyper(name, { buffers: flag(false) }, { buffers });
    this.#decay = decay;
    const entries = weightsOf(source, buffers).map(([key, weight]): [string, Entry] => {
      if (!(weight instanceof Tensor)) {
        throw new ValueError(`${name}: "${key}" is ${show(weight)}; it must be a Tensor.`);
      }
      return [key, { weight, average: weight.detach().clone() }];
    });
    this.#entries = new Map(entries);
  }

  /** How many updates were averaged. */
  get updates(): number {
    return this.#updates;
  }

  /** The averages by name; a copy of the weights before the first update. They share storage: clone() to keep. */
  get averages(): Map<string, Tensor> {
    this.#checkOut("averages");
    return new Map([...this.#entries].map(([key, { average }]) => [key, average]));
  }

  /** Takes the weights of now into the average. @throws ValueError while the averages are swapped in */
  update(): void {
    this.#checkOut("update");
    const share = this.#updates === 0 ? 1 : this.#share();
    for (const { weight, average } of this.#entries.values()) {
      if (share === 1 || !isFloat(weight.dtype)) noGrad(() => average.copy_(weight));
      else updateInPlace("lerp", [average, weight.detach()], [share], `${name}.update`);
    }
    this.#updates++;
  }

  /** The part of the new weights in the average. */
  #share(): number {
    const n = this.#updates;
    if (this.#decay === null) return 1 / (n + 1);
    const decay = typeof this.#decay === "number" ? this.#decay : this.#decay(n);
    if (!(typeof decay === "number" && decay >= 0 && decay <= 1)) {
      throw new ValueError(
        `${name}.update: decay gives ${show(decay)} for ${n} updates; it must give a number from 0 to 1.`,
      );
    }
    return 1 - decay;
  }

  /** Exchanges weights and averages in place; a second time puts them back. */
  swap(): void {
    noGrad(() => {
      for (const { weight, average } of this.#entries.values()) {
        const before = weight.clone();
        weight.copy_(average);
        average.copy_(before);
        drop(before);
      }
    });
    this.#swapped = !this.#swapped;
  }

  /** Runs f, which may be async, with the averages in place of the weights; then puts the weights back. */
  use<T>(f: () => T): T {
    this.#checkOut("use");
    this.swap();
    let result: T;
    try {
      result = f();
    } catch (error) {
      this.swap();
      throw error;
    }
    if (!(result instanceof Promise)) {
      this.swap();
      return result;
    }
    return result.finally(() => this.swap()) as T;
  }

  #checkOut(method: string): void {
    if (!this.#swapped) return;
    throw new ValueError(
      `${name}.${method}: the averages are swapped in, in place of the weights; swap() them out first.`,
    );
  }

  /** What `loadStateDict` takes. */
  stateDict(): AveragedState {
    return { updates: this.#updates, averages: this.averages };
  }

  /** @throws ValueError, ShapeError if names or shapes are not those of the weights; nothing is changed then */
  loadStateDict({ updates, averages }: AveragedState): void {
    const where = `${name}.loadStateDict`;
    this.#checkOut("loadStateDict");
    if (!(Number.isSafeInteger(updates) && updates >= 0) || !(averages instanceof Map)) {
      throw new ValueError(
        `${where}: got updates = ${show(updates)} and averages = ${show(averages)}; it must be what stateDict() gave.`,
      );
    }
    const missing = [...this.#entries.keys()].filter((key) => !averages.has(key));
    const unexpected = [...averages.keys()].filter((key) => !this.#entries.has(key));
    if (missing.length > 0 || unexpected.length > 0) {
      throw new ValueError(
        `${where}: missing are ${missing.join(", ") || "none"}, unexpected ${unexpected.join(", ") || "none"}; the names must be those of the weights.`,
      );
    }
    for (const [key, { average }] of this.#entries) {
      const given = averages.get(key) as Tensor;
      if (formatShape(given.shape) !== formatShape(average.shape)) {
        throw new ShapeError(
          `${where}: "${key}" has shape ${formatShape(given.shape)} and the weight ${formatShape(average.shape)}; they must be equal.`,
        );
      }
    }
    noGrad(() => {
      for (const [key, { average }] of this.#entries) average.copy_(averages.get(key)!);
    });
    this.#updates = updates;
  }
}

const name = "AveragedWeights";

function weightsOf(source: WeightSource, buffers: boolean): (readonly [string, Tensor])[] {
  if (Array.isArray(source)) {
    if (buffers) {
      throw new ValueError(
        `${name}: a list of tensors has no buffers; pass the model, or list them among the tensors.`,
      );
    }
    return source.map((x, i) => [String(i), x]);
  }
  const model = source as Exclude<WeightSource, readonly Tensor[]>;
  if (typeof model?.namedParameters !== "function") {
    throw new ValueError(
      `${name}: got ${show(source)}; pass a model with namedParameters(), or an array of tensors.`,
    );
  }
  return [...model.namedParameters(), ...(buffers ? (model.namedBuffers?.() ?? []) : [])];
}
