import {
  adopt,
  alloc,
  copyOut,
  defaultKernels,
  getElement,
  type Operand,
  own,
  release,
  type Storage,
  setElement,
} from "@tapegrad/kernels";
import { type DType, newArray, type TypedArray } from "./dtype.ts";
import { GradError, ShapeError, ValueError } from "./errors.ts";
import { Form, loneForms } from "./form.ts";
import type { Node } from "./node.ts";
import { printTensor } from "./print.ts";
import { formatShape, type Shape } from "./shape.ts";

/** What a tensor needs on the tape beyond the node that made it; most tensors need none of it. */
export interface GradState {
  grad: Tensor | null;
  /** Whether anybody outside may hold `grad`. One that was never read goes back at once when it is dropped. */
  gradSeen: boolean;
  /** The node at which gradients of this leaf arrive. */
  leaf: Node | null;
  /** Which of its node's outputs the tensor is. */
  slot: number;
  /** Version of a lone number, as a storage has one. */
  version: number;
  changedBy: string;
  /** Whether the tape follows this leaf. */
  requiresGrad: boolean;
  viewOf: ViewOf | null;
}

/** A view's tie to the tensor whose storage it shows: the tape must notice when that one is rewritten. */
export interface ViewOf {
  base: Tensor;
  /** The node of the base when the view was taken. */
  node: Node | null;
}

/** Numbers or booleans in arrays of arrays, as deep as there are axes. */
export type NestedArray = number | boolean | readonly NestedArray[];

// Engines without explicit resource management lack Symbol.dispose.
declare const disposeSymbol: unique symbol;
const dispose: typeof disposeSymbol = ((Symbol as { dispose?: symbol }).dispose ??
  Symbol.for("Symbol.dispose")) as typeof disposeSymbol;

/**
 * An n-dimensional array of numbers, and a place on the tape.
 *
 * Its elements are in a {@link Storage}, which views share; element (i₀, i₁, …) is at
 * `offset + Σ iₖ·strides[k]`. A tensor that an op makes from plain numbers has no storage at all: its
 * one element is the JavaScript number `value`. There is nothing to dispose: memory returns by itself.
 *
 * Ops are functions of this package and, for reading order, methods too (`methods/`).
 */
export class Tensor implements Operand {
  /** @internal null while the tensor is a lone number. */
  storage: Storage | null;
  /** @internal The element of a lone number. */
  value: number;
  /** @internal */
  readonly form: Form;
  /** @internal The node that made this tensor; null for leaves. */
  node: Node | null;
  /** @internal */
  state: GradState | null;

  /** @internal Users make tensors with `tensor()`, `zeros()` and their like. */
  constructor(storage: Storage | null, value: number, form: Form) {
    this.storage = storage;
    this.value = value;
    this.form = form;
    this.node = null;
    this.state = null;
  }

  get dtype(): DType {
    return this.form.dtype;
  }

  get shape(): Shape {
    return this.form.shape;
  }

  /** Steps between neighbours along each axis, in elements. */
  get strides(): Shape {
    return this.form.strides;
  }

  get offset(): number {
    return this.form.offset;
  }

  /** Whether the tape follows this tensor. Set it with `requiresGrad_()`. */
  get requiresGrad(): boolean {
    return this.node !== null || this.state?.requiresGrad === true;
  }

  /** @internal */
  get viewOf(): ViewOf | null {
    return this.state === null ? null : this.state.viewOf;
  }

  /** Number of axes. */
  get rank(): number {
    return this.shape.length;
  }

  /** Number of elements. */
  get size(): number {
    return this.form.size;
  }

  /** How often the elements were changed in place, through this tensor or another view of its storage. */
  get version(): number {
    if (this.storage !== null) return this.storage.version;
    return this.state === null ? 0 : this.state.version;
  }

  /** @internal The in-place op that changed the elements last, "" if none did. */
  get changedBy(): string {
    if (this.storage !== null) return this.storage.changedBy;
    return this.state === null ? "" : this.state.changedBy;
  }

  /** Whether the elements lie in row-major order without gaps. */
  get isContiguous(): boolean {
    return this.form.isContiguous;
  }

  /** Whether no op on the tape made this tensor. */
  get isLeaf(): boolean {
    return this.node === null;
  }

  /** The op on the tape that made this tensor; prints as its name. */
  get gradFn(): Node | null {
    return this.node;
  }

  /** ∂(what `backward` was called on) / ∂(this tensor), summed over calls; null before the first. */
  get grad(): Tensor | null {
    if (this.state === null) return null;
    this.state.gradSeen = true;
    return this.state.grad;
  }

