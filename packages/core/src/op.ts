import {
  type BinaryName,
  type DType,
  defaultKernels,
  type Kernels,
  type Operand,
  type UnaryName,
} from "@tapegrad/kernels";
import { isFloat, promote, promoteNumber } from "./dtype.ts";
import { engineOps } from "./engine-ops.ts";
import { DTypeError, GradError, ShapeError, ValueError } from "./errors.ts";
import { Node, type NodeDetail } from "./node.ts";
import { broadcastShapes, formatShape, type Shape, sameShape } from "./shape.ts";
import { edgeOf, isGradEnabled, needsGrad, slotOf } from "./tape.ts";
import {
  emptyTensor,
  ensureStorage,
  gradState,
  numberTensor,
  setRequiresGrad,
  settle,
  Tensor,
  viewTensor,
} from "./tensor.ts";

export type TensorLike = Tensor | number;

/** Shape, strides and offset under which a view op shows its input's storage. */
export interface Layout {
  shape: Shape;
  strides: Shape;
  offset: number;
}

/** Which dtypes an op computes in: floats only (integers become float32), any number, or as given. */
export type Domain = "float" | "number" | "any";

type Values<Names extends string> = Readonly<Record<Names, Tensor>>;
type Saved<Names extends string> = {
  readonly [N in Names]: N extends `${string}Shape` ? Shape : Tensor;
};

/**
 * The local gradient of one input: dy is the gradient arriving at the output (a record by name when
 * the op has several outputs), `saved` what the op saves, `attrs` its attributes. Written in tensor
 * ops, so that it can be differentiated again. The tape adds contributions up, undoes broadcasting
 * and checks the shape. `index` counts the inputs of a variadic op.
 */
export type GradRule<S extends string = string, A = unknown, O extends string = never> = (
  dy: [O] extends [never] ? Tensor : Values<O>,
  saved: Saved<S>,
  attrs: A,
  index: number,
) => Tensor;

interface Common<I extends string, S extends string, A, O extends string> {
  /** What errors, gradFn and pictures call the op. */
  name: string;
  /** Names of the inputs, in the order of the arguments. */
  inputs: readonly I[];
  /** Inputs (by name), outputs ("y", or by name) and input shapes ("aShape") that rules read. */
  saves?: readonly S[];
  /** One rule per input; null says "not differentiable". */
  grad: { readonly [N in I]: GradRule<NoInfer<S>, A, O> | null };
  /** Default "number". */
  domain?: Domain;
  /** dtype of the output; by default that of the inputs, which the tape brings to a common one. */
  dtype?: (inputs: Values<I>, attrs: A) => DType;
  /** For pictures: what stands in the gate. */
  symbol?: string;
  /** For pictures and docs: the formula, and each input's local gradient. */
  tex?: { readonly y: string } & { readonly [N in I]?: string };
}

/** y = f(a) or f(a, b) element by element: shape, dtype, kernel and lone-number path follow. */
interface Elementwise {
  elementwise: UnaryName | BinaryName;
}

/** Fills an output whose shape is known beforehand. */
interface Computed<I extends string, A, V extends boolean> {
  shape: (inputs: V extends true ? readonly Tensor[] : Values<I>, attrs: A) => Shape;
  forward: (
    inputs: V extends true ? readonly Tensor[] : Values<I>,
    y: Tensor,
    kernels: Kernels,
    attrs: A,
  ) => void;
  /** The one input is a list; `forward`, `shape` get the list, the rule gets the position. */
  variadic?: V;
}

/** Shows its only input's storage in another layout. */
interface View<A> {
  view: (x: Tensor, attrs: A) => Layout;
}

/** Fills several outputs. */
interface Several<I extends string, A, O extends string> {
  outputs: readonly O[];
  shapes: (inputs: Values<I>, attrs: A) => Readonly<Record<O, { shape: Shape; dtype?: DType }>>;
  forwardAll: (inputs: Values<I>, outputs: Values<O>, kernels: Kernels, attrs: A) => void;
}

type AnyRule = (
  dy: Tensor | Values<string>,
  saved: unknown,
  attrs: unknown,
  index: number,
) => Tensor;

/** A defined operation: what a {@link Node} refers to. */
export class Op {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly saves: readonly string[];
  readonly rules: readonly (AnyRule | null)[];
  readonly variadic: boolean;
  readonly symbol: string;
  readonly tex: Readonly<Record<string, string>>;
  readonly domain: Domain;
  readonly definition: Definition;
  /** @internal Reads what the node under `savedOf.node` saved, by name. */
  readonly savedOf: SavedValues;
  /** @internal The op on lone numbers, fetched from the kernels at the first use. */
  scalar32: ScalarFunction | null;
  /** @internal */
  scalar64: ScalarFunction | null;

