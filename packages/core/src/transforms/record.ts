/** One recorded run of a function, from which its derivatives are taken: what all transforms share. */
import { describe } from "../apply.ts";
import { grad } from "../backward.ts";
import { currentLevels, type Level } from "../batched.ts";
import { tensor, zerosLike } from "../create.ts";
import { isFloat } from "../dtype.ts";
import { GradError, ValueError } from "../errors.ts";
import type { Node } from "../node.ts";
import { clone, detach, viewOp } from "../ops/layout.ts";
import {
  edgeOf,
  isGradEnabled,
  leafOf,
  leafOp,
  needsGrad,
  scoped,
  setGradEnabled,
} from "../tape.ts";
import { isInferring, Tensor } from "../tensor.ts";
import { exposedAll, hiddenAll } from "./levels.ts";
import { mapLeaves, mapTensors } from "./tree.ts";

/** A function as transforms take it. */
export type AnyFunction = (...args: never[]) => unknown;

/** A run of a function on copies of its arguments that the tape follows. */
export interface Run {
  /** What the function returned, on the tape. */
  readonly result: unknown;
  /** The copies of all tensors that are differentiated, in the order of `positions`, with the samples of all vmaps as axes. */
  readonly inputs: readonly Tensor[];
  /** The same as f got them: inside vmap, one sample each. */
  readonly samples: readonly Tensor[];
  /** The vmaps around the run. */
  readonly levels: readonly Level[];
  /** Whether the caller records, so that derivatives may have derivatives. */
  readonly records: boolean;
}

/** The leaves that transforms make, and whether the function that got them is running. */
const ownLeaves = new WeakMap<Tensor, { running: boolean }>();

/** @throws ValueError unless f is a function */
export function checkFunction(name: string, f: unknown): asserts f is AnyFunction {
  if (typeof f === "function") return;
  throw new ValueError(`${name}: f is ${describe(f)}; it must be a function.`);
}

/**
 * Runs f with copies of the arguments at `positions` (of numbers and tensors in them, however nested). A copy
 * shares its elements, and is tied to the original where the caller records it: then derivatives flow on.
 *
 * Inside vmap every copy belongs to one sample, also where the original is the same for all: so are gradients.
 *
 * @throws GradError for a tensor of whole numbers among them, and inside inferenceMode
 */
export function recorded(
  name: string,
  f: AnyFunction,
  args: readonly unknown[],
  positions: readonly number[],
): Run {
  if (isInferring()) {
    throw new GradError(
      `${name}: inside inferenceMode nothing is recorded, so there is nothing to differentiate; use noGrad, inside which ${name} works.`,
    );
  }
  const records = isGradEnabled();
  const levels = currentLevels();
  const inputs: Tensor[] = [];
  const samples: Tensor[] = [];
  const state = { running: true };
  const copy = (leaf: unknown, where: string): unknown => {
    if (typeof leaf !== "number" && !(leaf instanceof Tensor)) return leaf;
    const x = leaf instanceof Tensor ? leaf : tensor(leaf);
    if (!isFloat(x.dtype)) {
      throw new GradError(
        `${name}: ${where} is ${x.dtype}, which has no gradient; convert it with to("float32"), or differentiate other arguments.`,
      );
    }
    const input = tracked(exposedAll(x, levels), records);
    if (input.isLeaf) ownLeaves.set(input, state);
    const sample = hiddenAll(input, levels);
    inputs.push(input);
    samples.push(sample);
    return sample;
  };
  const previous = setGradEnabled(true);
  const run = () => {
    const copies = [...args];
    for (const i of positions)
      copies[i] = mapLeaves(args[i], (leaf, path) => copy(leaf, `argument ${i}${path}`));
    if (inputs.length === 0) {
      throw new ValueError(
        `${name}: there is no tensor or number in ${positions.length === 1 ? `argument ${positions[0]}` : "the arguments"} to differentiate; pass tensors, in arrays and plain objects if you like.`,
      );
    }
    return f(...(copies as never[]));
  };
  const result = scoped(name, run, () => {
    setGradEnabled(previous);
    state.running = false;
  });
  return { result, inputs, samples, levels, records };
}

