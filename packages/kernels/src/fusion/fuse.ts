/** Runs chains: plans their operands, makes a kernel where it pays, and keeps kernels by what their code depends on. */
import { type Call, strideOf } from "../call.ts";
import type { DType, Kernels, Operand } from "../interface.ts";
import { isShared, type Kernel, type KernelModule } from "../module.ts";
import { LONES, MOST_OPERANDS } from "../scratch.ts";
import { bytesPerElement } from "../storage.ts";
import { WasmKernels } from "../wasm.ts";
import { type Chain, keyOf, type StepName } from "./chain.ts";
import { functionName, generate } from "./generate.ts";
import { Library } from "./library.ts";
import { composites, instructions } from "./operations.ts";

/** Elements that a chain has been asked for when its kernel is made: that takes as long as computing them. */
const WORTH_MAKING = 2 ** 17;
/** Longer chains keep more values than there are registers, and take long to compile. */
const MOST_STEPS = 64;
const MOST_KERNELS = 256;
/** Moves of an element that a function takes; an instruction takes none worth counting. */
const FUNCTION_WORK = 4;

interface Entry {
  /** null before it is made. */
  kernel: Kernel | null;
  asked: number;
  /** For each element, as in {@link Call.launch}. */
  readonly work: number;
}

/** The axes of a call, innermost first, and every operand's strides along them. */
interface Plan {
  readonly sizes: number[];
  readonly strides: number[][];
}

/** By the module with the functions that kernels may call. */
const fusions = new WeakMap<KernelModule, Fusion>();

/**
 * The chain's outputs in one pass, with the bits of its steps one by one. All operands are of one float dtype or
 * bool, inputs broadcast to the outputs, which are of one shape. False, with nothing written, where that is not to
 * be had or would not pay: then the caller runs the steps.
 */
export function fuse(
  kernels: Kernels,
  chain: Chain,
  inputs: readonly Operand[],
  outs: readonly Operand[],
): boolean {
  return kernels instanceof WasmKernels && fusionOf(kernels).run(kernels.call, chain, inputs, outs);
}

/** Whether a step may become a part of a kernel that is made at run time. */
export function isFusible(kernels: WasmKernels, name: StepName, dtype: DType): boolean {
  return (dtype === "float32" || dtype === "float64") && fusionOf(kernels).knows(name);
}

function fusionOf({ module }: WasmKernels): Fusion {
  let fusion = fusions.get(module);
  if (fusion === undefined) {
    fusion = new Fusion(module);
    fusions.set(module, fusion);
  }
  return fusion;
}

class Fusion {
  private readonly module: KernelModule;
  private library: Library | null = null;
  /** By signature, least recently used first. */
  private readonly entries = new Map<string, Entry>();
  /** Whether this engine compiles nothing at run time. */
  private refused = false;

  constructor(module: KernelModule) {
    this.module = module;
  }

  run(call: Call, chain: Chain, inputs: readonly Operand[], outs: readonly Operand[]): boolean {
    const dtype = inputs.find((x) => x.dtype !== "bool")?.dtype;
    if (this.refused || (dtype !== "float32" && dtype !== "float64")) return false;
    const sources = [...inputs, ...chain.constants.map((value) => lone(value, dtype))];
    const lones = sources.filter(({ storage }) => storage === null).length;
    if (lones > LONES || sources.length + outs.length - lones > MOST_OPERANDS) return false;
    if (chain.steps.length > MOST_STEPS) return false;
    // The last vector of a row is computed twice, so nothing may be overwritten that is read.
    if (outs.some(({ storage }) => inputs.some((x) => x.storage === storage))) return false;
    const operands = [...sources, ...outs];
    const plan = planOf(outs[0].shape, operands);
    if (plan.sizes[0] * bytesPerElement[dtype] < 16) return false;
    const inRows = plan.strides.every(([row], k) => row === 1 || (row === 0 && k < sources.length));
    if (!inRows) return false;
    const count = plan.sizes.reduce((product, size) => product * size, 1);
    if (count === 0) return true;

    const layout = sources.map((x, k) => ({
      isTruth: x.dtype === "bool",
      repeats: plan.strides[k][0] === 0,
    }));
    const signs = layout.map(
      ({ isTruth, repeats }) => (isTruth ? "t" : "n") + (repeats ? "1" : ""),
    );
    const entry = this.entryOf(`${dtype} ${signs} ${keyOf(chain)}`, chain);
    entry.asked += count;
    if (entry.kernel === null) {
      if (entry.asked < WORTH_MAKING || entry.work === Infinity) return false;
      entry.kernel = this.make(call, chain, dtype, layout);
      if (entry.kernel === null) return false;
    }
    launch(call, entry.kernel, plan, operands, entry.work);
    return true;
  }

