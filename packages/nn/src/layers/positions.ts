/** Where in its sequence a step stands, told to layers that could not see it otherwise. */
import {
  add,
  concat,
  type DType,
  DTypeError,
  defaultGenerator,
  formatShape,
  isFloat,
  isInference,
  mul,
  narrow,
  randn,
  reshape,
  retain,
  ShapeError,
  show,
  split,
  stack,
  sub,
  Tensor,
  tensor,
  unbind,
  unsqueeze,
  ValueError,
} from "@tapegrad/core";
import { flag, floatType, positive, size as sizeField } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import type { StartOptions } from "./start.ts";

/** What a positions layer may be given beside its input. */
export interface PositionsInput {
  /** Position of the first step: what came before, where a sequence is read in parts. Default 0. */
  offset?: number;
}

/** A function of position and pair of features. */
type Wave = (angle: number) => number;

/**
 * Tables [length, size / 2] of waves at the angles pos / base^(2i / size), from position `offset` on. The last
 * ones are kept: a model asks for the same ones again and again.
 */
class Waves {
  readonly #size: number;
  readonly #base: number;
  readonly #waves: readonly Wave[];
  #key = "";
  #tables: readonly Tensor[] = [];

  constructor(size: number, base: number, waves: readonly Wave[]) {
    this.#size = size;
    this.#base = base;
    this.#waves = waves;
  }

  at(offset: number, length: number, dtype: DType): readonly Tensor[] {
    const key = `${offset} ${length} ${dtype}`;
    if (key === this.#key) return this.#tables;
    const pairs = this.#size / 2;
    const angle = (at: number) =>
      (offset + Math.floor(at / pairs)) / this.#base ** ((2 * (at % pairs)) / this.#size);
    const tables = this.#waves.map((wave) => {
      const data = Float64Array.from({ length: length * pairs }, (_, at) => wave(angle(at)));
      return tensor(data, { dtype, shape: [length, pairs] });
    });
    // Made inside inferenceMode, they would be refused by the tape later.
    if (!tables.some(isInference)) [this.#key, this.#tables] = [key, retain(tables)];
    return tables;
  }
}

function checkEven(type: string, size: number): void {
  if (Number.isSafeInteger(size) && size % 2 === 1) {
    throw new ValueError(`${type}: size is ${size}; it must be even: features come in pairs.`);
  }
}

function checkOffset(type: string, offset: number): void {
  if (!Number.isSafeInteger(offset) || offset < 0) {
    throw new ValueError(
      `${type}: offset is ${show(offset)}; it must be a whole number of at least 0.`,
    );
  }
}

/** The axis of time in x, after checks. */
function timeAxis(type: string, x: unknown, size: number, batchFirst: boolean): number {
  const wanted = batchFirst ? `[B, T, ${size}]` : `[T, B, ${size}]`;
  if (!(x instanceof Tensor)) {
    throw new ValueError(`${type}: x is ${show(x)}; it must be a Tensor of shape ${wanted}.`);
  }
  if ((x.rank !== 2 && x.rank !== 3) || x.shape.at(-1) !== size) {
    throw new ShapeError(
      `${type}: x is ${formatShape(x.shape)}; it must be ${wanted}, or [T, ${size}] for one sequence.`,
    );
  }
  checkFloat(type, x);
  return batchFirst && x.rank === 3 ? 1 : 0;
}

function checkFloat(type: string, x: Tensor): void {
  if (!isFloat(x.dtype)) {
    throw new DTypeError(`${type}: x is ${x.dtype}; it must be float32 or float64.`);
  }
}

/** A row for each step, [T, size], added to x. */
function withRows(x: Tensor, rows: Tensor, time: number): Tensor {
  return add(x, x.rank === 3 && time === 0 ? unsqueeze(rows, 1) : rows);
}

/**
 * Adds sines and cosines of the position to x: feature 2i gets sin(pos / base^(2i / size)), feature 2i + 1 the
 * cosine. No parameters, and no largest position.
 *
 * Input and output [T, B, size], [B, T, size] with `batchFirst`, or [T, size].
 *
 * Vaswani et al., Attention is all you need, NeurIPS 2017, section 3.5.
 */
export class SinusoidalPositions extends Configured<[x: Tensor, input?: PositionsInput]> {
  static override readonly layer = declareLayer(
    "sinusoidalPositions",
    {
      size: sizeField(),
      batchFirst: flag({ fallback: false }),
      base: positive({ fallback: 10000, quiet: true }),
    },
    ({ size, ...options }) => new SinusoidalPositions(size, options),
  );

  declare readonly size: number;
  declare readonly batchFirst: boolean;
  declare readonly base: number;
  readonly #waves: Waves;

  /**
   * @param size                number of features, even
   * @param options.batchFirst  whether the batch comes before time. Default false
   * @param options.base        Default 10000
   */
  constructor(size: number, options: { batchFirst?: boolean; base?: number } = {}) {
    super({ ...options, size });
    checkEven("sinusoidalPositions", size);
    this.#waves = new Waves(size, this.base, [Math.sin, Math.cos]);
  }

  forward(x: Tensor, { offset = 0 }: PositionsInput = {}): Tensor {
    const time = timeAxis("sinusoidalPositions", x, this.size, this.batchFirst);
    checkOffset("sinusoidalPositions", offset);
    const length = x.shape[time]!;
    const waves = this.#waves.at(offset, length, x.dtype);
    return withRows(x, reshape(stack(waves, 2), [length, this.size]), time);
  }
}

