/**
 * Pooling into a given number of windows that share an axis as evenly as whole elements allow; the functions are
 * core's. Inputs as those of {@link MaxPool2d} and its kin.
 */
import {
  type AdaptiveMaxOptions,
  adaptiveAvgPool1d as adaptiveAvgPool1dOf,
  adaptiveAvgPool2d as adaptiveAvgPool2dOf,
  adaptiveAvgPool3d as adaptiveAvgPool3dOf,
  adaptiveMaxPool1d as adaptiveMaxPool1dOf,
  adaptiveMaxPool2d as adaptiveMaxPool2dOf,
  adaptiveMaxPool3d as adaptiveMaxPool3dOf,
  type OutputSize,
  type Tensor,
  type ValuesAndIndices,
} from "@tapegrad/core";
import * as v from "valibot";
import { field, flag } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import type { AnyModule } from "../module.ts";
import { Configured } from "./configured.ts";

/** One size for all axes, or one each, null for that of the input. */
function outputSize(axes: number) {
  const isSize = (n: unknown) => Number.isSafeInteger(n) && (n as number) >= 1;
  const accepts = (given: unknown) =>
    isSize(given) ||
    (Array.isArray(given) && given.length === axes && given.every((n) => n === null || isSize(n)));
  return field<OutputSize>(
    `a whole number of at least 1, or an array of ${axes} of which null keeps the input's`,
    (message) => v.custom<OutputSize>(accepts, message),
  );
}

const averageLayer = (type: string, axes: number, create: (size: OutputSize) => AnyModule) =>
  declareLayer(type, { outputSize: outputSize(axes) }, ({ outputSize }) => create(outputSize));

abstract class AdaptiveAvgPool extends Configured {
  declare readonly outputSize: OutputSize;

  /** @param outputSize  for all axes, or one each; null keeps the input's */
  constructor(outputSize: OutputSize) {
    super({ outputSize });
  }
}

/** Means of `outputSize` windows. Input [N, C, L] or [C, L], output [N, C, outputSize]. */
export class AdaptiveAvgPool1d extends AdaptiveAvgPool {
  static override readonly layer = averageLayer(
    "adaptiveAvgPool1d",
    1,
    (size) => new AdaptiveAvgPool1d(size),
  );

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool1dOf(x, this.outputSize);
  }
}

/** See {@link AdaptiveAvgPool1d}. */
export function adaptiveAvgPool1d(outputSize: OutputSize): AdaptiveAvgPool1d {
  return new AdaptiveAvgPool1d(outputSize);
}

/** {@link AdaptiveAvgPool1d} over images, [N, C, H, W] or [C, H, W]. */
export class AdaptiveAvgPool2d extends AdaptiveAvgPool {
  static override readonly layer = averageLayer(
    "adaptiveAvgPool2d",
    2,
    (size) => new AdaptiveAvgPool2d(size),
  );

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool2dOf(x, this.outputSize);
  }
}

/** See {@link AdaptiveAvgPool2d}. */
export function adaptiveAvgPool2d(outputSize: OutputSize): AdaptiveAvgPool2d {
  return new AdaptiveAvgPool2d(outputSize);
}

/** {@link AdaptiveAvgPool1d} over volumes, [N, C, D, H, W] or [C, D, H, W]. */
export class AdaptiveAvgPool3d extends AdaptiveAvgPool {
  static override readonly layer = averageLayer(
    "adaptiveAvgPool3d",
    3,
    (size) => new AdaptiveAvgPool3d(size),
  );

  forward(x: Tensor): Tensor {
    return adaptiveAvgPool3dOf(x, this.outputSize);
  }
}

/** See {@link AdaptiveAvgPool3d}. */
export function adaptiveAvgPool3d(outputSize: OutputSize): AdaptiveAvgPool3d {
  return new AdaptiveAvgPool3d(outputSize);
}

