/** What kernels are given: lone numbers, and temporary arrays. */
import { sizeOf } from "@tapegrad/core";
import { alloc, type DType, type Operand, release, type Storage } from "@tapegrad/kernels";

export type Shape = readonly number[];

export function lone(value: number, dtype: DType): Operand {
  const rounded = dtype === "float32" ? Math.fround(value) : value;
  return { storage: null, value: rounded, dtype, shape: [], strides: [], offset: 0 };
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Temporaries: what one step has done with, a later one takes. */
export class Pool {
  private readonly free: Operand[] = [];
  private readonly all: Storage[] = [];

  take(dtype: DType, shape: Shape): Operand {
    const size = sizeOf(shape);
    const i = this.free.findIndex((x) => x.dtype === dtype && sizeOf(x.shape) === size);
    const [found] = i < 0 ? [] : this.free.splice(i, 1);
    if (found === undefined) this.all.push(alloc(dtype, size));
    const storage = found?.storage ?? this.all.at(-1)!;
    return { storage, value: 0, dtype, shape, strides: contiguous(shape), offset: 0 };
  }

  give(x: Operand): void {
    if (x.storage !== null) this.free.push(x);
  }

  empty(): void {
    for (const storage of this.all) release(storage);
  }
}

function contiguous(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let stride = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = stride;
    stride *= Math.max(1, shape[i]!);
  }
  return strides;
}
