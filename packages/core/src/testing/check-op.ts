/**
 * One harness for every op, ours and users': values, gradients, second order, broadcasting, repeated
 * inputs, views, lone numbers, empty tensors, samples under vmap and both float types.
 */
import { plainKernels } from "@tapegrad/kernels";
import { resolveAttributes } from "../attributes.ts";
import { grad } from "../backward.ts";
import { tensor } from "../create.ts";
import { type DType, isFloat } from "../dtype.ts";
import { TapegradError } from "../errors.ts";
import { Form } from "../form.ts";
import type { Op, OpFunction } from "../op.ts";
import { Generator, rand, randint, randn } from "../random.ts";
import { contiguousStrides, formatShape, type Shape, sameShape, sizeOf } from "../shape.ts";
import { show } from "../show.ts";
import { type NestedArray, Tensor } from "../tensor.ts";
import { checkSamples, SAMPLES } from "./check-samples.ts";
import { type GradcheckOptions, gradcheck, gradgradcheck } from "./gradcheck.ts";

/** An op that a check caught. */
export class CheckOpError extends TapegradError {
  override get name(): string {
    return "CheckOpError";
  }
}

/** Describes an input; made anew for each dtype. */
export type InputSpec = (dtype: DType, generator: Generator) => Tensor;

/** Uniform values, by default in [−2, 2). */
export function uniform(shape: Shape, low = -2, high = 2): InputSpec {
  return (dtype, generator) =>
    rounded(rand(shape, { dtype: "float64", low, high, generator }), dtype);
}

/** Normal values with mean 0 and standard deviation 1. */
export function normal(shape: Shape): InputSpec {
  return (dtype, generator) => rounded(randn(shape, { dtype: "float64", generator }), dtype);
}

/** A lone number. */
export function scalar(value: number): InputSpec {
  return (dtype) => tensor(value, { dtype });
}

/** Given values. */
export function values(array: NestedArray): InputSpec {
  return (dtype) => tensor(array, { dtype });
}

/** Whole numbers in [0, high) as int32 (or bool): an input without a gradient. */
export function whole(shape: Shape, high: number, dtype: "int32" | "bool" = "int32"): InputSpec {
  return (_, generator) => tensor(randint(0, high, shape, { generator }), { dtype });
}

function rounded(x: Tensor, dtype: DType): Tensor {
  return tensor(x, { dtype });
}

/** Inputs by name (a list for a variadic op), and attributes if the op takes any. */
export type Case = { readonly [input: string]: InputSpec | readonly InputSpec[] | unknown } & {
  attrs?: unknown;
};

export interface CheckOpOptions extends Pick<GradcheckOptions, "eps" | "atol" | "rtol"> {
  cases: readonly Case[];
  /**
   * How to call the op, where its function wants its input prepared (a view op its strides, say).
   * Default: the function itself.
   */
  call?: (inputs: readonly Tensor[], attrs: never) => Tensor;
  /** The op on plain numbers, for elementwise ops: checks values independently of every kernel. */
  reference?: (...numbers: number[]) => number;
  /** Relative tolerance of values against the reference and the plain kernels. Default 1e-12 in float64. */
  tolerance?: number;
  /** Whether the gradient itself varies smoothly enough for second-order checks. Default true. */
  secondOrder?: boolean;
}

/** What the checks of an op covered. */
export interface Checked {
  readonly gradcheck: boolean;
  readonly gradgradcheck: boolean;
  /** The dtypes that its inputs had. */
  readonly dtypes: ReadonlySet<DType>;
  /** Whether an input without elements was among them. */
  readonly empty: boolean;
  /** Whether it was called with lone numbers alone: tensors without axes. */
  readonly loneNumbers: boolean;
}

type Coverage = { -readonly [K in keyof Checked]: Checked[K] } & { readonly dtypes: Set<DType> };

const checked = new Map<string, Checked>();

/** The ops that have passed {@link checkOp} so far, and what of it applied to them. */
export function checkedOps(): ReadonlyMap<string, Checked> {
  return checked;
}

type AnyOp = OpFunction<never[], Tensor> | OpFunction<never[], Record<string, Tensor>>;

