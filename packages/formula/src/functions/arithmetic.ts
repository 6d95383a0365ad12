/** Sums, products, quotients, powers; comparisons and choices. Rewrites here never change a value but by rounding. */
import { type Call, type Expression, type Expressions, isCall, isNumber } from "../expression.ts";
import { definePrimitive, make } from "../functions.ts";
import { binary, comparison, connective, unary } from "./kernel-functions.ts";

type Args = readonly Expression[];

/** The value of a number written without a name; null for all else. */
function literal(x: Expression | undefined): number | null {
  return x?.type === "constant" && x.name === String(x.value) ? x.value : null;
}

/** Arithmetic on whole numbers is done at once, where it is exact; 2/3 and √2 stay as they were written. */
function whole(
  e: Expressions,
  [a, b]: Args,
  f: (a: number, b: number) => number,
): Expression | null {
  const [left, right] = [literal(a), literal(b)];
  if (left === null || right === null) return null;
  const value = f(left, right);
  const exact = [left, right, value].every(Number.isSafeInteger) && !Object.is(value, -0);
  return exact ? e.constant(value) : null;
}

const negated = (x: Expression): Expression | null => (isCall(x, "neg") ? x.args[0]! : null);

/** −x where x is written with a minus: a + −2b is a − 2b, to the bit. */
function opposite(e: Expressions, x: Expression): Expression | null {
  const value = literal(x);
  if (value !== null && value < 0) return e.constant(-value);
  const factor = isCall(x, "mul") ? literal(x.args[0]) : null;
  if (factor !== null && factor < 0)
    return make(e, "mul", e.constant(-factor), (x as Call).args[1]!);
  return negated(x);
}

binary("add", ["1", "1"], {
  operator: ["add", "+", 7],
  commutes: true,
  simplify: (e, args) => {
    const [a, b] = args as [Expression, Expression];
    const exact = whole(e, args, (x, y) => x + y);
    if (exact !== null) return exact;
    const right = opposite(e, b);
    if (right !== null) return make(e, "sub", a, right);
    const left = opposite(e, a);
    return left === null ? null : make(e, "sub", b, left);
  },
});

binary("sub", ["1", "-1"], {
  operator: ["subtract", "-", 7],
  simplify: (e, args) => {
    const [a, b] = args as [Expression, Expression];
    const exact = whole(e, args, (x, y) => x - y);
    if (exact !== null) return exact;
    if (isNumber(b, 0)) return a;
    const right = opposite(e, b);
    return right === null ? null : make(e, "add", a, right);
  },
});

/** Whether two constants may be multiplied first: nothing overflows or vanishes that would not have. */
function joins(a: Expression, b: Expression): boolean {
  const product = Math.abs(a.value! * b.value!);
  return product > 1e-30 && product < 1e30;
}

binary("mul", ["b", "a"], {
  operator: ["multiply", "*", 8],
  commutes: true,
  simplify: (e, args) => {
    const [a, b] = args as [Expression, Expression];
    const exact = whole(e, args, (x, y) => x * y);
    if (exact !== null) return exact;
    if (b.value !== null && a.value === null) return make(e, "mul", b, a);
    const [left, right] = [negated(a), negated(b)];
    if (left !== null) return make(e, "neg", make(e, "mul", left, b));
    if (right !== null) return make(e, "neg", make(e, "mul", a, right));
    if (isNumber(a, 1)) return b;
    if (isNumber(b, 1)) return a;
    if (isNumber(a, -1)) return make(e, "neg", b);
    if (a === b) return make(e, "pow", a, e.constant(2));
    if (isCall(b, "div") && isNumber(b.args[0]!, 1)) return make(e, "div", a, b.args[1]!);
    if (isCall(a, "div") && isNumber(a.args[0]!, 1)) return make(e, "div", b, a.args[1]!);
    // c₁(c₂x) = (c₁c₂)x: constants meet, and cost nothing when run
    if (a.value !== null && isCall(b, "mul")) {
      const [inner, rest] = b.args as [Expression, Expression];
      if (inner.value !== null && joins(a, inner))
        return make(e, "mul", make(e, "mul", a, inner), rest);
    }
    return null;
  },
});

binary("div", ["1 / b", "-y / b"], {
  operator: ["divide", "/", 8],
  simplify: (e, args) => {
    const [a, b] = args as [Expression, Expression];
    const [top, bottom] = [negated(a), negated(b)];
    if (top !== null) return make(e, "neg", make(e, "div", top, b));
    if (bottom !== null) return make(e, "neg", make(e, "div", a, bottom));
    if (isNumber(b, 1)) return a;
    return whole(e, args, (x, y) => x / y);
  },
  lower: (e, [a, b]) => (isNumber(a!, 1) ? make(e, "reciprocal", b!) : null),
});