  /** @internal */
  constructor(definition: Definition) {
    this.name = definition.name;
    this.inputs = definition.inputs;
    this.outputs = definition.outputs ?? ["y"];
    this.saves = definition.saves ?? [];
    this.variadic = definition.variadic ?? false;
    this.domain = definition.domain ?? "number";
    this.symbol = definition.symbol ?? definition.name;
    this.tex = definition.tex ?? {};
    this.definition = definition;
    this.scalar32 = null;
    this.scalar64 = null;
    const missing = this.inputs.filter((input) => definition.grad[input] === undefined);
    if (missing.length > 0) {
      throw new ValueError(
        `defineOp("${this.name}"): no gradient rule for ${missing.join(", ")}; give one, or null for "not differentiable".`,
      );
    }
    const clash = this.inputs.find((input) => this.outputs.includes(input));
    if (clash !== undefined) {
      throw new ValueError(
        `defineOp("${this.name}"): ${clash} names both an input and an output; rename the input.`,
      );
    }
    const known = [...this.inputs, ...this.inputs.map((input) => `${input}Shape`), ...this.outputs];
    const unknown = this.saves.filter((save) => !known.includes(save));
    if (unknown.length > 0) {
      throw new ValueError(
        `defineOp("${this.name}"): can't save ${unknown.join(", ")}; an op saves its inputs, its outputs and shapes: ${known.join(", ")}.`,
      );
    }
    this.rules = this.inputs.map((input) => definition.grad[input]!);
    this.savedOf = savedReader(this);
  }

  /** Number of inputs; a variadic op counts as one. */
  get arity(): number {
    return this.inputs.length;
  }
}

interface Definition {
  name: string;
  inputs: readonly string[];
  outputs?: readonly string[];
  saves?: readonly string[];
  grad: Readonly<Record<string, AnyRule | null>>;
  domain?: Domain;
  dtype?: (inputs: unknown, attrs: unknown) => DType;
  symbol?: string;
  tex?: Readonly<Record<string, string>>;
  variadic?: boolean;
  elementwise?: UnaryName | BinaryName;
  shape?: (inputs: unknown, attrs: unknown) => Shape;
  forward?: (inputs: unknown, y: Tensor, kernels: Kernels, attrs: unknown) => void;
  view?: (x: Tensor, attrs: unknown) => Layout;
  shapes?: (
    inputs: unknown,
    attrs: unknown,
  ) => Readonly<Record<string, { shape: Shape; dtype?: DType }>>;
  forwardAll?: (inputs: unknown, outputs: Values<string>, kernels: Kernels, attrs: unknown) => void;
}

// ---------------------------------------------------------------------------------------------
// Saved values: the object that rules destructure. One per op, pointed at the node at hand.

/** @internal */
export class SavedValues {
  node: Node | null = null;
}

/** Getters by name, on a prototype of the op's own: a rule pays for, and is checked on, just what it reads. */
function savedReader(op: Op): SavedValues {
  class Reader extends SavedValues {}
  op.saves.forEach((name, i) => {
    Object.defineProperty(Reader.prototype, name, {
      get(this: SavedValues) {
        return readSaved(this.node!, i);
      },
    });
  });
  return new Reader();
}

function readSaved(node: Node, i: number): Tensor | Shape {
  const { detail, op } = node;
  if (detail === null) {
    const number = i === 0 ? node.saved0 : node.saved1;
    if (number === null) throw freedError(op);
    if (number.version !== 0) throw changedError(op, i, number, 0);
    return number;
  }
  const saved = detail.saved[i]!;
  if (saved === null) throw freedError(op);
  if (saved instanceof Tensor && saved.version !== detail.versions[i]) {
    throw changedError(op, i, saved, detail.versions[i]!);
  }
  return saved;
}

function freedError(op: Op): GradError {
  return new GradError(
    `backward: ${op.name} was already differentiated and its saved values are freed; ` +
      "call the first backward with { retainGraph: true }, or run the forward pass again.",
  );
}

