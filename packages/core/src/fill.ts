/** How an op's outputs get their elements: `forward`, a `kernel` over typed arrays, or a function of numbers. */
import { alloc, defaultKernels, type Kernels, materialize, peek, release } from "@tapegrad/kernels";
import { type DType, newArray, type TypedArray } from "./dtype.ts";
import { ValueError } from "./errors.ts";
import { Form } from "./form.ts";
import type { Op } from "./op.ts";
import { formatShape, type Shape, sameShape, sizeOf } from "./shape.ts";
import { show } from "./show.ts";
import { setArrayKernel, Tensor } from "./tensor.ts";

type ByName<T> = Readonly<Record<string, T>>;

/** A kernel as users write it: arrays by name in, an array (or several by name) to fill. */
export type ArrayKernel = (
  inputs: ByName<TypedArray>,
  y: TypedArray | ByName<TypedArray>,
  attrs: unknown,
  shapes: ByName<Shape>,
) => unknown;

/** A function of as many numbers as the op has inputs, and of the attributes. */
export type NumberFunction = (...numbers: never[]) => number;

type Forward = (
  inputs: ByName<Tensor>,
  outputs: Tensor | ByName<Tensor>,
  kernels: Kernels,
  attrs: unknown,
) => void;

// ---------------------------------------------------------------------------------------------
// From an array kernel to a forward

/**
 * @internal The `forward` (or `forwardAll`) of a kernel over typed arrays.
 *
 * @param spread  whether inputs are broadcast to the output's shape first, except those of one element
 *                if "but numbers"
 */
export function arrayForward(
  op: string,
  kernel: ArrayKernel,
  spread: false | "all" | "but numbers",
): Forward {
  return (inputs, outputs, kernels, attrs) => {
    const single = outputs instanceof Tensor;
    const targets: ByName<Tensor> = single ? { y: outputs } : outputs;
    const scratch: Tensor[] = [];
    const fresh = (shape: Shape, dtype: DType): Tensor => {
      const storage = alloc(dtype, sizeOf(shape));
      const made = new Tensor(storage, 0, new Form(dtype, shape));
      scratch.push(made);
      return made;
    };
    try {
      // All memory first: making more may move what is there.
      const packed = mapValues(inputs, (x) => {
        const asIs = spread === false || (spread === "but numbers" && x.size === 1);
        const shape = asIs ? x.shape : (outputs as Tensor).shape;
        const rewritten = Object.values(targets).some(
          ({ storage }) => storage !== null && storage === x.storage,
        );
        if (sameShape(shape, x.shape) && x.isContiguous && !rewritten) {
          if (x.storage !== null) materialize(x.storage);
          return x;
        }
        const copy = fresh(shape, x.dtype);
        kernels.copy(x, copy);
        return copy;
      });
      const filled = mapValues(targets, (y) => (y.isContiguous ? y : fresh(y.shape, y.dtype)));
      const arrays = mapValues(filled, arrayOf);
      const previous = setArrayKernel(op);
      try {
        const result = kernel(
          mapValues(packed, arrayOf),
          single ? arrays.y! : arrays,
          attrs,
          mapValues({ ...inputs, ...targets }, ({ shape }) => shape),
        );
        if (!Object.values(arrays).includes(result as TypedArray))
          checkReturned(op, "kernel", result);
      } finally {
        setArrayKernel(previous);
      }
      for (const [name, y] of Object.entries(targets)) {
        if (filled[name] !== y) kernels.copy(filled[name]!, y);
      }
    } finally {
      for (const { storage } of scratch) release(storage!);
    }
  };
}

function mapValues<T, R>(record: ByName<T>, f: (value: T) => R): Record<string, R> {
  const result: Record<string, R> = {};
  for (const name in record) result[name] = f(record[name]!);
  return result;
}

/** The elements of a contiguous tensor in place, valid until memory is next made. */
function arrayOf(x: Tensor): TypedArray {
  if (x.storage !== null) {
    const { size } = x;
    return size === 0 ? newArray(x.dtype, 0) : peek(x.storage).subarray(x.offset, x.offset + size);
  }
  const one = newArray(x.dtype, 1);
  one[0] = x.value;
  return one;
}

// ---------------------------------------------------------------------------------------------
// From a function of numbers to a kernel

