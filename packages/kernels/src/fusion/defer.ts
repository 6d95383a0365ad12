/**
 * Elementwise results that nobody has looked at so far. Such a storage has a recipe in place of elements: one step, on
 * operands that may be recipes themselves. Who asks for the elements has all steps that lead to them run in one pass
 * over memory, with the bits that the steps give one by one. What lies between is never written, unless somebody holds
 * it (the tape, a gradient that waits) or several recipes read it.
 */
import { Call } from "../call.ts";
import type { BinaryName, CompareName, DType, Kernels, Operand, UnaryName } from "../interface.ts";
import { capture, endCapture, fill, materialize } from "../memory.ts";
import { bytesPerElement, type Capture, type Recipe, ReleasedError, Storage } from "../storage.ts";
import { WasmKernels } from "../wasm.ts";
import { isContiguous } from "../wasm-reduce.ts";
import type { Chain, StepName } from "./chain.ts";
import { fuse, isFusible } from "./fuse.ts";

/** Shorter results are computed at once: they stay in the processor's cache, and what deferring costs would show. */
export const DEFERRED_FROM = 2 ** 13;
/** What a recipe may lead to: beyond, its operands are computed first. */
const MOST_STEPS = 32;
const MOST_INPUTS = 8;

const innerKernels = new WeakMap<WasmKernels, WasmKernels>();

/** Kernels whose calls may happen within others. */
function innerOf(kernels: WasmKernels): WasmKernels {
  let inner = innerKernels.get(kernels);
  if (inner === undefined) {
    const { arena, crew } = kernels.call;
    inner = new WasmKernels(new Call(arena, crew, true), kernels.module);
    innerKernels.set(kernels, inner);
  }
  return inner;
}

/**
 * A contiguous storage for the result of a step, to be computed when it is asked for; null where that would not pay.
 * Operands are as for the kernels, and change in place only where `own` is told.
 */
export function defer(
  kernels: Kernels,
  name: StepName,
  operands: readonly Operand[],
  shape: readonly number[],
  dtype: DType,
): Storage | null {
  const length = shape.reduce((product, size) => product * size, 1);
  if (length < DEFERRED_FROM || !(kernels instanceof WasmKernels)) return null;
  const inner = innerOf(kernels);
  // Of a choice, the condition comes first.
  if (!isFusible(inner, name, operands[operands.length - 1].dtype)) return null;
  const storage = new Storage(dtype, length, null, null);
  storage.recipe = new StepRecipe(inner, name, operands, shape);
  return storage;
}

/** An operand as it is now, whatever becomes of its storage. */
class Captured implements Operand {
  readonly capture: Capture | null;
  readonly value: number;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;

  constructor({ storage, value, dtype, shape, strides, offset }: Operand) {
    this.capture = storage === null ? null : capture(storage);
    this.value = value;
    this.dtype = dtype;
    this.shape = shape;
    this.strides = strides;
    this.offset = offset;
  }

  get storage(): Storage | null {
    return this.capture === null ? null : this.capture.storage;
  }
}

class StepRecipe implements Recipe {
  private readonly kernels: WasmKernels;
  private readonly name: StepName;
  private readonly args: readonly Captured[];
  private readonly shape: readonly number[];
  /** The float dtype that it works in; truth values are masks of its size. */
  private readonly float: DType;
  /** What it leads to at most, what is computed already included. */
  private readonly steps: number;
  private readonly inputs: number;

  constructor(
    kernels: WasmKernels,
    name: StepName,
    operands: readonly Operand[],
    shape: readonly number[],
  ) {
    this.kernels = kernels;
    this.name = name;
    this.shape = shape;
    this.float = operands[operands.length - 1].dtype;
    for (const { storage } of operands) if (storage?.isReleased) throw new ReleasedError(storage);
    const before = operands.map(({ storage }) => recipeOf(storage));
    const steps = before.reduce((sum, recipe) => sum + (recipe?.steps ?? 0), 1);
    const inputs = before.reduce((sum, recipe) => sum + (recipe?.inputs ?? 1), 0);
    const fits = steps <= MOST_STEPS && inputs <= MOST_INPUTS;
    this.steps = fits ? steps : 1;
    this.inputs = fits ? inputs : operands.length;
    for (const x of operands) {
      if (recipeOf(x.storage) === null) continue;
      if (!fits) materialize(x.storage!);
      else if (!this.continues(x)) fill(x.storage!);
    }
    this.args = operands.map((x) => new Captured(x));
  }

