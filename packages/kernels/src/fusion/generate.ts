/** The code of a chain: one function that goes along rows, a vector of elements at a time. */
import type { Chain, Step } from "./chain.ts";
import { Code, type Import, moduleOf, V128 } from "./code.ts";
import type { Library } from "./library.ts";
import { composites, givesTruth, instructions } from "./operations.ts";

/** Of an input or constant: whether it is of truth values, and whether one element serves a whole row. */
export interface Source {
  readonly isTruth: boolean;
  readonly repeats: boolean;
}

// Positions in the arguments, in bytes; each operand has its address and the distance of its rows.
const ROW_LENGTH = 0;
const ROWS = 4;
const OPERANDS = 8;
const OPERAND_BYTES = 8;

// Locals: the parameters, what the loops count, the operands' addresses; then vectors.
const [BEGIN, END, ARGS, ROW, LAST_ROW, AT, LAST, FIRST, BYTES, ADDRESSES] = [...Array(10).keys()];
const PARAMETERS = 3;

const LOOP = [0x03, 0x40];
const IF = [0x04, 0x40];
const ELSE = 0x05;
const DONE = 0x0b;
const AGAIN_IF = [0x0d, 0];
const CALL = 0x10;
const SELECT = 0x1b;
const LOAD = 0x28;
const EQUAL = 0x46;
const LESS = 0x48;
const PLUS = 0x6a;
const MINUS = 0x6b;
const TIMES = 0x6c;
const SHIFT = 0x74;
const IS_NOT_ZERO = 0x24; // i8x16.ne, with zeros
const zeros: readonly number[] = new Array(16).fill(0);
const ones: readonly number[] = new Array(16).fill(1);

/** The main module's function for what is no instruction. */
export function functionName(name: string, isDouble: boolean): string {
  return `vector_${name}_${isDouble ? "f64" : "f32"}`;
}

/**
 * A module whose `run(begin, end, args)` computes the chain's outputs: elements begin to end of one row, or rows
 * begin to end of several. A row has a vector's length at least; its last vector is moved back to end with it,
 * and what is computed twice comes out the same.
 *
 * @param sources  of the inputs, then the constants
 */