/** @internal The kernel that applies f element by element; an array of one element serves all. */
export function elementwiseKernel(
  op: string,
  inputs: readonly string[],
  f: NumberFunction,
): ArrayKernel {
  const call = f as (...args: unknown[]) => number;
  return (arrays, y, attrs) => {
    const out = y as TypedArray;
    const lists = inputs.map((name) => arrays[name]!);
    const steps = lists.map(({ length }) => (length === 1 ? 0 : 1));
    const [a, b] = lists as [TypedArray, TypedArray];
    if (lists.length === 1) {
      const step = steps[0]!;
      for (let i = 0; i < out.length; i++) out[i] = call(a[i * step]!, attrs);
    } else if (lists.length === 2) {
      const [stepA, stepB] = steps as [number, number];
      for (let i = 0; i < out.length; i++) out[i] = call(a[i * stepA]!, b[i * stepB]!, attrs);
    } else {
      const args: unknown[] = [...lists, attrs];
      for (let i = 0; i < out.length; i++) {
        for (let k = 0; k < lists.length; k++) args[k] = lists[k]![i * steps[k]!];
        out[i] = call(...args);
      }
    }
    // undefined becomes NaN, and 0 among whole numbers.
    if (out.length > 0 && !out[0]) {
      checkNumber(op, call, [...lists.map((list) => list[0]), attrs]);
    }
  };
}

/** @throws ValueError if the function of numbers (and attributes, the last argument) gives something else */
function checkNumber(op: string, f: (...args: unknown[]) => unknown, args: unknown[]): void {
  const result = f(...args);
  if (typeof result === "number" || typeof result === "boolean") return;
  const numbers = args.slice(0, -1).join(", ");
  throw new ValueError(
    `${op}: the elementwise function gave ${show(result)} for ${numbers}; it must return a number.`,
  );
}

/** @internal The function on lone numbers, with the bits that an array of the dtype would get. */
export function numberFunction(
  op: string,
  f: NumberFunction,
  arity: number,
  dtype: DType,
): (a: number, b: number) => number {
  const call = f as (a: number, b: number) => number;
  const cell = newArray(dtype, 1);
  return (a, b) => {
    const result: unknown = call(a, b);
    if (typeof result !== "number")
      checkNumber(op, call as never, [...[a, b].slice(0, arity), undefined]);
    cell[0] = result as number;
    return cell[0];
  };
}

// ---------------------------------------------------------------------------------------------
// Running a forward, and looking at its first result

/** Values that no computation gives, by dtype; uint8 has none to spare. */
const unwritten: Partial<Record<DType, number>> = {
  float32: Math.fround(-1.2345678e-33),
  float64: -1.2345678901234567e-33,
  int32: 0xaaaaaaaa | 0,
  bool: 0xaa,
};

/**
 * @internal Lets the op's `forward` or `forwardAll` fill fresh outputs. The first time, an output left unwritten
 * and an input written to are errors.
 *
 * @throws ValueError naming the op
 */
export function fillOutputs(
  op: Op,
  inputs: unknown,
  outputs: Tensor | ByName<Tensor>,
  attrs: unknown,
): void {
  if (op.isProven) {
    runForward(op, inputs, outputs, attrs);
    return;
  }
  const given = Object.entries(inputs as ByName<Tensor>).map(
    ([name, x]) => [name, x, x.data()] as const,
  );
  const targets = Object.entries(outputs instanceof Tensor ? { y: outputs } : outputs);
  for (const [, y] of targets) {
    const mark = unwritten[y.dtype];
    if (mark !== undefined && y.size > 0) peek(y.storage!).fill(mark);
  }
  runForward(op, inputs, outputs, attrs);
  for (const [name, x, before] of given) {
    if (x.data().every((value, i) => Object.is(value, before[i]))) continue;
    throw new ValueError(
      `${op.name}: the forward changed its input ${name}; it must leave inputs as they are, and write to outputs.`,
    );
  }
  for (const [name, y] of targets) checkFilled(op, name, y);
  op.isProven = targets.some(([, y]) => y.size > 0);
}

function runForward(
  op: Op,
  inputs: unknown,
  outputs: Tensor | ByName<Tensor>,
  attrs: unknown,
): void {
  const { forward, forwardAll } = op.definition;
  if (forward !== undefined) {
    const result: unknown = forward(inputs, outputs as Tensor, defaultKernels(), attrs);
    checkReturned(op.name, "forward", result);
  } else {
    const result: unknown = forwardAll!(inputs, outputs as ByName<Tensor>, defaultKernels(), attrs);
    checkReturned(op.name, "forwardAll", result);
  }
}

/** Users of other frameworks return the result; it would be lost here. */
function checkReturned(op: string, what: string, result: unknown): void {
  if (typeof result !== "object" || result === null) return;
  const shown = Array.isArray(result) ? "an array" : show(result);
  throw new ValueError(
    `${op}: ${what} returned ${shown}; it must fill the output that it is given, and return nothing.`,
  );
}

function checkFilled(op: Op, name: string, y: Tensor): void {
  const mark = unwritten[y.dtype];
  if (mark === undefined) return;
  const data = y.data();
  const first = data.indexOf(mark);
  if (first < 0) return;
  const count = [...data].filter((value) => value === mark).length;
  throw new ValueError(
    `${op.name}: the forward left ${count} of the ${y.size} elements of ${name} ${formatShape(y.shape)} unwritten, the first at position ${first}; it must fill all of them.`,
  );
}
