/** Expressions as text that reads back, and as TeX: mathjs's nodes print themselves. */
import { FormulaError } from "./errors.ts";
import { type Call, type Expression, reachable } from "./expression.ts";
import { type Primitive, primitiveOf } from "./functions.ts";
import {
  ConditionalNode,
  ConstantNode,
  FunctionNode,
  type MathNode,
  OperatorNode,
  ParenthesisNode,
  SymbolNode,
} from "./mathjs.ts";

/** Most terms that are written out; shared ones count wherever they stand. */
const MAX_TERMS = 2_000;
/** How deep a text may nest. */
const MAX_DEPTH = 400;

/** How tightly a choice binds, and what needs no parentheses; operators in between say it themselves. */
const CHOICE = 1;
const LEAF = 11;

function bindingOf(x: Expression): number {
  // A negative number begins with a sign.
  if (x.type === "constant") return x.value < 0 ? bindingOfCall("neg") : LEAF;
  return x.type === "call" ? bindingOfCall(x.name) : LEAF;
}

function bindingOfCall(name: string): number {
  return name === "where" ? CHOICE : (primitiveOf(name).operator?.[2] ?? LEAF);
}

/** Where TeX itself shows what belongs together. */
const enclosing = (name: string, i: number): boolean =>
  name === "div" || (name === "pow" && i === 1);

class Writer {
  private readonly tex: boolean;
  private readonly nodes = new Map<Expression, MathNode>();

  constructor(tex: boolean) {
    this.tex = tex;
  }

  node(x: Expression): MathNode {
    const before = this.nodes.get(x);
    if (before !== undefined) return before;
    const made = this.make(x);
    this.nodes.set(x, made);
    return made;
  }

  private make(x: Expression): MathNode {
    if (x.type === "input") return new SymbolNode(x.name);
    if (x.type === "constant")
      return Number.isNaN(Number(x.name)) ? new SymbolNode(x.name) : new ConstantNode(x.value);
    const { operator } = primitiveOf(x.name);
    if (x.name === "where") {
      const [condition, a, b] = x.args.map((_, i) => this.argument(x, i));
      return new ConditionalNode(condition!, a!, b!);
    }
    const args = x.args.map((arg, i) => (operator ? this.argument(x, i) : this.node(arg)));
    if (operator === undefined) return new FunctionNode(new SymbolNode(x.name), args);
    const [fn, sign] = operator as unknown as [never, never];
    return new OperatorNode(sign, fn, args);
  }

  private argument(x: Call, i: number): MathNode {
    const arg = x.args[i]!;
    const node = this.node(arg);
    const own = bindingOfCall(x.name);
    const inner = bindingOf(arg);
    // The right operand of what groups to the left, and the left one of a power, must bind tighter; so
    // must those of a comparison, whose chains mean something else, and the parts of a choice.
    const { gives, takes } = primitiveOf(x.name);
    const chains = (gives === "truth" && takes === undefined) || x.name === "where";
    const tighter = x.name === "pow" ? i === 0 : chains || i === 1;
    const loose = inner < own || (inner === own && tighter && x.args.length > 1);
    const parenthesised = loose && !(this.tex && enclosing(x.name, i));
    return parenthesised ? new ParenthesisNode(node) : node;
  }
}

function written(x: Expression, tex: boolean): MathNode {
  const [terms, depth] = extent(x);
  if (terms > MAX_TERMS || depth > MAX_DEPTH) {
    throw new FormulaError(
      `formula: written out, it has ${terms} terms, ${depth} deep; at most ${MAX_TERMS} terms, ${MAX_DEPTH} deep, are.`,
    );
  }
  return new Writer(tex).node(x);
}

/** How many terms the expression has as a tree, and how deep it is. */
export function extent(root: Expression): [terms: number, depth: number] {
  const sizes = new Map<Expression, [terms: number, depth: number]>();
  for (const x of reachable([root])) {
    const inner = x.type === "call" ? x.args.map((arg) => sizes.get(arg)!) : [];
    const terms = inner.reduce((total, [count]) => total + count, 1);
    const depth = inner.reduce((most, [, deep]) => Math.max(most, deep), 0) + 1;
    sizes.set(x, [terms, depth]);
  }
  return sizes.get(root)!;
}

/** As a formula that means the same. @throws FormulaError if that would be very long */
export function toText(x: Expression): string {
  return written(x, false).toString({ parenthesis: "keep" });
}

/** As TeX. @throws FormulaError if that would be very long */
export function toTex(x: Expression): string {
  const options = {
    parenthesis: "keep",
    handler: (node: MathNode, inner: object): string | undefined => {
      if (node.type === "SymbolNode") return symbolTex((node as unknown as { name: string }).name);
      if (node.type !== "FunctionNode") return undefined;
      const { fn, args } = node as unknown as { fn: { name: string }; args: MathNode[] };
      return callTex(
        primitiveOf(fn.name),
        args.map((arg) => arg.toTex(inner)),
      );
    },
  };
  return written(x, true).toTex(options).trim();
}

function callTex({ name, tex }: Primitive, args: readonly string[]): string {
  if (tex !== undefined) return tex(...args);
  return `\\operatorname{${name}}\\left(${args.join(", ")}\\right)`;
}

const greek =
  /^(?:var)?(?:alpha|beta|gamma|delta|epsilon|zeta|eta|theta|iota|kappa|lambda|mu|nu|xi|pi|rho|sigma|tau|upsilon|phi|chi|psi|omega)$/i;

/** x, \alpha, \mathrm{rate}, x_{1}; the space before it ends a command. */
function symbolTex(name: string): string {
  if (name === "Infinity") return " \\infty";
  const [, stem, index] = /^(.+?)_?(\d+|(?<=_)[^_]+)?$/.exec(name)!;
  const letter = greek.test(stem!)
    ? `\\${stem}`
    : stem!.length === 1
      ? stem!
      : `\\mathrm{${stem!.replaceAll("_", "\\_")}}`;
  return index === undefined ? ` ${letter}` : ` ${letter}_{${index}}`;
}
