/** Whole Jacobians and Hessians. */
import { eye, zeros, zerosLike } from "../create.ts";
import { ValueError } from "../errors.ts";
import { reshape } from "../ops/layout.ts";
import { show } from "../show.ts";
import { isGradEnabled } from "../tape.ts";
import type { Tensor } from "../tensor.ts";
import {
  type Argnums,
  type Given,
  type Gradients,
  grad,
  likeArguments,
  positionsOf,
} from "./grad.ts";
import { outputsOf } from "./products.ts";
import { checkFunction, linearized, pulled, type Run, reachesOutside, recorded } from "./record.ts";
import { mapTensors } from "./tree.ts";
import { vmap } from "./vmap.ts";

/** Options of {@link jacobian}. */
export interface JacobianOptions<N extends Argnums = Argnums> {
  /** Which arguments to differentiate: a position, or a list. Default 0. */
  argnums?: N;
  /**
   * "reverse" makes a row at a time and is cheap for few outputs, "forward" a column at a time, for few inputs.
   * All rows (columns) run at once, by vmap. Default "reverse".
   */
  mode?: "reverse" | "forward";
}

/** For every tensor of a result of type R, what `J` is. */
export type JacobianOf<R, J> = R extends Tensor
  ? J
  : { -readonly [K in keyof R]: JacobianOf<R[K], J> };

/**
 * The function that gives f's Jacobian: for a result of shape Y and an argument of shape X, ∂yᵢ/∂xⱼ of shape
 * [...Y, ...X]. For nested results and arguments it is nested: first as the result, then as the argument.
 *
 * ```ts
 * jacobian((x: Tensor) => x.square())(tensor([1, 2])); // [[2, 0], [0, 4]]
 * ```
 */
export function jacobian<const Args extends readonly unknown[], R, const N extends Argnums = 0>(
  f: (...args: Args) => R,
  options: JacobianOptions<N> = {},
): (...args: Given<Args>) => JacobianOf<R, Gradients<Args, N>> {
  checkFunction("jacobian", f);
  const { argnums = 0, mode = "reverse" } = options;
  if (mode !== "reverse" && mode !== "forward") {
    throw new ValueError(`jacobian: mode is ${show(mode)}; known are "reverse" and "forward".`);
  }
  return (...args) => {
    const run = recorded("jacobian", f, args, positionsOf("jacobian", argnums, args.length));
    const ys = outputsOf("jacobian", run);
    const blocks = mode === "reverse" ? byRows(run, ys) : byColumns(run, ys);
    let next = 0;
    return mapTensors(run.result, () =>
      likeArguments(args, argnums, blocks[next++]!),
    ) as JacobianOf<R, Gradients<Args, N>>;
  };
}

/** The identity on tensors like x, as many of them as x has elements: [n, ...shape]. */
function basis(x: Tensor): Tensor {
  return reshape(eye(x.size, { dtype: x.dtype }), [x.size, ...x.shape]);
}

/** One block for each output and input: dyᵀ·∂y/∂x for every unit vector dy. */
function byRows(run: Run, ys: readonly Tensor[]): Tensor[][] {
  const inputs = run.samples;
  return ys.map((y) => {
    if (y.size === 0) return inputs.map((x) => zeros([...y.shape, ...x.shape], { dtype: x.dtype }));
    const createGraph = isGradEnabled() && reachesOutside(run, [y]);
    const rows = vmap((dy: Tensor) => pulled(run, [y], [dy], { createGraph, retainGraph: true }))(
      basis(y),
    );
    return rows.map((row, i) => reshape(row, [...y.shape, ...inputs[i]!.shape]));
  });
}

/** The same: ∂y/∂x·v for every unit vector v. */
function byColumns(run: Run, ys: readonly Tensor[]): Tensor[][] {
  const inputs = run.samples;
  const derivative = linearized(run, ys);
  const columns = inputs.map((x, i) => {
    if (x.size === 0) return ys.map((y) => zeros([...y.shape, ...x.shape], { dtype: y.dtype }));
    const along = (v: Tensor) =>
      derivative(inputs.map((other, k) => (k === i ? v : zerosLike(other))));
    const found = vmap(along, { outAxes: -1 })(basis(x));
    return found.map((column, k) => reshape(column, [...ys[k]!.shape, ...x.shape]));
  });
  return ys.map((_, k) => columns.map((column) => column[k]!));
}

/**
 * The function that gives the Hessian of f, which returns one number: ∂²f/∂xᵢ∂xⱼ of shape [...X, ...X], for nested
 * arguments nested twice. Forward over reverse: the Jacobian, by columns, of the gradient.
 */
export function hessian<const Args extends readonly unknown[], const N extends Argnums = 0>(
  f: (...args: Args) => Tensor,
  options: { argnums?: N } = {},
): (...args: Given<Args>) => JacobianOf<Gradients<Args, N>, Gradients<Args, N>> {
  checkFunction("hessian", f);
  const argnums = (options.argnums ?? 0) as N;
  return jacobian(grad(f, { argnums }) as (...args: Args) => Gradients<Args, N>, {
    argnums,
    mode: "forward",
  }) as (...args: Given<Args>) => JacobianOf<Gradients<Args, N>, Gradients<Args, N>>;
}
