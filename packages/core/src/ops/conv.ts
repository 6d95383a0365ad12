/** Convolutions and transposed convolutions in one, two and three spatial axes; their ops are in conv-ops.ts. */
import { checkTensor } from "../apply.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape } from "../shape.ts";
import { Tensor } from "../tensor.ts";
import { convBiasOp, convInputOp, convOp } from "./conv-ops.ts";
import { add } from "./elementwise.ts";
import { reshape } from "./layout.ts";
import { asBatch, likeGiven, type PerAxis, perAxis, span, type Windows } from "./windows.ts";

/** Options of {@link conv1d} and its kin. */
export interface ConvOptions {
  /** float, [O]. */
  bias?: Tensor | null;
  /** Default 1. */
  stride?: PerAxis;
  /** Zeros at both ends of each axis; "same" keeps the size (stride 1 only), "valid" is 0. Default 0. */
  padding?: PerAxis | "same" | "valid";
  /** Distance between the elements of a window. Default 1. */
  dilation?: PerAxis;
  /** Channels are split into groups that don't see each other. Default 1. */
  groups?: number;
}

function checkGroups(op: string, groups: number): void {
  if (!Number.isInteger(groups) || groups < 1) {
    throw new ValueError(`${op}: groups is ${groups}; it must be a whole number of at least 1.`);
  }
}

function checkBias(op: string, bias: Tensor | null | undefined, channels: number): void {
  if (!bias) return;
  checkTensor(op, "bias", bias);
  if (bias.rank !== 1 || bias.shape[0] !== channels) {
    throw new ShapeError(
      `${op}: bias is ${formatShape(bias.shape)}; it must be [${channels}], one number per output channel.`,
    );
  }
}

function checkWeight(op: string, weight: Tensor, axes: number, layout: string): void {
  if (weight.rank !== axes + 2 || weight.shape.slice(2).includes(0)) {
    const letters = ["kL", "kH, kW", "kD, kH, kW"][axes - 1];
    throw new ShapeError(
      `${op}: weight is ${formatShape(weight.shape)}; it must be [${layout}, ${letters}] with a kernel that is not empty.`,
    );
  }
}

/** Zeros before and after each axis. */
function paddings(
  op: string,
  padding: PerAxis | "same" | "valid",
  windows: Pick<Windows, "kernel" | "stride" | "dilation">,
): { before: number[]; after: number[] } {
  const { kernel, stride, dilation } = windows;
  if (padding === "same") {
    if (stride.some((step) => step !== 1)) {
      throw new ValueError(
        `${op}: padding "same" keeps sizes, which stride [${stride.join(", ")}] does not; use stride 1 or a number.`,
      );
    }
    const total = kernel.map((k, i) => span(k, dilation[i]!) - 1);
    const before = total.map((count) => Math.floor(count / 2));
    return { before, after: total.map((count, i) => count - before[i]!) };
  }
  if (typeof padding === "string" && padding !== "valid") {
    throw new ValueError(
      `${op}: padding is "${padding}"; it must be a number, one per axis, "same" or "valid".`,
    );
  }
  const both = perAxis(op, "padding", padding === "valid" ? 0 : padding, kernel.length, 0);
  return { before: both, after: both };
}

/** PyTorch's third argument is the bias, whose shape and strides would pass for options. */
function checkOptions(op: string, options: unknown): void {
  if (options instanceof Tensor) {
    throw new ValueError(
      `${op}: the third argument is a Tensor; options go there, such as { bias, stride: 2 }.`,
    );
  }
}

function conv(op: string, axes: number, x: Tensor, weight: Tensor, options: ConvOptions): Tensor {
  checkOptions(op, options);
  checkTensor(op, "x", x);
  checkTensor(op, "weight", weight);
  const { bias, groups = 1 } = options;
  const images = asBatch(op, x, axes);
  checkWeight(op, weight, axes, "O, C/groups");
  checkGroups(op, groups);
  const [channels, outChannels] = [images.shape[1]!, weight.shape[0]!];
  if (channels !== weight.shape[1]! * groups || outChannels % groups !== 0) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)} and groups is ${groups}; ` +
        `weight is [O, C/groups, …], so x needs ${weight.shape[1]! * groups} channels (it has ${channels}), and O must be a multiple of groups.`,
    );
  }
  checkBias(op, bias, outChannels);
  const kernel = weight.shape.slice(2);
  const stride = perAxis(op, "stride", options.stride ?? 1, axes, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, axes, 1);
  const { before, after } = paddings(op, options.padding ?? 0, { kernel, stride, dilation });
  const input = images.shape.slice(2);
  const output = input.map((size, i) => {
    const room = size + before[i]! + after[i]! - span(kernel[i]!, dilation[i]!);
    return Math.floor(room / stride[i]!) + 1;
  });
  if (output.some((size) => size < 1)) {
    throw new ShapeError(
      `${op}: a kernel ${formatShape(kernel)} with dilation [${dilation.join(", ")}] spans more than x's ${formatShape(input)} and its padding.`,
    );
  }
  const geometry = { kernel, stride, dilation, before, input, output, groups };
  const y = bias ? convBiasOp(images, weight, bias, geometry) : convOp(images, weight, geometry);
  return likeGiven(y, x, axes);
}

