import { afterEach, describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import { Arena } from "../src/arena.ts";
import { Call } from "../src/call.ts";
import { givesTruth } from "../src/fusion/operations.ts";
import {
  alloc,
  type BinaryName,
  type Chain,
  type CompareName,
  type DType,
  fuse,
  type Operand,
  plainKernels,
  type Step,
  type UnaryName,
  wasmKernels,
} from "../src/index.ts";
import { ARGUMENTS } from "../src/scratch.ts";
import { startWasm } from "../src/wasm.ts";
import { dense, expectSame, lone, options, Rng, randomArray, stridesOf } from "./support.ts";

const wasm = wasmKernels();
const { launch } = Call.prototype;
const { Module } = WebAssembly;

afterEach(() => {
  Call.prototype.launch = launch;
  WebAssembly.Module = Module;
});

const words = (text: string) => text.trim().split(/\s+/);
const unary =
  words(`neg abs sign square reciprocal exp log sqrt sin cos tanh sigmoid relu floor ceil round trunc exp2
  expm1 log1p log2 log10 cbrt tan asin acos atan sinh cosh asinh acosh atanh erf erfc gelu
  silu mish softplus`);
const binary =
  words(`add sub mul div pow maximum minimum reluGrad tanhGrad sigmoidGrad geluGrad siluGrad mishGrad atan2 hypot logaddexp
  copysign`);
const compare = words("eq ne lt le gt ge");
const connect = words("bitwiseAnd bitwiseOr bitwiseXor");

/** A chain of random steps; slots that no step reads are outputs. */
function randomChain(
  rng: Rng,
  truths: readonly boolean[],
  constants: number,
  length: number,
): Chain {
  const kinds = [...truths, ...new Array<boolean>(constants).fill(false)];
  const steps: Step[] = [];
  const one = (truth: boolean) =>
    rng.pick([...kinds.keys()].filter((slot) => kinds[slot] === truth).slice(-6));
  for (let i = 0; i < length; i++) {
    const some = kinds.includes(true);
    const roll = rng.below(some ? 12 : 9);
    const n = () => one(false);
    const t = () => one(true);
    let step: { name: string; args: number[] };
    if (roll < 4) step = { name: rng.pick(unary), args: [n()] };
    else if (roll < 8) step = { name: rng.pick(binary), args: [n(), n()] };
    else if (roll < 9) step = { name: rng.pick(compare), args: [n(), n()] };
    else if (roll < 10) step = { name: rng.pick(connect), args: [t(), t()] };
    else if (roll < 11) step = { name: "not", args: [t()] };
    else step = { name: "where", args: [t(), n(), n()] };
    steps.push(step as Step);
    kinds.push(givesTruth(step.name));
  }
  const sources = kinds.length - length;
  const read = new Set(steps.flatMap(({ args }) => args));
  const outputs = steps
    .map((_, i) => sources + i)
    .filter((slot) => !read.has(slot))
    .slice(0, 6);
  return {
    inputs: truths.length,
    constants: Array.from({ length: constants }, () => Math.fround(4 * rng.next() - 2)),
    steps,
    outputs,
  };
}

/** The steps one by one, by the kernels that are built in. */
function stepByStep(
  chain: Chain,
  inputs: readonly Operand[],
  dtype: DType,
  shape: number[],
): Operand[] {
  const slots = [...inputs, ...chain.constants.map((value) => lone(dtype, value))];
  for (const { name, args } of chain.steps) {
    const [a, b, c] = args.map((arg) => slots[arg]);
    const out = fresh(givesTruth(name) ? "bool" : dtype, shape);
    if (unary.includes(name)) wasm.unary(name as UnaryName, a, out);
    else if (compare.includes(name)) wasm.compare(name as CompareName, a, b, out);
    else if (name === "where") wasm.where(a, b, c, out);
    else if (name === "not") wasm.binary("bitwiseXor", a, lone("bool", 1), out);
    else wasm.binary(name as BinaryName, a, b, out);
    slots.push(out);
  }
  return chain.outputs.map((slot) => slots[slot]);
}

const sizeOf = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);

function fresh(dtype: DType, shape: readonly number[]): Operand {
  const strides = stridesOf(shape);
  return { storage: alloc(dtype, sizeOf(shape)), value: 0, dtype, shape, strides, offset: 0 };
}

const outsOf = (chain: Chain, dtype: DType, shape: readonly number[]): Operand[] =>
  chain.outputs.map((slot) => {
    const step = chain.steps[slot - chain.inputs - chain.constants.length];
    return fresh(step !== undefined && givesTruth(step.name) ? "bool" : dtype, shape);
  });

/** Asks until the chain has shown that it pays. */
function insist(chain: Chain, inputs: readonly Operand[], outs: readonly Operand[]): void {
  for (let i = 0; i < 2 ** 17; i++) if (fuse(wasm, chain, inputs, outs)) return;
  throw new Error(`not fused: ${JSON.stringify(chain)}`);
}

/** What broadcasts to the shape without strides other than 1 and 0 along its rows. */
function input(rng: Rng, dtype: DType, shape: readonly number[]): Operand {
  const roll = rng.below(6);
  if (roll === 0 && dtype !== "bool") return lone(dtype, Math.fround(rng.next()));
  const own =
    roll === 1 ? shape.slice(-1) : roll === 2 ? shape.map((n, i) => (i === 0 ? n : 1)) : shape;
  const x = dense(randomArray(rng, dtype, sizeOf(own) + 2), own, dtype);
  return { ...x, offset: rng.below(3) };
}

const shapes = fc.constantFrom<number[][]>(
  [4],
  [67],
  [259],
  [1024],
  [3, 9],
  [40, 21],
  [2, 3, 8],
  [5, 1, 16, 4],
);

