/** An op inside `vmap` gives what a loop over the samples gives, values and gradients. */
import { grad } from "../backward.ts";
import { tensor } from "../create.ts";
import { isFloat } from "../dtype.ts";
import type { Op } from "../op.ts";
import { mul } from "../ops/elementwise.ts";
import { stack } from "../ops/layout.ts";
import { sum } from "../ops/reduce.ts";
import { Generator, randn } from "../random.ts";
import type { Tensor } from "../tensor.ts";
import { vmap } from "../transforms/vmap.ts";

/** How many samples a check maps over. */
export const SAMPLES = 3;

type Call = (inputs: readonly Tensor[]) => Tensor[];
type Compare = (what: string, got: Tensor, expected: Tensor, tolerance: number) => void;

/**
 * With all inputs mapped, then with each one alone, the others shared.
 *
 * @param samples  for each sample the op's inputs
 */
export function checkSamples(
  call: Call,
  op: Op,
  samples: readonly (readonly Tensor[])[],
  compare: Compare,
): void {
  const count = samples[0]!.length;
  const choices = [samples[0]!.map(() => true)];
  if (count > 1) for (let i = 0; i < count; i++) choices.push(samples[0]!.map((_, k) => k === i));
  for (const mapped of choices) checkMapped(call, op, samples, mapped, compare);
}

function checkMapped(
  call: Call,
  op: Op,
  samples: readonly (readonly Tensor[])[],
  mapped: readonly boolean[],
  compare: Compare,
): void {
  const inputs = mapped.map((isMapped, i) => {
    const x = isMapped ? stack(samples.map((sample) => sample[i]!)) : samples[0]![i]!;
    const differentiable = isFloat(x.dtype) && op.rules[op.variadic ? 0 : i] !== null;
    return differentiable ? tensor(x).requiresGrad_() : x;
  });
  const inAxes = mapped.map((isMapped) => (isMapped ? 0 : null));
  const got = vmap((...sample: Tensor[]) => call(sample), { inAxes })(...inputs);
  const each = samples.map((_, k) => call(inputs.map((x, i) => (mapped[i] ? x.select(0, k) : x))));
  const expected = got.map((_, i) => stack(each.map((outputs) => outputs[i]!)));
  const names = mapped.flatMap((isMapped, i) => (isMapped ? [op.inputs[op.variadic ? 0 : i]] : []));
  const where = `vmap over ${names.join(", ")}`;
  got.forEach((y, i) => {
    compare(`values differ from a loop's under ${where}`, y, expected[i]!, 1e-12);
  });
  const [dx, want] = [gradients(got, inputs), gradients(expected, inputs)];
  dx.forEach((g, i) => {
    compare(`gradients differ from a loop's under ${where}`, g, want[i]!, 1e-10);
  });
}

/** Of a random combination of the outputs, for the inputs on the tape. */
function gradients(outputs: readonly Tensor[], inputs: readonly Tensor[]): Tensor[] {
  const generator = new Generator(13);
  const terms = outputs
    .filter((y) => y.requiresGrad)
    .map((y) => sum(mul(y, randn(y.shape, { dtype: "float64", generator }))));
  const leaves = inputs.filter((x) => x.requiresGrad);
  if (terms.length === 0) return [];
  return grad(terms, leaves, { allowUnused: true }).map((g, i) => g ?? mul(leaves[i]!.detach(), 0));
}