  compute(target: Storage): void {
    const order = this.order(target);
    const within = order.flatMap((storage) => recipeOf(storage)!.args.map((arg) => arg.capture));
    const wanted = order.filter((x) => {
      if (x === target || x.holders > 0) return true;
      return x.capture!.readers > within.filter((capture) => capture === x.capture).length;
    });
    const { arena } = this.kernels.call;
    const give = (storage: Storage): void => {
      storage.cell = arena.allocate(storage.length * bytesPerElement[storage.dtype]);
    };
    const take = (storage: Storage): void => {
      if (storage.cell !== null) arena.release(storage.cell);
      storage.cell = null;
    };
    try {
      wanted.forEach(give);
      if (order.length === 1 || !this.runTogether(order, wanted)) {
        for (const storage of order) {
          if (storage.cell === null) give(storage);
          recipeOf(storage)!.runAlone(storage);
        }
      }
    } catch (error) {
      order.forEach(take);
      throw error;
    }
    for (const storage of order) {
      if (!wanted.includes(storage)) take(storage);
      else {
        arena.watch(storage, storage.cell!);
        // What several recipes read stays; what is held goes when it isn't any more.
        if (storage !== target && storage.holders === 0) materialize(storage);
      }
    }
  }

  forget(): void {
    for (const { capture } of this.args) if (capture !== null) endCapture(capture);
  }

  /** Whether a step on x goes along its elements one by one, and may be fused with those that make them. */
  private continues(x: Operand): boolean {
    const { float, shape } = recipeOf(x.storage)!;
    // What the source reads broadcasts to the source's shape, which a view may have left.
    const isAlike = isSame(shape, this.shape) && isSame(x.shape, this.shape);
    return float === this.float && isAlike && isContiguous(x);
  }

  /** What has to be computed for the target, each after what it reads; the target comes last. */
  private order(target: Storage): Storage[] {
    const order = new Set<Storage>();
    const visit = (storage: Storage): void => {
      for (const arg of recipeOf(storage)!.args) {
        const source = arg.storage;
        if (recipeOf(source) === null || source!.isFilled || order.has(source!)) continue;
        if (this.continues(arg)) visit(source!);
        else fill(source!);
      }
      order.add(storage);
    };
    visit(target);
    return [...order];
  }

  private runTogether(order: readonly Storage[], wanted: readonly Storage[]): boolean {
    const inputs: Captured[] = [];
    const constants: number[] = [];
    for (const storage of order) {
      for (const arg of recipeOf(storage)!.args) {
        if (arg.storage === null) constants.push(arg.value);
        else if (!order.includes(arg.storage) && positionIn(inputs, arg) < 0) inputs.push(arg);
      }
    }
    const firstStep = inputs.length + constants.length;
    const slotOf = (storage: Storage): number => firstStep + order.indexOf(storage);
    let constant = inputs.length;
    const chain: Chain = {
      inputs: inputs.length,
      constants,
      steps: order.map((storage) => {
        const { name, args } = recipeOf(storage)!;
        const slots = args.map((arg) => {
          if (arg.storage === null) return constant++;
          return order.includes(arg.storage) ? slotOf(arg.storage) : positionIn(inputs, arg);
        });
        return { name, args: slots };
      }),
      outputs: wanted.map(slotOf),
    };
    const outs = wanted.map((storage) => recipeOf(storage)!.operand(storage));
    return fuse(this.kernels, chain, inputs, outs);
  }

  private runAlone(storage: Storage): void {
    const { kernels, name } = this;
    const [a, b, c] = this.args;
    const out = this.operand(storage);
    if (c !== undefined) kernels.where(a, b, c, out);
    else if (b === undefined) kernels.unary(name as UnaryName, a, out);
    else if (storage.dtype === "bool") kernels.compare(name as CompareName, a, b, out);
    else kernels.binary(name as BinaryName, a, b, out);
  }

  private operand(storage: Storage): Operand {
    const { shape } = this;
    const strides = new Array<number>(shape.length);
    let step = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      strides[axis] = step;
      step *= shape[axis];
    }
    return { storage, value: 0, dtype: storage.dtype, shape, strides, offset: 0 };
  }
}

/** Every recipe is a step's. */
function recipeOf(storage: Storage | null): StepRecipe | null {
  return storage === null ? null : (storage.recipe as StepRecipe | null);
}

/** Where the same elements in the same order are; −1 if nowhere. */
function positionIn(inputs: readonly Captured[], x: Captured): number {
  return inputs.findIndex(
    (input) =>
      input.capture === x.capture &&
      input.offset === x.offset &&
      isSame(input.shape, x.shape) &&
      isSame(input.strides, x.strides),
  );
}

function isSame(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, i) => size === b[i]);
}