/** Sines and cosines of the position; see {@link SinusoidalPositions}. */
export function sinusoidalPositions(
  size: number,
  options?: { batchFirst?: boolean; base?: number },
): SinusoidalPositions {
  return new SinusoidalPositions(size, options);
}

/** Options of {@link LearnedPositions}. */
export interface LearnedPositionsOptions extends StartOptions {
  /** Whether the batch comes before time. Default false. */
  batchFirst?: boolean;
  /** Standard deviation of the initial rows. Default 0.02, GPT-2's. */
  std?: number;
}

/**
 * Adds a trained row to each step of x: row pos of `weight` [maxLength, size], which starts normal.
 *
 * Input and output [T, B, size], [B, T, size] with `batchFirst`, or [T, size]; positions below maxLength.
 *
 * Gehring et al., Convolutional sequence to sequence learning, ICML 2017; GPT-2's `wpe.weight` fits.
 */
export class LearnedPositions extends Configured<[x: Tensor, input?: PositionsInput]> {
  static override readonly layer = declareLayer(
    "learnedPositions",
    {
      maxLength: sizeField(),
      size: sizeField(),
      batchFirst: flag({ fallback: false }),
      std: positive({ fallback: 0.02, quiet: true }),
      dtype: floatType,
    },
    ({ maxLength, size, ...options }) => new LearnedPositions(maxLength, size, options),
  );

  declare readonly maxLength: number;
  declare readonly size: number;
  declare readonly batchFirst: boolean;
  declare readonly std: number;
  declare readonly dtype: DType;
  weight: Parameter;

  constructor(maxLength: number, size: number, options: LearnedPositionsOptions = {}) {
    const { generator = defaultGenerator(), ...given } = options;
    super({ ...given, maxLength, size });
    const { std, dtype } = this;
    this.weight = new Parameter(randn([maxLength, size], { std, dtype, generator }));
  }

  forward(x: Tensor, { offset = 0 }: PositionsInput = {}): Tensor {
    const time = timeAxis("learnedPositions", x, this.size, this.batchFirst);
    checkOffset("learnedPositions", offset);
    const length = x.shape[time]!;
    if (offset + length > this.maxLength) {
      throw new ShapeError(
        `learnedPositions: x has ${length} steps from position ${offset}; there are rows for ${this.maxLength} positions.`,
      );
    }
    return withRows(x, narrow(this.weight, 0, offset, length), time);
  }
}

/** Trained positions; see {@link LearnedPositions}. */
export function learnedPositions(
  maxLength: number,
  size: number,
  options?: LearnedPositionsOptions,
): LearnedPositions {
  return new LearnedPositions(maxLength, size, options);
}

/** Options of {@link RotaryPositions}. */
export interface RotaryOptions {
  /** Default 10000. */
  base?: number;
  /** Whether features 2i and 2i + 1 make a pair, as in the paper; otherwise i and i + size/2. Default true. */
  interleaved?: boolean;
}

/**
 * Turns each pair of features (a, b) by the angle θ = pos / base^(2i / size):
 * (a·cos θ − b·sin θ, a·sin θ + b·cos θ). Given to queries and keys, it makes their products depend on how
 * far apart they are, and on their positions not otherwise.
 *
 * Input and output [..., T, size], such as queries [B, heads, T, size of a head].
 *
 * Su et al., RoFormer: enhanced transformer with rotary position embedding, 2021, section 3.2. Pairs i and
 * i + size/2 are those of GPT-NeoX and of LLaMA's weights as Hugging Face has them.
 */
export class RotaryPositions extends Configured<[x: Tensor, input?: PositionsInput]> {
  static override readonly layer = declareLayer(
    "rotaryPositions",
    {
      size: sizeField(),
      base: positive({ fallback: 10000, quiet: true }),
      interleaved: flag({ fallback: true }),
    },
    ({ size, ...options }) => new RotaryPositions(size, options),
  );

  declare readonly size: number;
  declare readonly base: number;
  declare readonly interleaved: boolean;
  readonly #waves: Waves;

  constructor(size: number, options: RotaryOptions = {}) {
    super({ ...options, size });
    checkEven("rotaryPositions", size);
    this.#waves = new Waves(size, this.base, [Math.cos, Math.sin]);
  }

  forward(x: Tensor, { offset = 0 }: PositionsInput = {}): Tensor {
    if (!(x instanceof Tensor) || x.rank < 2 || x.shape.at(-1) !== this.size) {
      const got = x instanceof Tensor ? formatShape(x.shape) : show(x);
      throw new ShapeError(
        `rotaryPositions: x is ${got}; it must be a Tensor of shape [..., T, ${this.size}].`,
      );
    }
    checkFloat("rotaryPositions", x);
    checkOffset("rotaryPositions", offset);
    const [cos, sin] = this.#waves.at(offset, x.shape.at(-2)!, x.dtype) as [Tensor, Tensor];
    const half = this.size / 2;
    const [a, b] = (
      this.interleaved
        ? unbind(reshape(x, [...x.shape.slice(0, -1), half, 2]), -1)
        : split(x, half, -1)
    ) as [Tensor, Tensor];
    const turned = [sub(mul(a, cos), mul(b, sin)), add(mul(a, sin), mul(b, cos))];
    return this.interleaved ? reshape(stack(turned, -1), x.shape) : concat(turned, -1);
  }
}

/** Positions as rotations; see {@link RotaryPositions}. */
export function rotaryPositions(size: number, options?: RotaryOptions): RotaryPositions {
  return new RotaryPositions(size, options);
}
