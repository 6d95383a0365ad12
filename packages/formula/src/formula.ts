/** `formula("x * sigmoid(b * x)")`: an op whose gradients are derived from its text. */
import { isGradEnabled, type Op, Tensor, type TensorLike, ValueError } from "@tapegrad/core";
import "./functions/index.ts";
import { derive } from "./derive.ts";
import { FormulaError } from "./errors.ts";
import { type Expression, Expressions } from "./expression.ts";
import { freeName, makeOp, mixes, type Parts, withCaches } from "./op.ts";
import { build, constantOf, isFreeName, read } from "./parse.ts";
import { toTex, toText } from "./render.ts";

/** Options of {@link formula}. */
export interface FormulaOptions {
  /** The inputs in the order of the arguments. Default: in that of their first appearance. */
  inputs?: readonly string[];
  /** What errors, gradFn and pictures call the op. Default: the text, shortened. */
  name?: string;
  /** Numbers with names, fixed for this formula. */
  constants?: Readonly<Record<string, number>>;
}

/** An op made from a formula: call it with tensors or numbers, by position or by name. */
export interface Formula {
  (...inputs: TensorLike[]): Tensor;
  (inputs: Readonly<Record<string, TensorLike>>): Tensor;
  /** The op as the tape records it. */
  readonly op: Op;
  readonly inputs: readonly string[];
  /**
   * ∂y/∂input as a formula with the same inputs. If the formula sums or normalises along an axis, the
   * gradient depends on the one that arrives: it is then a last input, `dy` (`dy_` where that is taken).
   */
  gradient(input: string): Formula;
  /** The formula as a text that reads back, after simplification and stable rewrites. */
  toString(): string;
  /** The formula as TeX. */
  toTex(): string;
}

/**
 * Makes an op from a text such as "x * sigmoid(b * x)". Parts are derived symbolically and are
 * formulas again, so every order exists. docs/formulas.md lists functions, operators and conventions.
 *
 * @throws FormulaError, with a caret under the place, for what is no formula
 */
export function formula(
  text: string,
  { inputs, name, constants = {} }: FormulaOptions = {},
): Formula {
  if (typeof text !== "string") {
    throw new ValueError(`formula: the text is a ${typeof text}; it must be a string.`);
  }
  const e = new Expressions();
  const fixed = new Map(
    Object.entries(constants).map(([key, value]) => [key, checked(key, value)]),
  );
  for (const key of inputs ?? []) {
    checkName("inputs", key);
    if (fixed.has(key)) throw new ValueError(`formula: ${key} is both an input and a constant.`);
  }
  const found = new Set<string>(inputs);
  const source = read(text);
  const root = build(source, {
    e,
    internal: false,
    resolve: (key) => {
      const value = fixed.get(key);
      if (value !== undefined) return e.constant(value, key);
      if (found.has(key)) return e.input(key);
      const known = constantOf(e, key);
      if (known !== undefined) return known;
      // A name in a list that someone wrote out is meant to be in it.
      if (inputs !== undefined || !isFreeName(key)) return undefined;
      found.add(key);
      return e.input(key);
    },
  });
  if (found.size === 0) {
    throw new FormulaError("formula: there is no input; an op needs at least one.", text, 0);
  }
  return fromExpression(e, root, [...found], name ?? shortened(text));
}

function checked(key: string, value: unknown): number {
  checkName("constants", key);
  if (typeof value !== "number") {
    throw new ValueError(`formula: the constant ${key} is a ${typeof value}; it must be a number.`);
  }
  return value;
}

function checkName(option: string, key: unknown): asserts key is string {
  if (isFreeName(key)) return;
  throw new ValueError(
    `formula: ${option} has the name ${JSON.stringify(key)}; a name is made of letters, digits and _, and is none of a function.`,
  );
}

const LONGEST_NAME = 40;

function shortened(text: string): string {
  return text.length > LONGEST_NAME ? `${text.slice(0, LONGEST_NAME - 1)}…` : text;
}

/** A formula from its expression. */
function fromExpression(
  e: Expressions,
  root: Expression,
  inputs: readonly string[],
  name: string,
): Formula {
  const arguments_ = inputs.map((key) => e.input(key));
  const parts: Parts = { e, root, inputs: arguments_, names: inputs, name };
  const plain = makeOp(parts);
  let cached: ((...args: TensorLike[]) => Tensor) | undefined;

  const call = (...given: unknown[]): Tensor => {
    const args = byPosition(name, inputs, given);
    const recorded = isGradEnabled() && args.some((x) => x instanceof Tensor && x.requiresGrad);
    // Lone numbers are computed faster than they are kept; a truth value has no gradient.
    const lone = args.every((x) => !(x instanceof Tensor) || x.rank === 0);
    if (!recorded || lone || root.kind === "truth") return plain(...args);
    cached ??= withCaches(parts);
    return cached(...args);
  };
  Object.defineProperty(call, "name", { value: name });
  return Object.assign(call, {
    op: plain.op,
    inputs,
    gradient: (input: string) => gradientOf(parts, input),
    toString: () => toText(root),
    toTex: () => toTex(root),
  });
}

/** Arguments in the order of the inputs. */
function byPosition(
  name: string,
  inputs: readonly string[],
  given: readonly unknown[],
): TensorLike[] {
  const [first] = given;
  const record = typeof first === "object" && first !== null && !(first instanceof Tensor);
  if (!record || Array.isArray(first)) {
    const count = given.findLastIndex((x) => x !== undefined) + 1;
    if (count === inputs.length) return given.slice(0, count) as TensorLike[];
    throw new ValueError(`${name}: got ${count} inputs; it takes ${listed(inputs)}.`);
  }
  const named = new Map(Object.entries(first as Record<string, TensorLike>));
  const unknown = [...named.keys()].find((key) => !inputs.includes(key));
  const missing = inputs.find((key) => named.get(key) === undefined);
  if (unknown !== undefined || missing !== undefined) {
    const what = unknown === undefined ? `got no ${missing}` : `there is no input ${unknown}`;
    throw new ValueError(`${name}: ${what}; it takes ${listed(inputs)}.`);
  }
  return inputs.map((key) => named.get(key)!);
}

function listed(inputs: readonly string[]): string {
  return `${inputs.length}: ${inputs.join(", ")}`;
}

function gradientOf({ e, root, names, name }: Parts, input: string): Formula {
  if (!names.includes(input)) {
    throw new ValueError(`${name}: there is no input ${String(input)}; it takes ${listed(names)}.`);
  }
  // Where elements meet others, the gradient depends on the one that arrives.
  const seed = mixes(root) ? e.input(freeName("dy", names)) : e.constant(1);
  const derived = derive(e, root, seed).get(e.input(input)) ?? e.constant(0);
  const further = seed.type === "input" ? [seed.name] : [];
  return fromExpression(e, derived, [...names, ...further], `∂(${name})/∂${input}`);
}
