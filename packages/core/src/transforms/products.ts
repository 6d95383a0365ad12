/** The derivative of a function as a linear map, forwards and backwards, and second derivatives times a vector. */
import { describe } from "../apply.ts";
import { tensor, zerosLike } from "../create.ts";
import { ValueError } from "../errors.ts";
import { isGradEnabled, needsGrad } from "../tape.ts";
import { Tensor } from "../tensor.ts";
import { type Given, valueAndGrad } from "./grad.ts";
import {
  checkFunction,
  linearized,
  pulled,
  type Run,
  reachesOutside,
  recorded,
  released,
} from "./record.ts";
import {
  filled,
  type GivenTree,
  mapLeaves,
  matching,
  type TensorTree,
  treeLeaves,
} from "./tree.ts";

type Results<Args extends readonly unknown[]> = {
  -readonly [K in keyof Args]: TensorTree<Args[K]>;
};

/** @internal f's results. @throws ValueError if there is anything but tensors */
export function outputsOf(name: string, run: Run): Tensor[] {
  mapLeaves(run.result, (leaf, path) => {
    if (leaf instanceof Tensor) return;
    throw new ValueError(
      `${name}: f returned ${describe(leaf)}${path === "" ? "" : ` at ${path}`}; it must return a Tensor, or arrays and objects of them.`,
    );
  });
  return treeLeaves(run.result);
}

const everyPosition = (args: readonly unknown[]) => args.map((_, i) => i);

/**
 * f's value and its vector-Jacobian product: `pullback(dy)` gives dyᵀ·∂f/∂x for every argument, a list. It can be
 * called any number of times. dy looks like f's result.
 *
 * @throws ValueError, ShapeError from `pullback` if dy doesn't look like the result
 */
export function vjp<const Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  ...primals: Given<Args>
): { value: R; pullback: (dy: GivenTree<R>) => Results<Args> } {
  checkFunction("vjp", f);
  const run = recorded("vjp", f, primals, everyPosition(primals));
  const ys = outputsOf("vjp", run);
  const outside = reachesOutside(run, ys);
  const pullback = (dy: unknown) => {
    const dys = matching("vjp", "dy", dy, run.result);
    const createGraph = isGradEnabled() && (outside || dys.some(needsGrad));
    return filled(primals, pulled(run, ys, dys, { createGraph, retainGraph: true }));
  };
  return {
    value: released(run.result, outside) as R,
    pullback: pullback as (dy: GivenTree<R>) => Results<Args>,
  };
}

/**
 * f's value and its Jacobian-vector product ∂f/∂x·v, the derivative of f in the direction of the tangents. It is
 * computed by two backward passes (the double-backward construction), not by a forward mode of its own: about
 * three times the cost of f.
 *
 * @param primals   f's arguments, as a list
 * @param tangents  the direction: a list that looks like `primals`
 * @throws          ValueError, ShapeError if it doesn't
 */
export function jvp<const Args extends readonly unknown[], R>(
  f: (...args: Args) => R,
  primals: Given<Args>,
  tangents: Given<Args>,
): { value: R; tangent: TensorTree<R> } {
  checkFunction("jvp", f);
  const run = recorded("jvp", f, primals, everyPosition(primals));
  const ys = outputsOf("jvp", run);
  const vs = tangentsOf("jvp", primals, tangents);
  return {
    value: released(run.result, reachesOutside(run, ys)) as R,
    tangent: filled(run.result, linearized(run, ys)(vs)) as TensorTree<R>,
  };
}

/** The tangents of all tensors and numbers of the primals. */
function tangentsOf(name: string, primals: readonly unknown[], tangents: unknown): Tensor[] {
  const asTensors = mapLeaves(primals, (leaf) => (typeof leaf === "number" ? tensor(leaf) : leaf));
  return matching(name, "tangents", tangents, asTensors);
}

/**
 * f's value and its Hessian times a vector, H·v: the derivative of the gradient in the direction v, forward over
 * reverse. {@link vhp} is cheaper, and equal wherever second derivatives are continuous.
 *
 * @param f         returns one number
 * @param primals   f's arguments, as a list
 * @param tangents  v: a list that looks like `primals`
 */
export function hvp<const Args extends readonly unknown[]>(
  f: (...args: Args) => Tensor,
  primals: Given<Args>,
  tangents: Given<Args>,
): { value: Tensor; hvp: Results<Args> } {
  const { value, tangent } = jvp(gradients("hvp", f, primals), primals as never, tangents as never);
  return { value: (value as Both).value, hvp: (tangent as Both).grad as Results<Args> };
}

/** f's value and vᵀ·H, v times its Hessian: reverse over reverse. Arguments as {@link hvp}'s. */
export function vhp<const Args extends readonly unknown[]>(
  f: (...args: Args) => Tensor,
  primals: Given<Args>,
  tangents: Given<Args>,
): { value: Tensor; vhp: Results<Args> } {
  const { value, pullback } = vjp(gradients("vhp", f, primals), ...(primals as never[]));
  const both = value as Both;
  const vs = filled(primals, tangentsOf("vhp", primals, tangents));
  const dy = { value: zerosLike(both.value), grad: vs };
  return { value: both.value, vhp: pullback(dy as never) as Results<Args> };
}

interface Both {
  value: Tensor;
  grad: unknown;
}

/** The gradients of f in all arguments, with its value. */
function gradients(name: string, f: unknown, primals: readonly unknown[]) {
  checkFunction(name, f);
  return valueAndGrad(f as (...args: unknown[]) => Tensor, {
    argnums: everyPosition(primals),
  }) as (...args: never[]) => Both;
}
