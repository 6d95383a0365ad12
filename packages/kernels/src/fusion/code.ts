/**
 * WebAssembly's binary format, as far as a module of one function needs it
 * (https://webassembly.github.io/spec/core/binary/).
 */

export const I32 = 0x7f;
export const V128 = 0x7b;

/** Bytes, written front to back. */
export class Code {
  readonly bytes: number[] = [];

  /** Bytes as they are: opcodes, and what needs no encoding. */
  put(...bytes: readonly number[]): this {
    for (let i = 0; i < bytes.length; i++) this.bytes.push(bytes[i]);
    return this;
  }

  add(other: Code): this {
    return this.put(...other.bytes);
  }

  /** A whole number from 0 up, in LEB128. */
  unsigned(value: number): this {
    let rest = value;
    for (; rest >= 0x80; rest >>>= 7) this.bytes.push((rest & 0x7f) | 0x80);
    this.bytes.push(rest);
    return this;
  }

  /** i32.const of a number from 0 to 63. */
  constant(value: number): this {
    return this.put(0x41, value);
  }

  get(local: number): this {
    this.bytes.push(0x20);
    return this.unsigned(local);
  }

  set(local: number): this {
    this.bytes.push(0x21);
    return this.unsigned(local);
  }

  /** A vector instruction with its immediates. */
  simd(opcode: number, ...immediates: readonly number[]): this {
    this.bytes.push(0xfd);
    return this.unsigned(opcode).put(...immediates);
  }

  /** Length, then bytes. */
  block(content: Code): this {
    return this.unsigned(content.bytes.length).add(content);
  }

  name(text: string): this {
    this.unsigned(text.length);
    for (let i = 0; i < text.length; i++) this.bytes.push(text.charCodeAt(i));
    return this;
  }
}

/** A function of the main module. */
export interface Import {
  readonly name: string;
  /** Vectors that it takes; it gives one. */
  readonly arity: number;
}

const MOST_PAGES = 65536;

/**
 * A module that imports "env" "memory" and functions of "main", and exports `run`, a function of three i32.
 *
 * @param locals  after the three: the number of i32, then the types of others
 */
export function moduleOf(
  isShared: boolean,
  imports: readonly Import[],
  locals: readonly [integers: number, others: readonly number[]],
  code: Code,
): Uint8Array<ArrayBuffer> {
  const types = new Code().put(3, 0x60, 3, I32, I32, I32, 0, 0x60, 1, V128, 1, V128);
  types.put(0x60, 2, V128, V128, 1, V128);
  const imported = new Code()
    .unsigned(imports.length + 1)
    .name("env")
    .name("memory");
  imported.put(2, isShared ? 3 : 1, 1).unsigned(MOST_PAGES);
  for (const { name, arity } of imports) imported.name("main").name(name).put(0, arity);
  const [integers, others] = locals;
  const body = new Code()
    .unsigned(others.length + 1)
    .unsigned(integers)
    .put(I32);
  for (const type of others) body.put(1, type);
  body.add(code).put(0x0b);
  const made = new Code()
    .put(0, 0x61, 0x73, 0x6d, 1, 0, 0, 0)
    .put(1)
    .block(types)
    .put(2)
    .block(imported);
  made.put(3).block(new Code().put(1, 0));
  made.put(7).block(new Code().put(1).name("run").put(0).unsigned(imports.length));
  made.put(10).block(new Code().put(1).block(body));
  return new Uint8Array(made.bytes);
}