/**
 * Puts an op through every check that applies to it, and needs no test framework: it throws.
 *
 * - values against the naive kernels and the `reference`, through transposed, stepped and flipped views,
 *   and in float32; an elementwise op also with lone numbers, without elements and with whole numbers;
 * - in float64, gradients and their own gradients against central differences under a random dy, also with one
 *   tensor for all inputs, and through a view.
 *
 * @throws CheckOpError, or GradcheckError with a table, naming the op and the case
 */
export function checkOp(f: AnyOp, options: CheckOpOptions): void {
  const op: Op | undefined = f?.op;
  if (op === undefined) {
    throw new CheckOpError(
      `checkOp: got ${show(f)}, which is no op; give what defineOp returned, or use gradcheck, which takes any function of tensors.`,
    );
  }
  if (!Array.isArray(options?.cases) || options.cases.length === 0) {
    throw new CheckOpError(
      `checkOp(${op.name}): there are no cases; give at least one, such as { ${op.inputs[0]}: uniform([3, 4]) }.`,
    );
  }
  const before = checked.get(op.name);
  const record: Coverage = {
    gradcheck: false,
    gradgradcheck: false,
    empty: false,
    loneNumbers: false,
    ...before,
    dtypes: new Set(before?.dtypes),
  };
  options.cases.forEach((given, number) => {
    const at = `checkOp(${op.name}), case ${number}`;
    try {
      checkCase(f, given, options, record);
    } catch (error) {
      if (error instanceof TapegradError) {
        error.message = `${at}: ${error.message}`;
      }
      throw error;
    }
  });
  checked.set(op.name, record);
}

function checkCase(f: AnyOp, given: Case, options: CheckOpOptions, record: Coverage): void {
  const { op } = f;
  const attrs =
    op.attributes === null ? given.attrs : resolveAttributes(op.name, op.attributes, given.attrs);
  const call = (inputs: readonly Tensor[]): Tensor[] => {
    for (const x of inputs) record.dtypes.add(x.dtype);
    record.empty ||= inputs.some((x) => x.size === 0);
    record.loneNumbers ||= inputs.every((x) => x.rank === 0);
    if (options.call !== undefined) return [options.call(inputs, given.attrs as never)];
    const args = op.variadic ? [inputs] : inputs;
    const result = (f as unknown as (...args: unknown[]) => Tensor | Record<string, Tensor>)(
      ...args,
      given.attrs,
    );
    return result instanceof Tensor ? [result] : Object.values(result);
  };
  const exact = inputsOf(op, given, "float64");
  const outputs = call(exact);
  if (options.call === undefined)
    checkAgainstPlain(op, exact, outputs, attrs, options.tolerance ?? 1e-12);
  if (options.reference)
    checkReference(options.reference, exact, outputs[0]!, options.tolerance ?? 1e-12);
  checkViews(call, exact, outputs);
  checkSamples(call, op, samplesOf(op, given), expectClose);
  checkFloat32(op, call, given, outputs);
  if (op.definition.elementwise !== undefined) {
    checkLoneNumbers(call, exact, outputs[0]!);
    checkEmpty(call, exact.length);
    checkIntegers(call, op, exact.length);
  }
  checkGradients(call, op, exact, outputs, options, record);
}

function inputsOf(op: Op, given: Case, dtype: DType, generator = new Generator(7)): Tensor[] {
  return op.inputs.flatMap((name) => {
    const spec = given[name];
    if (spec === undefined)
      throw new CheckOpError(`no input ${name} was given; the op takes ${op.inputs.join(", ")}.`);
    return [spec].flat().map((make) => (make as InputSpec)(dtype, generator));
  });
}

/** Inputs for {@link checkSamples}: each differs from sample to sample unless its values are fixed. */
function samplesOf(op: Op, given: Case): Tensor[][] {
  const generator = new Generator(11);
  return Array.from({ length: SAMPLES }, () => inputsOf(op, given, "float64", generator));
}

function fail(what: string, got: Tensor, expected: Tensor): never {
  throw new CheckOpError(`${what}\n  got      ${got}\n  expected ${expected}`);
}

