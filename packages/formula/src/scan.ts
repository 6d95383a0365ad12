/**
 * What a formula may be made of, checked before anything parses it: names, decimal numbers, a few
 * operators. Whatever else mathjs knows (matrices, strings, units, assignments, …) ends here, at its
 * position, and nesting too deep for a recursive parser never reaches one.
 */
import { FormulaError } from "./errors.ts";

/** A name, number or operator, and where it stands. */
export interface Token {
  readonly kind: "name" | "number" | "operator";
  readonly text: string;
  readonly position: number;
}

/** Longest text of a formula, in characters. */
export const MAX_LENGTH = 10_000;
/** How deep parentheses, signs, powers, conditions and the like may nest. */
export const MAX_DEPTH = 200;

/** Operators that are words. */
export const wordOperators: ReadonlySet<string> = new Set(["and", "or", "xor", "not", "mod"]);

const pattern =
  /\s+|(?<number>(?:\d+(?:\.\d+)?|\.\d+)(?:[eE][+-]?\d+)?)|(?<name>[A-Za-z_\u0370-\u03ff][\w\u0370-\u03ff]*)|(?<operator><=|>=|==|!=|[-+*/^(),?:<>])/uy;

/** What people write from habit, and what to write instead. */
const habits: readonly [start: string, instead: string][] = [
  ["**", 'a power is written with "^"'],
  ["//", "write floorDivide(a, b)"],
  ["&", 'write "and"'],
  ["|", 'write "or"; |x| is abs(x)'],
  ["!", 'write "not"; a formula has no factorial'],
  ["=", 'a formula assigns nothing; compare with "=="'],
  ["%", "write remainder(a, b), or divide by 100"],
  ["[", "a formula has no matrices and no indices"],
  ["{", "a formula has no objects"],
  [";", "a formula is one expression"],
  ['"', "a formula has no strings"],
  ["'", "a formula has no strings"],
  ["`", "a formula has no strings"],
];

/** The tokens of the text. @throws FormulaError with the position of what is no part of a formula */
export function scan(text: string): Token[] {
  if (text.length > MAX_LENGTH) {
    throw new FormulaError(
      `formula: the text has ${text.length} characters; at most ${MAX_LENGTH} are read.`,
    );
  }
  const tokens: Token[] = [];
  let position = 0;
  while (position < text.length) {
    // "**" and "//" would scan as two operators.
    const habit = habits.find(([start]) => text.startsWith(start, position));
    pattern.lastIndex = position;
    const match = pattern.exec(text);
    const double = habit !== undefined && habit[0].length === 2;
    if (match === null || double) throw strange(text, position, habit?.[1]);
    for (const kind of ["name", "number", "operator"] as const) {
      if (match.groups![kind] !== undefined) tokens.push({ kind, text: match[0], position });
    }
    position += match[0].length;
  }
  if (tokens.length === 0) throw new FormulaError("formula: the text is empty.");
  tokens.forEach((token, i) => {
    checkNumber(text, token);
    if (i > 0) checkNeighbours(text, tokens[i - 1]!, token);
  });
  checkPairs(text, tokens);
  checkDepth(text, tokens);
  return tokens;
}

function strange(text: string, position: number, instead: string | undefined): FormulaError {
  const character = String.fromCodePoint(text.codePointAt(position)!);
  const found = text.startsWith(character.repeat(2), position) ? character.repeat(2) : character;
  return new FormulaError(
    `formula: unexpected ${JSON.stringify(found)}${instead === undefined ? "" : `: ${instead}`}.`,
    text,
    position,
  );
}

function checkNumber(text: string, { kind, text: digits, position }: Token): void {
  if (kind === "number" && !Number.isFinite(Number(digits))) {
    throw new FormulaError(`formula: ${digits} is too large for a number.`, text, position);
  }
}

const isOperand = ({ kind, text }: Token): boolean =>
  kind === "number" || (kind === "name" && !wordOperators.has(text));

/** "2x" and "(a)(b)" are more often slips than products, and "x (y)" reads as a call. */
function checkNeighbours(text: string, left: Token, right: Token): void {
  const ends = isOperand(left) || left.text === ")";
  const starts = isOperand(right) || right.text === "not" || right.text === "(";
  const calls = left.kind === "name" && right.text === "(";
  if (ends && starts && !calls) {
    const product = `${left.text} * ${right.text}`;
    const hint = isOperand(right) && isOperand(left) ? `; write ${product}` : "";
    const call = hint !== "" && left.kind === "name" ? ` or ${left.text}(${right.text})` : "";
    throw new FormulaError(
      `formula: an operator is missing between ${JSON.stringify(left.text)} and ${JSON.stringify(right.text)}${hint}${call}.`,
      text,
      right.position,
    );
  }
}

/** Every ")" closes a "(", and every ":" belongs to a "?". What is missing at the end, the parser says. */
function checkPairs(text: string, tokens: readonly Token[]): void {
  const open: string[] = [];
  for (const { text: sign, position } of tokens) {
    if (sign === "(" || sign === "?") open.push(sign);
    if (sign === ":" && open.pop() !== "?")
      throw new FormulaError('formula: this ":" belongs to no "?".', text, position);
    if (sign !== ")") continue;
    while (open.at(-1) === "?") open.pop();
    if (open.pop() === undefined) {
      throw new FormulaError(
        'formula: this ")" closes nothing; its "(" is missing.',
        text,
        position,
      );
    }
  }
}

/**
 * An upper bound of how deep a recursive parser descends: parentheses, and within each level the
 * operators that nest to the right.
 */
function checkDepth(text: string, tokens: readonly Token[]): void {
  const outer: number[] = [];
  // The depth of what stands between operators, and of the token at hand: signs and powers add to it.
  let base = 0;
  let depth = 0;
  tokens.forEach((token, i) => {
    const before = tokens[i - 1];
    const prefix = before === undefined || (!isOperand(before) && before.text !== ")");
    if (token.text === "(") {
      outer.push(base);
      base = ++depth;
    } else if (token.text === ")") {
      depth = base = outer.pop()!;
    } else if (token.text === "?") {
      depth = ++base;
    } else if (token.text === "^" || (prefix && !isOperand(token))) {
      depth++;
    } else if (!isOperand(token)) {
      depth = base;
    }
    if (depth > MAX_DEPTH) {
      throw new FormulaError(
        `formula: nested deeper than ${MAX_DEPTH} levels; split it into several formulas.`,
        text,
        token.position,
      );
    }
  });
}
