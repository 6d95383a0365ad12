import { apply, applyElementwise } from "./apply.ts";
import {
  type Attributes,
  type AttributesOf,
  type AttributeTable,
  attributeTable,
  type DeclaresNone,
  type GivenAttributes,
} from "./attributes.ts";
import {
  type AnyRule,
  type ArrayComputed,
  type Common,
  type Computed,
  checkDefinition,
  type Definition,
  type Domain,
  type Elementwise,
  type Several,
  type View,
} from "./definition.ts";
import { ValueError } from "./errors.ts";
import { arrayForward, elementwiseKernel } from "./fill.ts";
import type { Origin } from "./node.ts";
import { type SavedValues, savedReader } from "./saved.ts";
import { broadcastShapes } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** What ops take: a tensor, or a number. */
export type TensorLike = Tensor | number;

/** @internal Where a node finds what it saves: in which list, at which place. */
export interface Source {
  readonly name: string;
  readonly list: "inputs" | "outputs" | "extras" | "shapes";
  readonly at: number;
}

/** A defined operation: what a {@link Node} refers to. */
export class Op {
  readonly name: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** Whether the definition names its outputs: results and arriving gradients then are records, also of one. */
  readonly named: boolean;
  /** What `forward` fills beside the outputs, for rules alone. */
  readonly extras: readonly string[];
  /** Of inputs, outputs and shapes as the definition says, and all extras. */
  readonly saves: readonly string[];
  /** @internal Of `saves`. */
  readonly sources: readonly Source[];
  readonly rules: readonly (AnyRule | null)[];
  readonly variadic: boolean;
  readonly symbol: string;
  readonly tex: Readonly<Record<string, string>>;
  readonly kinks: string;
  readonly domain: Domain;
  readonly bools: boolean | "refuse";
  readonly definition: Definition;
  /** @internal Attributes that a call must fit; null where the definition declares none. */
  readonly attributes: AttributeTable | null;
  /** @internal Reads what the node at hand saved, by name. */
  readonly savedOf: SavedValues;
  /** @internal The op on lone numbers, fetched from the kernels at the first use. */
  scalar32: ((a: number, b: number) => number) | null;
  /** @internal */
  scalar64: ((a: number, b: number) => number) | null;
  /** @internal Whether a forward was seen to fill its outputs. */
  isProven: boolean;
  /** @internal Of its last node. */
  origin: Origin | null;

  /** @internal */
  constructor(definition: Definition) {
    this.name = definition.name;
    this.inputs = definition.inputs;
    this.outputs = definition.outputs ?? ["y"];
    this.named = definition.outputs !== undefined;
    this.extras = definition.extras ?? [];
    this.saves = [...(definition.saves ?? []), ...this.extras];
    this.variadic = definition.variadic ?? false;
    const own = definition.kernel !== undefined || typeof definition.elementwise === "function";
    this.domain = definition.domain ?? (own ? "float" : "number");
    this.bools = definition.bools ?? false;
    this.symbol = definition.symbol ?? definition.name;
    this.tex = definition.tex ?? {};
    this.kinks = definition.kinks ?? "";
    this.definition = withForward(definition);
    this.attributes =
      definition.attrs === undefined ? null : attributeTable(this.name, definition.attrs);
    this.scalar32 = null;
    this.scalar64 = null;
    this.isProven = false;
    this.origin = null;
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
    const taken = this.extras.find((name) => [...this.inputs, ...this.outputs].includes(name));
    if (taken !== undefined) {
      throw new ValueError(
        `defineOp("${this.name}"): ${taken} names an extra and an input or output; rename the extra.`,
      );
    }
    const known = savable(this);
    const unknown = (definition.saves ?? []).filter((save) => !known.includes(save));
    if (unknown.length > 0) {
      throw new ValueError(
        `defineOp("${this.name}"): can't save ${unknown.join(", ")}; an op saves its inputs, its outputs and shapes: ${known.join(", ")}.`,
      );
    }
    this.sources = this.saves.map((name) => sourceOf(this, name));
    this.rules = this.inputs.map((input) => definition.grad[input]!);
    this.savedOf = savedReader(this);
  }

  /** Number of inputs; a variadic op counts as one. */
  get arity(): number {
    return this.inputs.length;
  }
}

function sourceOf(op: Op, name: string): Source {
  for (const list of ["inputs", "outputs", "extras"] as const) {
    const at = op[list].indexOf(name);
    if (at >= 0) return { name, list, at };
  }
  return { name, list: "shapes", at: op.inputs.indexOf(name.replace(/Shape$/, "")) };
}

/** What a definition may list in `saves`. */
export function savable({ inputs, outputs }: Op): string[] {
  return [...inputs, ...inputs.map((input) => `${input}Shape`), ...outputs];
}