/** |got − expected| ≤ tolerance · (1 + |expected|), NaN like NaN, infinities alike; equal shapes and dtypes. */
function expectClose(what: string, got: Tensor, expected: Tensor, tolerance: number): void {
  if (!sameShape(got.shape, expected.shape) || got.dtype !== expected.dtype) {
    throw new CheckOpError(
      `${what}: got ${got.dtype} ${formatShape(got.shape)}, expected ${expected.dtype} ${formatShape(expected.shape)}.`,
    );
  }
  const [x, y] = [got.data(), expected.data()];
  const close = x.every((v, i) => {
    const w = y[i]!;
    return (
      v === w ||
      (Number.isNaN(v) && Number.isNaN(w)) ||
      Math.abs(v - w) <= tolerance * (1 + Math.abs(w))
    );
  });
  if (!close) fail(what, got, expected);
}

/** The naive float64 twin of every kernel is the oracle. */
function checkAgainstPlain(
  op: Op,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  attrs: unknown,
  tolerance: number,
): void {
  const { definition } = op;
  const named: unknown = op.variadic
    ? inputs
    : Object.fromEntries(op.inputs.map((name, i) => [name, inputs[i]]));
  if (definition.view !== undefined) return;
  const kernels = plainKernels();
  const what = "values differ from the plain kernels";
  if (definition.shapes !== undefined) {
    const shapes = Object.entries(definition.shapes(named, attrs));
    const targets = Object.fromEntries(
      shapes.map(([name, { shape, dtype }]) => [name, blank(shape, dtype ?? inputs[0]!.dtype)]),
    );
    definition.forwardAll!(named, targets, kernels, attrs);
    op.outputs.forEach((name, i) => {
      expectClose(`${name}: ${what}`, outputs[i]!, targets[name]!, tolerance);
    });
    return;
  }
  const y = outputs[0]!;
  const target = blank(y.shape, y.dtype);
  if (definition.forward !== undefined) {
    definition.forward(named, target, kernels, attrs);
  } else {
    const name = definition.elementwise as never;
    if (op.arity === 2) kernels.binary(name, inputs[0]!, inputs[1]!, target);
    else kernels.unary(name, inputs[0]!, target);
  }
  expectClose(what, y, target, tolerance);
}

/** Zeros with a storage, also where there are no axes: for a kernel to write to. */
function blank(shape: Shape, dtype: DType): Tensor {
  const flat = tensor(new Float64Array(sizeOf(shape)), { dtype });
  return new Tensor(flat.storage, 0, new Form(dtype, shape));
}

function checkReference(
  reference: (...numbers: number[]) => number,
  inputs: readonly Tensor[],
  y: Tensor,
  tolerance: number,
): void {
  const data = inputs.map((x) => x.expand(y.shape).data());
  const expected = Float64Array.from({ length: y.size }, (_, i) =>
    reference(...data.map((d) => d[i]!)),
  );
  const asGiven = tensor(expected, { shape: y.shape, dtype: y.dtype });
  expectClose("values differ from the reference", y, asGiven, tolerance);
}

/** The same values through transposed, stepped and flipped views give the same bits or nearly so. */
function checkViews(
  call: (inputs: readonly Tensor[]) => Tensor[],
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): void {
  const awkward = [transposedView, steppedView, flippedView];
  for (const view of awkward) {
    const again = call(inputs.map(view));
    again.forEach((y, i) => {
      expectClose(`values differ for a ${view.name}`, y, outputs[i]!, 1e-12);
    });
  }
}

/** x in memory order reversed. */
function transposedView(x: Tensor): Tensor {
  const order = x.shape.map((_, i) => x.rank - 1 - i);
  return x.detach().permute(order).clone().permute(order);
}

/** x as every second element of something larger. */
function steppedView(x: Tensor): Tensor {
  if (x.rank === 0) return x;
  const wide = x
    .detach()
    .unsqueeze(x.rank)
    .expand([...x.shape, 2])
    .clone();
  return wide.narrow(x.rank, 0, 1).squeeze(x.rank);
}

/** x read backwards from memory that holds it the other way round. */
function flippedView(x: Tensor): Tensor {
  if (x.rank === 0 || x.size === 0) return x;
  const reversed = tensor(x.data().reverse(), { dtype: x.dtype });
  const strides = contiguousStrides(x.shape).map((stride) => -stride);
  return new Tensor(reversed.storage, 0, new Form(x.dtype, x.shape, strides, x.size - 1));
}