  private entryOf(signature: string, chain: Chain): Entry {
    let entry = this.entries.get(signature);
    if (entry !== undefined) {
      this.entries.delete(signature);
    } else {
      if (this.entries.size === MOST_KERNELS)
        this.entries.delete(this.entries.keys().next().value as string);
      entry = { kernel: null, asked: 0, work: this.workOf(chain) };
    }
    this.entries.set(signature, entry);
    return entry;
  }

  /** False for all where nothing can be made. */
  knows(name: StepName): boolean {
    return !this.refused && this.stepWork(name) < Infinity;
  }

  private workOf({ steps }: Chain): number {
    return steps.reduce((work, { name }) => work + this.stepWork(name), 1);
  }

  /** Infinity where there is no code for the step. */
  private stepWork(name: StepName): number {
    if (name in instructions || name in composites) return 0;
    return functionName(name, false) in this.module.exports ? FUNCTION_WORK : Infinity;
  }

  private make(
    { arena, crew }: Call,
    chain: Chain,
    dtype: DType,
    layout: readonly { isTruth: boolean; repeats: boolean }[],
  ): Kernel | null {
    const { memory } = arena;
    this.library ??= new Library(this.module);
    const isDouble = dtype === "float64";
    const bytes = generate(chain, isDouble, layout, isShared(memory), this.library);
    try {
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), {
        env: { memory },
        main: this.module.exports,
      } as WebAssembly.Imports);
      const kernel = instance.exports.run as Kernel;
      crew.adopt(kernel, bytes);
      return kernel;
    } catch {
      // As under a Content-Security-Policy, or in a page whose main thread may compile small modules only.
      this.refused = true;
      return null;
    }
  }
}

function launch(
  call: Call,
  kernel: Kernel,
  { sizes, strides }: Plan,
  operands: readonly Operand[],
  work: number,
): void {
  const rows = sizes[1] ?? 1;
  const units = rows === 1 ? sizes[0] : rows;
  call.begin();
  const addresses = operands.map((x) => call.address(x));
  call.header(sizes[0], rows);
  const outer = sizes.slice(2).map(() => 0);
  do {
    operands.forEach(({ dtype }, k) => {
      const bytes = bytesPerElement[dtype];
      let first = 0;
      for (let axis = 0; axis < outer.length; axis++) first += outer[axis] * strides[k][axis + 2];
      call.own(2 * k, addresses[k] + first * bytes);
      call.own(2 * k + 1, (strides[k][1] ?? 0) * bytes);
    });
    call.launch(kernel, units, work * rows * sizes[0]);
  } while (next(outer, sizes));
}

/** The next place on the axes from the third on; false at the end. */
function next(index: number[], sizes: readonly number[]): boolean {
  for (let axis = 0; axis < index.length; axis++) {
    if (++index[axis] < sizes[axis + 2]) return true;
    index[axis] = 0;
  }
  return false;
}

function lone(value: number, dtype: DType): Operand {
  return { storage: null, value, dtype, shape: [], strides: [], offset: 0 };
}

/** As `Call.plan`, for any number of operands; at least one axis. */
function planOf(shape: readonly number[], operands: readonly Operand[]): Plan {
  const sizes: number[] = [];
  const strides: number[][] = operands.map(() => []);
  for (let fromEnd = 1; fromEnd <= shape.length; fromEnd++) {
    const size = shape[shape.length - fromEnd];
    if (size === 1) continue;
    const next = operands.map((x) => strideOf(x, fromEnd));
    const last = sizes.length - 1;
    if (last >= 0 && next.every((stride, k) => stride === strides[k][last] * sizes[last])) {
      sizes[last] *= size;
    } else {
      sizes.push(size);
      for (const [k, stride] of next.entries()) strides[k].push(stride);
    }
  }
  if (sizes.length === 0) {
    sizes.push(1);
    for (const list of strides) list.push(0);
  }
  return { sizes, strides };
}
