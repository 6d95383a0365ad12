/**
 * The part of Python's pickle format that `torch.save` writes for state dicts and checkpoints: numbers,
 * strings, lists, tuples, dictionaries, and calls of the few functions that a caller names. It is data to
 * this reader: nothing is imported or executed, and any other name is an error.
 *
 * Opcodes: https://github.com/python/cpython/blob/main/Lib/pickletools.py (protocol 2).
 */

/** What can come out: dictionaries are Maps, tuples are frozen arrays. */
export type PickleValue =
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly PickleValue[]
  | Map<PickleValue, PickleValue>
  | object;

/** A name that the file refers to; `call`, if it has one, makes a value of the arguments that the file gives. */
export interface PickleGlobal {
  readonly call: ((args: readonly PickleValue[]) => PickleValue) | null;
}

export interface PickleOptions {
  /** The names that may occur, such as "collections.OrderedDict". */
  globals: ReadonlyMap<string, PickleGlobal>;
  /** What a reference to something outside the file means. */
  persistent(id: PickleValue): PickleValue;
  fail(message: string): never;
}

const mark = Symbol("mark");
type Slot = PickleValue | typeof mark;

/** Reads one value; the bytes end with it. */
export function unpickle(bytes: Uint8Array, options: PickleOptions): PickleValue {
  return new Unpickler(bytes, options).read();
}

/** A stack machine. Its state never holds more than the file's bytes put there. */
class Unpickler {
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly options: PickleOptions;
  private readonly stack: Slot[] = [];
  private readonly memo = new Map<number, PickleValue>();
  private at = 0;

  constructor(bytes: Uint8Array, options: PickleOptions) {
    this.bytes = bytes;
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.options = options;
  }

  read(): PickleValue {
    for (;;) {
      const start = this.at;
      const code = String.fromCharCode(this.view.getUint8(this.take(1)));
      if (code === ".") {
        const value = this.pop();
        if (this.stack.length > 0 || this.at !== this.bytes.length) {
          this.fail("it goes on after its end.");
        }
        return value;
      }
      const step = steps[code];
      if (step === undefined) {
        this.fail(
          `byte ${start} is the opcode ${JSON.stringify(code)}, which no state dict needs.`,
        );
      }
      step(this);
    }
  }

  fail(message: string): never {
    return this.options.fail(`its pickle is damaged or no state dict: ${message}`);
  }

  /** Position of the next n bytes, which are then passed. */
  private take(n: number): number {
    if (this.at + n > this.bytes.length) this.fail(`it ends at byte ${this.bytes.length}.`);
    this.at += n;
    return this.at - n;
  }

  uint8 = () => this.view.getUint8(this.take(1));
  uint16 = () => this.view.getUint16(this.take(2), true);
  uint32 = () => this.view.getUint32(this.take(4), true);
  int32 = () => this.view.getInt32(this.take(4), true);
  float64 = () => this.view.getFloat64(this.take(8), false);