function changedError(op: Op, i: number, saved: Tensor, version: number): GradError {
  const by = saved.storage?.changedBy || "an in-place op";
  return new GradError(
    `backward: ${op.name} saved ${op.saves[i]} (${saved.dtype} ${formatShape(saved.shape)}) at version ${version}, ` +
      `but ${by} has changed it since, to version ${saved.version}; use ${by.replace(/_$/, "")} without the underscore, or a clone().`,
  );
}

// ---------------------------------------------------------------------------------------------
// From a call to the arithmetic: apply checks, computes and records.

function toTensor(op: Op, x: TensorLike, beside: DType | undefined, position: number): Tensor {
  return x instanceof Tensor
    ? x
    : asTensor(op.name, op.inputs[position] ?? `input ${position}`, x, beside);
}

/**
 * @internal A number beside tensors takes their dtype where that keeps its kind; alone it is a float32.
 * @throws ValueError for anything else, naming the op and the input
 */
export function asTensor(op: string, input: string, x: TensorLike, beside?: DType): Tensor {
  if (x instanceof Tensor) return x;
  if (typeof x !== "number") {
    throw new ValueError(`${op}: ${input} is ${describe(x)}; it must be a Tensor or a number.`);
  }
  const dtype = beside === undefined ? "float32" : promoteNumber(x, beside);
  return numberTensor(dtype === "float32" ? Math.fround(x) : x, dtype);
}

/** What a wrong argument is, for messages. */
export function describe(x: unknown): string {
  if (x === null || x === undefined) return String(x);
  if (Array.isArray(x)) return "an array (make a tensor of it with tensor([...]))";
  return typeof x === "object" ? `a ${x.constructor?.name ?? "plain object"}` : `a ${typeof x}`;
}

/** Brings all inputs to the dtype in which they meet, and into the op's domain. */
function meet(op: Op, inputs: Tensor[]): void {
  if (op.domain === "any" || inputs.length === 0) return;
  let dtype = inputs[0]!.dtype;
  for (let i = 1; i < inputs.length; i++) dtype = promote(dtype, inputs[i]!.dtype);
  if (op.domain === "float" && !isFloat(dtype)) dtype = "float32";
  if (dtype === "bool") dtype = "int32";
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i]!.dtype !== dtype) inputs[i] = engineOps.to(inputs[i]!, dtype);
  }
}

function named(op: Op, inputs: readonly Tensor[]): unknown {
  if (op.variadic) return inputs;
  const record: Record<string, Tensor> = {};
  for (let i = 0; i < inputs.length; i++) record[op.inputs[i]!] = inputs[i]!;
  return record;
}

type ScalarFunction = (a: number, b: number) => number;

function scalarFunction(op: Op, dtype: DType): ScalarFunction {
  const kernels = defaultKernels();
  const name = op.definition.elementwise!;
  const f =
    op.arity === 1
      ? (kernels.scalarUnary(name as UnaryName, dtype) as ScalarFunction)
      : kernels.scalarBinary(name as BinaryName, dtype);
  if (dtype === "float32") op.scalar32 = f;
  else if (dtype === "float64") op.scalar64 = f;
  return f;
}

/** Elementwise ops meet here: lone numbers are computed at once, arrays by one kernel. */
function applyElementwise(op: Op, a0: TensorLike, b0: TensorLike | undefined): Tensor {
  const binary = op.rules.length === 2;
  let a =
    a0 instanceof Tensor ? a0 : toTensor(op, a0, b0 instanceof Tensor ? b0.dtype : undefined, 0);
  let b = binary ? (b0 instanceof Tensor ? b0 : toTensor(op, b0!, a.dtype, 1)) : a;
  if (a.dtype !== b.dtype || !isFloat(a.dtype)) {
    const both = binary ? [a, b] : [a];
    meet(op, both);
    a = both[0]!;
    b = binary ? both[1]! : a;
  }
  if (a.storage === null && b.storage === null) {
    const cached = a.dtype === "float32" ? op.scalar32 : a.dtype === "float64" ? op.scalar64 : null;
    const f = cached ?? scalarFunction(op, a.dtype);
    const y = numberTensor(f(a.value, b.value), a.dtype);
    if ((a.requiresGrad || b.requiresGrad) && isGradEnabled())
      recordNumbers(op, a, binary ? b : null, y);
    return y;
  }
  const shape = sameShape(a.shape, b.shape) ? a.shape : broadcastShapes(op.name, a.shape, b.shape);
  const y = emptyTensor(shape, a.dtype);
  runElementwise(op, a, b, y);
  if (isGradEnabled() && (needsGrad(a) || needsGrad(b)))
    record(op, binary ? [a, b] : [a], [settle(y)], undefined);
  return settle(y);
}

