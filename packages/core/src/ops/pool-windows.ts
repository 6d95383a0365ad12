/** What all pooling functions share: their options, and how many windows there are. */
import { checkFlag } from "../check.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape, type Shape } from "../shape.ts";
import { type PerAxis, perAxis, span } from "./windows.ts";

/** Options that all pooling functions share. */
export interface PoolOptions {
  /** Default: the kernel, so that windows touch without overlapping. */
  stride?: PerAxis;
  /** Elements assumed around each axis, at most half a window; they never win a maximum. Default 0. */
  padding?: PerAxis;
  /** Windows may reach beyond the end, as long as they start inside. Default false. */
  ceilMode?: boolean;
}

export interface Pool {
  kernel: number[];
  stride: number[];
  padding: number[];
  dilation: number[];
  output: number[];
}

/**
 * Checks the options of a pooling and counts its windows.
 *
 * @throws ShapeError if no window fits, ValueError for options that make no sense
 */
export function poolOf(
  op: string,
  spatial: Shape,
  kernelSize: PerAxis,
  options: PoolOptions & { dilation?: PerAxis },
): Pool {
  const axes = spatial.length;
  const ceil = options.ceilMode ?? false;
  checkFlag(op, "ceilMode", ceil);
  const kernel = perAxis(op, "kernel", kernelSize, axes, 1);
  const stride = perAxis(op, "stride", options.stride ?? kernel, axes, 1);
  const padding = perAxis(op, "padding", options.padding ?? 0, axes, 0);
  const dilation = perAxis(op, "dilation", options.dilation ?? 1, axes, 1);
  const wide = kernel.findIndex((size, i) => 2 * padding[i]! > size);
  if (wide >= 0) {
    throw new ValueError(
      `${op}: padding is ${padding[wide]} and the kernel ${kernel[wide]} along spatial axis ${wide}; padding must be at most half of the kernel.`,
    );
  }
  const output = spatial.map((size, i) => {
    const room = size + 2 * padding[i]! - span(kernel[i]!, dilation[i]!);
    const count = (ceil ? Math.ceil : Math.floor)(room / stride[i]!) + 1;
    // The last window must start inside x or its left padding.
    const outside = ceil && (count - 1) * stride[i]! >= size + padding[i]!;
    return outside ? count - 1 : count;
  });
  if (output.some((count) => count < 1)) {
    throw new ShapeError(
      `${op}: a kernel [${kernel.join(", ")}] with dilation [${dilation.join(", ")}] spans more than x's spatial sizes ${formatShape(spatial)} and padding [${padding.join(", ")}].`,
    );
  }
  return { kernel, stride, padding, dilation, output };
}