export function generate(
  chain: Chain,
  isDouble: boolean,
  sources: readonly Source[],
  isShared: boolean,
  library: Library,
): Uint8Array<ArrayBuffer> {
  const imports: Import[] = [];
  const types: number[] = [];
  const firstVector = ADDRESSES + sources.length + chain.outputs.length;
  const local = (type: number): number => firstVector + types.push(type) - 1;
  const start = new Code();
  const perRow = new Code();
  const perVector = new Code();

  const literals = new Map<string, number>();
  /** A constant in every lane. */
  const literal = (code: Code, text: string): void => {
    if (text === "0") {
      code.simd(0x0c, ...zeros);
      return;
    }
    if (!literals.has(text)) {
      const one = isDouble ? Float64Array.of(Number(text)) : Float32Array.of(Number(text));
      start.put(isDouble ? 0x44 : 0x43, ...new Uint8Array(one.buffer)).simd(isDouble ? 0x14 : 0x13);
      literals.set(text, local(V128));
      start.set(literals.get(text)!);
    }
    code.get(literals.get(text)!);
  };

  const compute = (code: Code, { name, args }: Step): void => {
    const instruction = (word: string) => code.simd(instructions[word][Number(isDouble)]);
    if (name in composites) {
      for (const word of composites[name].split(" ")) {
        const arg = args["abc".indexOf(word)];
        if (arg !== undefined) code.get(slots[arg]);
        else if (word in instructions) instruction(word);
        else literal(code, word);
      }
      return;
    }
    for (const arg of args) code.get(slots[arg]);
    if (name in instructions) {
      instruction(name);
      return;
    }
    const full = functionName(name, isDouble);
    const body = library.body(full, args.length);
    if (body !== null) {
      const first = firstVector + types.length;
      types.push(...body.types);
      for (let i = args.length - 1; i >= 0; i--) code.set(first + i);
      body.place(code, first);
      return;
    }
    let index = imports.findIndex((f) => f.name === full);
    if (index < 0) index = imports.push({ name: full, arity: args.length }) - 1;
    code.put(CALL).unsigned(index);
  };

  const read = (code: Code, { isTruth, repeats }: Source, k: number): void => {
    code.get(ADDRESSES + k);
    if (!isTruth) {
      if (repeats) code.simd(isDouble ? 0x0a : 0x09, 2, 0);
      else code.get(BYTES).put(PLUS).simd(0x00, 2, 0);
      return;
    }
    if (repeats) code.simd(0x07, 0, 0);
    else
      code
        .get(FIRST)
        .put(PLUS)
        .simd(isDouble ? 0x08 : 0x5c, 0, 0);
    code.simd(0x0c, ...zeros).simd(IS_NOT_ZERO);
    if (repeats) return;
    code.simd(0x87).simd(0xa7); // the low bytes to 16, to 32 bits
    if (isDouble) code.simd(0xc7);
  };

  const write = (code: Code, slot: number, k: number): void => {
    const step = chain.steps[slot - sources.length];
    const isTruth = step === undefined ? sources[slot].isTruth : givesTruth(step.name);
    code
      .get(ADDRESSES + sources.length + k)
      .get(isTruth ? FIRST : BYTES)
      .put(PLUS);
    code.get(slots[slot]);
    if (!isTruth) {
      code.simd(0x0b, 2, 0);
      return;
    }
    code.get(slots[slot]);
    if (isDouble) code.simd(0x0d, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8, 0, 8);
    else
      code
        .simd(0x85)
        .simd(0x0c, ...zeros)
        .simd(0x65); // to 16, to 8 bits
    code.simd(0x0c, ...ones).simd(instructions.bitwiseAnd[0]);
    code.simd(isDouble ? 0x59 : 0x5a, 0, 0, 0);
  };

  // What depends on a row's repeated elements alone is computed once for the row.
  const slots: number[] = [];
  const varies: boolean[] = [];
  const define = (isVarying: boolean, emit: (code: Code) => void): void => {
    const code = isVarying ? perVector : perRow;
    emit(code);
    slots.push(local(V128));
    varies.push(isVarying);
    code.set(slots[slots.length - 1]);
  };
  for (const [k, source] of sources.entries())
    define(!source.repeats, (code) => read(code, source, k));
  for (const step of chain.steps)
    define(
      step.args.some((arg) => varies[arg]),
      (code) => compute(code, step),
    );
  for (const [k, slot] of chain.outputs.entries()) write(perVector, slot, k);

  const lanes = isDouble ? 2 : 4;
  const argument = (code: Code, position: number): Code =>
    code.get(ARGS).put(LOAD, 2).unsigned(position);
  const code = start;
  argument(code, ROW_LENGTH).constant(lanes).put(MINUS).set(LAST);
  argument(code, ROWS)
    .constant(1)
    .put(EQUAL, ...IF)
    .constant(1)
    .set(LAST_ROW)
    .put(ELSE);
  code.get(BEGIN).set(ROW).get(END).set(LAST_ROW).constant(0).set(BEGIN);
  argument(code, ROW_LENGTH)
    .set(END)
    .put(DONE, ...LOOP);
  for (let local = ADDRESSES, at = OPERANDS; local < firstVector; local++, at += OPERAND_BYTES) {
    argument(argument(code, at), at + 4)
      .get(ROW)
      .put(TIMES, PLUS)
      .set(local);
  }
  code
    .add(perRow)
    .get(BEGIN)
    .set(AT)
    .put(...LOOP);
  code.get(AT).get(LAST).get(AT).get(LAST).put(LESS, SELECT).set(FIRST);
  code
    .get(FIRST)
    .constant(isDouble ? 3 : 2)
    .put(SHIFT)
    .set(BYTES);
  code.add(perVector).get(AT).constant(lanes).put(PLUS).set(AT);
  code
    .get(AT)
    .get(END)
    .put(LESS, ...AGAIN_IF, DONE);
  code.get(ROW).constant(1).put(PLUS).set(ROW);
  code
    .get(ROW)
    .get(LAST_ROW)
    .put(LESS, ...AGAIN_IF, DONE);
  return moduleOf(isShared, imports, [firstVector - PARAMETERS, types], code);
}
