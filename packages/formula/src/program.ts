/** Expressions as a list of steps, run on whole arrays with few temporaries, or on lone numbers without arrays. */
import { broadcastShapes, sizeOf, type Tensor, threads } from "@tapegrad/core";
import { type Chain, type DType, fuse, type Kernels, type Operand } from "@tapegrad/kernels";
import { type Expression, type Kind, reachable } from "./expression.ts";
import { type Primitive, primitiveOf } from "./functions.ts";
import { lone, Pool, type Shape, sameShape } from "./operands.ts";

/** One primitive on some of the slots, its result in a slot of its own. */
interface Step {
  readonly primitive: Primitive;
  readonly args: readonly number[];
  readonly slot: number;
  /** Slots of temporaries that no later step reads. */
  readonly frees: readonly number[];
  /** Which of the outputs it is; −1 for a temporary. */
  readonly output: number;
}

/** Of the steps' functions, those of lone numbers; and the constants, rounded. */
interface Prepared {
  readonly kernels: Kernels;
  readonly scalars: readonly ((...x: number[]) => number)[];
  readonly constants: readonly { readonly slot: number; readonly operand: Operand }[];
}

/** Elements that one thread computes at a time: their temporaries stay in its processor's cache. */
const TILE = 2 ** 14;
/** Elements that several threads compute at a time: what is enough for the kernels to share out. */
const SHARED_TILE = 2 ** 18;

/** How a set of expressions is computed from what is given. */
export class Program {
  private readonly name: string;
  private readonly constants: readonly (readonly [slot: number, value: number, kind: Kind])[];
  private readonly steps: readonly Step[];
  private readonly slots: number;
  /** The slot of each output. */
  private readonly results: readonly number[];
  /** Whether each element of the outputs depends on the inputs' elements at its place alone. */
  private readonly elementwise: boolean;
  /** The same for a kernel made at run time; null where a step has no place in one. */
  private readonly chain: Chain | null;
  private readonly prepared = new Map<DType, Prepared>();

  /**
   * @param name   of the op, for messages
   * @param roots  what is computed
   * @param given  what is at hand: inputs, and results kept from before
   */
  constructor(name: string, roots: readonly Expression[], given: readonly Expression[]) {
    this.name = name;
    const slotOf = new Map<Expression, number>(given.map((x, i) => [x, i]));
    const used = reachable(roots, (y) => slotOf.has(y) || y.value !== null);
    const others = used.filter((x) => !slotOf.has(x));
    const constants = others.filter((x) => x.value !== null);
    const computed = others.filter((x) => x.value === null);
    for (const x of [...constants, ...computed]) slotOf.set(x, slotOf.size);
    const lastUse = new Map<Expression, number>();
    const argsOf = (x: Expression): readonly Expression[] => (x.type === "call" ? x.args : []);
    computed.forEach((x, i) => {
      for (const arg of argsOf(x)) lastUse.set(arg, i);
    });
    const made = new Set(computed);
    this.steps = computed.map((x, i) => ({
      primitive: primitiveOf((x as { name: string }).name),
      args: argsOf(x).map((arg) => slotOf.get(arg)!),
      slot: slotOf.get(x)!,
      frees: [...new Set(argsOf(x))]
        .filter((arg) => made.has(arg) && lastUse.get(arg) === i && !roots.includes(arg))
        .map((arg) => slotOf.get(arg)!),
      output: roots.indexOf(x),
    }));
    this.constants = constants.map((x) => [slotOf.get(x)!, x.value!, x.kind]);
    this.slots = slotOf.size;
    this.results = roots.map((root) => slotOf.get(root)!);
    this.elementwise = this.steps.every(({ primitive }) => primitive.shape === undefined);
    const isChain =
      this.steps.every(({ primitive }) => primitive.step !== undefined) &&
      constants.every(({ kind }) => kind === "number");
    this.chain = isChain
      ? {
          inputs: given.length,
          constants: constants.map(({ value }) => value!),
          steps: this.steps.map(({ primitive, args }) => ({ name: primitive.step!, args })),
          outputs: this.results,
        }
      : null;
  }

  /** The shapes of the outputs for inputs of these shapes. */
  shapes(inputs: readonly Shape[]): Shape[] {
    // An input counts for the result's shape even where simplification left it out.
    const first = this.elementwise ? meet(this.name, inputs) : undefined;
    if (first !== undefined && this.results.length === 1) return [first];
    const shapes: Shape[] = [...inputs];
    for (const [slot] of this.constants) shapes[slot] = [];
    for (const { primitive, args, slot } of this.steps)
      shapes[slot] = this.shapeOf(
        primitive,
        args.map((arg) => shapes[arg]!),
      );
    return this.results.map((slot, i) => (i === 0 && first) || shapes[slot]!);
  }

  private shapeOf(primitive: Primitive, shapes: readonly Shape[]): Shape {
    return primitive.shape === undefined ? meet(this.name, shapes) : primitive.shape(...shapes);
  }

