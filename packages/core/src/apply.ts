/** From a call to the arithmetic: apply checks, computes and records. */
import {
  type BinaryName,
  DEFERRED_FROM,
  type DType,
  defaultKernels,
  defer,
  type Operand,
  type StepName,
  type Storage,
  type UnaryName,
} from "@tapegrad/kernels";
import { type Before, lookAfter, lookBefore, noteSource, watching } from "./anomaly.ts";
import { resolveAttributes } from "./attributes.ts";
import { BatchedTensor, batching, isBatched, openLevels } from "./batched.ts";
import { checkDType, dtypes, isFloat, meetingDType, promoteNumber } from "./dtype.ts";
import { engineOps } from "./engine-ops.ts";
import { DTypeError, GradError, ShapeError, ValueError } from "./errors.ts";
import { fillOutputs, numberFunction } from "./fill.ts";
import { Form } from "./form.ts";
import { Node, SavingNode, WideNode } from "./node.ts";
import { observer } from "./observe.ts";
import type { Op, Source, TensorLike } from "./op.ts";
import { currentHooks, Packed } from "./saved-hooks.ts";
import { disown, hold } from "./scope.ts";
import { broadcastShapes, formatShape, isShape, overlaps, type Shape, sameShape } from "./shape.ts";
import { show } from "./show.ts";
import { edgeOf, isGradEnabled, needsGrad, slotOf } from "./tape.ts";
import {
  allocationListener,
  changeInPlace,
  emptyTensor,
  gradState,
  isInference,
  isInferring,
  numberLike,
  numberTensor,
  settle,
  Tensor,
  viewTensor,
} from "./tensor.ts";

function toTensor(op: Op, x: TensorLike, beside: DType | undefined, position: number): Tensor {
  return x instanceof Tensor
    ? x
    : asTensor(op.name, op.inputs[position] ?? `input ${position}`, x, beside);
}

function toTensors(op: Op, given: readonly TensorLike[]): Tensor[] {
  const inputs: Tensor[] = new Array(given.length);
  for (let i = 0; i < given.length; i++) {
    const x = given[i]!;
    inputs[i] =
      x instanceof Tensor
        ? x
        : toTensor(op, x, given.find((other) => other instanceof Tensor)?.dtype, i);
  }
  return inputs;
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

/** @internal For functions that take tensors only. @throws ValueError naming the op and the input */
export function checkTensor(op: string, input: string, x: unknown): asserts x is Tensor {
  if (!(x instanceof Tensor)) {
    throw new ValueError(`${op}: ${input} is ${describe(x)}; it must be a Tensor.`);
  }
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
  let dtype = meetingDType(inputs);
  if (op.domain === "float" && !isFloat(dtype)) dtype = "float32";
  if (dtype === "bool" && op.bools === "refuse") throw boolError(op.name);
  if (dtype === "bool" && !op.bools) dtype = "int32";
  for (let i = 0; i < inputs.length; i++) {
    if (inputs[i]!.dtype !== dtype) inputs[i] = engineOps.to(inputs[i]!, dtype);
  }
}

function boolError(name: string): DTypeError {
  return new DTypeError(
    `${name}: the input is bool, of which it has no meaning; use logicalXor or logicalNot, or convert with to("int32").`,
  );
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
    typeof name === "function"
      ? numberFunction(op.name, name, op.arity, dtype)
      : op.arity === 1
        ? (kernels.scalarUnary(name as UnaryName, dtype) as ScalarFunction)
        : kernels.scalarBinary(name as BinaryName, dtype);
  if (dtype === "float32") op.scalar32 = f;
  else if (dtype === "float64") op.scalar64 = f;
  return f;
}

/** Elementwise ops meet here: lone numbers are computed at once, arrays by one kernel. */
export function applyElementwise(op: Op, a0: TensorLike, b0: TensorLike | undefined): Tensor {
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
    const y = numberLike(f(a.value, b.value), a.form);
    if (watching) lookAfter(lookBefore(op, binary ? [a, b] : [a]), [y]);
    if ((a.requiresGrad || b.requiresGrad) && isGradEnabled())
      recordNumbers(op, a, binary ? b : null, y);
    if (observer !== null) observer.applied?.(op, binary ? [a, b] : [a], [y], undefined, y.node);
    return y;
  }
  if (openLevels !== 0 && (a instanceof BatchedTensor || b instanceof BatchedTensor))
    return batching.call(op, binary ? [a, b] : [a], undefined) as Tensor;
  const isLike = a.form === b.form || b.shape.length === 0 || sameShape(a.shape, b.shape);
  const form = isLike
    ? a.form.fresh
    : new Form(a.dtype, broadcastShapes(op.name, a.shape, b.shape));
  const { elementwise } = op.definition;
  const large = form.size >= DEFERRED_FROM;
  const storage = large ? deferred(elementwise, binary ? [a, b] : [a], form) : null;
  const y = emptyTensor(form, op.name, storage);
  if (typeof elementwise === "function") {
    fillOutputs(op, named(op, binary ? [a, b] : [a]), y, undefined);
  } else if (storage === null) {
    runElementwise(op, a, b, y);
  }
  if (watching) lookAfter(lookBefore(op, binary ? [a, b] : [a]), [y]);
  settle(y);
  if (isGradEnabled() && (needsGrad(a) || needsGrad(b)))
    record(op, binary ? [a, b] : [a], [y], undefined);
  if (observer !== null) observer.applied?.(op, binary ? [a, b] : [a], [y], undefined, y.node);
  return y;
}

