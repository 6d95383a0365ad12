/** What an op does when one of its inputs stands for a sample of a running vmap. */
import { apply, applyInPlace, describe } from "../apply.ts";
import { BatchedTensor, currentLevels, innermost } from "../batched.ts";
import type { BatchRule } from "../definition.ts";
import { VmapError } from "../errors.ts";
import type { Op } from "../op.ts";
import { broadcasting, eachSample } from "../ops/batching.ts";
import { clone, copyOp } from "../ops/layout.ts";
import { formatShape, type Shape } from "../shape.ts";
import { Tensor } from "../tensor.ts";

type Outputs = Record<string, Tensor>;
type Result = Tensor | Outputs;

/** The op's own rule; elementwise ops broadcast; null: once for each sample. */
export function batchRuleOf(op: Op): BatchRule | null {
  const { batch, elementwise } = op.definition;
  if (typeof batch === "function") return batch;
  return batch === "broadcast" || elementwise !== undefined ? broadcasting : null;
}

/** The op for all samples of the innermost vmap that an input belongs to; vmaps around it see its calls in turn. */
export function callBatched(op: Op, inputs: readonly Tensor[], attrs: unknown): Result {
  const rule = batchRuleOf(op);
  if (rule === null) return eachSample<Result>(inputs, (sample) => apply(op, sample, attrs));
  const level = innermost(inputs);
  const batched = inputs.map((x) => x instanceof BatchedTensor && x.level === level);
  const result = rule({
    call: (all, own) => apply(op, all, own),
    inputs: inputs.map((x, i) => (batched[i] ? (x as BatchedTensor).physical : x)),
    batched,
    attrs,
    size: level.size,
  });
  const wrap = (y: unknown) => {
    checkSamples(op, y, level.size);
    return new BatchedTensor(y, level);
  };
  if (op.definition.outputs === undefined) return wrap(result);
  return Object.fromEntries(op.outputs.map((name) => [name, wrap((result as Outputs)[name])]));
}

/** Users' rules may be wrong. */
function checkSamples(op: Op, y: unknown, size: number): asserts y is Tensor {
  if (y instanceof Tensor && y.shape[0] === size) return;
  const got = y instanceof Tensor ? `shape ${formatShape(y.shape)}` : describe(y);
  throw new VmapError(
    `vmap: the batch rule of ${op.name} gave ${got}; it must give a Tensor with the ${size} samples along its first axis.`,
  );
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
