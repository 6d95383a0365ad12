/** Sliding windows over the last axes of a tensor: the geometry that convolution and pooling share. */
import { alloc, type Kernels, release } from "@tapegrad/kernels";
import type { DType } from "../dtype.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { contiguousStrides, formatShape, type Shape, sizeOf } from "../shape.ts";
import { Tensor, viewTensor } from "../tensor.ts";
import { amongFirst } from "./batching.ts";
import { reshape } from "./layout.ts";

/** One number for every spatial axis, or one each. */
export type PerAxis = number | readonly number[];

/**
 * The option as one whole number for each spatial axis.
 *
 * @throws ValueError naming the option unless all are whole and at least `least`
 */
export function perAxis(
  op: string,
  option: string,
  given: PerAxis,
  axes: number,
  least: number,
): number[] {
  const list = typeof given === "number" ? new Array<number>(axes).fill(given) : given;
  const fits =
    Array.isArray(list) &&
    list.length === axes &&
    list.every((value) => Number.isInteger(value) && value >= least);
  if (!fits) {
    const shown = Array.isArray(given) ? `[${given.join(", ")}]` : String(given);
    throw new ValueError(
      `${op}: ${option} is ${shown}; it must be a whole number of at least ${least}, or ${axes} of them, one per spatial axis.`,
    );
  }
  return list as number[];
}

/**
 * A batch of images of `axes` spatial axes as [N, C, …spatial]; one image [C, …spatial] becomes a batch of one.
 *
 * @throws ShapeError for another rank
 */
export function asBatch(op: string, x: Tensor, axes: number): Tensor {
  if (x.rank === axes + 2) return x;
  if (x.rank === axes + 1) return reshape(x, [1, ...x.shape]);
  const letters = ["L", "H, W", "D, H, W"][axes - 1];
  throw new ShapeError(
    `${op}: x is ${formatShape(x.shape)}; it must be [N, C, ${letters}], or [C, ${letters}] for one image.`,
  );
}

/** y as x was given: without the batch axis that {@link asBatch} added. */
export function likeGiven(y: Tensor, x: Tensor, axes: number): Tensor {
  return x.rank === axes + 2 ? y : reshape(y, y.shape.slice(1));
}

/** Windows of size `kernel`, every `stride` elements, whose elements are `dilation` apart; `output` of them. */
export interface Windows {
  kernel: Shape;
  stride: Shape;
  dilation: Shape;
  output: Shape;
}

/** Elements from a window's first to its last, both included. */
export function span(kernel: number, dilation: number): number {
  return dilation * (kernel - 1) + 1;
}

/** @internal x [N, C, …] seen as [N, C, …output, …kernel], off the tape. */
export function windowsOf(x: Tensor, { kernel, stride, dilation, output }: Windows): Tensor {
  const spatial = x.strides.slice(2);
  const strides = [
    ...x.strides.slice(0, 2),
    ...spatial.map((step, i) => step * stride[i]!),
    ...spatial.map((step, i) => step * dilation[i]!),
  ];
  return viewTensor(x, [...x.shape.slice(0, 2), ...output, ...kernel], strides, x.offset);
}

/** @internal Adds every window's elements to where they came from: the transpose of {@link windowsOf}. */
export function addWindows(
  kernels: Kernels,
  windows: Tensor,
  x: Tensor,
  { kernel, stride, dilation, output }: Windows,
): void {
  const axes = kernel.length;
  const shape = [...x.shape.slice(0, 2), ...output];
  const strides = [
    ...x.strides.slice(0, 2),
    ...x.strides.slice(2).map((step, i) => step * stride[i]!),
  ];
  const sourceStrides = windows.strides.slice(0, -axes);
  for (const at of positions(kernel)) {
    const source = at.reduce(
      (sum, k, i) => sum + k * windows.strides[2 + axes + i]!,
      windows.offset,
    );
    const target = at.reduce((sum, k, i) => sum + k * dilation[i]! * x.strides[2 + i]!, x.offset);
    const sum = viewTensor(x, shape, strides, target);
    kernels.binary("add", sum, viewTensor(windows, shape, sourceStrides, source), sum);
  }
}

/** Every index of an array of this shape, the last axis fastest. */
function* positions(shape: Shape): Generator<number[]> {
  const index = shape.map(() => 0);
  for (let count = sizeOf(shape); count > 0; count--) {
    yield index;
    for (let axis = shape.length - 1; axis >= 0 && ++index[axis]! === shape[axis]; axis--) {
      index[axis] = 0;
    }
  }
}

/** [N, C, …] → [N, C, …output, …kernel]: overlapping windows, nothing copied. */
export const windowsOp = defineOp({
  name: "windows",
  inputs: ["x"],
  view: (x, windows: Windows) => windowsOf(x, windows),
  saves: ["xShape"],
  batch: amongFirst(),
  grad: {
    x: (dy, { xShape }, windows: Windows): Tensor => foldOp(dy, { ...windows, shape: xShape }),
  },
  tex: { y: "y_{w, k} = x_{w s + k d}", x: "\\sum_{w s + k d = j} dY_{w, k}" },
});

/** Zeros of the given shape to which every window is added in its place: the backward of windows. */
export const foldOp = defineOp({
  name: "foldWindows",
  inputs: ["windows"],
  shape: (_, { shape }: Windows & { shape: Shape }) => shape,
  forward: ({ windows }, y, kernels, attrs) => {
    kernels.fill(0, y);
    addWindows(kernels, windows, y, attrs);
  },
  batch: amongFirst((attrs, size) => ({
    ...attrs,
    shape: attrs.shape.with(0, attrs.shape[0]! * size),
  })),
  grad: { windows: (dy, _, attrs: Windows & { shape: Shape }): Tensor => windowsOp(dy, attrs) },
  tex: { y: "y_j = \\sum_{w s + k d = j} x_{w, k}", windows: "1" },
});

/** @internal A contiguous temporary for `use`, given back at once. */
export function withScratch<T>(shape: Shape, dtype: DType, use: (scratch: Tensor) => T): T {
  const storage = alloc(dtype, sizeOf(shape));
  try {
    return use(new Tensor(storage, 0, new Form(dtype, shape)));
  } finally {
    release(storage);
  }
}

/** @internal Calls `use` with the tensors, a contiguous temporary in place of each that is not contiguous. */
export function packed<T extends readonly Tensor[]>(
  kernels: Kernels,
  tensors: readonly [...T],
  use: (...tensors: T) => void,
): void {
  const made = tensors.map((x) => {
    if (x.isContiguous) return x;
    const storage = alloc(x.dtype, x.size);
    const copy = new Tensor(storage, 0, new Form(x.dtype, x.shape));
    kernels.copy(x, copy);
    return copy;
  });
  try {
    use(...(made as unknown as T));
  } finally {
    made.forEach((x, i) => {
      if (x !== tensors[i]) release(x.storage!);
    });
  }
}

/** @internal A contiguous tensor's elements under another shape, off the tape. */
export function dense(x: Tensor, shape: Shape): Tensor {
  return viewTensor(x, shape, contiguousStrides(shape), x.offset);
}