const maximumLayer = (
  type: string,
  axes: number,
  create: (size: OutputSize, options: AdaptiveMaxOptions) => AnyModule,
) =>
  declareLayer(
    type,
    { outputSize: outputSize(axes), returnIndices: flag({ fallback: false, quiet: true }) },
    ({ outputSize, ...options }) => create(outputSize, options),
  );

abstract class AdaptiveMaxPool<R> extends Configured<[x: Tensor], R> {
  declare readonly outputSize: OutputSize;
  declare readonly returnIndices: boolean;

  /** @param outputSize  for all axes, or one each; null keeps the input's */
  constructor(outputSize: OutputSize, options: AdaptiveMaxOptions = {}) {
    super({ ...options, outputSize });
  }
}

type WithIndices = AdaptiveMaxOptions & { returnIndices: true };

/** The largest elements of `outputSize` windows. Input [N, C, L] or [C, L], output [N, C, outputSize]. */
export class AdaptiveMaxPool1d<
  R extends Tensor | ValuesAndIndices = Tensor,
> extends AdaptiveMaxPool<R> {
  static override readonly layer = maximumLayer(
    "adaptiveMaxPool1d",
    1,
    (...args) => new AdaptiveMaxPool1d(...args),
  );

  forward(x: Tensor): R {
    return adaptiveMaxPool1dOf(x, this.outputSize, this) as R;
  }
}

/** See {@link AdaptiveMaxPool1d}. With returnIndices its result is { values, indices }. */
export function adaptiveMaxPool1d(
  outputSize: OutputSize,
  options: WithIndices,
): AdaptiveMaxPool1d<ValuesAndIndices>;
export function adaptiveMaxPool1d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool1d;
export function adaptiveMaxPool1d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool1d<Tensor | ValuesAndIndices> {
  return new AdaptiveMaxPool1d(outputSize, options);
}

/** {@link AdaptiveMaxPool1d} over images, [N, C, H, W] or [C, H, W]. */
export class AdaptiveMaxPool2d<
  R extends Tensor | ValuesAndIndices = Tensor,
> extends AdaptiveMaxPool<R> {
  static override readonly layer = maximumLayer(
    "adaptiveMaxPool2d",
    2,
    (...args) => new AdaptiveMaxPool2d(...args),
  );

  forward(x: Tensor): R {
    return adaptiveMaxPool2dOf(x, this.outputSize, this) as R;
  }
}

/** See {@link AdaptiveMaxPool2d}. With returnIndices its result is { values, indices }. */
export function adaptiveMaxPool2d(
  outputSize: OutputSize,
  options: WithIndices,
): AdaptiveMaxPool2d<ValuesAndIndices>;
export function adaptiveMaxPool2d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool2d;
export function adaptiveMaxPool2d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool2d<Tensor | ValuesAndIndices> {
  return new AdaptiveMaxPool2d(outputSize, options);
}

/** {@link AdaptiveMaxPool1d} over volumes, [N, C, D, H, W] or [C, D, H, W]. */
export class AdaptiveMaxPool3d<
  R extends Tensor | ValuesAndIndices = Tensor,
> extends AdaptiveMaxPool<R> {
  static override readonly layer = maximumLayer(
    "adaptiveMaxPool3d",
    3,
    (...args) => new AdaptiveMaxPool3d(...args),
  );

  forward(x: Tensor): R {
    return adaptiveMaxPool3dOf(x, this.outputSize, this) as R;
  }
}

/** See {@link AdaptiveMaxPool3d}. With returnIndices its result is { values, indices }. */
export function adaptiveMaxPool3d(
  outputSize: OutputSize,
  options: WithIndices,
): AdaptiveMaxPool3d<ValuesAndIndices>;
export function adaptiveMaxPool3d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool3d;
export function adaptiveMaxPool3d(
  outputSize: OutputSize,
  options?: AdaptiveMaxOptions,
): AdaptiveMaxPool3d<Tensor | ValuesAndIndices> {
  return new AdaptiveMaxPool3d(outputSize, options);
}
