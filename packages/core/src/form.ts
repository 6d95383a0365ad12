import type { DType } from "./dtype.ts";
import { contiguousStrides, isContiguous, type Shape, scalarShape, sizeOf } from "./shape.ts";

/** @internal What the elements of a tensor are and how they lie. It never changes, so many tensors share one. */
export class Form {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly strides: Shape;
  readonly offset: number;
  /** Number of elements. */
  readonly size: number;
  /** Whether the elements lie in row-major order without gaps. */
  readonly isContiguous: boolean;

  constructor(dtype: DType, shape: Shape, strides?: Shape, offset: number = 0) {
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides ?? contiguousStrides(shape);
    this.offset = offset;
    this.size = sizeOf(shape);
    this.isContiguous = strides === undefined || isContiguous(shape, strides);
  }

  /** That of a fresh tensor of the same dtype and shape. */
  get fresh(): Form {
    return this.isContiguous && this.offset === 0 ? this : new Form(this.dtype, this.shape);
  }
}

/** @internal Those of lone numbers. */
export const loneForms: Readonly<Record<DType, Form>> = {
  float32: new Form("float32", scalarShape),
  float64: new Form("float64", scalarShape),
  int32: new Form("int32", scalarShape),
  uint8: new Form("uint8", scalarShape),
  bool: new Form("bool", scalarShape),
};
