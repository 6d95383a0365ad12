/** Gradients that are too large, made smaller before the step. */
import { noGrad, norm, peekGrad, show, Tensor, ValueError } from "@tapegrad/core";
import { checkHyper, flag, power } from "./hyper.ts";
import { dot, maxAbs, sumAbs } from "./vectors.ts";

/** Parameters whose gradients are meant, such as model.parameters(). Those without one don't count. */
export type Parameters = Tensor | Iterable<Tensor>;

export interface NormOptions {
  /** The p of (Σ |gᵢ|ᵖ)^(1/p); Infinity for the largest. Default 2. */
  normType?: number;
}

function parametersOf(where: string, params: Parameters): Tensor[] {
  const iterable = typeof params === "object" && params !== null && Symbol.iterator in params;
  const all = params instanceof Tensor ? [params] : iterable ? [...params] : [params];
  const wrong = all.findIndex((x) => !(x instanceof Tensor));
  if (wrong >= 0) {
    throw new ValueError(
      `${where}: parameter ${wrong} is ${show(all[wrong])}; pass tensors, such as model.parameters().`,
    );
  }
  return all;
}

const limit = {
  fallback: 1,
  wants: "a number above 0, such as 1",
  accepts: (value: unknown) => typeof value === "number" && value > 0,
};

function normOf(where: string, params: readonly Tensor[], normType: number): number {
  checkHyper(where, { normType: { ...limit, wants: "a number above 0, such as 2" } }, { normType });
  const grads = params.map(peekGrad).filter((grad) => grad !== null);
  return noGrad(() => {
    if (normType === Infinity) return maxAbs(grads);
    if (normType === 2) return Math.sqrt(dot(grads, grads));
    if (normType === 1) return sumAbs(grads);
    const norms = grads.map((grad) => norm(grad.flatten(), normType).item());
    return power(
      norms.reduce((sum, one) => sum + power(one, normType), 0),
      1 / normType,
    );
  });
}

/**
 * The norm of all gradients, as if they were one vector; 0 if there are none.
 *
 * @throws ValueError for anything but tensors, and a normType that is not above 0
 */
export function gradNorm(params: Parameters, { normType = 2 }: NormOptions = {}): number {
  return normOf("gradNorm", parametersOf("gradNorm", params), normType);
}

/**
 * Scales all gradients in place by min(1, maxNorm/(norm + 10⁻⁶)), so that their common norm is at most
 * maxNorm and their direction stays.
 *
 * @returns the norm before
 * @throws ValueError as {@link gradNorm}; with `errorIfNonfinite` for a norm that is NaN or infinite, with
 *   nothing scaled; without it such a norm makes all gradients NaN or 0
 */
export function clipGradNorm_(
  params: Parameters,
  maxNorm: number,
  { normType = 2, errorIfNonfinite = false }: NormOptions & { errorIfNonfinite?: boolean } = {},
): number {
  const all = parametersOf("clipGradNorm_", params);
  checkHyper("clipGradNorm_", { maxNorm: limit }, { maxNorm });
  checkHyper("clipGradNorm_", { errorIfNonfinite: flag(false) }, { errorIfNonfinite });
  const total = normOf("clipGradNorm_", all, normType);
  if (errorIfNonfinite && !Number.isFinite(total)) {
    throw new ValueError(
      `clipGradNorm_: the norm of the gradients is ${total}; look for NaN or huge numbers in the loss, or set errorIfNonfinite: false.`,
    );
  }
  const factor = maxNorm / (total + 1e-6);
  // Also where it is NaN.
  if (!(factor >= 1)) changeGrads(all, (grad) => grad.mul_(factor));
  return total;
}

/**
 * Clamps each element of each gradient to [−clipValue, clipValue] in place. The direction changes.
 *
 * @throws ValueError for anything but tensors, and a clipValue that is not above 0
 */
export function clipGradValue_(params: Parameters, clipValue: number): void {
  const all = parametersOf("clipGradValue_", params);
  checkHyper("clipGradValue_", { clipValue: limit }, { clipValue });
  changeGrads(all, (grad) => grad.maximum_(-clipValue).minimum_(clipValue));
}

function changeGrads(params: readonly Tensor[], change: (grad: Tensor) => Tensor): void {
  noGrad(() => {
    for (const x of params) {
      const grad = peekGrad(x);
      if (grad !== null) change(grad);
    }
  });
}
