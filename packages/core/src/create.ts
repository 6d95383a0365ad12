/** Making tensors. Shapes are arrays of sizes; the dtype is float32 unless said or implied otherwise. */
import { defaultKernels } from "@tapegrad/kernels";
import { describe } from "./apply.ts";
import {
  checkDType,
  type DType,
  dtypeOfArray,
  newArray,
  promote,
  type TypedArray,
} from "./dtype.ts";
import { DTypeError, ShapeError, ValueError } from "./errors.ts";
import { Form } from "./form.ts";
import { checkShape, formatShape, type Shape, sameShape, sizeOf } from "./shape.ts";
import { adoptArray, emptyTensor, type NestedArray, numberTensor, Tensor } from "./tensor.ts";

/** Options of functions that make tensors. */
export interface TensorOptions {
  dtype?: DType;
  /** Whether the tape follows the tensor. Default false. */
  requiresGrad?: boolean;
}

function finish(x: Tensor, options: TensorOptions): Tensor {
  return options.requiresGrad === true ? x.requiresGrad_() : x;
}

/**
 * A tensor of the given values: a number, nested arrays of equal lengths, a typed array (its dtype is
 * kept; `shape` may fold it), or a tensor (copied). Values are copied; later changes of the source don't show.
 *
 * ```ts
 * tensor([[1, 2], [3, 4]])                          // float32 [2, 2]
 * tensor(new Uint8Array(784), { shape: [28, 28] })  // uint8
 * ```
 *
 * @throws ShapeError for ragged arrays, naming the place; ValueError for anything that isn't a number
 */
export function tensor(
  values: NestedArray | TypedArray | Uint8ClampedArray | Tensor,
  options: TensorOptions & { shape?: Shape } = {},
): Tensor {
  const { dtype, shape } = options;
  if (dtype !== undefined) checkDType("tensor", dtype);
  if (shape !== undefined) checkShape("tensor", shape);
  const [data, found, kind] = read(values);
  const target = shape ?? found;
  if (sizeOf(target) !== data.length) {
    throw new ShapeError(
      `tensor: ${data.length} values don't fill shape ${formatShape(target)}, which has ${sizeOf(target)} elements.`,
    );
  }
  const type = dtype ?? kind;
  if (target.length === 0) return finish(numberTensor(convert(data, type)[0]!, type), options);
  return finish(adoptArray(convert(data, type), type, [...target]), options);
}

/** The values in a fresh array of the dtype. */
function convert(data: ArrayLike<number>, dtype: DType): TypedArray {
  const array = newArray(dtype, data.length);
  if (dtype === "bool") for (let i = 0; i < data.length; i++) array[i] = data[i] !== 0 ? 1 : 0;
  else array.set(data);
  return array;
}

function read(values: unknown): [data: ArrayLike<number>, shape: Shape, dtype: DType] {
  if (values instanceof Tensor) return [values.data(), values.shape, values.dtype];
  if (ArrayBuffer.isView(values)) {
    const dtype = dtypeOfArray(values);
    if (dtype === undefined) {
      throw new DTypeError(
        `tensor: can't read ${describe(values)}; use a Float32Array, Float64Array, Int32Array, Uint8Array or plain arrays.`,
      );
    }
    const data = values as TypedArray;
    return [data, [data.length], dtype];
  }
  const shape: number[] = [];
  for (let level: unknown = values; Array.isArray(level); level = level[0])
    shape.push(level.length);
  const data: number[] = [];
  let kind: DType | undefined;
  const walk = (value: unknown, axis: number, path: number[]): void => {
    const where = path.length === 0 ? "the value" : `element [${path.join("][")}]`;
    if (Array.isArray(value)) {
      if (axis >= shape.length || value.length !== shape[axis]) {
        const expected =
          axis >= shape.length
            ? "a number, as its neighbours are"
            : `${shape[axis]} long, as its neighbours are`;
        throw new ShapeError(
          `tensor: ragged array: ${where} is an array of ${value.length}; it must be ${expected}.`,
        );
      }
      for (let i = 0; i < value.length; i++) walk(value[i], axis + 1, [...path, i]);
    } else if (typeof value === "number" || typeof value === "boolean") {
      if (axis !== shape.length) {
        throw new ShapeError(
          `tensor: ragged array: ${where} is a number; it must be an array of ${shape[axis]}, as its neighbours are.`,
        );
      }
      const own = typeof value === "boolean" ? "bool" : "float32";
      kind = kind === undefined ? own : promote(kind, own);
      data.push(Number(value));
    } else {
      throw new ValueError(`tensor: ${where} is ${describe(value)}; it must be a number.`);
    }
  };
  walk(values, 0, []);
  return [data, shape, kind ?? "float32"];
}