unary("neg", "-1", {
  operator: ["unaryMinus", "-", 9],
  simplify: (e, [x]) => {
    const value = literal(x);
    if (value !== null && value !== 0) return e.constant(-value);
    const inner = negated(x!);
    if (inner !== null) return inner;
    const [factor, rest] = isCall(x!, "mul") ? (x as Call).args : [];
    const c = literal(factor);
    return c !== null && c !== 0 ? make(e, "mul", e.constant(-c), rest!) : null;
  },
});

/** Up to this exponent a power is a product: as exact as the kernel's to a few roundings, and faster. */
const LARGEST_PRODUCT = 8;

binary("pow", ["where(b == 0, 0, b * a^(b - 1))", "where(a == 0 and b >= 0, 0, y * log(a))"], {
  operator: ["pow", "^", 10],
  costly: true,
  simplify: (e, args) => {
    const [a, b] = args as [Expression, Expression];
    if (isNumber(b, 1)) return a;
    if (isNumber(b, 0)) return e.constant(1);
    if (a.type === "constant" && a.name === "e") return make(e, "exp", b);
    return whole(e, args, (x, y) => x ** y);
  },
  lower: (e, [a, b]) => {
    if (isNumber(a!, 2)) return make(e, "exp2", b!);
    const exponent = literal(b);
    if (exponent === -1) return make(e, "reciprocal", a!);
    const product = Number.isInteger(exponent) && exponent! >= 2 && exponent! <= LARGEST_PRODUCT;
    return product ? power(e, a!, exponent!) : null;
  },
});

/** xⁿ by squaring: powers that a formula has several of share their squares. */
function power(e: Expressions, x: Expression, n: number): Expression {
  if (n === 1) return x;
  const square = make(e, "square", power(e, x, Math.floor(n / 2)));
  return n % 2 === 0 ? square : make(e, "mul", x, square);
}

// What the above are run as; formulas say x^2 and 1 / x.
unary("square", null, { hidden: true });
unary("reciprocal", null, { hidden: true });

comparison("eq", ["equal", "==", 6], (a, b) => a === b);
comparison("ne", ["unequal", "!=", 6], (a, b) => a !== b);
comparison("lt", ["smaller", "<", 6], (a, b) => a < b);
comparison("le", ["smallerEq", "<=", 6], (a, b) => a <= b);
comparison("gt", ["larger", ">", 6], (a, b) => a > b);
comparison("ge", ["largerEq", ">=", 6], (a, b) => a >= b);

/** The other one, where one of two truth values is known to be `neutral`; the known one otherwise. */
const decided =
  (neutral: number) =>
  (_: Expressions, [a, b]: Args): Expression | null => {
    if (a!.value !== null) return a!.value === neutral ? b! : a!;
    if (b!.value !== null) return b!.value === neutral ? a! : b!;
    return null;
  };
connective("and", 4, "bitwiseAnd", (a, b) => a & b, decided(1));
connective("or", 2, "bitwiseOr", (a, b) => a | b, decided(0));
connective(
  "xor",
  3,
  "bitwiseXor",
  (a, b) => a ^ b,
  () => null,
);

definePrimitive({
  name: "not",
  parameters: ["x"],
  takes: ["truth"],
  gives: "truth",
  derivatives: [null],
  operator: ["not", "not", 9],
  simplify: (_, [x]) => (isCall(x!, "not") ? x.args[0]! : null),
  step: "not",
  scalar: () => (x) => 1 - x!,
  array: (kernels, [x], out) => {
    const one = { ...x!, storage: null, value: 1, shape: [], strides: [], offset: 0 };
    kernels.binary("bitwiseXor", x!, one, out);
  },
});

/** What is not chosen has the gradient 0, even where its own derivative is infinite. */
definePrimitive({
  name: "where",
  parameters: ["condition", "a", "b"],
  takes: ["truth", "number", "number"],
  derivatives: ["0", "0", "0"],
  adjoints: [null, "where(condition, dy, 0)", "where(condition, 0, dy)"],
  simplify: (_, [condition, a, b]) => {
    if (condition!.value !== null) return condition!.value === 1 ? a! : b!;
    return a === b ? a! : null;
  },
  step: "where",
  scalar: () => (condition, a, b) => (condition === 1 ? a! : b!),
  array: (kernels, [condition, a, b], out) => kernels.where(condition!, a!, b!, out),
});
