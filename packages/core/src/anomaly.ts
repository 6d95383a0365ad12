/** Finding the op that made the first NaN or infinity. */
import { isFloat } from "./dtype.ts";
import { TapegradError } from "./errors.ts";
import { currentModulePath, type Node } from "./node.ts";
import type { Op } from "./op.ts";
import { formatShape, sizeOf } from "./shape.ts";
import { scoped } from "./tape.ts";
import { Tensor } from "./tensor.ts";

/** A NaN or an infinity that an op made inside {@link detectAnomaly}. */
export class AnomalyError extends TapegradError {
  override get name(): string {
    return "AnomalyError";
  }
}

/** @internal Whether results are inspected: one comparison per op otherwise. */
export let watching = false;

/** @internal Sets it and returns what it was. */
export function setWatching(on: boolean): boolean {
  const previous = watching;
  watching = on;
  return previous;
}

/**
 * Runs f and stops at the first op that makes a NaN from inputs without one, or an infinity from finite
 * inputs; in `backward`, at the first rule that does so. The message has the ranges of the inputs, the
 * path of the module and the line that called the op. Slow: every result is read.
 *
 * ```ts
 * detectAnomaly(() => loss(model(x), y).backward());
 * ```
 *
 * @throws AnomalyError
 */
export function detectAnomaly<T>(f: () => T): T {
  const previous = setWatching(true);
  return scoped("detectAnomaly", f, () => setWatching(previous));
}

// ---------------------------------------------------------------------------------------------
// Forward

interface Summary {
  line: string;
  hasNaN: boolean;
  isFinite: boolean;
}

/** @internal What an op is about to read; in-place ops change it. */
export interface Before {
  op: Op;
  inputs: Summary[];
}

/** @internal */
export function lookBefore(op: Op, inputs: readonly Tensor[]): Before {
  const summaries = inputs.map((x, i) =>
    summarize(op.variadic ? `${op.inputs[0]}[${i}]` : op.inputs[i]!, x),
  );
  return { op, inputs: summaries };
}

/** @internal @throws AnomalyError if an output has what no input had */
export function lookAfter({ op, inputs }: Before, outputs: readonly Tensor[]): void {
  outputs.forEach((y, i) => {
    const found = firstAnomaly(y, inputs);
    if (found === null) return;
    throw new AnomalyError(
      [
        `detectAnomaly: ${op.name} made ${found} of ${op.outputs[i]} (${y.dtype} ${formatShape(y.shape)}).`,
        ...inputs.map(({ line }) => line),
        ...moduleLine(currentModulePath()),
        `called at ${sourceLine()}`,
      ].join("\n  "),
    );
  });
}

/** "NaN at [0, 1]": the first element that is worse than every input; null if there is none. */
function firstAnomaly(y: Tensor, inputs: readonly Summary[]): string | null {
  if (!isFloat(y.dtype)) return null;
  const finite = inputs.every((input) => input.isFinite);
  const hadNaN = inputs.some((input) => input.hasNaN);
  const data = y.data();
  const at = data.findIndex((v) => (finite ? !Number.isFinite(v) : !hadNaN && Number.isNaN(v)));
  return at < 0 ? null : `${data[at]} at ${position(at, y)}`;
}

function position(flat: number, { shape }: Tensor): string {
  return formatShape(shape.map((size, i) => Math.floor(flat / sizeOf(shape.slice(i + 1))) % size));
}

const moduleLine = (path: string) => (path === "" ? [] : [`module: ${path}`]);

/** "x: float32 [3], from -1 to 2, 1 NaN". */
function summarize(name: string, x: Tensor): Summary {
  let [low, high, nans, infinities] = [Infinity, -Infinity, 0, 0];
  for (const v of x.data()) {
    if (Number.isNaN(v)) nans++;
    else if (!Number.isFinite(v)) infinities++;
    else {
      low = Math.min(low, v);
      high = Math.max(high, v);
    }
  }
  const parts = [`${name}: ${x.dtype} ${formatShape(x.shape)}`];
  if (low <= high)
    parts.push(`from ${Number(low.toPrecision(6))} to ${Number(high.toPrecision(6))}`);
  if (nans > 0) parts.push(`${nans} NaN`);
  if (infinities > 0) parts.push(`${infinities} infinite`);
  return { line: parts.join(", "), hasNaN: nans > 0, isFinite: nans + infinities === 0 };
}

// ---------------------------------------------------------------------------------------------
// Backward

/** Lines that called the ops of nodes recorded while watching. */
const sources = new WeakMap<Node, string>();

/** @internal */
export function noteSource(node: Node): void {
  sources.set(node, sourceLine());
}

