/**
 * Initialisers: each fills a tensor in place, off the tape, and returns it. Random ones take a generator.
 *
 * Xavier: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks,
 * AISTATS 2010. Kaiming: He et al., Delving deep into rectifiers, ICCV 2015.
 */
import {
  DTypeError,
  formatShape,
  type Generator,
  isFloat,
  noGrad,
  rand,
  randn,
  ShapeError,
  show,
  type Tensor,
  ValueError,
} from "@tapegrad/core";

interface Random {
  generator?: Generator;
}

function fill(x: Tensor, value: Tensor | number): Tensor {
  return noGrad(() => x.copy_(value));
}

function onlyGenerator({ generator }: Random): Random {
  return generator === undefined ? {} : { generator };
}

/** The dtype and the generator of a draw for x. */
function drawing(name: string, x: Tensor, options: Random) {
  if (!isFloat(x.dtype)) {
    throw new DTypeError(
      `${name}: the tensor is ${x.dtype}; random initial values need float32 or float64.`,
    );
  }
  return { dtype: x.dtype, ...onlyGenerator(options) };
}

export function zeros_(x: Tensor): Tensor {
  return fill(x, 0);
}

export function ones_(x: Tensor): Tensor {
  return fill(x, 1);
}

export function constant_(x: Tensor, value: number): Tensor {
  return fill(x, value);
}

export interface NormalOptions extends Random {
  /** Default 0. */
  mean?: number;
  /** Standard deviation. Default 1. */
  std?: number;
  /** CS231n's name for `std`. */
  weightScale?: number;
}

/** Normal with the given mean and standard deviation. */
export function normal_(x: Tensor, options: NormalOptions = {}): Tensor {
  const { mean = 0, weightScale = 1, std = weightScale } = options;
  return fill(x, randn(x.shape, { mean, std, ...drawing("normal_", x, options) }));
}

/** Uniform in [low, high); by default [0, 1). */
export function uniform_(
  x: Tensor,
  options: { low?: number; high?: number } & Random = {},
): Tensor {
  const { low = 0, high = 1 } = options;
  return fill(x, rand(x.shape, { low, high, ...drawing("uniform_", x, options) }));
}

/** What each activation does to the size of its input, undone: √2 for relu, which halves the variance. */
export type Nonlinearity = "linear" | "conv" | "sigmoid" | "tanh" | "relu" | "leakyRelu" | "selu";

const gains: Readonly<Record<Nonlinearity, (slope: number) => number>> = {
  linear: () => 1,
  conv: () => 1,
  sigmoid: () => 1,
  tanh: () => 5 / 3,
  relu: () => Math.SQRT2,
  leakyRelu: (slope) => Math.sqrt(2 / (1 + slope * slope)),
  selu: () => 3 / 4,
};

/**
 * The factor by which weights before an activation are scaled, with PyTorch's values.
 *
 * @param slope  leakyRelu's negative slope. Default 0.01
 * @throws ValueError for an unknown name
 */
export function calculateGain(nonlinearity: Nonlinearity, slope = 0.01): number {
  if (!Object.hasOwn(gains, nonlinearity)) {
    throw new ValueError(
      `calculateGain: unknown nonlinearity ${show(nonlinearity)}; known are ${Object.keys(gains).join(", ")}.`,
    );
  }
  return gains[nonlinearity](slope);
}

/** How many inputs reach an output element, and how many outputs an input, for weights [out, in, …]. */
function fans(name: string, x: Tensor): { fanIn: number; fanOut: number } {
  if (x.rank < 2) {
    throw new ShapeError(
      `${name}: the tensor is ${formatShape(x.shape)}; fan in and fan out need at least 2 axes, [out, in, ...].`,
    );
  }
  const field = x.shape.slice(2).reduce((product, size) => product * size, 1);
  return { fanIn: x.shape[1]! * field, fanOut: x.shape[0]! * field };
}

export interface XavierOptions extends Random {
  /** Default 1. */
  gain?: number;
}

function xavierStd(name: string, x: Tensor, gain: number): number {
  const { fanIn, fanOut } = fans(name, x);
  return gain * Math.sqrt(2 / (fanIn + fanOut));
}

/** Uniform in ±gain·√(6/(fanIn + fanOut)): a uniform variable in ±√3σ has standard deviation σ. */
export function xavierUniform_(x: Tensor, options: XavierOptions = {}): Tensor {
  const bound = Math.sqrt(3) * xavierStd("xavierUniform_", x, options.gain ?? 1);
  return uniform_(x, { low: -bound, high: bound, ...onlyGenerator(options) });
}

/** Normal with standard deviation gain·√(2/(fanIn + fanOut)). */
export function xavierNormal_(x: Tensor, options: XavierOptions = {}): Tensor {
  const std = xavierStd("xavierNormal_", x, options.gain ?? 1);
  return normal_(x, { std, ...onlyGenerator(options) });
}

export interface KaimingOptions extends Random {
  /** What keeps its variance: "fanIn" the forward pass (default), "fanOut" the backward pass. */
  mode?: "fanIn" | "fanOut";
  /** What comes after the weights. Default leakyRelu. */
  nonlinearity?: Nonlinearity;
  /** leakyRelu's negative slope. Default 0, which makes it relu. */
  a?: number;
}

function kaimingStd(name: string, x: Tensor, options: KaimingOptions): number {
  const { mode = "fanIn", nonlinearity = "leakyRelu", a = 0 } = options;
  if (mode !== "fanIn" && mode !== "fanOut") {
    throw new ValueError(`${name}: mode is ${show(mode)}; it must be "fanIn" or "fanOut".`);
  }
  return calculateGain(nonlinearity, a) / Math.sqrt(fans(name, x)[mode]);
}

/** Uniform in ±√3·gain/√fan. */
export function kaimingUniform_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const bound = Math.sqrt(3) * kaimingStd("kaimingUniform_", x, options);
  return uniform_(x, { low: -bound, high: bound, ...onlyGenerator(options) });
}

/** Normal with standard deviation gain/√fan. */
export function kaimingNormal_(x: Tensor, options: KaimingOptions = {}): Tensor {
  const std = kaimingStd("kaimingNormal_", x, options);
  return normal_(x, { std, ...onlyGenerator(options) });
}
