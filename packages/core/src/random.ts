/**
 * Seeded generators: Philox 4x32-10 (Salmon et al., Parallel random numbers: as easy as 1, 2, 3, SC'11).
 * Element i of a draw depends on seed, position and i alone, so the numbers are the same for any number
 * of threads and on every engine.
 */
import { defaultKernels, type RandomName } from "@tapegrad/kernels";
import { batching, mapBottom, openLevels } from "./batched.ts";
import { checkDType, type DType, isFloat } from "./dtype.ts";
import { DTypeError, ValueError } from "./errors.ts";
import { Form } from "./form.ts";
import { checkShape, type Shape } from "./shape.ts";
import { emptyTensor, settle, type Tensor } from "./tensor.ts";

/** What a generator needs to go on exactly where it was. Plain JSON. */
export interface GeneratorState {
  seed: number;
  position: number;
}

/** A stream of random numbers, fixed by its seed. */
export class Generator {
  private key: readonly [number, number] = [0, 0];
  private seed = 0;
  private position = 0;

  /** @throws ValueError unless the seed is a whole number from 0 to 2⁵³ − 1 */
  constructor(seed = 0) {
    this.manualSeed(seed);
  }

  /** Starts the stream of this seed anew. */
  manualSeed(seed: number): this {
    if (!Number.isSafeInteger(seed) || seed < 0) {
      throw new ValueError(
        `manualSeed: the seed is ${seed}; it must be a whole number from 0 to 2^53 - 1.`,
      );
    }
    this.seed = seed;
    this.key = [seed >>> 0, Math.floor(seed / 2 ** 32)];
    this.position = 0;
    return this;
  }

  get state(): GeneratorState {
    return { seed: this.seed, position: this.position };
  }

  set state({ seed, position }: GeneratorState) {
    if (!Number.isSafeInteger(position) || position < 0) {
      throw new ValueError(
        `Generator: the position is ${position}; it must be a whole number from 0 to 2^53 - 1.`,
      );
    }
    this.manualSeed(seed);
    this.position = position;
  }

  /** @internal Moves on by `blocks`. Returns where the numbers of those are, for kernels that draw by themselves. */
  reserve(blocks: number): { key: readonly [number, number]; counter: number } {
    const place = { key: this.key, counter: this.position };
    this.position += blocks;
    return place;
  }

  /** @internal Fills a contiguous tensor and moves on. */
  fill(name: RandomName, x: Tensor, a: number, b: number): Tensor {
    this.position += defaultKernels().random(name, x, this.key, this.position, a, b);
    return settle(x);
  }
}

const shared = new Generator(0);

/** The generator that functions use when none is given; it starts from seed 0. */
export function defaultGenerator(): Generator {
  return shared;
}

/** Seeds the default generator: the same seed gives the same numbers everywhere. */
export function manualSeed(seed: number): Generator {
  return shared.manualSeed(seed);
}

/** Options of functions that draw tensors. */
export interface RandomOptions {
  /** Default float32; float64 draws from 53 bits. */
  dtype?: DType;
  requiresGrad?: boolean;
  generator?: Generator;
}

function draw(
  op: string,
  kernel: RandomName,
  shape: Shape,
  a: number,
  b: number,
  options: RandomOptions,
): Tensor {
  checkShape(op, shape);
  const dtype = options.dtype ?? "float32";
  checkDType(op, dtype);
  if (!isFloat(dtype) && (kernel === "uniform" || kernel === "normal")) {
    throw new DTypeError(`${op}: the dtype is ${dtype}; it must be float32 or float64.`);
  }
  const make = (whole: Shape) =>
    (options.generator ?? shared).fill(kernel, emptyTensor(new Form(dtype, [...whole])), a, b);
  const x = openLevels === 0 ? make(shape) : batching.draw(op, shape, make);
  return options.requiresGrad === true ? x.requiresGrad_() : x;
}

/** Uniform in [low, high); by default [0, 1). */
export function rand(
  shape: Shape,
  options: RandomOptions & { low?: number; high?: number } = {},
): Tensor {
  const { low = 0, high = 1 } = options;
  if (!Number.isFinite(low) || !Number.isFinite(high) || low > high) {
    throw new ValueError(
      `rand: low is ${low} and high ${high}; both must be finite, low no larger than high.`,
    );
  }
  return draw("rand", "uniform", shape, low, high, options);
}

/** Normal with the given mean and standard deviation; by default 0 and 1. */
export function randn(
  shape: Shape,
  options: RandomOptions & { mean?: number; std?: number } = {},
): Tensor {
  const { mean = 0, std = 1 } = options;
  if (!Number.isFinite(mean) || !(std >= 0 && std < Infinity)) {
    throw new ValueError(
      `randn: mean is ${mean} and std ${std}; both must be finite, std not negative.`,
    );
  }
  return draw("randn", "normal", shape, mean, std, options);
}

/** Whole numbers in [low, high), each as likely. int32 unless another dtype is named. */
export function randint(
  low: number,
  high: number,
  shape: Shape,
  options: RandomOptions = {},
): Tensor {
  if (
    !Number.isInteger(low) ||
    !Number.isInteger(high) ||
    low >= high ||
    low < -(2 ** 31) ||
    high > 2 ** 31
  ) {
    throw new ValueError(
      `randint: low is ${low} and high ${high}; both must be whole, within 32 bits, low below high.`,
    );
  }
  return draw("randint", "integers", shape, low, high, { dtype: "int32", ...options });
}

/** 1 with probability p, else 0. */
export function bernoulli(p: number, shape: Shape, options: RandomOptions = {}): Tensor {
  if (!(p >= 0 && p <= 1))
    throw new ValueError(`bernoulli: p is ${p}; a probability is from 0 to 1.`);
  return draw("bernoulli", "bernoulli", shape, p, 0, options);
}

/** The numbers 0 … n − 1 in random order, every order as likely (Fisher and Yates). int32. */
export function randperm(n: number, options: { generator?: Generator } = {}): Tensor {
  checkShape("randperm", [n]);
  const u = draw("randperm", "uniform", [n], 0, 1, { ...options, dtype: "float64" });
  return mapBottom(u, shuffled);
}

/** The numbers 0 … n − 1 along the last axis, in the order that the uniform numbers there lead to. */
function shuffled(u: Tensor): Tensor {
  const orders = emptyTensor(new Form("int32", u.shape));
  defaultKernels().shuffle(u, orders);
  return orders;
}
