/** What a function in a formula is, and the table of all of them; `arithmetic.ts` and its like fill it. */
import type { DType, Kernels, Operand, Step } from "@tapegrad/kernels";
import { defaultKernels } from "@tapegrad/kernels";
import {
  type Call,
  type Expression,
  type Expressions,
  type Kind,
  reachable,
} from "./expression.ts";

/** How a function is written: as an operator, or its TeX. Without either it is a call by its name. */
export interface Notation {
  /** mathjs's name of the operator, its sign, and how tightly it binds. */
  readonly operator?: readonly [fn: string, sign: string, binding: number];
  /** TeX of the call from the TeX of its arguments. */
  readonly tex?: (...args: string[]) => string;
}

/**
 * A function with a kernel. What is particular to it stands in its one definition; parsing, deriving
 * and running know none by name.
 */
export interface Primitive extends Notation {
  readonly name: string;
  readonly parameters: readonly string[];
  /** Whether each parameter is a number or a truth value. Default: numbers. */
  readonly takes?: readonly Kind[];
  /** Default: a number. */
  readonly gives?: Kind;
  /**
   * ∂y/∂parameter, each as a formula in the parameters and in y, the value; null where it is flat.
   * A function that no formula has a name for is derived by nobody.
   */
  readonly derivatives: readonly (string | null)[];
  /** Instead of a product with the derivative: the gradient of the parameter, `dy` being that of y. */
  readonly adjoints?: readonly (string | null)[];
  /** f(a, b) = f(b, a). */
  readonly commutes?: boolean;
  /** Worth keeping from the forward pass for the backward one. */
  readonly costly?: boolean;
  /** Works along the last axis, so elements are not computed one by one. */
  readonly shape?: (...shapes: (readonly number[])[]) => readonly number[];
  /** Not a function that formulas of users may call. */
  readonly hidden?: boolean;
  /** A simpler expression of the same value, or null. */
  readonly simplify?: (e: Expressions, args: readonly Expression[]) => Expression | null;
  /** An expression that is cheaper to run though worse to read, or null. */
  readonly lower?: (e: Expressions, args: readonly Expression[]) => Expression | null;
  /** The function of lone numbers, of that dtype; truth values are 1 and 0. */
  readonly scalar: (kernels: Kernels, dtype: DType) => (...numbers: number[]) => number;
  /** What it is in a chain, whose steps run as one kernel; without it a formula runs step by step. */
  readonly step?: Step["name"];
  /** Fills `out`, to whose shape the arguments broadcast. */
  readonly array: (kernels: Kernels, args: readonly Operand[], out: Operand) => void;
}

/** A function that stands for a formula. */
export interface Abbreviation {
  readonly name: string;
  readonly parameters: readonly string[];
  /** Of the last parameters, the values that they have when left out. */
  readonly defaults: readonly number[];
  readonly formula: string;
}

const primitives = new Map<string, Primitive>();
const abbreviations = new Map<string, Abbreviation>();

/** Enters a primitive into the table. */
export function definePrimitive(primitive: Primitive): void {
  primitives.set(primitive.name, primitive);
}

/** Enters a function that stands for a formula. */
export function defineAbbreviation(abbreviation: Abbreviation): void {
  abbreviations.set(abbreviation.name, abbreviation);
}

/** An abbreviation written as its call: `abbreviate("elu(x, alpha = 1)", "…")`. */
export function abbreviate(call: string, formula: string): void {
  const [name, list] = call.slice(0, -1).split("(") as [string, string];
  const parts = list.split(",").map((part) => part.split("=").map((word) => word.trim()));
  defineAbbreviation({
    name,
    parameters: parts.map(([parameter]) => parameter!),
    defaults: parts.filter((part) => part.length > 1).map(([, value]) => Number(value)),
    formula,
  });
}

/** The function of a name that users may call; undefined if there is none. */
export function findFunction(name: string): Primitive | Abbreviation | undefined {
  const primitive = primitives.get(name);
  return primitive === undefined || primitive.hidden ? abbreviations.get(name) : primitive;
}

/** The primitive that mathjs's operator stands for; undefined if there is none. */
export function findOperator(fn: string): string | undefined {
  return [...primitives.values()].find(({ operator }) => operator?.[0] === fn)?.name;
}

/** Names of all functions that formulas may call. */
export function functionNames(): string[] {
  const open = [...primitives.values()].filter(({ hidden }) => !hidden).map(({ name }) => name);
  return [...open, ...abbreviations.keys()].sort();
}

/** The primitive of a name; hidden ones too. */
export function primitiveOf(name: string): Primitive {
  return primitives.get(name)!;
}

/** The call with its arguments brought to what the function takes, simplified. */
export function make(e: Expressions, name: string, ...given: readonly Expression[]): Expression {
  const primitive = primitiveOf(name);
  const args = given.map((x, i) => ofKind(e, primitive.takes?.[i] ?? "number", x));
  return primitive.simplify?.(e, args) ?? plainCall(e, primitive, args);
}

function plainCall(e: Expressions, primitive: Primitive, args: readonly Expression[]): Call {
  const { name, gives = "number", commutes = false } = primitive;
  const values = args.map(({ value }) => value);
  const value = values.includes(null)
    ? null
    : primitive.scalar(defaultKernels(), "float64")(...(values as number[]));
  return e.call(name, args, { kind: gives, value, commutes });
}

/** A truth value counts as 1 or 0; a number is true unless it is 0 (NaN is true too). */
function ofKind(e: Expressions, kind: Kind, x: Expression): Expression {
  if (x.kind === kind) return x;
  return kind === "truth"
    ? make(e, "ne", x, e.constant(0))
    : make(e, "where", x, e.constant(1), e.constant(0));
}

/** The same values, in the expressions that are cheapest to run. */
export function lower(e: Expressions, roots: readonly Expression[]): Expression[] {
  const lowered = new Map<Expression, Expression>();
  for (const x of reachable(roots)) {
    if (x.type !== "call") {
      lowered.set(x, x);
      continue;
    }
    const primitive = primitiveOf(x.name);
    const args = x.args.map((arg) => lowered.get(arg)!);
    lowered.set(x, primitive.lower?.(e, args) ?? plainCall(e, primitive, args));
  }
  return roots.map((root) => lowered.get(root)!);
}