/** Memory for the result of a step that is computed when somebody looks at it; null where that is to be done at once. */
function deferred(
  name: unknown,
  inputs: readonly Operand[],
  { shape, dtype }: Form,
): Storage | null {
  const isWatched = watching || observer !== null || allocationListener !== null;
  if (typeof name !== "string" || isWatched) return null;
  return defer(defaultKernels(), name as StepName, inputs, shape, dtype);
}

function runElementwise(op: Op, a: Operand, b: Operand, y: Operand): void {
  const kernels = defaultKernels();
  const name = op.definition.elementwise!;
  if (op.rules.length === 2) kernels.binary(name as BinaryName, a, b, y);
  else kernels.unary(name as UnaryName, a, y);
}

function compute(op: Op, inputs: Tensor[], y: Tensor, attrs: unknown): void {
  if (op.definition.forward === undefined)
    runElementwise(op, inputs[0]!, inputs[1] ?? inputs[0]!, y);
  else op.definition.forward(named(op, inputs), y, defaultKernels(), attrs);
}

/** As the op declares its attributes; as they are where it declares none. */
function checkedAttrs(op: Op, given: unknown): unknown {
  return op.attributes === null ? given : resolveAttributes(op.name, op.attributes, given);
}

/** @throws ShapeError or DTypeError for what the op's `shape` or `dtype` can't mean */
function outputForm(op: Op, name: string, shape: Shape, dtype: DType, like?: Tensor): Form {
  if (like !== undefined && shape === like.shape && dtype === like.dtype) return like.form.fresh;
  if (!isShape(shape)) {
    throw new ShapeError(
      `${op.name}: the definition gives ${name} the shape ${Array.isArray(shape) ? formatShape(shape) : show(shape)}; it must be an array of whole, non-negative sizes.`,
    );
  }
  if (dtype !== like?.dtype && !dtypes.includes(dtype)) checkDType(`${op.name}, ${name}`, dtype);
  return new Form(dtype, shape);
}

/**
 * Applies any op to its inputs: for ops that are known by name alone (`registeredOps`). The functions that `defineOp`
 * gives come here, too, and are what programs call.
 */
export function apply(
  op: Op,
  given: readonly TensorLike[],
  givenAttrs: unknown,
): Tensor | Record<string, Tensor> {
  const { definition } = op;
  const attrs = checkedAttrs(op, givenAttrs);
  if (!op.variadic && given.length !== op.arity) {
    throw new ValueError(
      `${op.name}: got ${given.length} inputs; it takes ${op.arity}: ${op.inputs.join(", ")}.`,
    );
  }
  if (definition.elementwise !== undefined) return applyElementwise(op, given[0]!, given[1]);
  const inputs = toTensors(op, given);
  meet(op, inputs);
  if (openLevels !== 0 && inputs.some(isBatched)) return batching.call(op, inputs, attrs);
  const recording = isGradEnabled() && inputs.some(needsGrad);

  if (definition.view !== undefined) {
    const x = inputs[0]!;
    const { shape, strides, offset } = definition.view(x, attrs);
    const y = viewTensor(x, shape, strides, offset);
    const base = x.viewOf === null ? x : x.viewOf.base;
    if (recording) record(op, inputs, [y], attrs);
    gradState(y).viewOf = { base, node: base.node };
    if (observer !== null) observer.applied?.(op, inputs, [y], attrs, y.node);
    return y;
  }
  if (definition.shapes !== undefined) {
    const record0 = named(op, inputs);
    const shapes = definition.shapes(record0, attrs);
    const filled: Record<string, Tensor> = {};
    for (const name of [...op.outputs, ...op.extras]) {
      const { shape, dtype = inputs[0]!.dtype } = shapes?.[name] ?? ({} as { shape: Shape });
      filled[name] = emptyTensor(outputForm(op, name, shape, dtype), op.name);
    }
    fillOutputs(op, record0, filled, attrs);
    for (const name in filled) settle(filled[name]!);
    const outputs = op.outputs.map((name) => filled[name]!);
    const extras = op.extras.map((name) => filled[name]!);
    if (watching) lookAfter(lookBefore(op, inputs), outputs);
    const node = recording ? record(op, inputs, outputs, attrs, undefined, extras) : null;
    for (const { storage } of extras) if (storage !== null) disown(storage);
    if (observer !== null) observer.applied?.(op, inputs, outputs, attrs, node);
    if (definition.outputs === undefined) return outputs[0]!;
    return Object.fromEntries(op.outputs.map((name, i) => [name, outputs[i]!]));
  }
  const record0 = named(op, inputs);
  const shape = definition.shape!(record0, attrs);
  const dtype = definition.dtype?.(record0, attrs) ?? inputs[0]!.dtype;
  const form = outputForm(op, "y", shape, dtype, inputs[0]);
  const storage = deferred(definition.step, inputs, form);
  const y = emptyTensor(form, op.name, storage);
  if (storage === null) fillOutputs(op, record0, y, attrs);
  settle(y);
  if (watching) lookAfter(lookBefore(op, inputs), [y]);
  if (recording && isFloat(dtype)) record(op, inputs, [y], attrs);
  if (observer !== null) observer.applied?.(op, inputs, [y], attrs, y.node);
  return y;
}

