/** Derivatives, backwards through the expressions as on the tape: each expression once. */
import {
  type Call,
  type Expression,
  type Expressions,
  isCall,
  isNumber,
  reachable,
} from "./expression.ts";
import { make, primitiveOf } from "./functions.ts";
import { instantiate } from "./parse.ts";

/**
 * The gradients of all inputs, in expressions that can be derived again.
 *
 * @param root  what is derived
 * @param seed  its own gradient: 1, or the one that arrives
 * @returns  by input; an input on which the root depends nowhere, or only through flat functions, is missing
 */
export function derive(
  e: Expressions,
  root: Expression,
  seed: Expression,
): ReadonlyMap<Expression, Expression> {
  const arrived = new Map<Expression, Expression>([[root, seed]]);
  const inputs = new Map<Expression, Expression>();
  for (const x of reachable([root]).reverse()) {
    const dy = arrived.get(x);
    if (dy === undefined || x.kind === "truth" || x.value !== null) continue;
    if (x.type === "input") inputs.set(x, dy);
    if (x.type !== "call") continue;
    x.args.forEach((arg, i) => {
      if (arg.value !== null || arg.kind === "truth") return;
      const dx = throughCall(e, x, i, dy);
      if (dx === null) return;
      const before = arrived.get(arg);
      arrived.set(arg, before === undefined ? dx : sum(e, before, dx));
    });
  }
  return inputs;
}

/** What of dy reaches the call's i-th argument; null if nothing ever does. */
function throughCall(e: Expressions, y: Call, i: number, dy: Expression): Expression | null {
  const { parameters, derivatives, adjoints } = primitiveOf(y.name);
  if (adjoints !== undefined) {
    const adjoint = adjoints[i]!;
    return adjoint === null
      ? null
      : instantiate(e, adjoint, [...parameters, "y", "dy"], [...y.args, y, dy]);
  }
  const derivative = derivatives[i]!;
  if (derivative === null) return null;
  return product(e, dy, instantiate(e, derivative, [...parameters, "y"], [...y.args, y]));
}

/**
 * dy · d. Where d is 0 or 1 by its case (beside a clamp's bound, say), the product is made in each
 * case: 0 stays 0 beside an infinite factor, as in the ops' own gradients, and nothing is multiplied.
 */
function product(e: Expressions, dy: Expression, d: Expression): Expression {
  if (isNumber(dy, 0) || isNumber(d, 0)) return e.constant(0);
  if (isCall(d, "where")) {
    const [condition, a, b] = d.args as [Expression, Expression, Expression];
    const cases = [a, b].every((x) => x.value !== null || isCall(x, "where"));
    if (cases || isNumber(a, 0) || isNumber(b, 0))
      return make(e, "where", condition, product(e, dy, a), product(e, dy, b));
  }
  if (isCall(dy, "where")) {
    const [condition, a, b] = dy.args as [Expression, Expression, Expression];
    if (isNumber(a, 0) || isNumber(b, 0))
      return make(e, "where", condition, product(e, a, d), product(e, b, d));
  }
  return make(e, "mul", dy, d);
}

/** a + b; the parts of one condition meet in one choice. */
function sum(e: Expressions, a: Expression, b: Expression): Expression {
  if (isNumber(a, 0)) return b;
  if (isNumber(b, 0)) return a;
  if (isCall(a, "where") && isCall(b, "where") && a.args[0] === b.args[0]) {
    const [condition, p, q] = a.args as [Expression, Expression, Expression];
    const [, r, s] = b.args as [Expression, Expression, Expression];
    if ([p, q, r, s].some((x) => isNumber(x, 0)))
      return make(e, "where", condition, sum(e, p, r), sum(e, q, s));
  }
  return make(e, "add", a, b);
}

/** dy times the local gradient, for {@link derive}'s results with the seed 1. */
export { product as times };
