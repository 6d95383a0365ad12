import { afterEach, describe, expect, it } from "@jest/globals";
import { DEFERRED_FROM, memory, release, setMemoryLimit } from "@tapegrad/kernels";
import fc from "fast-check";
import {
  defineOp,
  detectAnomaly,
  Generator,
  grad,
  noGrad,
  rand,
  randn,
  type Tensor,
  type TypedArray,
  tensor,
  updateInPlace,
  where,
} from "../src/index.ts";

const { Module } = WebAssembly;
afterEach(() => {
  WebAssembly.Module = Module;
});

const size = 2 * DEFERRED_FROM;
/** Pieces of this many elements are computed at once. */
const piece = DEFERRED_FROM / 2;
const isDeferred = (x: Tensor) => !x.storage!.isFilled;
const pieces = (x: Tensor): Tensor[] =>
  Array.from({ length: size / piece }, (_, i) =>
    tensor(x.data().slice(i * piece, (i + 1) * piece)),
  );

/** Jest takes seconds to compare such arrays. */
function expectSameBits(x: TypedArray, y: TypedArray): void {
  expect(x.length).toBe(y.length);
  expect(x.findIndex((value, i) => !Object.is(value, y[i]))).toBe(-1);
}

type Step = readonly [name: string, ...slots: number[]];
const pick = (list: readonly Tensor[], slot: number) => list[slot % list.length]!;

/** Adds a result to the list, or changes one of it; 0 is a leaf, which stays as it is. */
function take(list: Tensor[], [name, i, j, k]: Step): void {
  const a = pick(list, i!);
  const b = pick(list, j!);
  const changed = pick(list.slice(1), i!);
  if (name === "where") list.push(where(a.gt(b), b, pick(list, k!)));
  else if (name === "read") a.data();
  else if (name === "add_" || name === "mul_") changed[name](b.tanh());
  else if (name === "square" || name === "tanh" || name === "relu") list.push(a[name]());
  else if (name === "number") list.push(a.mul(0.5).sub(1));
  else list.push(a[name as "add" | "sub" | "mul" | "maximum"](b));
}

const names = ["add", "sub", "mul", "maximum", "square", "tanh", "relu", "number", "where", "read"];
const slot = fc.nat(20);
const steps = (also: readonly string[]) =>
  fc.array(fc.tuple(fc.constantFrom(...names, ...also), slot, slot, slot), {
    minLength: 1,
    maxLength: 14,
  });

