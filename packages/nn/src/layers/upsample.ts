import {
  type InterpolateOptions,
  type InterpolationMode,
  interpolate,
  type PerAxis,
  type Tensor,
  ValueError,
} from "@tapegrad/core";
import { choice, either, flag, list, optional, positive, sizes } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Configured } from "./configured.ts";

/** Options of {@link Upsample}: `size` or `scaleFactor`. */
export interface UpsampleOptions {
  /** Spatial sizes of the result. */
  size?: PerAxis | null;
  /** Sizes of the result in those of the input, rounded down. */
  scaleFactor?: PerAxis | null;
  /** Default "nearest". */
  mode?: InterpolationMode;
  /** For the linear and cubic modes: whether the first and last elements stay where they are. Default null: no. */
  alignCorners?: boolean | null;
}

/** Images at another size, see core's `interpolate`. Input [N, C, …] with one to three spatial axes. */
export class Upsample extends Configured {
  static override readonly layer = declareLayer(
    "upsample",
    {
      size: optional(sizes(), { quiet: true }),
      scaleFactor: optional(either(positive(), list(positive())), { quiet: true }),
      mode: choice<InterpolationMode>(
        ["nearest", "nearest-exact", "linear", "bilinear", "bicubic", "trilinear", "area"],
        { fallback: "nearest", quiet: true },
      ),
      alignCorners: optional(flag(), { quiet: true }),
    },
    (options) => new Upsample(options),
  );

  declare readonly size: PerAxis | null;
  declare readonly scaleFactor: PerAxis | null;
  declare readonly mode: InterpolationMode;
  declare readonly alignCorners: boolean | null;

  constructor(options: UpsampleOptions) {
    super({ ...options });
    if ((this.size === null) === (this.scaleFactor === null)) {
      throw new ValueError("upsample: give either size or scaleFactor.");
    }
  }

  forward(x: Tensor): Tensor {
    const { size, scaleFactor, mode, alignCorners } = this;
    const options: InterpolateOptions = { mode };
    if (size !== null) options.size = size;
    if (scaleFactor !== null) options.scaleFactor = scaleFactor;
    if (alignCorners !== null) options.alignCorners = alignCorners;
    return interpolate(x, options);
  }
}

/** See {@link Upsample}. */
export function upsample(options: UpsampleOptions): Upsample {
  return new Upsample(options);
}