/** The same elements as a tensor of its own on the tape: behind x if that is recorded, else a new leaf. */
function tracked(x: Tensor, records: boolean): Tensor {
  if (!records || !needsGrad(x)) return detach(x).requiresGrad_();
  // A view of a lone number would give it a storage for good.
  return x.storage === null ? clone(x) : viewOp(x, { shape: x.shape, strides: x.strides });
}

/**
 * Whether the tensors depend on anything that the tape follows beyond the run: a tensor that requires grad, or an
 * argument of a transform around this one.
 */
export function reachesOutside(run: Run, ys: readonly Tensor[]): boolean {
  if (!run.records) return false;
  const roots = ys.map((y) => exposedAll(y, run.levels)).filter(needsGrad);
  const seen = new Set<Node>(roots.map(edgeOf));
  // A set iterates over what is added meanwhile.
  for (const node of seen) {
    if (node.op === leafOp && ownLeaves.get(leafOf(node))?.running !== false) return true;
    for (const next of node.nextFunctions) if (next !== null) seen.add(next);
  }
  return false;
}

/** What a run gives to the outside: on the tape only if it depends on something there. */
export function released<T>(value: T, keeps: boolean): T {
  return keeps ? value : (mapTensors(value, detach) as T);
}

/**
 * Σ dyᵀ·∂y/∂x for each of the run's inputs, zeros where no y depends on it.
 *
 * @param options.createGraph  whether the result is recorded, too
 * @param options.retainGraph  whether the run may be used again
 */
export function pulled(
  run: Run,
  ys: readonly Tensor[],
  dys: readonly Tensor[],
  options: { createGraph: boolean; retainGraph: boolean },
): Tensor[] {
  const { inputs, levels } = run;
  const roots: Tensor[] = [];
  const seeds: Tensor[] = [];
  ys.forEach((y, i) => {
    const root = exposedAll(y, levels);
    if (!needsGrad(root)) return;
    roots.push(root);
    seeds.push(exposedAll(dys[i]!, levels));
  });
  const found =
    roots.length === 0
      ? inputs.map(() => null)
      : grad(roots, inputs, { ...options, gradOutputs: seeds, allowUnused: true });
  return found.map((dx, i) => hiddenAll(dx ?? zerosLike(inputs[i]!), levels));
}

/**
 * The derivative as a linear map, Σ ∂y/∂x·v for each y: the double-backward construction (J. Townsend, A new
 * trick for calculating Jacobian vector products, 2017). g(u) = uᵀ·∂y/∂x is linear in u, so that its own
 * vector-Jacobian product, vᵀ·∂g/∂u, is ∂y/∂x·v, whatever u is.
 */
export function linearized(
  run: Run,
  ys: readonly Tensor[],
): (tangents: readonly Tensor[]) => Tensor[] {
  const { inputs, levels } = run;
  const outside = reachesOutside(run, ys);
  const roots = ys.map((y) => exposedAll(y, levels));
  const onTape = roots.filter(needsGrad);
  const us = onTape.map((y) => zerosLike(y).requiresGrad_());
  for (const u of us) ownLeaves.set(u, { running: false });
  const gs =
    onTape.length === 0
      ? []
      : grad(onTape, inputs, { gradOutputs: us, createGraph: true, allowUnused: true });
  return (tangents) => {
    const parts = gs.flatMap((g, i) =>
      g !== null && needsGrad(g) ? [{ g, v: exposedAll(tangents[i]!, levels) }] : [],
    );
    const found =
      parts.length === 0
        ? us.map(() => null)
        : grad(
            parts.map(({ g }) => g),
            us,
            {
              gradOutputs: parts.map(({ v }) => v),
              allowUnused: true,
              retainGraph: true,
              createGraph: isGradEnabled() && (outside || parts.some(({ v }) => needsGrad(v))),
            },
          );
    return roots.map((y) => {
      const at = onTape.indexOf(y);
      return hiddenAll((at < 0 ? null : found[at]) ?? zerosLike(y), levels);
    });
  };
}