describe("elementwise results that nobody has looked at", () => {
  it("are computed when somebody looks, with the bits of ops one by one", () => {
    fc.assert(
      fc.property(steps(["add_", "mul_"]), fc.nat(1000), (program, seed) => {
        const source = new Generator(seed);
        const given = [randn([size], { generator: source }), randn([size], { generator: source })];
        const parts = given.map(pieces);
        const whole = [...given];
        for (const step of program) take(whole, step);
        const data = whole.map((x) => x.data());
        for (let at = 0; at < size / piece; at++) {
          const list = parts.map((part) => part[at]!);
          for (const step of program) take(list, step);
          list.forEach((x, i) => {
            expect(isDeferred(x)).toBe(false);
            expectSameBits(data[i]!.subarray(at * piece, (at + 1) * piece), x.data());
          });
        }
      }),
      { seed: 1, numRuns: 50 },
    );
  });

  it("give the gradients of ops one by one, once and again", () => {
    fc.assert(
      fc.property(steps([]), fc.nat(1000), (program, seed) => {
        const source = new Generator(seed);
        const given = [randn([size], { generator: source }), randn([size], { generator: source })];
        const leaves = given.map((x) => x.clone().requiresGrad_());
        const parts = given.map((x) => pieces(x).map((part) => part.requiresGrad_()));
        const lossOf = (list: Tensor[]) => {
          for (const step of program) take(list, step);
          return list.slice(2).reduce((sum, x) => sum.add(x), list[0]!.mul(list[1]!));
        };
        const loss = lossOf([...leaves]);
        const dy = randn([size], { generator: source });
        loss.backward(dy, { retainGraph: true });
        const once = leaves.map((x) => x.grad!.data());
        for (let at = 0; at < size / piece; at++) {
          const list = parts.map((part) => part[at]!);
          lossOf([...list]).backward(tensor(dy.data().slice(at * piece, (at + 1) * piece)));
          list.forEach((x, i) => {
            expectSameBits(once[i]!.subarray(at * piece, (at + 1) * piece), x.grad!.data());
          });
        }
        const again = grad(loss, leaves, { gradOutputs: [dy] });
        for (const [i, x] of again.entries()) expectSameBits(x.data(), once[i]!);
      }),
      { seed: 2, numRuns: 40 },
    );
  });

  it("keep to what they were to read, whatever becomes of it", () => {
    const x = rand([size]);
    const view = x.reshape([-1, 2]).select(1, 1);
    const before = x.data();
    const after = () => Array.from(before, (v) => Math.fround(v + v));
    const changed = (change: () => void): void => {
      x.copy_(tensor(before));
      const y = x.add(x);
      expect(isDeferred(y)).toBe(true);
      change();
      expect(Array.from(y.data())).toEqual(after());
    };
    changed(() => x.mul_(3));
    changed(() => view.fill_(7));
    changed(() => updateInPlace("sgd", [x, rand([size])], [0.1, 0], "SGD.step"));
    changed(() => x.narrow(0, 0, 1).fill_(5));
    changed(() => release(x.storage!));
    expect(() => x.data()).toThrow("was released");
    expect(() => x.add(1)).toThrow("was released");
  });

  it("may be read by every op, through views, broadcast and in any order", () => {
    const x = randn([128, 256]);
    const row = randn([256]);
    const y = x.mul(2).add(row).relu();
    expect(isDeferred(y)).toBe(true);
    const plain = noGrad(() =>
      Array.from({ length: 128 }, (_, i) => x.select(0, i).mul(2).add(row).relu().data()),
    );
    const rows = () => Array.from({ length: 128 }, (_, i) => y.select(0, i).data());
    expect(y.transpose(0, 1).matmul(x).shape).toEqual([256, 256]);
    expect(rows()).toEqual(plain);
    const tall = x.mul(2).add(row).relu().transpose(0, 1).add(0).transpose(0, 1).sub(0);
    expect(Array.from({ length: 128 }, (_, i) => tall.select(0, i).data())).toEqual(plain);
    // A chain's operands broadcast to its own shape, not to that of a view.
    const large = randn([512, 256]);
    const flat = large.mul(2).add(row).reshape([-1]).relu();
    expectSameBits(flat.data(), large.mul(2).add(row).relu().data());
    const mixed = x.gt(0).logicalNot();
    expect(mixed.data()).toEqual(x.le(0).data());
    const wide = where(x.to("float64").gt(row), x, row);
    expect(wide.data()).toEqual(x.maximum(row).data());
  });

  it("are there before an op's own kernel gets arrays of the memory", () => {
    const sum = defineOp({
      name: "deferredSum",
      inputs: ["a", "b", "c"],
      kernel: ({ a, b, c }, y) => y.set(a.map((v, i) => v + b[i]! + c[i]!)),
      grad: { a: null, b: null, c: null },
    });
    const x = rand([2 ** 17]);
    const limit = memory().softLimitBytes;
    setMemoryLimit(1); // whatever no kernel uses is evicted
    const y = sum(x.add(1), x.add(2), x.mul(0));
    setMemoryLimit(limit);
    const [from, to] = [x.data(), y.data()];
    const expected = from.map((v) => Math.fround(v + 1) + Math.fround(v + 2));
    expectSameBits(to, expected);
  });

  it("go on without end: a running sum is computed now and then", () => {
    const ones = rand([size]).mul(0).add(1);
    let sum = ones;
    for (let i = 0; i < 1000; i++) sum = sum.add(ones);
    expect(isDeferred(sum)).toBe(true);
    expect(new Set(sum.data())).toEqual(new Set([1001]));
  });

  it("cost no memory: what lies between is never written, what the tape held goes back", () => {
    const [x, a, b] = [0, 1, 2].map(() => rand([size]).requiresGrad_()) as [Tensor, Tensor, Tensor];
    const step = () => {
      for (const leaf of [x, a, b]) leaf.grad = null;
      x.mul(a).add(b).tanh().square().sum().backward();
    };
    for (let i = 0; i < 3; i++) step();
    const { liveBytes, evictedBytes } = memory();
    for (let i = 0; i < 200; i++) step();
    expect(memory().liveBytes).toBe(liveBytes);
    expect(memory().evictedBytes).toBe(evictedBytes);
    // What only garbage may read of leaves that change is not the arena's to keep.
    for (let i = 0; i < 200; i++) {
      step();
      noGrad(() => [x, a, b].map((leaf) => leaf.mul_(0.99)));
    }
    expect(memory().liveBytes).toBe(liveBytes);
    expect(memory().evictedBytes).toBe(evictedBytes);
  });

  it("are garbage like any other once they were read", () => {
    const x = rand([2 ** 20]);
    x.add(1).data();
    const { wasmBytes } = memory();
    for (let i = 0; i < 100; i++) x.add(i).data();
    for (let i = 0; i < 100; i++) x.add(i).select(0, 5).item();
    expect(memory().wasmBytes).toBeLessThanOrEqual(wasmBytes + 64 * 2 ** 20);
  });

  it("leave a tensor that is read by a reduction, and held by nobody, as it was", () => {
    const y = rand([size]).add(1).mul(3);
    const total = y.sum().item();
    expect(isDeferred(y)).toBe(true);
    expect(tensor(y.data()).sum().item()).toBe(total);
  });

  it("are computed step by step where the engine compiles nothing at run time", () => {
    const x = randn([size]);
    const f = () => x.exp().add(1).log().mul(0.25).expm1();
    const deferred = f();
    expect(isDeferred(deferred)).toBe(true);
    WebAssembly.Module = class {
      constructor() {
        throw new WebAssembly.CompileError("refused");
      }
    } as unknown as typeof Module;
    const parts = pieces(x).flatMap((part) => [
      ...part.exp().add(1).log().mul(0.25).expm1().data(),
    ]);
    const expected = Float32Array.from(parts);
    expectSameBits(deferred.data(), expected);
    for (let i = 0; i < 20; i++) expectSameBits(f().data(), expected);
    expect(isDeferred(f())).toBe(false);
  });

  it("are none where somebody watches every op", () => {
    const x = randn([size]).requiresGrad_();
    expect(() => detectAnomaly(() => x.mul(0).log().mul(2).sum())).toThrow(/log/);
  });
});
