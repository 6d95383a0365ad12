/** Expressions as a list of steps, run on whole arrays with few temporaries, or on lone numbers without arrays. */
import { broadcastShapes, sizeOf, type Tensor } from "@tapegrad/core";
import type { DType, Kernels, Operand } from "@tapegrad/kernels";
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

/** Elements that are computed at a time: their temporaries stay in the processor's cache. */
const TILE = 16_384;

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
  /** The steps' functions of lone numbers, by dtype. */
  private readonly scalars = new Map<DType, readonly ((...x: number[]) => number)[]>();

  /**
   * @param name   of the op, for messages
   * @param roots  what is computed
   * @param given  what is at hand: inputs, and results kept from before
   */
  constructor(name: string, roots: readonly Expression[], given: readonly Expression[]) {
    this.name = name;
    const slotOf = new Map<Expression, number>(given.map((x, i) => [x, i]));
    const constants: [number, number, Kind][] = [];
    const computed: Expression[] = [];
    for (const x of reachable(roots, (y) => slotOf.has(y) || y.value !== null)) {
      if (slotOf.has(x)) continue;
      if (x.value !== null) constants.push([slotOf.size, x.value, x.kind]);
      else computed.push(x);
      slotOf.set(x, slotOf.size);
    }
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
    this.constants = constants;
    this.slots = slotOf.size;
    this.results = roots.map((root) => slotOf.get(root)!);
    this.elementwise = this.steps.every(({ primitive }) => primitive.shape === undefined);
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
    if (primitive.shape !== undefined) return primitive.shape(...shapes);
    return meet(this.name, shapes);
  }

  /** Fills the outputs, to whose shapes the results broadcast. */
  run(kernels: Kernels, inputs: readonly Tensor[], outputs: readonly Tensor[]): void {
    const operands = inputs.map(withoutAxes);
    const { dtype } = outputs[0]!;
    const number = dtype === "bool" ? (inputs[0]?.dtype ?? "float32") : dtype;
    if (operands.every(({ shape }) => shape.length === 0)) {
      const values = this.runNumbers(kernels, number, operands);
      this.results.forEach((slot, i) => {
        kernels.fill(values[slot]!, outputs[i]!);
      });
      return;
    }
    const pool = new Pool();
    try {
      const size = sizeOf(outputs[0]!.shape);
      if (size > TILE && this.elementwise && alike([...inputs, ...outputs])) {
        for (let start = 0; start < size; start += TILE) {
          const part = (x: Operand) => sliced(x, start, Math.min(TILE, size - start));
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
  private runNumbers(kernels: Kernels, dtype: DType, inputs: readonly Operand[]): number[] {
    const functions = this.functionsOf(kernels, dtype);
    const values = new Array<number>(this.slots);
    for (let i = 0; i < inputs.length; i++) values[i] = inputs[i]!.value;
    for (const [slot, value] of this.constants)
      values[slot] = dtype === "float32" ? Math.fround(value) : value;
    for (let i = 0; i < this.steps.length; i++) {
      const { args, slot } = this.steps[i]!;
      const f = functions[i]!;
      values[slot] =
        args.length === 2
          ? f(values[args[0]!]!, values[args[1]!]!)
          : args.length === 1
            ? f(values[args[0]!]!)
            : f(...args.map((arg) => values[arg]!));
    }
    return values;
  }

  private functionsOf(kernels: Kernels, dtype: DType): readonly ((...x: number[]) => number)[] {
    const before = this.scalars.get(dtype);
    if (before !== undefined) return before;
    const functions = this.steps.map(({ primitive }) => primitive.scalar(kernels, dtype));
    this.scalars.set(dtype, functions);
    return functions;
  }

  private runArrays(
    kernels: Kernels,
    dtype: DType,
    inputs: readonly Operand[],
    outputs: readonly Operand[],
    pool: Pool,
  ): void {
    const slots: Operand[] = [...inputs];
    for (const [slot, value, kind] of this.constants)
      slots[slot] = lone(value, kind === "truth" ? "bool" : dtype);
    const functions = this.functionsOf(kernels, dtype);
    this.steps.forEach((step, i) => {
      const { primitive, args, slot, frees, output } = step;
      const operands = args.map((arg) => slots[arg]!);
      const of = primitive.gives === "truth" ? "bool" : dtype;
      if (operands.every(({ storage }) => storage === null)) {
        slots[slot] = lone(functions[i]!(...operands.map(({ value }) => value)), of);
        return;
      }
      const shape = this.shapeOf(
        primitive,
        operands.map((x) => x.shape),
      );
      const fits = (x: Operand): boolean => x.dtype === of && sameShape(x.shape, shape);
      // In place of an argument that nobody reads afterwards, where elements don't mix.
      const old =
        primitive.shape === undefined ? frees.find((free) => fits(slots[free]!)) : undefined;
      const out =
        output >= 0 && fits(outputs[output]!)
          ? outputs[output]!
          : old === undefined
            ? pool.take(of, shape)
            : slots[old]!;
      primitive.array(kernels, operands, out);
      slots[slot] = out;
      for (const free of frees) if (slots[free] !== out) pool.give(slots[free]!);
    });
    this.results.forEach((slot, i) => {
      if (slots[slot] !== outputs[i]) kernels.copy(slots[slot]!, outputs[i]!);
    });
  }
}

function meet(name: string, shapes: readonly Shape[]): Shape {
  let shape = shapes[0]!;
  for (let i = 1; i < shapes.length; i++)
    if (!sameShape(shape, shapes[i]!)) shape = broadcastShapes(name, shape, shapes[i]!);
  return shape;
}

/** A number without axes may still lie in a storage, as an element of a tensor does. */
function withoutAxes(x: Tensor): Operand {
  return x.shape.length > 0 || x.storage === null ? x : lone(x.item(), x.dtype);
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