/**
 * Applies an op to x and writes the result into x's own storage: the `add_` to `add`. Every view of
 * the storage sees it; the version moves, so that a rule which saved the old value notices. Errors say
 * `name`, by default the op's with an underscore, and recommend `instead`, by default that without it.
 *
 * @throws GradError for a leaf that requires grad (wrap the change in noGrad), ShapeError if the result
 *   has another shape than x, DTypeError if it has another kind of number
 */
export function applyInPlace(
  op: Op,
  x: Tensor,
  others: readonly TensorLike[],
  givenAttrs?: unknown,
  name = `${op.name}_`,
  instead = name.replace(/_$/, ""),
): Tensor {
  const attrs = checkedAttrs(op, givenAttrs);
  const rest = others.map((other, i) => toTensor(op, other, x.dtype, i + 1));
  checkInPlace(name, instead, op, x, rest, attrs);
  if (openLevels !== 0 && (isBatched(x) || rest.some(isBatched)))
    return batching.callInPlace(op, x, rest, attrs, name, instead);
  const recording = isGradEnabled() && [x, ...rest].some(needsGrad);
  const inputs = [x, ...rest].map((other, i) => {
    // Where any dtypes may meet, an int32 beside a float is an index; a float must get its gradient as one.
    const meets = op.domain !== "any" || isFloat(other.dtype);
    if (i > 0 && meets && other.dtype !== x.dtype) return engineOps.to(other, x.dtype);
    // Another look at the same storage would change while it is being read.
    const shares = i > 0 && other.storage !== null && other.storage === x.storage && other !== x;
    return shares ? engineOps.clone(other) : other;
  });
  const before = recording && op.saves.includes(op.inputs[0]!) ? snapshot(op, x) : x;
  const edge = recording ? differentiableEdge(op, 0, x) : null;
  // Before the change, which overwrites what was read.
  const looked: Before | null = watching ? lookBefore(op, inputs) : null;
  changeInPlace(x, name, () => compute(op, inputs, x, attrs));
  if (looked !== null) lookAfter(looked, [x]);
  let node: Node | null = null;
  if (recording) {
    node = record(op, [before, ...inputs.slice(1)], [x], attrs, edge);
    if (before !== x && before.storage !== null) disown(before.storage);
    if (node !== null && x.viewOf !== null) engineOps.rebaseView(x, node);
  }
  if (observer !== null) observer.applied?.(op, inputs, [x], attrs, node);
  return x;
}