/** The definition with a `forward` (or `forwardAll`) in place of a kernel over arrays or a function of numbers. */
function withForward(definition: Definition): Definition {
  const { name, inputs, elementwise } = definition;
  const shape =
    definition.shape ??
    ((given: unknown) =>
      broadcastShapes(name, ...Object.values(given as Record<string, Tensor>).map((x) => x.shape)));
  if (typeof elementwise === "function") {
    const kernel = elementwiseKernel(name, inputs, elementwise);
    const forward = arrayForward(name, kernel, "but numbers") as Definition["forward"];
    const made: Definition = { batch: "broadcast", ...definition, shape, forward: forward! };
    // The short road of elementwise ops has no room for more inputs, attributes or another dtype.
    const isShort =
      inputs.length <= 2 && definition.attrs === undefined && definition.dtype === undefined;
    if (!isShort || elementwise.length > inputs.length) delete made.elementwise;
    return made;
  }
  const { kernel } = definition;
  if (kernel === undefined) return definition;
  if (definition.shapes !== undefined) {
    const forwardAll = arrayForward(name, kernel, false) as Definition["forwardAll"];
    return { ...definition, forwardAll: forwardAll! };
  }
  const spread = definition.shape === undefined;
  const forward = arrayForward(name, kernel, spread ? "all" : false) as Definition["forward"];
  const batch = spread ? ({ batch: "broadcast" } as const) : {};
  return { ...batch, ...definition, shape, forward: forward! };
}

// biome-ignore lint/complexity/noBannedTypes: no keys at all is what is meant
type NoAttributes = {};

type Savable<I extends string, O extends string> = I | `${I}Shape` | O;

/** The parts of a definition from which its types are read. */
interface Given<I, S, D> {
  inputs: I;
  saves?: S;
  /** Options of a call that are no tensors: defaults, or descriptions; checked at every call. */
  attrs?: D;
}

type AttributeArguments<A, D extends Attributes> =
  DeclaresNone<D> extends true
    ? [A] extends [undefined]
      ? []
      : [attrs: A]
    : NoAttributes extends GivenAttributes<D>
      ? [attrs?: GivenAttributes<D>]
      : [attrs: GivenAttributes<D>];

type Arguments<I extends readonly string[], A, V, D extends Attributes> = [
  ...inputs: V extends true ? [readonly TensorLike[]] : { -readonly [K in keyof I]: TensorLike },
  ...attrs: AttributeArguments<A, D>,
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
 * It is computed by one of: `elementwise`, a function of numbers or a kernel's name; `kernel`, over typed
 * arrays; `forward`, by the library's own kernels; `view`. See docs/custom-ops.md.
 *
 * ```ts
 * const swish = defineOp({
 *   name: "swish",
 *   inputs: ["x"],
 *   elementwise: (x) => x / (1 + Math.exp(-x)),
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
 * @throws ValueError for a definition that doesn't hold together (an input without a rule, an unknown key, …),
 *   or whose name another op has
 */
export function defineOp<
  const I extends readonly string[],
  const S extends readonly Savable<I[number], "y">[] = readonly [],
  const D extends Attributes = NoAttributes,
>(
  definition: Common<I[number], S[number], AttributesOf<D>, never> &
    Given<I, S, D> &
    Elementwise<I, AttributesOf<D>>,
): OpFunction<Arguments<I, undefined, false, D>>;
export function defineOp<
  const I extends readonly string[],
  const S extends readonly Savable<I[number], "y">[] = readonly [],
  const D extends Attributes = NoAttributes,
  A = AttributesOf<D>,
>(
  definition: Common<I[number], S[number], A, never> & Given<I, S, D> & View<A>,
): OpFunction<Arguments<I, A, false, D>>;
export function defineOp<
  const I extends readonly string[],
  const O extends readonly string[],
  const E extends readonly string[] = readonly [],
  const S extends readonly Savable<I[number], O[number]>[] = readonly [],
  const D extends Attributes = NoAttributes,
  A = AttributesOf<D>,
>(
  definition: Common<I[number], S[number] | E[number], A, O[number]> &
    Given<I, S, D> & { outputs: O; extras?: E } & Several<I[number], A, O[number] | E[number]>,
): OpFunction<Arguments<I, A, false, D>, Record<O[number], Tensor>>;
export function defineOp<
  const I extends readonly string[],
  const E extends readonly string[],
  const S extends readonly Savable<I[number], "y">[] = readonly [],
  const D extends Attributes = NoAttributes,
  A = AttributesOf<D>,
>(
  definition: Common<I[number], S[number] | E[number], A, never> &
    Given<I, S, D> & { extras: E } & Several<I[number], A, "y" | E[number]>,
): OpFunction<Arguments<I, A, false, D>>;
export function defineOp<
  const I extends readonly string[],
  const S extends readonly Savable<I[number], "y">[] = readonly [],
  const D extends Attributes = NoAttributes,
  A = AttributesOf<D>,
>(
  definition: Common<I[number], S[number], A, never> & Given<I, S, D> & ArrayComputed<I[number], A>,
): OpFunction<Arguments<I, A, false, D>>;
export function defineOp<
  const I extends readonly string[],
  const S extends readonly Savable<I[number], "y">[] = readonly [],
  const D extends Attributes = NoAttributes,
  A = AttributesOf<D>,
  const V extends boolean = false,
>(
  definition: Common<I[number], S[number], A, never> & Given<I, S, D> & Computed<I[number], A, V>,
): OpFunction<Arguments<I, A, V, D>>;
export function defineOp(
  definition: unknown,
): OpFunction<never[], Tensor | Record<string, Tensor>> {
  checkDefinition(definition as Definition);
  const op = new Op(definition as Definition);
  if (defined.has(op.name) && op.definition.redefine !== true) {
    throw new ValueError(
      `defineOp("${op.name}"): there is an op of this name; choose another, or say redefine: true to replace it.`,
    );
  }
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
  return (...args: unknown[]) => {
    let attrs: unknown;
    while (args.length > arity) attrs = args.pop();
    return apply(op, args as TensorLike[], attrs);
  };
}
