/**
 * Initialisers: each fills a tensor in place, off the tape, and returns it. Random ones take a generator.
 *
 * Xavier: Glorot and Bengio, Understanding the difficulty of training deep feedforward neural networks,
 * AISTATS 2010. Kaiming: He et al., Delving deep into rectifiers, ICCV 2015. Orthogonal: Saxe et al., Exact
 * solutions to the nonlinear dynamics of learning in deep linear neural networks, ICLR 2014. Sparse: Martens,
 * Deep learning via Hessian-free optimization, ICML 2010.
 */
import {
  DTypeError,
  diagonal,
  formatShape,
  type Generator,
  isFloat,
  noGrad,
  rand,
  randn,
  randperm,
  ShapeError,
  show,
  sizeOf,
  type Tensor,
  tensor,
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

export interface TruncNormalOptions extends Random {
  /** Of the whole distribution, before it is cut. Defaults 0 and 1. */
  mean?: number;
  std?: number;
  /** Bounds of the values. Defaults −2 and 2. */
  a?: number;
  b?: number;
}

/**
 * Normal, cut off at a and b: no value lies outside, and inside the density keeps its form.
 *
 * Drawn by rejection, from the normal distribution, or where that would mostly miss from the uniform one:
 * Robert, Simulation of truncated normal variables, Statistics and Computing 1995.
 *
 * @throws ValueError unless a is below b and std above 0
 */
export function truncNormal_(x: Tensor, options: TruncNormalOptions = {}): Tensor {
  const { mean = 0, std = 1, a = -2, b = 2 } = options;
  const draw = { ...drawing("truncNormal_", x, options), dtype: "float64" } as const;
  if (!Number.isFinite(mean) || !(std > 0 && std < Infinity)) {
    throw new ValueError(
      `truncNormal_: mean is ${show(mean)} and std ${show(std)}; both must be finite, std above 0.`,
    );
  }
  if (!(a < b)) {
    throw new ValueError(`truncNormal_: a is ${show(a)} and b ${show(b)}; a must be below b.`);
  }
  const [from, to] = [(a - mean) / std, (b - mean) / std];
  // The density is highest here; where it has fallen to 10⁻¹⁶ of that, infinite intervals may end.
  const peak = Math.min(Math.max(0, from), to);
  const end = Math.sqrt(peak * peak + 2 * Math.log(1e16));
  const [low, high] = [Math.max(from, -end), Math.min(to, end)];
  // Normal draws fall inside Φ(high) − Φ(low) times, uniform ones are kept √2π·e^(peak²/2)/(high − low) as often.
  const isUniform = Math.sqrt(2 * Math.PI) * Math.exp((peak * peak) / 2) > high - low;
  const data = new Float64Array(x.size);
  let open = Int32Array.from(data, (_, i) => i);
  while (open.length > 0) {
    const shape = [open.length];
    const z = (isUniform ? rand(shape, { low, high, ...draw }) : randn(shape, draw)).data();
    const chance = isUniform ? rand(shape, draw).data() : null;
    open = open.filter((at, i) => {
      data[at] = mean + std * z[i]!;
      const fits = chance
        ? chance[i]! < Math.exp((peak * peak - z[i]! * z[i]!) / 2)
        : z[i]! >= low && z[i]! <= high;
      return !fits;
    });
  }
  return fill(x, tensor(data, { shape: x.shape }));
}

/** @throws ShapeError unless x has a number of axes that fits */
function checkAxes(name: string, x: Tensor, fits: boolean, wants: string): void {
  if (fits) return;
  throw new ShapeError(`${name}: the tensor is ${formatShape(x.shape)}; it must be ${wants}.`);
}

/** Rows that Gram–Schmidt makes orthogonal one by one; those before them go by whole products, which are faster. */
const BLOCK = 32;

/** Makes the rows of data [rows, columns] orthonormal, each by what the ones before it leave of it. */
function gramSchmidt(data: Float64Array, columns: number): Float64Array {
  const rows = Array.from({ length: data.length / columns }, (_, i) =>
    data.subarray(i * columns, (i + 1) * columns),
  );
  const dot = (a: Float64Array, b: Float64Array) =>
    a.reduce((sum, value, i) => sum + value * b[i]!, 0);
  rows.forEach((row, i) => {
    for (const before of rows.slice(0, i)) {
      const part = dot(row, before);
      for (let k = 0; k < columns; k++) row[k]! -= part * before[k]!;
    }
    const length = Math.sqrt(dot(row, row));
    for (let k = 0; k < columns; k++) row[k]! /= length;
  });
  return data;
}

/**
 * Orthonormal rows, or columns if there are fewer of them, times `gain`; axes after the first count as one.
 *
 * Gram–Schmidt of normal draws, in float64: as no sign is chosen, every such matrix is as likely.
 */
export function orthogonal_(x: Tensor, options: { gain?: number } & Random = {}): Tensor {
  const { gain = 1 } = options;
  checkAxes("orthogonal_", x, x.rank >= 2, "[out, in, ...], with at least 2 axes");
  const draw = { ...drawing("orthogonal_", x, options), dtype: "float64" } as const;
  if (x.size === 0) return x;
  const [out, inputs] = [x.shape[0]!, sizeOf(x.shape.slice(1))];
  const [fewer, more] = [Math.min(out, inputs), Math.max(out, inputs)];
  return noGrad(() => {
    const q = randn([fewer, more], draw);
    for (let start = 0; start < fewer; start += BLOCK) {
      const block = q.narrow(0, start, Math.min(BLOCK, fewer - start));
      const done = q.narrow(0, 0, start);
      // Twice is enough: what rounding leaves of the rows before goes the second time.
      for (const _ of start > 0 ? [1, 2] : []) {
        block.sub_(block.matmul(done.transpose()).matmul(done));
      }
      const rows = gramSchmidt(Float64Array.from(block.data()), more);
      block.copy_(tensor(rows, { shape: block.shape }));
    }
    return x.copy_((out > inputs ? q.transpose() : q).mul(gain).reshape(x.shape));
  });
}

/**
 * A matrix whose every column has ⌈sparsity·rows⌉ zeros in random places; the others are normal.
 *
 * @param options.sparsity  part of each column that is 0, from 0 to 1
 * @param options.std       standard deviation of the others. Default 0.01
 */
export function sparse_(x: Tensor, options: { sparsity: number; std?: number } & Random): Tensor {
  const { sparsity, std = 0.01 } = options;
  checkAxes("sparse_", x, x.rank === 2, "a matrix, [out, in]");
  const draw = drawing("sparse_", x, options);
  if (!(sparsity >= 0 && sparsity <= 1)) {
    throw new ValueError(`sparse_: sparsity is ${show(sparsity)}; it must be from 0 to 1.`);
  }
  const [rows, columns] = x.shape as [number, number];
  const zeros = Math.ceil(sparsity * rows);
  const mask = new Float32Array(rows * columns).fill(1);
  const values = randn(x.shape, { std, ...draw });
  for (let column = 0; column < columns; column++) {
    const order = randperm(rows, onlyGenerator(options)).data();
    for (const row of order.subarray(0, zeros)) mask[row * columns + column] = 0;
  }
  return fill(x, values.mul(tensor(mask, { shape: x.shape })));
}

/**
 * Convolution weights [out, in/groups, …kernel] that hand channels on: 1 at the kernel's middle where an output
 * channel meets the input channel of its number (within its group), 0 elsewhere.
 */
export function dirac_(x: Tensor, { groups = 1 }: { groups?: number } = {}): Tensor {
  checkAxes("dirac_", x, x.rank >= 3 && x.rank <= 5, "[out, in, …kernel] with 3 to 5 axes");
  const [out, channels] = x.shape as [number, number];
  if (!Number.isInteger(groups) || groups < 1 || out % groups !== 0) {
    throw new ValueError(
      `dirac_: groups is ${show(groups)}; it must be a whole number that divides the ${out} output channels.`,
    );
  }
  const kernel = x.shape.slice(2);
  const middle = kernel.reduce((at, size) => at * size + Math.floor(size / 2), 0);
  const data = new Float32Array(x.size);
  for (let o = 0; o < out; o++) {
    const channel = o % (out / groups);
    if (channel < channels) data[(o * channels + channel) * sizeOf(kernel) + middle] = 1;
  }
  return fill(x, tensor(data, { shape: x.shape }));
}

/** The identity matrix, or as much of it as a matrix of another shape has: linear layers that hand on inputs. */
export function eye_(x: Tensor): Tensor {
  checkAxes("eye_", x, x.rank === 2, "a matrix, [out, in]");
  return noGrad(() => {
    diagonal(x.zero_()).fill_(1);
    return x;
  });
}

/** What each layer or activation does to the size of its input, undone: √2 for relu, which halves the variance. */
export type Nonlinearity =
  | "linear"
  | "conv1d"
  | "conv2d"
  | "conv3d"
  | "convTranspose1d"
  | "convTranspose2d"
  | "convTranspose3d"
  | "sigmoid"
  | "tanh"
  | "relu"
  | "leakyRelu"
  | "selu";

const gains: Readonly<Record<Nonlinearity, (slope: number) => number>> = {
  linear: () => 1,
  conv1d: () => 1,
  conv2d: () => 1,
  conv3d: () => 1,
  convTranspose1d: () => 1,
  convTranspose2d: () => 1,
  convTranspose3d: () => 1,
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