/** Every element is `value`. */
export function full(shape: Shape, value: number, options: TensorOptions = {}): Tensor {
  checkShape("full", shape);
  const dtype = options.dtype ?? "float32";
  checkDType("full", dtype);
  if (shape.length === 0) return finish(numberTensor(convert([value], dtype)[0]!, dtype), options);
  const x = emptyTensor(new Form(dtype, [...shape]));
  defaultKernels().fill(value, x);
  return finish(x, options);
}

/** A tensor of zeros. */
export function zeros(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 0, options);
}

/** A tensor of ones. */
export function ones(shape: Shape, options: TensorOptions = {}): Tensor {
  return full(shape, 1, options);
}

/** Zeros of x's shape and dtype. */
export function zerosLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return full(x.shape, 0, { dtype: x.dtype, ...options });
}

/** Ones of x's shape and dtype. */
export function onesLike(x: Tensor, options: TensorOptions = {}): Tensor {
  return full(x.shape, 1, { dtype: x.dtype, ...options });
}

/** The n × n identity. */
export function eye(n: number, options: TensorOptions = {}): Tensor {
  checkShape("eye", [n, n]);
  const dtype = options.dtype ?? "float32";
  const data = newArray(dtype, n * n);
  for (let i = 0; i < n; i++) data[i * n + i] = 1;
  return finish(adoptArray(data, dtype, [n, n]), options);
}

/**
 * start, start + step, … below (above, for a negative step) `stop`. `arange(n)` counts 0 … n − 1.
 * Whole numbers give int32, others float32, unless a dtype is named.
 */
export function arange(
  start: number,
  stop?: number,
  step = 1,
  options: TensorOptions = {},
): Tensor {
  const [from, to] = stop === undefined ? [0, start] : [start, stop];
  if (![from, to, step].every(Number.isFinite) || step === 0) {
    throw new ValueError(`arange: (${from}, ${to}, ${step}) must be finite, and the step not 0.`);
  }
  const length = Math.max(0, Math.ceil((to - from) / step));
  checkShape("arange", [length]);
  const dtype = options.dtype ?? ([from, step].every(Number.isInteger) ? "int32" : "float32");
  checkDType("arange", dtype);
  const data = newArray(dtype, length);
  for (let i = 0; i < length; i++) data[i] = from + i * step;
  return finish(adoptArray(data, dtype, [length]), options);
}

/** `count` numbers from start to stop, both included, equally spaced. */
export function linspace(
  start: number,
  stop: number,
  count: number,
  options: TensorOptions = {},
): Tensor {
  checkShape("linspace", [count]);
  const dtype = options.dtype ?? "float32";
  checkDType("linspace", dtype);
  const data = newArray(dtype, count);
  // Each half counts from its own end, so that both ends are exact.
  const step = count > 1 ? (stop - start) / (count - 1) : 0;
  for (let i = 0; i < count; i++)
    data[i] = i < count / 2 ? start + i * step : stop - (count - 1 - i) * step;
  return finish(adoptArray(data, dtype, [count]), options);
}

/** Whether two tensors have the same shape, dtype and elements (NaN equals NaN). */
export function equal(a: Tensor, b: Tensor): boolean {
  if (a.dtype !== b.dtype || !sameShape(a.shape, b.shape)) return false;
  const [x, y] = [a.data(), b.data()];
  return x.every((value, i) => Object.is(value, y[i]) || value === y[i]);
}
