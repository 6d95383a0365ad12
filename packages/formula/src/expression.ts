/**
 * Expressions as a graph without duplicates: an equal expression is the same object, so common
 * sub-expressions are shared among a formula and all its derivatives. Nothing here knows a function.
 */
import { FormulaError } from "./errors.ts";

/** Whether an expression is a number or a truth value (a bool on the tape). */
export type Kind = "number" | "truth";

interface Common {
  /** Later expressions have larger numbers; arguments come before what uses them. */
  readonly id: number;
  readonly kind: Kind;
  /** The value in float64 if it is the same whatever the inputs are; null if it depends on one. */
  readonly value: number | null;
}

/** A number, perhaps with a name such as pi. */
export interface Constant extends Common {
  readonly type: "constant";
  readonly name: string;
  readonly value: number;
}

export interface Input extends Common {
  readonly type: "input";
  readonly name: string;
}

export interface Call extends Common {
  readonly type: "call";
  readonly name: string;
  readonly args: readonly Expression[];
}

export type Expression = Constant | Input | Call;

/** Most expressions that a formula and its derivatives may have together. */
export const MAX_EXPRESSIONS = 20_000;

/** Where the expressions of one formula and of its derivatives live. */
export class Expressions {
  private readonly known = new Map<string, Expression>();

  constant(value: number, name = numeral(value)): Constant {
    return this.intern(`constant ${name}`, (id) => ({
      id,
      type: "constant",
      kind: "number",
      name,
      value,
    }));
  }

  input(name: string): Input {
    return this.intern(`input ${name}`, (id) => ({
      id,
      type: "input",
      kind: "number",
      name,
      value: null,
    }));
  }

  /** A call as it stands; of equal value and rank in `key`, whichever was made first. */
  call(
    name: string,
    args: readonly Expression[],
    { kind, value, commutes }: { kind: Kind; value: number | null; commutes: boolean },
  ): Call {
    const ids = args.map(({ id }) => id);
    if (commutes) ids.sort((a, b) => a - b);
    return this.intern(`${name}(${ids})`, (id) => ({ id, type: "call", kind, name, args, value }));
  }

  private intern<E extends Expression>(key: string, make: (id: number) => E): E {
    const before = this.known.get(key);
    if (before !== undefined) return before as E;
    if (this.known.size >= MAX_EXPRESSIONS) {
      throw new FormulaError(
        `formula: with its derivatives, the formula has more than ${MAX_EXPRESSIONS} different terms; split it into several formulas.`,
      );
    }
    const made = make(this.known.size);
    this.known.set(key, made);
    return made;
  }
}

/** As a number is written: 2, 0.5, 1e-7. −0 is told from 0. */
function numeral(value: number): string {
  return Object.is(value, -0) ? "-0" : String(value);
}

/** Whether it is this call. */
export function isCall(x: Expression, name: string): x is Call {
  return x.type === "call" && x.name === name;
}

/** Whether it is this number, whatever its name. */
export function isNumber(x: Expression, value: number): boolean {
  return x.type === "constant" && x.value === value;
}

/** What the roots consist of, each once, arguments before what uses them; `stop` is not looked into. */
export function reachable(
  roots: readonly Expression[],
  stop: (x: Expression) => boolean = () => false,
): Expression[] {
  const seen = new Set<Expression>();
  const pending = [...roots];
  for (let x = pending.pop(); x !== undefined; x = pending.pop()) {
    if (seen.has(x)) continue;
    seen.add(x);
    if (x.type === "call" && !stop(x)) pending.push(...x.args);
  }
  return [...seen].sort((a, b) => a.id - b.id);
}
