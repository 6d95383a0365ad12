/** Gradients of functions. */
import { describe } from "../apply.ts";
import { type GradOptions, grad as gradOfTensors } from "../backward.ts";
import { onesLike } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { show } from "../show.ts";
import { Tensor } from "../tensor.ts";
import { checkFunction, pulled, reachesOutside, recorded, released } from "./record.ts";
import { filled, type GivenTree, type TensorTree, treeLeaves } from "./tree.ts";

/** Which arguments are differentiated: a position, or several. */
export type Argnums = number | readonly number[];

/** The gradients of the arguments at `N`: of one as it is, of several as a list. */
export type Gradients<Args extends readonly unknown[], N extends Argnums> = N extends number
  ? TensorTree<Args[N]>
  : { -readonly [K in keyof N]: TensorTree<Args[N[K] & number]> };

/** Arguments in which numbers may stand for tensors. */
export type Given<Args extends readonly unknown[]> = { [K in keyof Args]: GivenTree<Args[K]> };

/** Options of {@link grad} of a function and {@link valueAndGrad}. */
export interface GradTransformOptions<N extends Argnums = Argnums, Aux extends boolean = boolean> {
  /** Which arguments to differentiate: a position gives one gradient, a list gives a list. Default 0. */
  argnums?: N;
  /** Whether the function returns [value, aux]: aux, of any kind, is handed through. Default false. */
  hasAux?: Aux;
}

/**
 * ∂(Σ outputs·gradOutputs)/∂input for each input tensor, returned; no `grad` is touched.
 *
 * @throws GradError if an output doesn't depend on an input (unless `allowUnused`)
 */
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options: GradOptions & { allowUnused: true },
): (Tensor | null)[];
export function grad(
  outputs: Tensor | readonly Tensor[],
  inputs: readonly Tensor[],
  options?: GradOptions,
): Tensor[];
/**
 * The function that gives the gradient of f, which returns one number. Arguments may be nested arrays and plain
 * objects of tensors; a gradient looks like its argument, zeros where f doesn't depend on it. No `grad` of any
 * tensor is touched. It works inside noGrad; outside, gradients are recorded if f or its arguments depend on
 * something that requires grad, and can be differentiated again, by transforms or by `backward`.
 *
 * ```ts
 * const slope = grad((x: Tensor) => x.pow(3));
 * const curvature = grad(slope);
 * ```
 *
 * @throws ShapeError unless f returns a tensor of one element
 */
export function grad<const Args extends readonly unknown[]>(
  f: (...args: Args) => Tensor,
): (...args: Given<Args>) => TensorTree<Args[0]>;
export function grad<const Args extends readonly unknown[], Aux, const N extends Argnums = 0>(
  f: (...args: Args) => readonly [Tensor, Aux],
  options: GradTransformOptions<N, true> & { hasAux: true },
): (...args: Given<Args>) => { grad: Gradients<Args, N>; aux: Aux };
export function grad<const Args extends readonly unknown[], const N extends Argnums = 0>(
  f: (...args: Args) => Tensor,
  options: GradTransformOptions<N, false>,
): (...args: Given<Args>) => Gradients<Args, N>;
export function grad(first: unknown, second?: unknown, third?: unknown): unknown {
  if (typeof first !== "function") {
    return gradOfTensors(
      first as Tensor | readonly Tensor[],
      second as readonly Tensor[],
      third as GradOptions,
    );
  }
  const options = (second ?? {}) as GradTransformOptions;
  const both = transform("grad", first, options);
  return (...args: unknown[]) => {
    const { grad: gradient, aux } = both(args);
    return options.hasAux === true ? { grad: gradient, aux } : gradient;
  };
}

/**
 * As {@link grad} of a function, with f's value (and `aux`) beside the gradient.
 *
 * ```ts
 * const { value, grad: dw } = valueAndGrad(loss)(weights, images, labels);
 * ```
 */
export function valueAndGrad<const Args extends readonly unknown[]>(
  f: (...args: Args) => Tensor,
): (...args: Given<Args>) => { value: Tensor; grad: TensorTree<Args[0]> };
export function valueAndGrad<
  const Args extends readonly unknown[],
  Aux,
  const N extends Argnums = 0,
>(
  f: (...args: Args) => readonly [Tensor, Aux],
  options: GradTransformOptions<N, true> & { hasAux: true },
): (...args: Given<Args>) => { value: Tensor; grad: Gradients<Args, N>; aux: Aux };
export function valueAndGrad<const Args extends readonly unknown[], const N extends Argnums = 0>(
  f: (...args: Args) => Tensor,
  options: GradTransformOptions<N, false>,
): (...args: Given<Args>) => { value: Tensor; grad: Gradients<Args, N> };
export function valueAndGrad(f: unknown, options: GradTransformOptions = {}): unknown {
  const both = transform("valueAndGrad", f, options);
  return (...args: unknown[]) => {
    const { value, grad: gradient, aux } = both(args);
    return options.hasAux === true ? { value, grad: gradient, aux } : { value, grad: gradient };
  };
}

function transform(name: string, f: unknown, options: GradTransformOptions) {
  checkFunction(name, f);
  const { argnums = 0, hasAux = false } = options;
  return (args: readonly unknown[]) => {
    const positions = positionsOf(name, argnums, args.length);
    const run = recorded(name, f, args, positions);
    const [y, aux] = hasAux ? valueAndAux(name, run.result) : [run.result];
    checkValue(name, y);
    const outside = reachesOutside(run, [y]);
    const found = pulled(run, [y], [onesLike(y)], { createGraph: outside, retainGraph: outside });
    return {
      value: released(y, outside),
      aux: released(aux, reachesOutside(run, treeLeaves(aux))),
      grad: likeArguments(args, argnums, found),
    };
  };
}

/** @internal @throws ValueError unless every position names an argument */
export function positionsOf(name: string, argnums: Argnums, count: number): number[] {
  const positions = [argnums].flat() as number[];
  const fits =
    positions.every((i) => Number.isInteger(i) && i >= 0 && i < count) &&
    new Set(positions).size === positions.length;
  if (!fits) {
    throw new ValueError(
      `${name}: argnums is ${show(argnums)} and the function got ${count} arguments; it must be a position from 0 to ${count - 1}, or a list of different ones.`,
    );
  }
  return positions;
}

/** @internal The gradients in the shape of the arguments at `argnums`. */
export function likeArguments(
  args: readonly unknown[],
  argnums: Argnums,
  found: readonly Tensor[],
): unknown {
  const differentiated = typeof argnums === "number" ? args[argnums] : argnums.map((i) => args[i]);
  return filled(differentiated, found);
}

function valueAndAux(name: string, result: unknown): readonly [unknown, unknown] {
  if (Array.isArray(result) && result.length === 2) return result as [unknown, unknown];
  throw new ValueError(
    `${name}: f returned ${describe(result)}; with hasAux it must return [value, aux].`,
  );
}

function checkValue(name: string, y: unknown): asserts y is Tensor {
  if (!(y instanceof Tensor)) {
    throw new ValueError(
      `${name}: f returned ${describe(y)}; it must return a Tensor of one element${Array.isArray(y) ? " (or [value, aux] with hasAux)" : ""}.`,
    );
  }
  if (y.size !== 1) {
    throw new ShapeError(
      `${name}: f returned shape ${formatShape(y.shape)}; it must return one number: reduce it with sum() or mean(), or use jacobian or vjp.`,
    );
  }
  if (!isFloat(y.dtype)) {
    throw new DTypeError(`${name}: f returned ${y.dtype}; it must be float32 or float64.`);
  }
}
