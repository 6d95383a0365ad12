/**
 * Functions of vectors out of the main module. A short one that is straight-line code is copied, instruction by
 * instruction, into the kernel that uses it: the same instructions give the same bits, and V8 calls no function of
 * another module inline (tanh of a million: 1.9 ms by calls, 1.3 ms inline).
 */
import type { KernelModule } from "../module.ts";
import { type Code, V128 } from "./code.ts";

/** A function's instructions. */
export class Body {
  /** Types of the locals, the parameters first. */
  readonly types: readonly number[];
  /** The code in pieces, between which stand the locals. */
  private readonly pieces: readonly (readonly number[])[];
  private readonly locals: readonly number[];

  constructor(
    types: readonly number[],
    pieces: readonly (readonly number[])[],
    locals: readonly number[],
  ) {
    this.types = types;
    this.pieces = pieces;
    this.locals = locals;
  }

  /** Writes the code, its locals being those from `first` on. */
  place(code: Code, first: number): void {
    this.pieces.forEach((piece, i) => {
      code.put(...piece);
      if (i < this.locals.length) code.unsigned(first + this.locals[i]);
    });
  }
}

const EXPORTS = 7;
const CODE = 10;
const FUNCTION = 0;

export class Library {
  private readonly bytes: Uint8Array;
  private at = 0;
  private readonly starts: number[] = [];
  private readonly indices = new Map<string, number>();
  private readonly bodies = new Map<string, Body | null>();

  /** @param module  which imports no functions, so that their indices count the code section's entries */
  constructor({ bytes }: KernelModule) {
    this.bytes = bytes;
    for (this.at = 8; this.at < bytes.length; ) {
      const id = this.byte();
      const size = this.number();
      const end = this.at + size;
      if (id === EXPORTS) this.readExports();
      if (id === CODE) this.readStarts();
      this.at = end;
    }
  }

  /** The body of an exported function of `arity` vectors; null where it must be called. */
  body(name: string, arity: number): Body | null {
    let body = this.bodies.get(name);
    if (body === undefined) {
      this.at = this.starts[this.indices.get(name)!];
      body = this.readBody(new Array<number>(arity).fill(V128));
      this.bodies.set(name, body);
    }
    return body;
  }

  private byte(): number {
    return this.bytes[this.at++];
  }

  private number(): number {
    let value = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = this.byte();
      value |= (byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  private readExports(): void {
    for (let count = this.number(); count > 0; count--) {
      const length = this.number();
      const name = String.fromCharCode(...this.bytes.subarray(this.at, this.at + length));
      this.at += length;
      const kind = this.byte();
      const index = this.number();
      if (kind === FUNCTION) this.indices.set(name, index);
    }
  }

  private readStarts(): void {
    for (let count = this.number(); count > 0; count--) {
      const size = this.number();
      this.starts.push(this.at);
      this.at += size;
    }
  }

  /** null for code with branches or calls, or that reads a local before writing it: in a loop that is not 0. */
  private readBody(types: number[]): Body | null {
    const written = new Set(types.keys());
    for (let groups = this.number(); groups > 0; groups--) {
      const count = this.number();
      const type = this.byte();
      for (let i = 0; i < count; i++) types.push(type);
    }
    const locals: number[] = [];
    const pieces: number[][] = [[]];
    for (;;) {
      const start = this.at;
      const opcode = this.byte();
      if (opcode === 0x0b) return new Body(types, pieces, locals);
      if (opcode >= 0x20 && opcode <= 0x22) {
        const local = this.number();
        if (opcode !== 0x20) written.add(local);
        else if (!written.has(local)) return null;
        pieces[locals.length].push(opcode);
        locals.push(local);
        pieces.push([]);
      } else if (this.skipImmediates(opcode)) {
        pieces[locals.length].push(...this.bytes.subarray(start, this.at));
      } else {
        return null;
      }
    }
  }

  /** Moves past what follows an opcode; false for one that is not expected here. */
  private skipImmediates(opcode: number): boolean {
    if (opcode === 0x41)
      this.number(); // i32.const
    else if (opcode === 0xfd) this.skipSimd(this.number());
    else return opcode === 0x1b || (opcode >= 0x45 && opcode <= 0xc4); // select, arithmetic
    return true;
  }

  private skipSimd(opcode: number): void {
    const isLane = opcode >= 0x54 && opcode <= 0x5b;
    if (opcode <= 0x0b || opcode === 0x5c || opcode === 0x5d || isLane) {
      this.number(); // alignment
      this.number(); // offset
    }
    if (opcode === 0x0c || opcode === 0x0d) this.at += 16; // v128.const, i8x16.shuffle
    if (isLane || (opcode >= 0x15 && opcode <= 0x22)) this.at++;
  }
}
