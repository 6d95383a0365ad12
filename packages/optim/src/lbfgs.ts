import { enableGrad, noGrad, peekGrad, show, Tensor, ValueError, zerosLike } from "@tapegrad/core";
import { type HyperValues, nonNegative, oneOf, optional, whole } from "./hyper.ts";
import { Optimizer, type State, stateNumber, type Trainable } from "./optimizer.ts";
import { drop } from "./scratch.ts";
import { type LinePoint, strongWolfe } from "./strong-wolfe.ts";
import { addScaled, copied, dot, maxAbs, minus, scaled, sumAbs, type Vector } from "./vectors.ts";

const hyper = {
  lr: nonNegative(1),
  /** Directions per step. */
  maxIter: whole(20),
  /** Evaluations of the closure per step; null: 5/4 of maxIter. */
  maxEval: optional(whole(25)),
  /** No slope above it: done. */
  toleranceGrad: nonNegative(1e-7),
  /** No element, or the loss, moves further: done. */
  toleranceChange: nonNegative(1e-9),
  /** Steps that the curvature is estimated from. */
  historySize: whole(100),
  /** null: each direction is followed for lr. */
  lineSearchFn: optional(oneOf("strongWolfe")),
};

export type LBFGSOptions = HyperValues<typeof hyper>;

/**
 * Quasi-Newton steps p ← p − t·H·g, where H estimates the inverse Hessian from the last `historySize`
 * steps s and changes y of the gradient; for whole batches and few parameters. One `step` takes up to
 * `maxIter` directions and evaluates the closure for each, with `lineSearchFn: "strongWolfe"` until the
 * step length is right:
 *
 * ```ts
 * optimizer.step(() => {
 *   optimizer.zeroGrad();
 *   const loss = lossOf(model);
 *   loss.backward();
 *   return loss;
 * });
 * ```
 *
 * Its memory is 2·historySize times the parameters'. A parameter without a gradient counts as one with
 * zeros. Nocedal and Wright, Numerical optimization, second edition, algorithms 7.4 and 7.5;
 * https://pytorch.org/docs/stable/generated/torch.optim.LBFGS.html
 */
export class LBFGS extends Optimizer<LBFGSOptions> {
  /** @throws ValueError as {@link Optimizer}, and for more than one group */
  constructor(params: Trainable<LBFGSOptions>, options: Readonly<Partial<LBFGSOptions>> = {}) {
    super("LBFGS", hyper, params, options, { single: true });
  }

  /**
   * @param closure  clears the gradients, computes the loss, calls `backward`, and returns the loss
   * @returns what the closure returned first, before the step
   * @throws ValueError without a closure, and if it doesn't return a lone number
   */
  override step(): never;
  override step<L>(closure: () => L): L;
  override step<L>(closure?: () => L): L {
    if (typeof closure !== "function") {
      throw new ValueError(
        `LBFGS.step: the closure is ${show(closure)}; it must be a function that clears the gradients, computes the loss, calls backward and returns the loss.`,
      );
    }
    return noGrad(() => this.#step(closure));
  }

  #step<L>(closure: () => L): L {
    const { maxIter, maxEval, toleranceGrad, toleranceChange, lineSearchFn, lr } = this.groups[0]!;
    const evalLimit = maxEval ?? Math.floor((maxIter * 5) / 4);
    const { params } = this.groups[0]!;
    const state = this.stateOf(params[0]!);
    let evaluations = 0;
    const evaluate = () => {
      const returned = enableGrad(closure);
      evaluations++;
      return { returned, loss: lossOf(returned), grad: copied(params.map(gradOf)) };
    };

    const first = evaluate();
    let { loss, grad } = first;
    for (let iteration = 1; maxAbs(grad) > toleranceGrad; iteration++) {
      const started = stateNumber(state, "nIter", 0);
      state.nIter = started + 1;
      const direction = this.#direction(grad);
      const slope = dot(grad, direction);
      this.#remember("prevGrad", grad);
      let t = started === 0 ? Math.min(1, 1 / sumAbs(grad)) * lr : lr;
      state.t = t;
      if (slope > -toleranceChange) break;

      const before = loss;
      if (lineSearchFn === null) {
        addScaled(params, t, direction, where);
        // In a stochastic setting the loss after the last direction is of no use.
        if (iteration < maxIter) ({ loss, grad } = evaluate());
      } else {
        const found = this.#search(evaluate, { t: 0, loss, slope, grad }, t, direction);
        ({ t, loss, grad } = found);
        addScaled(params, t, direction, where);
      }
      state.t = t;

      const spent = iteration === maxIter || evaluations >= evalLimit;
      const still = maxAbs(direction) * Math.abs(t) <= toleranceChange;
      if (spent || still || Math.abs(loss - before) < toleranceChange) break;
    }
    state.funcEvals = stateNumber(state, "funcEvals", 0) + evaluations;
    return first.returned;
  }