function runElementwise(op: Op, a: Operand, b: Operand, y: Operand): void {
  const kernels = defaultKernels();
  const name = op.definition.elementwise!;
  if (op.rules.length === 2) kernels.binary(name as BinaryName, a, b, y);
  else kernels.unary(name as UnaryName, a, y);
}

function compute(op: Op, inputs: Tensor[], y: Tensor, attrs: unknown): void {
  if (op.definition.elementwise !== undefined)
    runElementwise(op, inputs[0]!, inputs[1] ?? inputs[0]!, y);
  else op.definition.forward!(named(op, inputs), y, defaultKernels(), attrs);
}

/** Applies any op to its inputs. The functions that `defineOp` gives come here. */
export function apply(
  op: Op,
  given: readonly TensorLike[],
  attrs: unknown,
): Tensor | Record<string, Tensor> {
  const { definition } = op;
  if (!op.variadic && given.length !== op.arity) {
    throw new ValueError(
      `${op.name}: got ${given.length} inputs; it takes ${op.arity}: ${op.inputs.join(", ")}.`,
    );
  }
  if (definition.elementwise !== undefined) return applyElementwise(op, given[0]!, given[1]);
  const beside = given.find((x) => x instanceof Tensor)?.dtype;
  const inputs = given.map((x, i) => toTensor(op, x, beside, i));
  meet(op, inputs);
  const recording = isGradEnabled() && inputs.some(needsGrad);

  if (definition.view !== undefined) {
    const x = inputs[0]!;
    const { shape, strides, offset } = definition.view(x, attrs);
    const y = viewTensor(x, shape, strides, offset);
    const base = x.viewOf === null ? x : x.viewOf.base;
    if (recording) record(op, inputs, [y], attrs);
    y.viewOf = { base, node: base.node };
    return y;
  }
  if (definition.outputs !== undefined) {
    const record0 = named(op, inputs);
    const shapes = definition.shapes!(record0, attrs);
    const outputs: Record<string, Tensor> = {};
    for (const name of op.outputs)
      outputs[name] = emptyTensor(shapes[name]!.shape, shapes[name]!.dtype ?? inputs[0]!.dtype);
    definition.forwardAll!(record0, outputs, defaultKernels(), attrs);
    for (const name of op.outputs) settle(outputs[name]!);
    if (recording) record(op, inputs, Object.values(outputs), attrs);
    return outputs;
  }
  const record0 = named(op, inputs);
  const shape = definition.shape!(record0, attrs);
  const dtype = definition.dtype?.(record0, attrs) ?? inputs[0]!.dtype;
  const y = emptyTensor(shape, dtype);
  definition.forward!(record0, y, defaultKernels(), attrs);
  settle(y);
  if (recording && isFloat(dtype)) record(op, inputs, [y], attrs);
  return y;
}

/**
 * Applies an op to x and writes the result into x's own storage: the `add_` to `add`. Every view of
 * the storage sees it; the version moves, so that a rule which saved the old value notices.
 *
 * @throws GradError for a leaf that requires grad (wrap the change in noGrad), ShapeError if the result
 *   has another shape than x, DTypeError if it has another kind of number
 */
export function applyInPlace(
  op: Op,
  x: Tensor,
  others: readonly TensorLike[],
  attrs?: unknown,
): Tensor {
  const name = `${op.name}_`;
  const rest = others.map((other, i) => toTensor(op, other, x.dtype, i + 1));
  checkInPlace(name, op, x, rest);
  const storage = ensureStorage(x);
  const recording = isGradEnabled() && [x, ...rest].some(needsGrad);
  const inputs = [x, ...rest].map((other, i) => {
    if (i > 0 && other.dtype !== x.dtype) return engineOps.to(other, x.dtype);
    // Another look at the same storage would change while it is being read.
    const overlaps = i > 0 && other.storage === storage && other !== x;
    return overlaps ? engineOps.clone(other) : other;
  });
  const before = recording && op.saves.includes(op.inputs[0]!) ? snapshot(x) : x;
  const edge = recording ? differentiableEdge(op, 0, x) : null;
  compute(op, inputs, x, attrs);
  storage.version++;
  storage.changedBy = name;
  if (recording) {
    inputs[0] = before;
    const node = record(op, inputs, [x], attrs, edge);
    if (node !== null && x.viewOf !== null) engineOps.rebaseView(x, node);
  }
  return x;
}