describe("a fused chain has the bits of its steps", () => {
  it.each(["float32", "float64"] as const)(
    "random ones, %s",
    (dtype) => {
      fc.assert(
        fc.property(shapes, fc.integer(), (shape, seed) => {
          const rng = new Rng(seed);
          const truths = Array.from({ length: 1 + rng.below(3) }, () => rng.below(4) === 0);
          truths.push(false);
          const chain = randomChain(rng, truths, rng.below(3), 1 + rng.below(8));
          const inputs = truths.map((truth) => input(rng, truth ? "bool" : dtype, shape));
          // One of full size, or results would be smaller than what is asked for.
          inputs[inputs.length - 1] = dense(randomArray(rng, dtype, sizeOf(shape)), shape);
          const outs = outsOf(chain, dtype, shape);
          insist(chain, inputs, outs);
          stepByStep(chain, inputs, dtype, shape).forEach((expected, k) => {
            expectSame(outs[k], expected);
          });
        }),
        options(80),
      );
    },
    60_000,
  );

  it.each(["float32", "float64"] as const)("every function by itself, %s", (dtype) => {
    const rng = new Rng(1);
    const [a, b] = [0, 1].map(() => dense(randomArray(rng, dtype, 3001), [3001]));
    for (const name of [...unary, ...binary, ...compare]) {
      const args = unary.includes(name) ? [0] : [0, 1];
      const chain = { inputs: 2, constants: [], steps: [{ name, args }], outputs: [2] } as Chain;
      const outs = outsOf(chain, dtype, [3001]);
      insist(chain, [a, b], outs);
      expectSame(outs[0], stepByStep(chain, [a, b], dtype, [3001])[0]);
    }
  });

  it("however its work is split", () => {
    const rng = new Rng(2);
    const chain = randomChain(rng, [false, false, true], 1, 7);
    for (const shape of [[1003], [37, 19]]) {
      const inputs = [
        dense(randomArray(rng, "float32", sizeOf(shape)), shape),
        dense(randomArray(rng, "float32", shape[0]), shape.length > 1 ? [shape[0], 1] : shape),
        dense(randomArray(rng, "bool", sizeOf(shape)), shape, "bool"),
      ];
      const [whole, pieces] = [0, 1].map(() => outsOf(chain, "float32", shape));
      insist(chain, inputs, whole);
      Call.prototype.launch = (kernel, units) => {
        const cuts = [0, rng.below(units), rng.below(units), units].sort((p, q) => p - q);
        for (let i = 2; i >= 0; i--)
          if (cuts[i] < cuts[i + 1]) kernel(cuts[i], cuts[i + 1], ARGUMENTS);
        return -1;
      };
      insist(chain, inputs, pieces);
      Call.prototype.launch = launch;
      for (const [k, out] of pieces.entries()) expectSame(out, whole[k]);
    }
  });

  it("constants may differ without another kernel", () => {
    const x = dense(new Float32Array(1000).fill(3), [1000]);
    let compiled = 0;
    WebAssembly.Module = class extends Module {
      constructor(bytes: BufferSource) {
        super(bytes);
        compiled++;
      }
    };
    for (const c of [1, 2, 3]) {
      const steps = [
        { name: "mul", args: [0, 1] },
        { name: "cosh", args: [2] },
      ] as const;
      const out = fresh("float32", [1000]);
      const chain = { inputs: 1, constants: [c], steps, outputs: [2] };
      insist(chain, [x], [out]);
      expectSame(out, dense(new Float32Array(1000).fill(3 * c), [1000]));
    }
    expect(compiled).toBe(1);
  });
});

describe("what is not fused", () => {
  const sum = {
    inputs: 2,
    constants: [],
    steps: [{ name: "add", args: [0, 1] }],
    outputs: [2],
  } as Chain;
  const large = (dtype: DType = "float32") => fresh(dtype, [512, 512]);

  it("what happens seldom: a kernel costs more than it saves", () => {
    const [x, y] = [0, 1].map(() => fresh("float32", [1000]));
    const chain = { ...sum, steps: [{ name: "div", args: [1, 0] }] } as Chain;
    expect(fuse(wasm, chain, [x, x], [y])).toBe(false);
  });

  it("in place, along strides, and whole numbers", () => {
    const [x, y] = [large(), large()];
    expect(fuse(wasm, sum, [x, y], [x])).toBe(false);
    expect(fuse(wasm, sum, [x, { ...y, strides: [1, 512] }], [large()])).toBe(false);
    expect(fuse(wasm, sum, [large("int32"), large("int32")], [large("int32")])).toBe(false);
    expect(fuse(wasm, sum, [x, y], [large()])).toBe(true);
  });

  it("functions without code for vectors", () => {
    const chain = { ...sum, steps: [{ name: "fmod", args: [0, 1] }] } as Chain;
    expect(fuse(wasm, chain, [large(), large()], [large()])).toBe(false);
  });

  it("anything, where the engine compiles nothing more, and it is not tried again", () => {
    const kernels = startWasm(new Arena(2 ** 24));
    let tried = 0;
    WebAssembly.Module = class extends Module {
      constructor(bytes: BufferSource) {
        tried++;
        super(bytes);
        throw new WebAssembly.CompileError("Refused to compile or instantiate WebAssembly module.");
      }
    };
    const [x, y] = [0, 1].map(() => dense(new Float32Array(2 ** 18), [2 ** 18]));
    expect(fuse(kernels, sum, [x, x], [y])).toBe(false);
    expect(fuse(kernels, sum, [x, x], [y])).toBe(false);
    expect(tried).toBe(1);
  });

  it("anything, without WebAssembly", () => {
    expect(fuse(plainKernels(), sum, [large(), large()], [large()])).toBe(false);
  });
});
