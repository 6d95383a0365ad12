/**
 * Convolutions and transposed convolutions; the functions, with their formulas, are core's. Inputs are N images of
 * C channels, [N, C, L], [N, C, H, W] or [N, C, D, H, W], or one image without N.
 */
import {
  conv1d as conv1dOf,
  conv2d as conv2dOf,
  conv3d as conv3dOf,
  convTranspose1d as convTranspose1dOf,
  convTranspose2d as convTranspose2dOf,
  convTranspose3d as convTranspose3dOf,
  defaultGenerator,
  formatShape,
  type PerAxis,
  pad,
  ShapeError,
  show,
  type Tensor,
  ValueError,
} from "@tapegrad/core";
import { choice, either, flag, floatType, inferred, perAxis, size } from "../fields.ts";
import { type Arguments, declareLayer, typeOf } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import type { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { type StartOptions, uniformStart } from "./start.ts";

interface WindowOptions extends StartOptions {
  /** Default 1. */
  stride?: PerAxis;
  /** Distance between the elements of a window. Default 1. */
  dilation?: PerAxis;
  /** Channels are split into groups that don't see each other. Default 1. */
  groups?: number;
  /** Whether to add a number per output channel. Default true. */
  bias?: boolean;
}

/** What the borders of images are filled with. */
export type PaddingMode = "zeros" | "reflect" | "replicate" | "circular";

/** Options of {@link Conv2d} and its kin. */
export interface ConvOptions extends WindowOptions {
  /** Around each axis; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  padding?: PerAxis | "same" | "valid";
  /** Default "zeros". */
  paddingMode?: PaddingMode;
}

/** Options of {@link ConvTranspose2d} and its kin. */
export interface ConvTransposeOptions extends WindowOptions {
  /** What the convolution padded: cut off both ends of each axis of the result. Default 0. */
  padding?: PerAxis;
  /** Chooses among the sizes that the convolution maps to x's; less than stride or dilation. Default 0. */
  outputPadding?: PerAxis;
}

/** One number for each axis. */
function each(given: PerAxis, axes: number): readonly number[] {
  return typeof given === "number" ? new Array<number>(axes).fill(given) : given;
}

const one = { fallback: 1, quiet: true };

function windowFields(axes: number) {
  return {
    outChannels: size(),
    kernelSize: perAxis(axes),
    stride: perAxis(axes, one),
    dilation: perAxis(axes, one),
    groups: size(one),
    bias: flag({ fallback: true, quiet: true }),
    dtype: floatType,
  };
}

/** The channels of a batch, or of one image. */
const channelsOf = (axes: number) => (x: Tensor) =>
  x.rank === axes + 1 || x.rank === axes + 2 ? x.shape.at(-axes - 1) : undefined;

/** What convolutions and transposed ones keep: channels, windows, weight and bias. */
abstract class Windowed<Args extends unknown[] = [x: Tensor]> extends Configured<Args> {
  declare readonly inChannels: number | null;
  declare readonly outChannels: number;
  declare readonly kernelSize: PerAxis;
  declare readonly stride: PerAxis;
  declare readonly dilation: PerAxis;
  declare readonly groups: number;
  weight!: Parameter;
  bias: Parameter | null = null;
  protected readonly axes: number;
  readonly #start: { biases: number } & StartOptions;

  constructor(axes: number, given: Arguments & WindowOptions & { outChannels: number }) {
    const { generator = defaultGenerator(), ...config } = given;
    super(config);
    const { outChannels, bias = true, dtype = "float32" } = given;
    this.axes = axes;
    this.#start = { biases: bias ? outChannels : 0, dtype, generator };
    if (this.inChannels !== null) this.build();
  }

  /** Input and output channels, one of them divided by groups, in the weight's order. */
  protected abstract weightChannels(inChannels: number): [number, number];

  protected override build(): void {
    const { outChannels, groups, kernelSize, axes } = this;
    const inChannels = this.inChannels!;
    if (inChannels % groups !== 0 || outChannels % groups !== 0) {
      throw new ValueError(
        `${typeOf(this)}: groups is ${groups}; it must divide inChannels (${inChannels}) and outChannels (${outChannels}).`,
      );
    }
    const shape = [...this.weightChannels(inChannels), ...each(kernelSize, axes)];
    Object.assign(this, uniformStart(shape, this.#start));
  }
}

// ---- Convolutions

function convLayer(
  type: string,
  axes: number,
  create: (
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvOptions,
  ) => AnyModule,
) {
  const padding = either(perAxis(axes, { least: 0 }), choice(["same", "valid"]), {
    fallback: 0,
    quiet: true,
  });
  return declareLayer(
    type,
    {
      inChannels: inferred({
        input: channelsOf(axes),
        state: ({ weight }, { groups }) => weight && weight.shape[1]! * (groups as number),
      }),
      ...windowFields(axes),
      padding,
      paddingMode: choice<PaddingMode>(["zeros", "reflect", "replicate", "circular"], {
        fallback: "zeros",
        quiet: true,
      }),
    },
    ({ inChannels, outChannels, kernelSize, ...options }) =>
      create(inChannels, outChannels, kernelSize, options),
  );
}

abstract class Conv extends Windowed {
  declare readonly padding: PerAxis | "same" | "valid";
  declare readonly paddingMode: PaddingMode;

  constructor(
    axes: number,
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvOptions = {},
  ) {
    super(axes, { ...options, inChannels, outChannels, kernelSize });
    const { padding, stride } = this;
    if (padding === "same" && each(stride, axes).some((step) => step !== 1)) {
      throw new ValueError(
        `${typeOf(this)}: padding "same" keeps sizes, which stride ${show(stride)} does not; use stride 1 or a number.`,
      );
    }
  }

  protected override weightChannels(inChannels: number): [number, number] {
    return [this.outChannels, inChannels / this.groups];
  }

  forward(x: Tensor): Tensor {
    const { weight, axes, kernelSize, padding, paddingMode } = this;
    const convolve = [conv1dOf, conv2dOf, conv3dOf][axes - 1]!;
    const { bias, stride, dilation, groups } = this;
    const options = { bias, stride, dilation, groups };
    if (paddingMode === "zeros") return convolve(x, weight, { ...options, padding });
    const apart = each(dilation, axes);
    const borders = each(kernelSize, axes).map((size, i) => {
      if (padding === "valid") return [0, 0];
      if (padding !== "same") return [each(padding, axes)[i]!, each(padding, axes)[i]!];
      const total = apart[i]! * (size - 1);
      return [Math.floor(total / 2), Math.ceil(total / 2)];
    });
    // pad wants those of the last axis first.
    return convolve(pad(x, borders.reverse().flat(), { mode: paddingMode }), weight, options);
  }
}

/**
 * Cross-correlation along one axis.
 *
 * Weight [out, in/groups, k], bias [out]; both start uniform in ±1/√(in/groups · k). Input [N, in, L] or [in, L],
 * output [N, out, (L + 2·padding − dilation·(k − 1) − 1)/stride + 1], rounded down.
 */
export class Conv1d extends Conv {
  static override readonly layer = convLayer("conv1d", 1, (...args) => new Conv1d(...args));

  /** @param inChannels  null: from the first input */
  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** A convolution along one axis; see {@link Conv1d}. */
export function conv1d(...args: ConstructorParameters<typeof Conv1d>): Conv1d {
  return new Conv1d(...args);
}

/**
 * {@link Conv1d} over images: weight [out, in/groups, kH, kW], input [N, in, H, W] or [in, H, W].
 */
export class Conv2d extends Conv {
  static override readonly layer = convLayer("conv2d", 2, (...args) => new Conv2d(...args));

  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** A convolution over images; see {@link Conv2d}. */
export function conv2d(...args: ConstructorParameters<typeof Conv2d>): Conv2d {
  return new Conv2d(...args);
}

/**
 * {@link Conv1d} over volumes: weight [out, in/groups, kD, kH, kW], input [N, in, D, H, W] or [in, D, H, W].
 */
export class Conv3d extends Conv {
  static override readonly layer = convLayer("conv3d", 3, (...args) => new Conv3d(...args));

  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/** A convolution over volumes; see {@link Conv3d}. */
export function conv3d(...args: ConstructorParameters<typeof Conv3d>): Conv3d {
  return new Conv3d(...args);
}

// ---- Transposed convolutions

function transposedLayer(
  type: string,
  axes: number,
  create: (
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeOptions,
  ) => AnyModule,
) {
  const none = { least: 0, fallback: 0, quiet: true };
  return declareLayer(
    type,
    {
      inChannels: inferred({
        input: channelsOf(axes),
        state: ({ weight }) => weight?.shape[0],
      }),
      ...windowFields(axes),
      padding: perAxis(axes, none),
      outputPadding: perAxis(axes, none),
    },
    ({ inChannels, outChannels, kernelSize, ...options }) =>
      create(inChannels, outChannels, kernelSize, options),
  );
}

abstract class ConvTranspose extends Windowed<[x: Tensor, outputSize?: readonly number[]]> {
  declare readonly padding: PerAxis;
  declare readonly outputPadding: PerAxis;

  constructor(
    axes: number,
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options: ConvTransposeOptions = {},
  ) {
    super(axes, { ...options, inChannels, outChannels, kernelSize });
  }

  protected override weightChannels(inChannels: number): [number, number] {
    return [inChannels, this.outChannels / this.groups];
  }

  /** @param outputSize  spatial sizes of the result, in place of outputPadding */
  forward(x: Tensor, outputSize?: readonly number[]): Tensor {
    const { weight, axes, bias, stride, dilation, groups, padding } = this;
    const transposed = [convTranspose1dOf, convTranspose2dOf, convTranspose3dOf][axes - 1]!;
    const outputPadding =
      outputSize === undefined ? this.outputPadding : this.#paddingFor(x, outputSize);
    return transposed(x, weight, { bias, stride, dilation, groups, padding, outputPadding });
  }

  /** @throws ShapeError unless the convolution maps images of these sizes to x's */
  #paddingFor(x: Tensor, outputSize: readonly number[]): number[] {
    const { axes } = this;
    const [kernel, stride, apart, padding] = [
      this.kernelSize,
      this.stride,
      this.dilation,
      this.padding,
    ].map((given) => each(given, axes)) as [number[], number[], number[], number[]];
    const least = x.shape
      .slice(-axes)
      .map(
        (size, i) => (size - 1) * stride[i]! - 2 * padding[i]! + apart[i]! * (kernel[i]! - 1) + 1,
      );
    const most = least.map((size, i) => size + Math.max(stride[i]!, apart[i]!) - 1);
    const fits =
      outputSize.length === axes &&
      outputSize.every(
        (size, i) => Number.isInteger(size) && size >= least[i]! && size <= most[i]!,
      );
    if (!fits) {
      throw new ShapeError(
        `${typeOf(this)}: outputSize is ${show(outputSize)}; for an input of ${formatShape(x.shape)} it must be from ${formatShape(least)} to ${formatShape(most)}.`,
      );
    }
    return outputSize.map((size, i) => size - least[i]!);
  }
}

/**
 * The transpose of {@link Conv1d} as a linear map, which enlarges by its stride.
 *
 * Weight [in, out/groups, k], bias [out]; as in PyTorch both start uniform in ±1/√(out/groups · k). Input
 * [N, in, L] or [in, L], output [N, out, (L − 1)·stride − 2·padding + dilation·(k − 1) + outputPadding + 1].
 */
export class ConvTranspose1d extends ConvTranspose {
  static override readonly layer = transposedLayer(
    "convTranspose1d",
    1,
    (...args) => new ConvTranspose1d(...args),
  );

  /** @param inChannels  null: from the first input */
  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvTransposeOptions,
  ) {
    super(1, inChannels, outChannels, kernelSize, options);
  }
}

/** A transposed convolution; see {@link ConvTranspose1d}. */
export function convTranspose1d(
  ...args: ConstructorParameters<typeof ConvTranspose1d>
): ConvTranspose1d {
  return new ConvTranspose1d(...args);
}

/**
 * {@link ConvTranspose1d} over images: weight [in, out/groups, kH, kW], input [N, in, H, W] or [in, H, W].
 */
export class ConvTranspose2d extends ConvTranspose {
  static override readonly layer = transposedLayer(
    "convTranspose2d",
    2,
    (...args) => new ConvTranspose2d(...args),
  );

  /** @param inChannels  null: from the first input */
  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvTransposeOptions,
  ) {
    super(2, inChannels, outChannels, kernelSize, options);
  }
}

/** A transposed convolution; see {@link ConvTranspose2d}. */
export function convTranspose2d(
  ...args: ConstructorParameters<typeof ConvTranspose2d>
): ConvTranspose2d {
  return new ConvTranspose2d(...args);
}

/**
 * {@link ConvTranspose1d} over volumes: weight [in, out/groups, kD, kH, kW], input [N, in, D, H, W] or [in, D, H, W].
 */
export class ConvTranspose3d extends ConvTranspose {
  static override readonly layer = transposedLayer(
    "convTranspose3d",
    3,
    (...args) => new ConvTranspose3d(...args),
  );

  /** @param inChannels  null: from the first input */
  constructor(
    inChannels: number | null,
    outChannels: number,
    kernelSize: PerAxis,
    options?: ConvTransposeOptions,
  ) {
    super(3, inChannels, outChannels, kernelSize, options);
  }
}

/** A transposed convolution; see {@link ConvTranspose3d}. */
export function convTranspose3d(
  ...args: ConstructorParameters<typeof ConvTranspose3d>
): ConvTranspose3d {
  return new ConvTranspose3d(...args);
}
