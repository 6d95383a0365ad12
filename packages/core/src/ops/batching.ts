/** How ops run for all samples at once inside `vmap`: the rules that most of them share. */
import { BatchedTensor, innermost, isBatched, type Level, openLevels } from "../batched.ts";
import type { BatchCall, BatchRule } from "../definition.ts";
import { VmapError } from "../errors.ts";
import { Tensor } from "../tensor.ts";
import { expand, reshape, stack } from "./layout.ts";
import { select } from "./split.ts";

/** The inputs with all samples in front: those that every sample shares are repeated, as views. */
export function everySample({
  inputs,
  batched,
  size,
}: Pick<BatchCall, "inputs" | "batched" | "size">): Tensor[] {
  return inputs.map((x, i) => (batched[i] ? x : expand(x, [size, ...x.shape])));
}

/**
 * The op itself does it, once its attributes are those for one more axis in front. For ops whose inputs keep
 * their axes apart (nothing broadcasts).
 */
export function withFrontAxis<A = unknown>(
  attrs: (attrs: A, call: BatchCall<A>) => A = (same) => same,
): BatchRule<A> {
  return (call) => call.call(everySample(call), attrs(call.attrs, call));
}

/** {@link withFrontAxis} for ops that take an axis: it is one place later. */
export function alongNext<A extends { axis: number }>(): BatchRule<A> {
  return withFrontAxis<A>((attrs) => ({ ...attrs, axis: attrs.axis + 1 }));
}

/** As {@link alongNext}, for several axes. */
export function overNext<A extends { axes: readonly number[] }>(): BatchRule<A> {
  return withFrontAxis<A>((attrs) => ({ ...attrs, axes: attrs.axes.map((axis) => axis + 1) }));
}

/** x with all samples in front and then at least `rank` axes: new ones come between. */
export function aligned(x: Tensor, rank: number): Tensor {
  const missing = rank + 1 - x.rank;
  if (missing <= 0) return x;
  return reshape(x, [x.shape[0]!, ...new Array<number>(missing).fill(1), ...x.shape.slice(1)]);
}

/** For ops whose inputs broadcast: what every sample shares broadcasts over them, too. */
export function broadcasting<A>({
  call,
  inputs,
  batched,
  attrs,
}: BatchCall<A>): ReturnType<BatchRule> {
  const rank = Math.max(...inputs.map((x, i) => (batched[i] ? x.rank - 1 : x.rank)));
  return call(
    inputs.map((x, i) => (batched[i] ? aligned(x, rank) : x)),
    attrs,
  );
}

/** [B, N, …] → [B·N, …]: the samples join the first axis. */
export function joined(x: Tensor): Tensor {
  return reshape(x, [x.shape[0]! * x.shape[1]!, ...x.shape.slice(2)]);
}

/** [B·N, …] → [B, N, …]. */
export function parted(x: Tensor, size: number, count: number): Tensor {
  return reshape(x, [size, count, ...x.shape.slice(1)]);
}

/** For ops of one input that treat the entries of its first axis alike: the samples join it. */
export function amongFirst<A = unknown>(
  attrs: (attrs: A, size: number) => A = (same) => same,
): BatchRule<A> {
  return ({ call, inputs, attrs: own, size }) =>
    parted(call([joined(inputs[0]!)], attrs(own, size)) as Tensor, size, inputs[0]!.shape[1]!);
}

/** x for every sample of the vmaps that the others belong to: what then is written into it may differ. */
export function alongside(x: Tensor, others: readonly unknown[]): Tensor {
  let y = x;
  for (const other of others)
    for (let at = other; isBatched(at); at = at.physical) y = repeatedFor(y, at.level);
  return y;
}

function repeatedFor(x: Tensor, level: Level): Tensor {
  if (!isBatched(x) || x.level.depth < level.depth)
    return new BatchedTensor(expand(x, [level.size, ...x.shape]), level);
  if (x.level === level) return x;
  return new BatchedTensor(repeatedFor(x.physical, level), x.level);
}

/**
 * For functions that must see values: f of the inputs, inside vmap once for each sample. The results are stacked.
 */
export function eachSample<T extends Tensor | { readonly [K in keyof T]: Tensor }>(
  inputs: readonly Tensor[],
  f: (inputs: readonly Tensor[]) => T,
): T {
  if (openLevels === 0 || !inputs.some(isBatched)) return f(inputs);
  const level = innermost(inputs);
  const results = Array.from({ length: level.size }, (_, sample) =>
    eachSample(
      inputs.map((x) => (isBatched(x) && x.level === level ? select(x.physical, 0, sample) : x)),
      f,
    ),
  );
  const together = (parts: readonly Tensor[]) => new BatchedTensor(stack(parts), level);
  const [first] = results;
  if (first === undefined) {
    throw new VmapError(
      "vmap: there are no samples, and this runs once for each of them, so the shape of its result is unknown; give the op a batch rule.",
    );
  }
  if (first instanceof Tensor) return together(results as readonly Tensor[]) as unknown as T;
  return Object.fromEntries(
    Object.keys(first).map((key) => [
      key,
      together(results.map((y) => y[key as keyof T] as Tensor)),
    ]),
  ) as unknown as T;
}