  set grad(grad: Tensor | null) {
    if (grad !== null && formatShape(grad.shape) !== formatShape(this.shape)) {
      throw new ShapeError(
        `grad: a gradient of shape ${formatShape(grad.shape)} can't belong to a tensor of shape ${formatShape(this.shape)}; the shapes must be equal.`,
      );
    }
    if (this.state === null && grad === null) return;
    const state = gradState(this);
    const before = state.grad;
    if (before !== null && before !== grad && !state.gradSeen && before.storage !== null)
      release(before.storage);
    state.grad = grad;
    state.gradSeen = grad !== null;
  }

  /** The only element as a number. @throws ShapeError if there is not exactly one */
  item(): number {
    if (this.storage === null) return this.value;
    if (this.size !== 1) {
      throw new ShapeError(
        `item: the tensor has shape ${formatShape(this.shape)}, ${this.size} elements; item() reads exactly one. Use data() or toArray().`,
      );
    }
    return getElement(this.storage, this.offset);
  }

  /** The elements in row-major order, as a fresh typed array. */
  data(): TypedArray {
    if (this.storage === null) {
      const one = newArray(this.dtype, 1);
      one[0] = this.value;
      return one;
    }
    // A view without elements may start beyond its storage's end.
    if (this.size === 0) return newArray(this.dtype, 0);
    if (this.isContiguous) return copyOut(this.storage, this.offset, this.size);
    const packed = emptyTensor(this.form.fresh);
    defaultKernels().copy(this, packed);
    const data = copyOut(packed.storage!, 0, this.size);
    release(packed.storage!);
    return data;
  }

  /** The elements as nested arrays; a number for a tensor without axes, booleans for bool. */
  toArray(): NestedArray {
    const data = this.data();
    let next = 0;
    const build = (axis: number): NestedArray => {
      if (axis === this.rank) {
        const element = data[next++]!;
        return this.dtype === "bool" ? element !== 0 : element;
      }
      return Array.from({ length: this.shape[axis]! }, () => build(axis + 1));
    };
    return build(0);
  }

  /** Starts (or stops) recording: this leaf's `grad` is filled by `backward`. Returns the tensor. */
  requiresGrad_(requiresGrad = true): this {
    if (requiresGrad && this.dtype !== "float32" && this.dtype !== "float64") {
      throw new GradError(
        `requiresGrad_: a ${this.dtype} tensor has no gradient; convert it with to("float32") first.`,
      );
    }
    if (requiresGrad && isInference(this) && !isInferring()) {
      throw new GradError(
        "requiresGrad_: the tensor was made inside inferenceMode and can't be recorded; clone() it first.",
      );
    }
    if (!requiresGrad && this.node !== null) {
      throw new GradError(
        `requiresGrad_(false): this tensor was made by ${this.node.op.name}, so the tape needs it; use detach() for a tensor off the tape.`,
      );
    }
    setRequiresGrad(this, requiresGrad);
    return this;
  }

  /** Reads like PyTorch: aligned, abbreviated, with shape, dtype and gradFn. */
  toString(): string {
    return printTensor(this);
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return printTensor(this);
  }

  /** Gives the memory back now: an optional speed-up, for `using`. Later use is an error. */
  [dispose](): void {
    if (this.storage !== null) release(this.storage);
  }
}

/** @internal For leaves; others are followed while they have a node. */
export function setRequiresGrad(x: Tensor, requiresGrad: boolean): void {
  if (requiresGrad || x.state !== null) gradState(x).requiresGrad = requiresGrad;
}

/** @internal */
export function newGradState(): GradState {
  return {
    grad: null,
    gradSeen: false,
    leaf: null,
    slot: 0,
    version: 0,
    changedBy: "",
    requiresGrad: false,
    viewOf: null,
  };
}

/** @internal */
export function gradState(x: Tensor): GradState {
  x.state ??= newGradState();
  return x.state;
}

/** @internal x.grad for code that keeps no hold of it, such as an optimizer's step. */
export function peekGrad(x: Tensor): Tensor | null {
  return x.state === null ? null : x.state.grad;
}

let inferring = false;
/** Made at the first use of inferenceMode: programs without it pay a comparison. */
let inferenceTensors: WeakSet<Tensor> | null = null;

/** @internal Whether inferenceMode is on. */
export function isInferring(): boolean {
  return inferring;
}

/** @internal Sets the mode and returns the one before. */
export function setInferring(on: boolean): boolean {
  const previous = inferring;
  inferring = on;
  inferenceTensors ??= new WeakSet();
  return previous;
}

/** Whether x was made inside inferenceMode (or is a view of such a tensor). */
export function isInference(x: Tensor): boolean {
  return inferenceTensors?.has(x) ?? false;
}

