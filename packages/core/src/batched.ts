/**
 * What stands for one sample inside `vmap`: a tensor that knows all samples. The engine looks for it in a few
 * places (`apply.ts` and `random.ts` above all), where it costs a comparison while no vmap runs; what then
 * happens is in `transforms/`, which programs without vmap don't load.
 */
import { defaultKernels, getElement, type Storage, type TypedArray } from "@tapegrad/kernels";
import { VmapError } from "./errors.ts";
import { Form } from "./form.ts";
import type { Op, TensorLike } from "./op.ts";
import { formatShape, type Shape } from "./shape.ts";
import { emptyTensor, Tensor } from "./tensor.ts";

/** What random functions give inside vmap. */
export type Randomness = "error" | "same" | "different";

/** One running call of vmap. */
export interface Level {
  /** How many vmaps run around it. */
  readonly depth: number;
  /** Number of samples. */
  readonly size: number;
  readonly randomness: Randomness;
  /** What stands in place of a storage in its tensors: the same for views of one storage, and never read. */
  readonly standIn: (storage: Storage) => Storage;
  /** Whether its function is running. */
  open: boolean;
}

/** The running vmaps, the outermost first. */
let levels: readonly Level[] = [];

/** @internal How many vmaps run now. Engine code compares it with 0 before it looks for batched tensors. */
export let openLevels = 0;

/** @internal */
export function currentLevels(): readonly Level[] {
  return levels;
}

/** @internal Runs f with exactly these vmaps open, also after they have ended (a checkpoint's second run). */
export function withLevels<T>(next: readonly Level[], f: () => T): T {
  const previous = levels;
  const wereOpen = next.map((level) => level.open);
  levels = next;
  openLevels = next.length;
  for (const level of next) level.open = true;
  try {
    return f();
  } finally {
    next.forEach((level, i) => {
      level.open = wereOpen[i]!;
    });
    levels = previous;
    openLevels = previous.length;
  }
}

/** @internal A vmap inside those that run now. */
export function newLevel(size: number, randomness: Randomness): Level {
  const unreadable = refusing(() => (level.open ? noValue("reading an element") : escaped()));
  const standIns = new WeakMap<Storage, Storage>();
  const level: Level = {
    depth: levels.length,
    size,
    randomness,
    standIn: (storage) => {
      const found = standIns.get(storage) ?? (Object.create(unreadable) as Storage);
      standIns.set(storage, found);
      return found;
    },
    open: false,
  };
  return level;
}

/** A storage all of whose parts refuse, whoever asks for them. */
function refusing(refuse: () => VmapError): Storage {
  const storage = { recipe: null };
  for (const part of ["dtype", "length", "cell", "array", "isFilled", "isReleased"]) {
    Object.defineProperty(storage, part, {
      enumerable: true,
      get: () => {
        throw refuse();
      },
    });
  }
  return storage as Storage;
}

function noValue(what: string): VmapError {
  return new VmapError(
    `vmap: ${what} inside the mapped function, where the tensor stands for every sample at once and has no one value; ` +
      "choose by where(condition, a, b) in place of if, and read values after vmap.",
  );
}

function escaped(): VmapError {
  return new VmapError(
    "vmap: a tensor of the mapped function was kept and used after vmap had returned; return it from the function, and vmap gives it for all samples.",
  );
}

/**
 * A tensor inside vmap. Its shape is that of one sample; `physical` has all of them, along a first axis of its
 * own, and is itself such a tensor where vmaps are nested. It has no place on the tape: `physical` does.
 */
export class BatchedTensor extends Tensor {
  /** @internal */
  readonly physical: Tensor;
  /** @internal */
  readonly level: Level;

  /** @internal */
  constructor(physical: Tensor, level: Level) {
    const shape = physical.shape.slice(1);
    super(level.standIn(physical.storage!), 0, new Form(physical.dtype, shape));
    this.physical = physical;
    this.level = level;
  }

  override get requiresGrad(): boolean {
    return this.physical.requiresGrad;
  }

  override get version(): number {
    return this.physical.version;
  }

  override get changedBy(): string {
    return this.physical.changedBy;
  }

  override get isLeaf(): boolean {
    return this.physical.isLeaf;
  }

