/** What an op does when one of its inputs stands for a sample of a running vmap. */
import { apply, applyInPlace } from "../apply.ts";
import { BatchedTensor, currentLevels, innermost } from "../batched.ts";
import { VmapError } from "../errors.ts";
import type { BatchCall, BatchRule, Op } from "../op.ts";
import { broadcasting } from "../ops/batching.ts";
import { clone, copyOp, stack } from "../ops/layout.ts";
import { select } from "../ops/split.ts";
import type { Shape } from "../shape.ts";
import type { Tensor } from "../tensor.ts";

type Result = Tensor | Record<string, Tensor>;

function mapResult(result: Result, f: (y: Tensor) => Tensor): Result {
  if (isRecord(result)) {
    return Object.fromEntries(Object.entries(result).map(([name, y]) => [name, f(y)]));
  }
  return f(result);
}

function isRecord(result: Result): result is Record<string, Tensor> {
  return Object.getPrototypeOf(result) === Object.prototype;
}

/** How vmap runs the op: by its own rule; elementwise ops broadcast; any other one runs once for each sample. */
export function batchRuleOf(op: Op): BatchRule {
  const { batch, elementwise } = op.definition;
  return batch ?? (elementwise === undefined ? inLoop : broadcasting);
}

/** One call for each sample. */
function inLoop({ call, inputs, batched, attrs, size }: BatchCall): Result {
  if (size === 0) {
    throw new VmapError(
      "vmap: there are no samples, and an op without a batch rule runs once for each, so the shape of its result is unknown; give the op a batch rule.",
    );
  }
  const results = Array.from({ length: size }, (_, sample) =>
    call(
      inputs.map((x, i) => (batched[i] ? select(x, 0, sample) : x)),
      attrs,
    ),
  );
  const first = results[0]!;
  if (!isRecord(first)) return stack(results as Tensor[]);
  return Object.fromEntries(
    Object.keys(first).map((name) => [
      name,
      stack(results.map((result) => (result as Record<string, Tensor>)[name]!)),
    ]),
  );
}

/** The op for all samples of the innermost vmap that an input belongs to; vmaps around it see its calls in turn. */
export function callBatched(op: Op, inputs: readonly Tensor[], attrs: unknown): Result {
  const level = innermost(inputs);
  const batched = inputs.map((x) => x instanceof BatchedTensor && x.level === level);
  const result = batchRuleOf(op)({
    call: (all, own) => apply(op, all, own),
    inputs: inputs.map((x, i) => (batched[i] ? (x as BatchedTensor).physical : x)),
    batched,
    attrs,
    size: level.size,
  });
  return mapResult(result, (y) => new BatchedTensor(y, level));
}

/** The result of a copy, written over all samples of x. */
export function callInPlace(
  op: Op,
  x: Tensor,
  others: readonly Tensor[],
  attrs: unknown,
  name: string,
  instead: string,
): Tensor {
  const level = innermost([x, ...others]);
  if (!(x instanceof BatchedTensor) || x.level !== level) {
    throw new VmapError(
      `${name}: the tensor is the same for every sample of a vmap, and what would be written differs between them; use ${instead}, which makes a new tensor.`,
    );
  }
  const y = apply(op, [clone(x), ...others], attrs) as BatchedTensor;
  applyInPlace(copyOp.op, x.physical, [y.physical], undefined, name, instead);
  return x;
}

/** Random numbers inside vmap: those of each vmap that wants different ones are drawn along an axis of its own. */
export function drawBatched(name: string, shape: Shape, draw: (shape: Shape) => Tensor): Tensor {
  const levels = currentLevels();
  if (levels.some(({ randomness }) => randomness === "error")) {
    throw new VmapError(
      `${name}: random numbers inside vmap; say whether every sample gets its own, vmap(f, { randomness: "different" }), or all the same, "same".`,
    );
  }
  const different = levels.filter(({ randomness }) => randomness === "different");
  const all = draw([...different.map(({ size }) => size), ...shape]);
  return different.reduce<Tensor>((x, level) => new BatchedTensor(x, level), all);
}