function checkInPlace(
  name: string,
  instead: string,
  op: Op,
  x: Tensor,
  others: readonly Tensor[],
  attrs: unknown,
): void {
  if (isInference(x) && !isInferring()) {
    throw new GradError(
      `${name}: the tensor was made inside inferenceMode and can't be changed outside of it; clone() it first.`,
    );
  }
  if (isGradEnabled()) {
    const leaf = [x, x.viewOf?.base].find((t) => t?.requiresGrad && t.isLeaf);
    if (leaf !== undefined) {
      throw new GradError(
        `${name}: ${leaf === x ? "the tensor is" : "the tensor is a view of"} a leaf that requires grad, whose value backward needs; ` +
          `change it inside noGrad(() => …), or use ${instead}, which makes a new tensor.`,
      );
    }
  }
  const shape =
    op.definition.shape === undefined
      ? broadcastShapes(name, x.shape, ...others.map(({ shape }) => shape))
      : op.definition.shape(named(op, [x, ...others]), attrs);
  if (!sameShape(shape, x.shape)) {
    throw new ShapeError(
      `${name}: the result has shape ${formatShape(shape)}, which doesn't fit into the tensor's ${formatShape(x.shape)}; use ${instead}, which makes a new tensor.`,
    );
  }
  if (x.dtype === "bool" && op.bools === "refuse") throw boolError(name);
  const wide = others.find(({ dtype }) => isFloat(dtype) && !isFloat(x.dtype));
  if (wide !== undefined || (op.domain === "float" && !isFloat(x.dtype))) {
    throw new DTypeError(
      `${name}: the result is ${wide?.dtype ?? "float32"} and can't be stored in a tensor of ${x.dtype}; use ${instead}, which makes a new tensor.`,
    );
  }
  if (overlaps(x)) {
    throw new ShapeError(
      `${name}: ${x.strides.includes(0) ? "an expanded" : "an overlapping"} tensor of shape ${formatShape(x.shape)} shows the same element at several places; clone() it before changing it.`,
    );
  }
}

/** x's value as it is now, at x's place on the tape. */
function snapshot(op: Op, x: Tensor): Tensor {
  const edge = needsGrad(x) ? edgeOf(x) : null;
  const copy = emptyTensor(x.form.fresh, op.name);
  defaultKernels().copy(x, copy);
  copy.node = edge;
  return copy;
}

// ---------------------------------------------------------------------------------------------
// Recording

/** The compact record of a gate on lone numbers: up to two inputs and two saved values, no arrays. */
function recordNumbers(op: Op, a: Tensor, b: Tensor | null, y: Tensor): void {
  // The compact record has no room for which output of its node an input was.
  const several = slotOf(a) !== 0 || (b !== null && slotOf(b) !== 0);
  if (op.saves.length > 2 || several || currentHooks !== null || watching) {
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
  if (saved0 !== null) checkNotInference(op, op.saves[0]!, saved0);
  if (saved1 !== null) checkNotInference(op, op.saves[1]!, saved1);
  y.node =
    saved0 === null ? new Node(op, edge0, edge1) : new SavingNode(op, edge0, edge1, saved0, saved1);
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
  extras: readonly Tensor[] = [],
): Node | null {
  const edges: (Node | null)[] = new Array(inputs.length);
  let slots: number[] | null = null;
  let isNeeded = false;
  for (let i = 0; i < inputs.length; i++) {
    const x = inputs[i]!;
    const edge = i === 0 && edge0 !== undefined ? edge0 : differentiableEdge(op, i, x);
    if (edge !== null) isNeeded = true;
    if (slotOf(x) !== 0) slots ??= inputs.map(slotOf);
    edges[i] = edge;
  }
  if (!isNeeded) return null;
  const node = new WideNode(op, edges, slots, attrs, outputs.length);
  if (watching) noteSource(node);
  for (let i = 0; i < op.sources.length; i++) {
    const source = op.sources[i]!;
    const x = savedValue(op, source, inputs, outputs, extras);
    node.saved[i] = x;
    node.versions[i] = x instanceof Tensor ? x.version : 0;
    if (x instanceof Packed && source.list === "outputs") x.isOutput(node, source.at);
  }
  for (let slot = 0; slot < outputs.length; slot++) {
    const y = outputs[slot]!;
    node.outputs[slot] = y.form;
    if (!isFloat(y.dtype)) continue;
    y.node = node;
    if (slot > 0) gradState(y).slot = slot;
  }
  return node;
}

function savedValue(
  op: Op,
  { name, list, at }: Source,
  inputs: readonly Tensor[],
  outputs: readonly Tensor[],
  extras: readonly Tensor[],
): Tensor | Packed | Shape {
  if (list === "shapes") return inputs[at]!.shape;
  return kept(op, name, (list === "inputs" ? inputs : list === "outputs" ? outputs : extras)[at]!);
}

/** A tensor as the tape keeps it: itself, or what the saved-tensor hooks make of it. */
function kept(op: Op, name: string, x: Tensor): Tensor | Packed {
  checkNotInference(op, name, x);
  // What hooks make of it may be the tensor itself, in hands that never let go.
  if (x.storage !== null && currentHooks?.keeps !== false) hold(x.storage);
  return currentHooks === null ? x : new Packed(op, name, x, currentHooks);
}

function checkNotInference(op: Op, name: string, x: Tensor): void {
  if (!isInference(x)) return;
  throw new GradError(
    `${op.name}: backward needs ${name}, which was made inside inferenceMode; clone() it first, or use noGrad instead.`,
  );
}
