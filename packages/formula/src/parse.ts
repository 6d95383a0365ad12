/** From a text to expressions: mathjs makes the syntax tree, and only what is listed here of it counts. */
import { FormulaError } from "./errors.ts";
import type { Expression, Expressions } from "./expression.ts";
import {
  type Abbreviation,
  findFunction,
  findOperator,
  functionNames,
  make,
  type Primitive,
  primitiveOf,
} from "./functions.ts";
import { type MathNode, parseTree } from "./mathjs.ts";
import { scan, type Token, wordOperators } from "./scan.ts";
import { stable } from "./stable.ts";

/** A formula that was read: its tree, and where in the text each name and number stands. */
interface Source {
  readonly text: string;
  readonly tree: MathNode;
  readonly positions: ReadonlyMap<MathNode, number>;
}

/** What names in a formula mean. */
export interface Scope {
  readonly e: Expressions;
  /** What the name stands for; undefined if it stands for nothing. */
  resolve: (name: string) => Expression | undefined;
  /** Derivatives in the table may call hidden functions, and are stable as they are. */
  readonly internal: boolean;
}

type Builder = (node: MathNode, args: readonly Expression[], at: At) => Expression;
interface At {
  readonly scope: Scope;
  readonly source: Source;
}

/** The parts of the mathjs nodes that are read here. */
interface Parts {
  args: MathNode[];
  fn: string | { name: string };
  name: string;
  value: unknown;
  content: MathNode;
  condition: MathNode;
  trueExpr: MathNode;
  falseExpr: MathNode;
  conditionals: string[];
  params: MathNode[];
}

const parts = (node: MathNode): Parts => node as unknown as Parts;

const word = /^[A-Za-z_\u0370-\u03ff][\w\u0370-\u03ff]*$/;

/** mathjs's own words, which name nothing here. */
const words: ReadonlySet<string> = new Set([
  "true",
  "false",
  "null",
  "undefined",
  "NaN",
  "Infinity",
]);

/**
 * Whether an input may be called so: a word that is no function, operator or number. What every object
 * has by nature, such as "constructor", is no name either.
 */
export function isFreeName(name: unknown): name is string {
  if (typeof name !== "string" || !word.test(name) || name in {}) return false;
  const taken = wordOperators.has(name) || words.has(name) || chains.has(name);
  return !taken && findFunction(name) === undefined;
}

/** Reads a text. @throws FormulaError, with a caret, for what is no formula */
export function read(text: string): Source {
  const tokens = scan(text);
  const tree = parsed(text);
  return { text, tree, positions: locate(tree, tokens) };
}

function parsed(text: string): MathNode {
  try {
    // A line break would end mathjs's expression.
    return parseTree(text.replace(/\s/g, " "));
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    const { char, message } = error as SyntaxError & { char?: number };
    const said = message.replace(/ \(char \d+\)$/, "");
    throw new FormulaError(
      `formula: ${said.charAt(0).toLowerCase()}${said.slice(1)}.`,
      text,
      (char ?? text.length + 1) - 1,
    );
  }
}

/** Leaves and called names of the tree come in the order of the text: the n-th is the n-th such token. */
function locate(tree: MathNode, tokens: readonly Token[]): Map<MathNode, number> {
  const operands = tokens.filter(
    ({ kind, text }) => kind === "number" || (kind === "name" && !wordOperators.has(text)),
  );
  const positions = new Map<MathNode, number>();
  let next = 0;
  const pending = [tree];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    const children = childrenOf(node);
    if (node.type === "FunctionNode" || children.length === 0)
      positions.set(node, operands[next++]!.position);
    pending.push(...children.toReversed());
  }
  return positions;
}

function childrenOf(node: MathNode): MathNode[] {
  const { args, content, condition, trueExpr, falseExpr, params } = parts(node);
  switch (node.type as string) {
    case "OperatorNode":
    case "FunctionNode":
      return args;
    case "ParenthesisNode":
      return [content];
    case "ConditionalNode":
      return [condition, trueExpr, falseExpr];
    case "RelationalNode":
      return params;
    default:
      return [];
  }
}

const builders: ReadonlyMap<string, Builder> = new Map<string, Builder>([
  ["ParenthesisNode", (_, [content]) => content!],
  [
    "ConstantNode",
    (node, _, at) => {
      const { value } = parts(node);
      if (typeof value === "number") return at.scope.e.constant(value);
      throw complaint(at, node, `${String(value)} is no number`);
    },
  ],
  [
    "SymbolNode",
    (node, _, at) => {
      const { name } = parts(node);
      const found = at.scope.resolve(name);
      if (found !== undefined) return found;
      const isFunction = findFunction(name) !== undefined || chains.has(name);
      const hint = isFunction
        ? `${name} is a function; write ${name}(…)`
        : `${name} is neither an input nor a constant`;
      throw complaint(at, node, hint);
    },
  ],
  [
    "OperatorNode",
    (node, args, at) => {
      const { fn } = parts(node);
      if (fn === "unaryPlus") return args[0]!;
      const name = findOperator(fn as string);
      if (name === undefined) throw complaint(at, node, `the operator ${fn} is not known`);
      return made(at.scope, name, args);
    },
  ],
  ["ConditionalNode", (_, args, { scope }) => made(scope, "where", args)],
  [
    "RelationalNode",
    // a < b < c
    (node, args, { scope }) =>
      parts(node)
        .conditionals.map((fn, i) => made(scope, findOperator(fn)!, [args[i]!, args[i + 1]!]))
        .reduce((a, b) => made(scope, "and", [a, b])),
  ],
  [
    "FunctionNode",
    (node, args, at) => called(at, node, (parts(node).fn as { name: string }).name, args),
  ],
]);