function checkInPlace(name: string, op: Op, x: Tensor, others: readonly Tensor[]): void {
  if (isGradEnabled()) {
    const leaf = [x, x.viewOf?.base].find((t) => t?.requiresGrad && t.isLeaf);
    if (leaf !== undefined) {
      throw new GradError(
        `${name}: ${leaf === x ? "the tensor is" : "the tensor is a view of"} a leaf that requires grad, whose value backward needs; ` +
          `change it inside noGrad(() => …), or use ${op.name}, which makes a new tensor.`,
      );
    }
  }
  const shape = broadcastShapes(name, x.shape, ...others.map((other) => other.shape));
  if (!sameShape(shape, x.shape)) {
    throw new ShapeError(
      `${name}: the result has shape ${formatShape(shape)}, which doesn't fit into the tensor's ${formatShape(x.shape)}; use ${op.name}, which makes a new tensor.`,
    );
  }
  const wide = others.find((other) => isFloat(other.dtype) && !isFloat(x.dtype));
  if (wide !== undefined || (op.domain === "float" && !isFloat(x.dtype))) {
    throw new DTypeError(
      `${name}: the result is ${wide?.dtype ?? "float32"} and can't be stored in a tensor of ${x.dtype}; use ${op.name}, which makes a new tensor.`,
    );
  }
  if (x.shape.some((size, i) => size > 1 && x.strides[i] === 0)) {
    throw new ShapeError(
      `${name}: an expanded tensor of shape ${formatShape(x.shape)} shows the same element at several places; clone() it before changing it.`,
    );
  }
}

/** x's value as it is now, at x's place on the tape. */
function snapshot(x: Tensor): Tensor {
  const edge = needsGrad(x) ? edgeOf(x) : null;
  const copy = emptyTensor(x.shape, x.dtype);
  defaultKernels().copy(x, copy);
  copy.node = edge;
  setRequiresGrad(copy, edge !== null);
  return copy;
}

// ---------------------------------------------------------------------------------------------
// Recording

/** The compact record of a gate on lone numbers: up to two inputs and two saved values, no arrays. */
function recordNumbers(op: Op, a: Tensor, b: Tensor | null, y: Tensor): void {
  if (op.saves.length > 2) {
    record(op, b === null ? [a] : [a, b], [y], undefined);
    return;
  }
  const { saves, inputs } = op;
  let saved0: Tensor | null = null;
  let saved1: Tensor | null = null;
  if (saves.length > 0) saved0 = saves[0] === inputs[0] ? a : saves[0] === "y" ? y : b;
  if (saves.length > 1) saved1 = saves[1] === inputs[0] ? a : saves[1] === "y" ? y : b;
  const edge0 = differentiableEdge(op, 0, a);
  const edge1 = b === null ? null : differentiableEdge(op, 1, b);
  if (edge0 === null && edge1 === null) return;
  y.node = new Node(op, edge0, edge1, saved0, saved1, null);
  setRequiresGrad(y, true);
}

function differentiableEdge(op: Op, i: number, x: Tensor): Node | null {
  return needsGrad(x) && op.rules[op.variadic ? 0 : i] !== null ? edgeOf(x) : null;
}

/** Makes the node of the outputs. `edge0` replaces the first input's edge where that was changed in place. */
function record(
  op: Op,
  inputs: readonly Tensor[],
  outputs: Tensor[],
  attrs: unknown,
  edge0?: Node | null,
): Node | null {
  const edges = inputs.map((x, i) =>
    i === 0 && edge0 !== undefined ? edge0 : differentiableEdge(op, i, x),
  );
  if (edges.every((edge) => edge === null)) return null;
  const slots = inputs.some((x) => slotOf(x) !== 0) ? inputs.map(slotOf) : null;
  const saved = op.saves.map((name) => savedValue(op, name, inputs, outputs));
  const detail: NodeDetail = {
    edges,
    slots,
    saved,
    versions: saved.map((x) => (x instanceof Tensor ? x.version : 0)),
    attrs,
    shapes: outputs.map((y) => y.shape),
    dtypes: outputs.map((y) => y.dtype),
  };
  const node = new Node(op, null, null, null, null, detail);
  for (let slot = 0; slot < outputs.length; slot++) {
    const y = outputs[slot]!;
    if (!isFloat(y.dtype)) continue;
    y.node = node;
    if (slot > 0) gradState(y).slot = slot;
    setRequiresGrad(y, true);
  }
  return node;
}

