import type { BinaryName, DType, Kernels, UnaryName } from "@tapegrad/kernels";
import { apply, applyElementwise } from "./apply.ts";
import { ValueError } from "./errors.ts";
import { type SavedValues, savedReader } from "./saved.ts";
import type { Shape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** A call of an op inside `vmap`, as its {@link BatchRule} gets it. */
export interface BatchCall<A = unknown> {
  /** The op itself, on tensors that have all samples. */
  call(inputs: readonly Tensor[], attrs?: A): Tensor | Record<string, Tensor>;
  /** In the order of the op's inputs; all samples along a first axis where `batched` says so. */
  inputs: readonly Tensor[];
  batched: readonly boolean[];
  attrs: A;
  /** Number of samples. */
  size: number;
}

/** How an op runs for all samples at once; the outputs have the samples along their first axis. */
export type BatchRule<A = unknown> = (call: BatchCall<A>) => Tensor | Record<string, Tensor>;

/** What ops take: a tensor, or a number. */
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
  /** Whether two bools stay bools, instead of becoming int32; "refuse" makes them an error. Default false. */
  bools?: boolean | "refuse";
  /** dtype of the output; by default that of the inputs, which the tape brings to a common one. */
  dtype?: (inputs: Values<I>, attrs: A) => DType;
  /** How `vmap` runs the op for all samples at once. Default: elementwise ops broadcast, others run in a loop. */
  batch?: BatchRule<NoInfer<A>>;
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
  readonly bools: boolean | "refuse";
  readonly definition: Definition;
  /** @internal Reads what the node under `savedOf.node` saved, by name. */
  readonly savedOf: SavedValues;
  /** @internal The op on lone numbers, fetched from the kernels at the first use. */
  scalar32: ((a: number, b: number) => number) | null;
  /** @internal */
  scalar64: ((a: number, b: number) => number) | null;

  /** @internal */
  constructor(definition: Definition) {
    this.name = definition.name;
    this.inputs = definition.inputs;
    this.outputs = definition.outputs ?? ["y"];
    this.saves = definition.saves ?? [];
    this.variadic = definition.variadic ?? false;
    this.domain = definition.domain ?? "number";
    this.bools = definition.bools ?? false;
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
  bools?: boolean | "refuse";
  dtype?: (inputs: unknown, attrs: unknown) => DType;
  batch?: BatchRule;
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