/** The expression of a formula that was read. @throws FormulaError for names that mean nothing */
export function build(source: Source, scope: Scope): Expression {
  const at: At = { scope, source };
  // Arguments first, in the order of the text; without recursion, for sums of thousands.
  const order: MathNode[] = [];
  const pending = [source.tree];
  for (let node = pending.pop(); node !== undefined; node = pending.pop()) {
    order.push(node);
    pending.push(...childrenOf(node));
  }
  const values = new Map<MathNode, Expression>();
  for (const node of order.reverse()) {
    const builder = builders.get(node.type);
    if (builder === undefined) throw complaint(at, node, `a ${node.type} is no part of a formula`);
    const args = childrenOf(node).map((child) => values.get(child)!);
    values.set(node, builder(node, args, at));
  }
  return values.get(source.tree)!;
}

function made(scope: Scope, name: string, args: readonly Expression[]): Expression {
  const { e, internal } = scope;
  if (internal) return make(e, name, ...args);
  return stable(e, name, args, call) ?? make(e, name, ...args);
}

function call(e: Expressions, name: string, ...args: readonly Expression[]): Expression {
  const found = findFunction(name)!;
  return "formula" in found ? expand(e, found, args) : make(e, name, ...args);
}

/** `min` and `max` take any number of arguments. */
const chains: ReadonlyMap<string, string> = new Map([
  ["max", "maximum"],
  ["min", "minimum"],
]);

function called(at: At, node: MathNode, name: string, args: readonly Expression[]): Expression {
  const { scope } = at;
  const chain = chains.get(name);
  if (chain !== undefined) {
    if (args.length < 2)
      throw complaint(at, node, `${name} takes at least 2 arguments, not ${args.length}`);
    return args.reduce((a, b) => made(scope, chain, [a, b]));
  }
  const found = findFunction(name) ?? (scope.internal ? primitiveOf(name) : undefined);
  if (found === undefined) throw complaint(at, node, unknown(name));
  checkCount(at, node, found, args.length);
  if (!("formula" in found)) return made(scope, name, args);
  return expand(scope.e, found, args);
}

function unknown(name: string): string {
  const names = functionNames();
  const near =
    names.find((other) => other.toLowerCase() === name.toLowerCase()) ??
    names.find((other) => isSlip(name, other));
  const product = name.length === 1 ? '; a product is written with "*"' : "";
  return `there is no function ${name}${near === undefined ? product : `; is it ${near}`}`;
}

/** Whether one letter changed, added, left out or swapped with its neighbour makes b from a. */
function isSlip(a: string, b: string): boolean {
  let start = 0;
  while (start < a.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < Math.min(a.length, b.length) - start && a.at(-1 - end) === b.at(-1 - end)) end++;
  const [p, q] = [a.slice(start, a.length - end), b.slice(start, b.length - end)];
  const swapped = p.length === 2 && q.length === 2 && p[0] === q[1] && p[1] === q[0];
  return swapped || Math.max(p.length, q.length) <= 1;
}

function checkCount(at: At, node: MathNode, found: Primitive | Abbreviation, count: number): void {
  const { name, parameters } = found;
  const least = parameters.length - ("defaults" in found ? found.defaults.length : 0);
  if (count >= least && count <= parameters.length) return;
  const takes = least === parameters.length ? `${least}` : `${least} to ${parameters.length}`;
  const noun = parameters.length === 1 ? "argument" : "arguments";
  throw complaint(
    at,
    node,
    `${name} takes ${takes} ${noun} (${parameters.join(", ")}), not ${count}`,
  );
}

const sources = new Map<string, Source>();

/** A formula of the table, read once. */
function sourceOf(text: string): Source {
  const before = sources.get(text);
  if (before !== undefined) return before;
  const source = read(text);
  sources.set(text, source);
  return source;
}

function expand(e: Expressions, found: Abbreviation, args: readonly Expression[]): Expression {
  const { parameters, defaults, formula } = found;
  const missing = parameters.length - args.length;
  const rest = defaults.slice(defaults.length - missing).map((value) => e.constant(value));
  // As written in the table: with the values of the op of that name.
  return instantiate(e, formula, parameters, missing === 0 ? args : [...args, ...rest]);
}

/** A formula of the table with expressions in the place of its parameters. */
export function instantiate(
  e: Expressions,
  text: string,
  parameters: readonly string[],
  args: readonly Expression[],
): Expression {
  const resolve = (name: string): Expression | undefined => {
    const i = parameters.indexOf(name);
    return i < 0 ? constantOf(e, name) : args[i];
  };
  return build(sourceOf(text), { e, resolve, internal: true });
}

/** Numbers with names. */
const constants: ReadonlyMap<string, number> = new Map([
  ["pi", Math.PI],
  ["e", Math.E],
  ["tau", 2 * Math.PI],
  ["phi", (1 + Math.sqrt(5)) / 2],
]);

export function constantOf(e: Expressions, name: string): Expression | undefined {
  const value = constants.get(name);
  return value === undefined ? undefined : e.constant(value, name);
}

/** The text's error at a node: where its first name or number stands. */
function complaint({ source }: At, node: MathNode, message: string): FormulaError {
  let first = node;
  while (!source.positions.has(first)) first = childrenOf(first)[0]!;
  return new FormulaError(`formula: ${message}.`, source.text, source.positions.get(first)!);
}