  /** Fills the outputs, to whose shapes the results broadcast. */
  run(kernels: Kernels, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
    const { dtype } = outputs[0]!;
    const number = dtype === "bool" ? inputs[0]!.dtype : dtype;
    if (inputs.every(isLone)) {
      const values = this.runNumbers(kernels, number, inputs);
      for (let i = 0; i < outputs.length; i++) kernels.fill(values[this.results[i]!]!, outputs[i]!);
      return;
    }
    const operands = inputs.map(withoutAxes);
    const isOneShape = outputs.every(({ shape }) => sameShape(shape, outputs[0]!.shape));
    if (isOneShape && this.chain !== null && fuse(kernels, this.chain, operands, outputs)) return;
    const pool = new Pool();
    try {
      const size = sizeOf(outputs[0]!.shape);
      if (size > TILE && this.elementwise && alike([...inputs, ...outputs])) {
        const tile = threads() > 1 ? SHARED_TILE : TILE;
        for (let start = 0; start < size; start += tile) {
          const part = (x: Operand) => sliced(x, start, Math.min(tile, size - start));
          this.runArrays(kernels, number, operands.map(part), outputs.map(part), pool);
        }
      } else {
        this.runArrays(kernels, number, operands, outputs, pool);
      }
    } finally {
      pool.empty();
    }
  }

  /** The value of every slot. */
  private runNumbers(kernels: Kernels, dtype: DType, inputs: readonly Tensor[]): number[] {
    const { scalars, constants } = this.preparedFor(kernels, dtype);
    const values = new Array<number>(this.slots);
    for (let i = 0; i < inputs.length; i++) values[i] = inputs[i]!.item();
    for (const { slot, operand } of constants) values[slot] = operand.value;
    for (let i = 0; i < this.steps.length; i++) {
      const { args, slot } = this.steps[i]!;
      const f = scalars[i]!;
      // Without a list of arguments where they are few.
      values[slot] =
        args.length === 1
          ? f(values[args[0]!]!)
          : args.length === 2
            ? f(values[args[0]!]!, values[args[1]!]!)
            : f(...args.map((arg) => values[arg]!));
    }
    return values;
  }

  /** What depends on the dtype alone. */
  private preparedFor(kernels: Kernels, dtype: DType): Prepared {
    const before = this.prepared.get(dtype);
    if (before !== undefined && before.kernels === kernels) return before;
    const made: Prepared = {
      kernels,
      scalars: this.steps.map(({ primitive }) => primitive.scalar(kernels, dtype)),
      constants: this.constants.map(([slot, value, kind]) => ({
        slot,
        operand: lone(value, kind === "truth" ? "bool" : dtype),
      })),
    };
    this.prepared.set(dtype, made);
    return made;
  }

  private runArrays(
    kernels: Kernels,
    dtype: DType,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    pool: Pool,
  ): void {
    const { scalars, constants } = this.preparedFor(kernels, dtype);
    const slots: Operand[] = [...inputs];
    for (const { slot, operand } of constants) slots[slot] = operand;
    for (let i = 0; i < this.steps.length; i++) {
      const { primitive, args, slot, frees, output } = this.steps[i]!;
      const operands = args.map((arg) => slots[arg]!);
      const of = primitive.gives === "truth" ? "bool" : dtype;
      if (operands.every(({ storage }) => storage === null)) {
        slots[slot] = lone(scalars[i]!(...operands.map(({ value }) => value)), of);
        continue;
      }
      const shape = this.shapeOf(
        primitive,
        operands.map((x) => x.shape),
      );
      const target = outputs[output];
      let out: Operand | undefined;
      if (target !== undefined && fits(target, of, shape)) {
        out = target;
      } else if (primitive.shape === undefined) {
        // In place of an argument that nobody reads afterwards, where elements don't mix.
        out = slots[frees.find((free) => fits(slots[free]!, of, shape)) ?? -1];
      }
      out ??= pool.take(of, shape);
      primitive.array(kernels, operands, out);
      slots[slot] = out;
      for (const free of frees) if (slots[free] !== out) pool.give(slots[free]!);
    }
    for (let i = 0; i < outputs.length; i++) {
      const result = slots[this.results[i]!]!;
      if (result !== outputs[i]) kernels.copy(result, outputs[i]!);
    }
  }
}

function fits(x: Operand, dtype: DType, shape: Shape): boolean {
  return x.dtype === dtype && sameShape(x.shape, shape);
}

function meet(name: string, shapes: readonly Shape[]): Shape {
  let shape = shapes[0]!;
  for (let i = 1; i < shapes.length; i++) {
    const next = shapes[i]!;
    if (shape.length === 0) shape = next;
    else if (next.length > 0 && !sameShape(shape, next)) shape = broadcastShapes(name, shape, next);
  }
  return shape;
}

/** A number without axes may still lie in a storage, as an element of a tensor does. */
function withoutAxes(x: Tensor): Operand {
  return x.shape.length > 0 || x.storage === null ? x : lone(x.item(), x.dtype);
}

function isLone({ shape }: Tensor): boolean {
  return shape.length === 0;
}

/** Whether all are lone numbers, or lie without gaps in one common shape. */
function alike(tensors: readonly Tensor[]): boolean {
  const { shape } = tensors.find(({ rank }) => rank > 0)!;
  return tensors.every((x) => x.rank === 0 || (sameShape(x.shape, shape) && x.isContiguous));
}

/** `length` of the elements of a contiguous operand; a lone number is the same everywhere. */
function sliced(x: Operand, start: number, length: number): Operand {
  if (x.shape.length === 0) return x;
  const { storage, dtype, offset } = x;
  return { storage, value: 0, dtype, shape: [length], strides: [1], offset: offset + start };
}