  text(length: number): string {
    const from = this.take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true }).decode(
        this.bytes.subarray(from, from + length),
      );
    } catch {
      return this.fail(`the text at byte ${from} is no UTF-8.`);
    }
  }

  line(): string {
    const end = this.bytes.indexOf(10, this.at);
    if (end < 0) this.fail(`it ends at byte ${this.bytes.length}.`);
    const text = this.text(end - this.at);
    this.take(1);
    return text;
  }

  /** A whole number of any size, least significant byte first, in two's complement. */
  long(length: number): number | bigint {
    const from = this.take(length);
    let value = 0n;
    for (let i = length - 1; i >= 0; i--) value = value * 256n + BigInt(this.bytes[from + i]);
    const signed = BigInt.asIntN(8 * length, value);
    return Number.isSafeInteger(Number(signed)) ? Number(signed) : signed;
  }

  push(value: Slot): void {
    this.stack.push(value);
  }

  pop(): PickleValue {
    const value = this.stack.pop();
    if (value === undefined || value === mark) return this.fail("its stack is empty.");
    return value as PickleValue;
  }

  /** The values above the last mark. */
  popMark(): PickleValue[] {
    const from = this.stack.lastIndexOf(mark);
    if (from < 0) this.fail("a mark is missing.");
    return this.stack.splice(from).slice(1) as PickleValue[];
  }

  top(): PickleValue {
    const value = this.pop();
    this.stack.push(value);
    return value;
  }

  get(key: number): void {
    if (!this.memo.has(key)) this.fail(`it refers to a value ${key} that there isn't.`);
    this.push(this.memo.get(key)!);
  }

  put(key: number): void {
    this.memo.set(key, this.top());
  }

  setItems(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!(target instanceof Map) || items.length % 2 !== 0) {
      this.fail("it sets items of something that is no dictionary.");
    }
    for (let i = 0; i < items.length; i += 2) target.set(items[i], items[i + 1]);
  }

  append(items: readonly PickleValue[]): void {
    const target = this.top();
    if (!Array.isArray(target) || Object.isFrozen(target)) {
      this.fail("it appends to something that is no list.");
    }
    for (const item of items) target.push(item);
  }

  tuple(items: PickleValue[]): void {
    this.push(Object.freeze(items));
  }

  global(): void {
    const name = `${this.line()}.${this.line()}`;
    const found = this.options.globals.get(name);
    if (found === undefined) {
      this.options.fail(
        `it needs ${name}, which is no part of a state dict, and nothing of a file is ever executed; save model.state_dict() instead of the model.`,
      );
    }
    this.push(found);
  }

  reduce(): void {
    const args = this.pop();
    const callee = this.pop() as PickleGlobal;
    const known = [...this.options.globals.values()].includes(callee);
    if (!known || callee.call === null || !Array.isArray(args)) {
      this.fail("it calls something that is no function.");
    }
    this.push(callee.call(args));
  }

  /** The attributes of an OrderedDict (`_metadata` of a state dict), which hold no weights. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) this.fail("it sets the state of something that has none.");
  }

  persistent(): void {
    this.push(this.options.persistent(this.pop()));
  }

  protocol(): void {
    const version = this.uint8();
    if (version < 2 || version > 5) this.fail(`its protocol is ${version}; known are 2 to 5.`);
  }
}

/** What each opcode does. Texts are what pickletools calls it. */
const steps: Readonly<Record<string, (m: Unpickler) => void>> = Object.assign(
  Object.create(null) as object,
  {
    "\x80": (m: Unpickler) => m.protocol(), // PROTO
    "(": (m: Unpickler) => m.push(mark), // MARK
    N: (m: Unpickler) => m.push(null), // NONE
    "\x88": (m: Unpickler) => m.push(true), // NEWTRUE
    "\x89": (m: Unpickler) => m.push(false), // NEWFALSE
    K: (m: Unpickler) => m.push(m.uint8()), // BININT1
    M: (m: Unpickler) => m.push(m.uint16()), // BININT2
    J: (m: Unpickler) => m.push(m.int32()), // BININT
    "\x8a": (m: Unpickler) => m.push(m.long(m.uint8())), // LONG1
    G: (m: Unpickler) => m.push(m.float64()), // BINFLOAT
    X: (m: Unpickler) => m.push(m.text(m.uint32())), // BINUNICODE
    "\x8c": (m: Unpickler) => m.push(m.text(m.uint8())), // SHORT_BINUNICODE
    "}": (m: Unpickler) => m.push(new Map()), // EMPTY_DICT
    "]": (m: Unpickler) => m.push([]), // EMPTY_LIST
    ")": (m: Unpickler) => m.tuple([]), // EMPTY_TUPLE
    "\x85": (m: Unpickler) => m.tuple([m.pop()]), // TUPLE1
    "\x86": (m: Unpickler) => m.tuple([m.pop(), m.pop()].reverse()), // TUPLE2
    "\x87": (m: Unpickler) => m.tuple([m.pop(), m.pop(), m.pop()].reverse()), // TUPLE3
    t: (m: Unpickler) => m.tuple(m.popMark()), // TUPLE
    a: (m: Unpickler) => m.append([m.pop()]), // APPEND
    e: (m: Unpickler) => m.append(m.popMark()), // APPENDS
    s: (m: Unpickler) => m.setItems([m.pop(), m.pop()].reverse()), // SETITEM
    u: (m: Unpickler) => m.setItems(m.popMark()), // SETITEMS
    q: (m: Unpickler) => m.put(m.uint8()), // BINPUT
    r: (m: Unpickler) => m.put(m.uint32()), // LONG_BINPUT
    h: (m: Unpickler) => m.get(m.uint8()), // BINGET
    j: (m: Unpickler) => m.get(m.uint32()), // LONG_BINGET
    c: (m: Unpickler) => m.global(), // GLOBAL
    R: (m: Unpickler) => m.reduce(), // REDUCE
    b: (m: Unpickler) => m.build(), // BUILD
    Q: (m: Unpickler) => m.persistent(), // BINPERSID
  },
);