/** A fresh tensor, marked if inferenceMode is on. */
function born(x: Tensor): Tensor {
  if (inferring) inferenceTensors!.add(x);
  return x;
}

/** @internal A lone number. The caller has rounded `value` to the dtype. */
export function numberTensor(value: number, dtype: DType): Tensor {
  return numberLike(value, loneForms[dtype]);
}

/** @internal As {@link numberTensor}, of the form of another lone number. */
export function numberLike(value: number, form: Form): Tensor {
  return born(new Tensor(null, value, form));
}

/** @internal Storages made since a recorder was set, so that the tape can return temporaries at once. */
let recorder: Storage[] | null = null;

/** @internal */
export function recordedStorages(): Storage[] | null {
  return recorder;
}

/** @internal Sets the recorder and returns the one before. */
export function recordStorages(next: Storage[] | null): Storage[] | null {
  const previous = recorder;
  recorder = next;
  return previous;
}

/** @internal Told of every new storage, and of the op that it is for ("" if none); null while nobody asks. */
export let allocationListener: ((storage: Storage, op: string) => void) | null = null;

/** @internal */
export function listenToAllocations(listener: typeof allocationListener): void {
  allocationListener = listener;
}

/** The op whose array kernel runs: it holds views of the memory, which making tensors may move. */
let arrayKernel: string | null = null;

/** @internal Forbids making tensors while the op's array kernel runs (null: allows it); returns what was set. */
export function setArrayKernel(op: string | null): string | null {
  const previous = arrayKernel;
  arrayKernel = op;
  return previous;
}

/** @internal A contiguous tensor for the result of an op if there is one; what is not deferred is uninitialised. */
export function emptyTensor(form: Form, op = "", deferred: Storage | null = null): Tensor {
  if (arrayKernel !== null) {
    throw new ValueError(
      `${arrayKernel}: the kernel made a tensor; a kernel computes with the arrays that it is given. To call kernels or ops use forward, or compose a function of ops.`,
    );
  }
  const storage = deferred ?? alloc(form.dtype, form.size);
  if (recorder !== null) recorder.push(storage);
  if (allocationListener !== null) allocationListener(storage, op);
  return born(new Tensor(storage, 0, form));
}

/** @internal A result without axes becomes a lone number, so that what follows needs no kernel. */
export function settle(y: Tensor): Tensor {
  if (y.storage !== null && y.shape.length === 0) {
    y.value = getElement(y.storage, y.offset);
    y.storage = null;
  }
  return y;
}

/** @internal A contiguous tensor that takes over an ordinary typed array. */
export function adoptArray(array: TypedArray, dtype: DType, shape: Shape): Tensor {
  const storage = adopt(array, dtype);
  if (allocationListener !== null) allocationListener(storage, "");
  return born(new Tensor(storage, 0, new Form(dtype, shape)));
}

/** @internal The storage of x; a lone number gets one first, since views and in-place ops share storage. */
function ensureStorage(x: Tensor): Storage {
  if (x.storage === null) {
    const storage = alloc(x.dtype, 1);
    setElement(storage, 0, x.value);
    storage.version = x.version;
    storage.changedBy = x.changedBy;
    x.storage = storage;
  }
  return x.storage;
}

/**
 * @internal Runs `write`, which changes x's elements in place, and moves the version. A lone number has a
 * storage only meanwhile, so that a trained scalar stays as fast as it was.
 */
export function changeInPlace(x: Tensor, changedBy: string, write: () => void): void {
  const lone = x.storage === null;
  const storage = ensureStorage(x);
  own(storage);
  write();
  noteChange(x, storage, lone, changedBy);
}

/** @internal As {@link changeInPlace}, for several tensors that one `write` changes. */
export function changeAllInPlace(
  xs: readonly Tensor[],
  changedBy: string,
  write: () => void,
): void {
  const lone = xs.map((x) => x.storage === null);
  const storages = xs.map(ensureStorage);
  storages.forEach(own);
  write();
  xs.forEach((x, i) => {
    noteChange(x, storages[i]!, lone[i]!, changedBy);
  });
}

function noteChange(x: Tensor, storage: Storage, lone: boolean, changedBy: string): void {
  storage.version++;
  storage.changedBy = changedBy;
  if (!lone) return;
  const state = gradState(x);
  state.version = storage.version;
  state.changedBy = changedBy;
  settle(x);
}

/** @internal Another look at x's storage, off the tape. */
export function viewTensor(x: Tensor, shape: Shape, strides: Shape, offset: number): Tensor {
  const view = new Tensor(ensureStorage(x), 0, new Form(x.dtype, shape, strides, offset));
  if (isInference(x)) inferenceTensors!.add(view);
  return view;
}