  /** −H·g, remembered. The pair (s, y) that the last step gave joins the history first. */
  #direction(grad: Vector): Vector {
    const { params } = this.groups[0]!;
    const state = this.stateOf(params[0]!);
    if (state.t === undefined) return this.#remember("d", scaled(grad, -1));

    const s = scaled(this.#recall("d"), state.t as number);
    const y = minus(grad, this.#recall("prevGrad"));
    const curvature = dot(y, s);
    if (curvature > 1e-10) {
      this.#store(s, y, 1 / curvature);
      state.hDiag = curvature / dot(y, y);
    } else {
      drop(...s, ...y);
    }

    // The two loops of algorithm 7.4.
    const [oldest, end] = [stateNumber(state, "oldest", 0), stateNumber(state, "pairs", 0)];
    const along: number[] = [];
    const q = scaled(grad, -1);
    for (let k = end - 1; k >= oldest; k--) {
      along[k] = dot(this.#recall(`s${k}`), q) * (state[`rho${k}`] as number);
      addScaled(q, -along[k]!, this.#recall(`y${k}`), where);
    }
    const r = scaled(q, stateNumber(state, "hDiag", 1));
    drop(...q);
    for (let k = oldest; k < end; k++) {
      const back = dot(this.#recall(`y${k}`), r) * (state[`rho${k}`] as number);
      addScaled(r, along[k]! - back, this.#recall(`s${k}`), where);
    }
    return this.#remember("d", r);
  }

  /** Pairs are numbered on; those beyond `historySize` go. */
  #store(s: Vector, y: Vector, rho: number): void {
    const { params, historySize } = this.groups[0]!;
    const state = this.stateOf(params[0]!);
    const k = stateNumber(state, "pairs", 0);
    this.#remember(`s${k}`, s);
    this.#remember(`y${k}`, y);
    state[`rho${k}`] = rho;
    state.pairs = k + 1;
    let oldest = stateNumber(state, "oldest", 0);
    for (; oldest < state.pairs - historySize; oldest++) {
      for (const x of params) {
        const own = this.stateOf(x);
        drop(own[`s${oldest}`] as Tensor, own[`y${oldest}`] as Tensor);
        delete own[`s${oldest}`];
        delete own[`y${oldest}`];
      }
      delete state[`rho${oldest}`];
    }
    state.oldest = oldest;
  }

  #search(
    evaluate: () => { loss: number; grad: Vector },
    start: LinePoint,
    first: number,
    direction: Vector,
  ): LinePoint {
    const { params, toleranceChange } = this.groups[0]!;
    const origin = copied(params);
    const at = (t: number): LinePoint => {
      addScaled(params, t, direction, where);
      const { loss, grad } = evaluate();
      params.forEach((x, i) => {
        x.copy_(origin[i]!);
      });
      // A loss that is no number is as bad as can be, so that the search turns back.
      return { t, loss: Number.isNaN(loss) ? Infinity : loss, slope: dot(grad, direction), grad };
    };
    const found = strongWolfe(at, start, first, { reach: maxAbs(direction), toleranceChange });
    drop(...origin);
    return found;
  }

  /** Keeps a vector in the states of its parameters, in place of the one before. */
  #remember(name: string, x: Vector): Vector {
    this.groups[0]!.params.forEach((parameter, i) => {
      const state: State = this.stateOf(parameter);
      state[name] = x[i]!;
    });
    return x;
  }

  #recall(name: string): Vector {
    return this.groups[0]!.params.map((parameter) => this.stateOf(parameter)[name] as Tensor);
  }
}

const where = "LBFGS.step";

function gradOf(x: Tensor): Tensor {
  return peekGrad(x) ?? zerosLike(x);
}

function lossOf(returned: unknown): number {
  if (typeof returned === "number") return returned;
  if (returned instanceof Tensor && returned.size === 1) return returned.item();
  throw new ValueError(
    `LBFGS.step: the closure returned ${show(returned)}; it must be the loss, a number or a tensor of one element.`,
  );
}