/** @internal The line that called the node's op; undefined outside of detectAnomaly. */
export function sourceOf(node: Node): string | undefined {
  return sources.get(node);
}

/** How the message ends: where in the model, and where in the program. */
function whereRecorded(node: Node): string[] {
  const place = sources.has(node)
    ? `at ${sources.get(node)}`
    : "outside of detectAnomaly; run the forward pass inside, too, to see the line";
  return [...moduleLine(node.module), `${node.op.name} was called ${place}`];
}

/** @internal @throws AnomalyError if two finite gradients that meet at a node overflow */
export function lookAtSum(node: Node, a: Tensor, b: Tensor): void {
  const round = a.dtype === "float32" ? Math.fround : Number;
  const [x, y] = [a.data(), b.data()];
  const at = x.findIndex((v, i) => {
    const finite = Number.isFinite(v) && Number.isFinite(y[i]!);
    return finite && !Number.isFinite(round(v + y[i]!));
  });
  if (at < 0) return;
  const isLeaf = node.op.inputs.length === 0;
  throw new AnomalyError(
    [
      `detectAnomaly: gradients that meet at ${isLeaf ? "a leaf" : `the output of ${node.op.name}`} add up to ${round(x[at]! + y[at]!)} at ${position(at, a)}.`,
      summarize("so far", a).line,
      summarize("added", b).line,
      ...(isLeaf ? [] : whereRecorded(node)),
    ].join("\n  "),
  );
}

/** @internal @throws AnomalyError if the rule for input i made of dy what dy had not */
export function lookAtGradient(
  node: Node,
  i: number,
  dy: Tensor | Readonly<Record<string, Tensor>>,
  dx: unknown,
  saved: object,
): void {
  if (!(dx instanceof Tensor)) return;
  const { op } = node;
  const arrived =
    dy instanceof Tensor
      ? [summarize("dy", dy)]
      : Object.entries(dy).map(([name, part]) => summarize(`dy.${name}`, part));
  const found = firstAnomaly(dx, arrived);
  if (found === null) return;
  const values = op.saves.flatMap((name) => {
    try {
      const value: unknown = (saved as Record<string, unknown>)[name];
      return value instanceof Tensor ? [summarize(name, value).line] : [];
    } catch {
      // Changed in place since, and this rule didn't need it.
      return [];
    }
  });
  const input = op.variadic ? `${op.inputs[0]}[${i}]` : op.inputs[i];
  throw new AnomalyError(
    [
      `detectAnomaly: backward of ${op.name} made ${found} of the gradient of ${input} (${dx.dtype} ${formatShape(dx.shape)}).`,
      ...arrived.map(({ line }) => line),
      ...values,
      ...whereRecorded(node),
    ].join("\n  "),
  );
}

// ---------------------------------------------------------------------------------------------
// Source lines

/** This file, as stack traces name it. */
let ownFile: string | null = null;

/** Places on the stack, innermost first: "file:line:column". */
function stackFrames(): string[] {
  // V8 keeps ten frames unless told otherwise.
  const settings = Error as { stackTraceLimit?: number };
  const limit = settings.stackTraceLimit;
  if (limit !== undefined) settings.stackTraceLimit = 100;
  const stack = new Error().stack ?? "";
  if (limit !== undefined) settings.stackTraceLimit = limit;
  return stack.split("\n").flatMap((line) => {
    const match =
      /\(([^()]*:\d+:\d+)\)$/.exec(line) ??
      /^\s*at (?:async )?(.*:\d+:\d+)$/.exec(line) ??
      /^[^@]*@(.*:\d+:\d+)$/.exec(line);
    return match === null ? [] : [match[1]!];
  });
}

const packageFiles = /^(core|kernels|formula|nn|optim|data|train|viz|tapegrad)\/(src|dist)\//;

/** @internal The innermost place outside of Tapegrad's own files: "file:line:column". */
export function sourceLine(): string {
  const frames = stackFrames();
  ownFile ??= (frames[0] ?? "").replace(/:\d+:\d+$/, "");
  const root = ownFile.replace(/core\/(src|dist)\/[^/]*$/, "");
  const isOurs = (frame: string) =>
    frame.startsWith(`${ownFile}:`) ||
    (root !== ownFile && frame.startsWith(root) && packageFiles.test(frame.slice(root.length)));
  // Where a bundler put the program and Tapegrad into one file, no frame tells them apart.
  return (
    frames.find((frame) => !isOurs(frame) && !frame.startsWith("node:")) ??
    "a place in the same bundle as Tapegrad"
  );
}