/**
 * Cross-correlation along one axis: y[n, o, p] = bias[o] + Σ w[o, c, k] · x[n, c, p·stride + k·dilation − padding].
 *
 * @param x       float, [N, C, L] or [C, L]
 * @param weight  float, [O, C/groups, kL]
 * @returns       [N, O, (L + 2·padding − dilation·(kL − 1) − 1) / stride + 1], rounded down
 * @throws        ShapeError, ValueError if sizes don't meet or the kernel spans more than the padded x
 */
export function conv1d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv1d", 1, x, weight, options);
}

/** {@link conv1d} over images: x [N, C, H, W] or [C, H, W], weight [O, C/groups, kH, kW]. */
export function conv2d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv2d", 2, x, weight, options);
}

/** {@link conv1d} over volumes: x [N, C, D, H, W] or [C, D, H, W], weight [O, C/groups, kD, kH, kW]. */
export function conv3d(x: Tensor, weight: Tensor, options: ConvOptions = {}): Tensor {
  return conv("conv3d", 3, x, weight, options);
}

/** Options of {@link convTranspose1d} and its kin. */
export interface ConvTransposeOptions extends Omit<ConvOptions, "padding"> {
  /** What the convolution padded: cut off both ends of each axis of the result. Default 0. */
  padding?: PerAxis;
  /** Chooses among the sizes that the convolution maps to x's; less than stride or dilation. Default 0. */
  outputPadding?: PerAxis;
}

function convTranspose(
  op: string,
  axes: number,
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions,
): Tensor {
  checkOptions(op, options);
  checkTensor(op, "x", x);
  checkTensor(op, "weight", weight);
  const { bias, groups = 1 } = options;
  const images = asBatch(op, x, axes);
  checkWeight(op, weight, axes, "C, O/groups");
  checkGroups(op, groups);
  const channels = images.shape[1]!;
  if (channels !== weight.shape[0] || channels % groups !== 0) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)}, weight is ${formatShape(weight.shape)} and groups is ${groups}; ` +
        `weight is [C, O/groups, …], so x needs ${weight.shape[0]} channels (it has ${channels}), a multiple of groups.`,
    );
  }
  checkBias(op, bias, weight.shape[1]! * groups);
  const kernel = weight.shape.slice(2);
  const stride = perAxis(op, "stride", options.stride ?? 1, axes, 1);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, axes, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, axes, 0);
  const extra = perAxis(op, "outputPadding", options.outputPadding ?? 0, axes, 0);
  extra.forEach((count, i) => {
    if (count >= Math.max(stride[i]!, dilation[i]!)) {
      throw new ValueError(
        `${op}: outputPadding is ${count} along spatial axis ${i}; it must be smaller than stride (${stride[i]}) or dilation (${dilation[i]}).`,
      );
    }
  });
  const output = images.shape.slice(2);
  const input = output.map(
    (size, i) =>
      (size - 1) * stride[i]! - 2 * padding[i]! + span(kernel[i]!, dilation[i]!) + extra[i]!,
  );
  if (input.some((size) => size < 1)) {
    throw new ShapeError(
      `${op}: padding [${padding.join(", ")}] leaves nothing of the result, whose spatial sizes would be ${formatShape(input)}.`,
    );
  }
  const y = convInputOp(images, weight, {
    kernel,
    stride,
    dilation,
    before: padding,
    input,
    output,
    groups,
  });
  const shifted = bias ? add(y, reshape(bias, [-1, ...input.map(() => 1)])) : y;
  return likeGiven(shifted, x, axes);
}

/**
 * The transpose of {@link conv1d} as a linear map, which enlarges by its stride: what the convolution with this
 * weight sends back from its output to its input.
 *
 * @param x       float, [N, C, L] or [C, L]
 * @param weight  float, [C, O/groups, kL]
 * @returns       [N, O, (L − 1)·stride − 2·padding + dilation·(kL − 1) + outputPadding + 1]
 * @throws        ShapeError, ValueError if sizes don't meet
 */
export function convTranspose1d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose1d", 1, x, weight, options);
}

/** {@link convTranspose1d} over images: x [N, C, H, W] or [C, H, W], weight [C, O/groups, kH, kW]. */
export function convTranspose2d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose2d", 2, x, weight, options);
}

/** {@link convTranspose1d} over volumes: x [N, C, D, H, W] or [C, D, H, W], weight [C, O/groups, kD, kH, kW]. */
export function convTranspose3d(
  x: Tensor,
  weight: Tensor,
  options: ConvTransposeOptions = {},
): Tensor {
  return convTranspose("convTranspose3d", 3, x, weight, options);
}