function savedValue(
  op: Op,
  name: string,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
): Tensor | Shape {
  const input = op.inputs.indexOf(name);
  if (input >= 0) return inputs[input]!;
  const output = op.outputs.indexOf(name);
  if (output >= 0) return outputs[output]!;
  return inputs[op.inputs.indexOf(name.replace(/Shape$/, ""))]!.shape;
}

// ---------------------------------------------------------------------------------------------
// Defining ops

type Arguments<I extends readonly string[], A, V> = [
  ...inputs: V extends true ? [readonly TensorLike[]] : { -readonly [K in keyof I]: TensorLike },
  ...attrs: [A] extends [undefined] ? [] : [attrs: A],
];

/** What `defineOp` gives: a function, with the op's definition at hand. */
export interface OpFunction<Args extends unknown[], R = Tensor> {
  (...args: Args): R;
  readonly op: Op;
}

const defined = new Map<string, Op>();

/** Every op defined so far, by name. */
export function registeredOps(): ReadonlyMap<string, Op> {
  return defined;
}

/**
 * Makes a differentiable operation: the one road, for built-in ops and users' ops alike. All that is
 * particular to the op stands in the definition; shape checks, dtype promotion, recording, summing and
 * un-broadcasting of gradients and memory belong to the tape.
 *
 * ```ts
 * const swish = defineOp({
 *   name: "swish",
 *   inputs: ["x"],
 *   shape: ({ x }) => x.shape,
 *   forward: ({ x }, y, kernels) => {
 *     kernels.unary("sigmoid", x, y);
 *     kernels.binary("mul", x, y, y);
 *   },
 *   saves: ["x"],
 *   grad: {
 *     // y = xσ(x)  ⇒  ∂y/∂x = σ(x)(1 + x(1 − σ(x)))
 *     x: (dy, { x }) => {
 *       const s = x.sigmoid();
 *       return dy.mul(s.mul(x.mul(s.neg().add(1)).add(1)));
 *     },
 *   },
 * });
 * ```
 *
 * @throws ValueError if an input has no rule or `saves` names something that the op doesn't have
 */
export function defineOp<
  const I extends readonly string[],
  const S extends readonly (I[number] | `${I[number]}Shape` | "y")[] = readonly [],
  A = undefined,
>(
  definition: Common<I[number], S[number], A, never> & { inputs: I; saves?: S } & Elementwise,
): OpFunction<Arguments<I, A, false>>;
export function defineOp<
  const I extends readonly string[],
  const S extends readonly (I[number] | `${I[number]}Shape` | "y")[] = readonly [],
  A = undefined,
>(
  definition: Common<I[number], S[number], A, never> & { inputs: I; saves?: S } & View<A>,
): OpFunction<Arguments<I, A, false>>;
export function defineOp<
  const I extends readonly string[],
  const O extends readonly string[],
  const S extends readonly (I[number] | `${I[number]}Shape` | O[number])[] = readonly [],
  A = undefined,
>(
  definition: Common<I[number], S[number], A, O[number]> & {
    inputs: I;
    saves?: S;
    outputs: O;
  } & Several<I[number], A, O[number]>,
): OpFunction<Arguments<I, A, false>, Record<O[number], Tensor>>;
export function defineOp<
  const I extends readonly string[],
  const S extends readonly (I[number] | `${I[number]}Shape` | "y")[] = readonly [],
  A = undefined,
  const V extends boolean = false,
>(
  definition: Common<I[number], S[number], A, never> & { inputs: I; saves?: S } & Computed<
      I[number],
      A,
      V
    >,
): OpFunction<Arguments<I, A, V>>;
export function defineOp(
  definition: unknown,
): OpFunction<never[], Tensor | Record<string, Tensor>> {
  const op = new Op(definition as Definition);
  defined.set(op.name, op);
  return Object.assign(caller(op), { op });
}

/** The shortest road for each kind of op: no rest parameters for the elementwise ones. */
function caller(op: Op): (...args: never[]) => Tensor | Record<string, Tensor> {
  if (op.definition.elementwise !== undefined) {
    return op.arity === 1
      ? (a: TensorLike) => applyElementwise(op, a, undefined)
      : (a: TensorLike, b: TensorLike) => applyElementwise(op, a, b);
  }
  if (op.variadic) return (list: readonly TensorLike[], attrs?: unknown) => apply(op, list, attrs);
  const { arity } = op;
  return (...args: unknown[]) => apply(op, args.slice(0, arity) as TensorLike[], args[arity]);
}