function checkFloat32(
  op: Op,
  call: (inputs: readonly Tensor[]) => Tensor[],
  given: Case,
  outputs: readonly Tensor[],
): void {
  const narrow = inputsOf(op, given, "float32");
  call(narrow).forEach((y, i) => {
    const expected = outputs[i]!;
    if (!isFloat(expected.dtype)) return;
    if (y.dtype !== "float32") throw new CheckOpError(`float32 inputs give ${y.dtype}.`);
    // Inputs rounded to float32 move the result by a few units in the last place, amplified by the op.
    expectClose("float32 values differ from float64 ones", y.to("float64"), expected, 1e-4);
  });
}

function checkLoneNumbers(
  call: (inputs: readonly Tensor[]) => Tensor[],
  inputs: readonly Tensor[],
  y: Tensor,
): void {
  const count = Math.min(y.size, 8);
  const data = inputs.map((x) => x.expand(y.shape).data());
  for (let i = 0; i < count; i++) {
    const lone = call(data.map((d, k) => tensor(d[i]!, { dtype: inputs[k]!.dtype })))[0]!;
    const packed = call(data.map((d, k) => tensor([d[i]!], { dtype: inputs[k]!.dtype })))[0]!;
    if (!Object.is(lone.item(), packed.item()))
      fail("a lone number gives other bits than an array", lone, packed);
  }
}

function checkEmpty(call: (inputs: readonly Tensor[]) => Tensor[], arity: number): void {
  const empty = Array.from({ length: arity }, () =>
    tensor(new Float64Array(0), { shape: [0, 3], requiresGrad: true }),
  );
  const y = call(empty)[0]!;
  if (!sameShape(y.shape, [0, 3]))
    throw new CheckOpError(`empty inputs [0, 3] give shape ${formatShape(y.shape)}.`);
  if (y.requiresGrad) y.sum().backward();
}

/** Integers either work as whole numbers or become float32. */
function checkIntegers(call: (inputs: readonly Tensor[]) => Tensor[], op: Op, arity: number): void {
  const integers = Array.from({ length: arity }, () => tensor([1, 2, 3], { dtype: "int32" }));
  const y = call(integers)[0]!;
  const expected = op.domain === "float" ? "float32" : "int32";
  if (y.dtype !== expected)
    throw new CheckOpError(`int32 inputs give ${y.dtype}; the op's domain says ${expected}.`);
}

function checkGradients(
  call: (inputs: readonly Tensor[]) => Tensor[],
  op: Op,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  options: CheckOpOptions,
  record: Coverage,
): void {
  if (!op.rules.some((rule) => rule !== null) || !outputs.some((y) => isFloat(y.dtype))) return;
  const leaves = inputs.map((x, i) => {
    const leaf = tensor(x);
    return isFloat(x.dtype) && op.rules[op.variadic ? 0 : i] !== null ? leaf.requiresGrad_() : leaf;
  });
  const floats = (results: readonly Tensor[]) => results.filter((y) => isFloat(y.dtype));
  const f = (...given: Tensor[]) => floats(call(given));
  const names = op.variadic ? inputs.map((_, i) => `${op.inputs[0]}[${i}]`) : op.inputs;
  const tolerances = {
    ...(options.eps === undefined ? {} : { eps: options.eps }),
    ...(options.atol === undefined ? {} : { atol: options.atol }),
    ...(options.rtol === undefined ? {} : { rtol: options.rtol }),
    names,
  };
  gradcheck(f, leaves, tolerances);
  record.gradcheck = true;
  if (options.secondOrder !== false) {
    gradgradcheck(f, leaves, tolerances);
    record.gradgradcheck = true;
  }
  // One tensor passed for every input of its shape: contributions add up.
  const first = leaves[0]!;
  const others = leaves.slice(1);
  if (
    others.length > 0 &&
    others.every((x) => sameShape(x.shape, first.shape) && x.dtype === first.dtype)
  ) {
    gradcheck((x) => f(...leaves.map(() => x)), [first], tolerances);
  }
  // Through a view, the gradient lands in the base.
  if (first.requiresGrad && first.rank > 0) {
    const direct = grad(
      f(...leaves).map((y) => y.sum()),
      [first],
    )[0]!;
    const flat = tensor(first.data(), { requiresGrad: true });
    const viewed = grad(
      f(flat.reshape(first.shape), ...others).map((y) => y.sum()),
      [flat],
    )[0]!;
    expectClose("gradient differs through a view", viewed.reshape(first.shape), direct, 1e-12);
  }
}
