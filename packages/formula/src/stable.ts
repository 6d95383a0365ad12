/**
 * What users write as in a textbook, computed so that nothing overflows or cancels. Each rewrite has
 * the value that the text has in exact arithmetic.
 */
import { type Call, type Expression, type Expressions, isCall, isNumber } from "./expression.ts";

/** Makes a call of any function, primitive or not. */
export type Maker = (e: Expressions, name: string, ...args: readonly Expression[]) => Expression;
type Rewrite = (e: Expressions, args: readonly Expression[], make: Maker) => Expression | null;

/** The other operand of a sum of which one is the number; null for all else. */
function besides(x: Expression, number: number): Expression | null {
  if (!isCall(x, "add")) return null;
  const [a, b] = x.args as [Expression, Expression];
  if (isNumber(a, number)) return b;
  return isNumber(b, number) ? a : null;
}

const argument = (x: Expression | null, name: string): Expression | null =>
  x !== null && isCall(x, name) ? x.args[0]! : null;

/** log of … */
function logarithm(e: Expressions, x: Expression, make: Maker): Expression | null {
  const zero = e.constant(0);
  // 1 + eᵘ: log(1 + eᵘ) = logaddexp(u, 0); 1 + u: log1p
  const more = besides(x, 1);
  if (more !== null) {
    const u = argument(more, "exp");
    return u !== null ? make(e, "logaddexp", u, zero) : make(e, "log1p", more);
  }
  if (isCall(x, "sub") && isNumber(x.args[0]!, 1))
    return make(e, "log1p", make(e, "neg", x.args[1]!));
  const [a, b] = isCall(x, "add") ? (x as Call).args : [];
  const [u, v] = [argument(a ?? null, "exp"), argument(b ?? null, "exp")];
  if (u !== null && v !== null) return make(e, "logaddexp", u, v);
  const s = argument(x, "sigmoid");
  if (s !== null) return make(e, "neg", make(e, "logaddexp", make(e, "neg", s), zero));
  const softmax = argument(x, "softmax");
  if (softmax !== null) return make(e, "logSoftmax", softmax);
  const power = argument(argument(x, "sum"), "exp");
  return power === null ? null : make(e, "logsumexp", power);
}

const rewrites: ReadonlyMap<string, Rewrite> = new Map<string, Rewrite>([
  ["log", (e, [x], make) => logarithm(e, x!, make)],
  [
    "sub",
    (e, [a, b], make) => {
      // eᵘ − 1, 1 − eᵘ, 1 − σ(u) = σ(−u), 1 − erf u
      const power = argument(a!, "exp");
      if (power !== null && isNumber(b!, 1)) return make(e, "expm1", power);
      if (!isNumber(a!, 1)) return null;
      const [u, s, t] = [argument(b!, "exp"), argument(b!, "sigmoid"), argument(b!, "erf")];
      if (u !== null) return make(e, "neg", make(e, "expm1", u));
      if (s !== null) return make(e, "sigmoid", make(e, "neg", s));
      return t === null ? null : make(e, "erfc", t);
    },
  ],
  [
    "div",
    (e, [a, b], make) => {
      // 1/(1 + eᵘ) = σ(−u), eᵘ/(1 + eᵘ) = σ(u)
      const u = argument(besides(b!, 1), "exp");
      if (u === null) return null;
      if (isNumber(a!, 1)) return make(e, "sigmoid", make(e, "neg", u));
      return argument(a!, "exp") === u ? make(e, "sigmoid", u) : null;
    },
  ],
  [
    "sqrt",
    (e, [x], make) => {
      const [a, b] = isCall(x!, "add") ? (x as Call).args : [];
      const [u, v] = [squared(a), squared(b)];
      return u === null || v === null ? null : make(e, "hypot", u, v);
    },
  ],
]);

function squared(x: Expression | undefined): Expression | null {
  return x !== undefined && isCall(x, "pow") && isNumber(x.args[1]!, 2) ? x.args[0]! : null;
}

/** The call in its stable form; null where none is known. */
export function stable(
  e: Expressions,
  name: string,
  args: readonly Expression[],
  make: Maker,
): Expression | null {
  return rewrites.get(name)?.(e, args, make) ?? null;
}