  override item(): never {
    throw this.refused("item()");
  }

  override data(): never {
    throw this.refused("data()");
  }

  override toArray(): never {
    throw this.refused("toArray()");
  }

  override requiresGrad_(): never {
    throw this.refused("requiresGrad_()");
  }

  private refused(what: string): VmapError {
    if (!this.level.open) return escaped();
    return what === "requiresGrad_()" ? tapeless(what) : noValue(what);
  }

  override toString(): string {
    const all = this.level.open ? `, all samples: ${this.physical}` : ", after vmap has ended";
    return `tensor(one sample of ${this.level.size}, shape=${formatShape(this.shape)}, dtype=${this.dtype}${all})`;
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function tapeless(what: string): VmapError {
  return new VmapError(
    `${what.replace(/\(\)$/, "")}: inside vmap a tensor stands for every sample at once and has no grad of its own; use the function transforms there: grad(f), vjp or jvp.`,
  );
}

/** @internal For functions that need the tape itself. @throws VmapError for a tensor inside vmap */
export function refuseBatched(name: string, x: Tensor): void {
  if (x instanceof BatchedTensor) throw x.level.open ? tapeless(name) : escaped();
}

/** @internal */
export function isBatched(x: unknown): x is BatchedTensor {
  return x instanceof BatchedTensor;
}

/** @internal The innermost vmap whose tensor is among the inputs. @throws VmapError for one that has ended */
export function innermost(inputs: readonly TensorLike[]): Level {
  let found: Level | null = null;
  for (const x of inputs) {
    if (!(x instanceof BatchedTensor)) continue;
    if (!x.level.open) throw escaped();
    if (found === null || x.level.depth > found.depth) found = x.level;
  }
  return found!;
}

/** @internal For functions whose result has a shape that depends on the values of x. @throws VmapError inside vmap */
export function refuseShaping(name: string, x: Tensor): void {
  if (!(x instanceof BatchedTensor)) return;
  if (!x.level.open) throw escaped();
  throw new VmapError(
    `${name}: the shape of the result depends on the values, which differ between the samples of a vmap; choose by where(condition, a, b), or call it outside of vmap.`,
  );
}

/**
 * @internal The elements of every sample, for checks that hold for each alike; `data()` outside of vmap.
 */
export function everyElement(x: Tensor): TypedArray {
  return bottomOf(x).data();
}

/**
 * @internal The first position, in row-major order over every sample, of an element below `low` or above `high`;
 * −1 if there is none. NaN is neither.
 */
export function firstOutside(x: Tensor, low: number, high: number): number {
  const all = bottomOf(x);
  if (all.size === 0) return -1;
  const [least, most] = (["min", "max"] as const).map((name) => {
    const ones = all.shape.map(() => 1);
    const y = emptyTensor(new Form(all.dtype, ones));
    defaultKernels().reduce(name, all, y);
    return getElement(y.storage!, 0);
  });
  // Where there is a NaN, both are.
  if (least! >= low && most! <= high) return -1;
  return all.data().findIndex((value) => value < low || value > high);
}

/** @internal The ordinary tensor behind x: the sizes of the vmaps around it come first, the outermost in front. */
export function bottomOf(x: Tensor): Tensor {
  let bottom = x;
  while (bottom instanceof BatchedTensor) bottom = bottom.physical;
  return bottom;
}

/** @internal f of the ordinary tensor behind x, in its place. */
export function mapBottom(x: Tensor, f: (bottom: Tensor) => Tensor): Tensor {
  return x instanceof BatchedTensor ? new BatchedTensor(mapBottom(x.physical, f), x.level) : f(x);
}

/** What {@link vmap} does with calls on its tensors; it fills this in when it first runs. */
export const batching = {} as {
  /** @internal */
  call: (op: Op, inputs: readonly Tensor[], attrs: unknown) => Tensor | Record<string, Tensor>;
  /** @internal */
  callInPlace: (
    op: Op,
    x: Tensor,
    others: readonly Tensor[],
    attrs: unknown,
    name: string,
    instead: string,
  ) => Tensor;
  /** @internal Random numbers for all samples; `draw` makes a tensor of the shape that it is told. */
  draw: (name: string, shape: Shape, draw: (shape: Shape) => Tensor) => Tensor;
};
