/** Sampling images at given places. */
import { checkTensor } from "../apply.ts";
import { checkFlag } from "../check.ts";
import { isFloat } from "../dtype.ts";
import { DTypeError, ShapeError, ValueError } from "../errors.ts";
import { contiguousStrides, formatShape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { ge, le, lt, ne, where } from "./compare.ts";
import { add, div, maximum, minimum, mul, neg, sub } from "./elementwise.ts";
import { gather } from "./indexing.ts";
import { detach, expand, narrow, reshape, to } from "./layout.ts";
import { floorOp, roundOp } from "./rounding.ts";

/** Options of {@link gridSample}. */
export interface GridSampleOptions {
  /** "bilinear" is trilinear for volumes; "bicubic" is for images only. Default "bilinear". */
  mode?: "bilinear" | "nearest" | "bicubic";
  /** What lies beyond x: zeros, its nearest element, or its mirror image. Default "zeros". */
  paddingMode?: "zeros" | "border" | "reflection";
  /** Whether −1 and 1 are the centres of the outermost elements, rather than their outer edges. Default false. */
  alignCorners?: boolean;
}

/** x from `low` to `high`; the gradient passes at neither bound. */
function clipped(x: Tensor, low: number, high: number): Tensor {
  const raised = where(le(x, low), low, x);
  return where(ge(raised, high), high, raised);
}

/** x mirrored at low/2 and high/2 until it lies between them. */
function reflected(x: Tensor, low: number, high: number): Tensor {
  if (low === high) return mul(x, 0);
  const [start, length] = [low / 2, (high - low) / 2];
  const from = sub(x, start);
  const away = where(lt(from, 0), neg(from), from);
  const flips = floorOp(div(detach(away), length));
  const rest = sub(away, mul(flips, length));
  const odd = ne(sub(flips, mul(floorOp(mul(flips, 0.5)), 2)), 0);
  return where(odd, add(neg(rest), length + start), add(rest, start));
}

/** Coordinates from −1 to 1 as positions along an axis of `size` elements. */
function unnormalized(grid: Tensor, size: number, alignCorners: boolean): Tensor {
  return alignCorners ? mul(add(grid, 1), (size - 1) / 2) : sub(mul(add(grid, 1), size / 2), 0.5);
}

type PaddingMode = NonNullable<GridSampleOptions["paddingMode"]>;

/** Positions brought into the image as the padding mode says. */
function broughtInside(
  at: Tensor,
  size: number,
  paddingMode: PaddingMode,
  alignCorners: boolean,
): Tensor {
  if (paddingMode === "zeros") return at;
  if (paddingMode === "border") return clipped(at, 0, size - 1);
  const mirrored = alignCorners
    ? reflected(at, 0, 2 * (size - 1))
    : reflected(at, -1, 2 * size - 1);
  return clipped(mirrored, 0, size - 1);
}

/** One axis' share in a sample: whole positions (off the tape) and weights, each [N, P]. */
interface Tap {
  at: Tensor;
  weight: Tensor | null;
}

function linearTaps(at: Tensor): Tap[] {
  const low = floorOp(detach(at));
  const part = sub(at, low);
  return [
    { at: low, weight: sub(1, part) },
    { at: add(low, 1), weight: part },
  ];
}

/** Keys, Cubic convolution interpolation, 1981, with PyTorch's a = −¾. */
function cubicTaps(at: Tensor): Tap[] {
  const a = -0.75;
  const low = floorOp(detach(at));
  const part = sub(at, low);
  const near = (d: Tensor) => add(mul(mul(sub(mul(d, a + 2), a + 3), d), d), 1);
  const far = (d: Tensor) => sub(mul(add(mul(sub(mul(d, a), 5 * a), d), 8 * a), d), 4 * a);
  return [
    { at: sub(low, 1), weight: far(add(part, 1)) },
    { at: low, weight: near(part) },
    { at: add(low, 1), weight: near(sub(1, part)) },
    { at: add(low, 2), weight: far(sub(2, part)) },
  ];
}

/**
 * x at the places that a grid names, between elements by interpolation.
 *
 * Jaderberg et al., Spatial Transformer Networks, NeurIPS 2015, section 3.3.
 *
 * @param x     float, [N, C, H, W] or [N, C, D, H, W]
 * @param grid  float, [N, H′, W′, 2] of (x, y), or [N, D′, H′, W′, 3] of (x, y, z): −1 and 1 are the ends of each
 *              axis, x along the last
 * @returns     [N, C, H′, W′] or [N, C, D′, H′, W′]
 * @throws      ShapeError, DTypeError, ValueError if the arguments don't meet
 */
export function gridSample(x: Tensor, grid: Tensor, options: GridSampleOptions = {}): Tensor {
  const op = "gridSample";
  checkTensor(op, "x", x);
  checkTensor(op, "grid", grid);
  const { mode = "bilinear", paddingMode = "zeros", alignCorners = false } = options;
  const axes = x.rank - 2;
  const fits = grid.rank === x.rank && grid.shape[0] === x.shape[0] && grid.shape.at(-1) === axes;
  if ((axes !== 2 && axes !== 3) || !fits) {
    throw new ShapeError(
      `${op}: x is ${formatShape(x.shape)} and grid ${formatShape(grid.shape)}; they must be [N, C, H, W] and [N, H′, W′, 2], or [N, C, D, H, W] and [N, D′, H′, W′, 3].`,
    );
  }
  if (!isFloat(x.dtype) || grid.dtype !== x.dtype) {
    throw new DTypeError(
      `${op}: x is ${x.dtype} and grid ${grid.dtype}; both must be float32, or both float64.`,
    );
  }
  const spatial = x.shape.slice(2);
  if (spatial.includes(0)) {
    throw new ShapeError(`${op}: x is ${formatShape(x.shape)}; no spatial size may be 0.`);
  }
  if (!["bilinear", "nearest", "bicubic"].includes(mode)) {
    throw new ValueError(`${op}: unknown mode "${mode}"; known are bilinear, nearest and bicubic.`);
  }
  if (mode === "bicubic" && axes === 3) {
    throw new ValueError(`${op}: mode "bicubic" is for images; x has three spatial axes.`);
  }
  if (!["zeros", "border", "reflection"].includes(paddingMode)) {
    throw new ValueError(
      `${op}: unknown paddingMode "${paddingMode}"; known are zeros, border and reflection.`,
    );
  }
  checkFlag(op, "alignCorners", alignCorners);

  const [count, channels] = x.shape as [number, number];
  const places = sizeOf(grid.shape.slice(1, -1));
  const rows = reshape(grid, [count, places, axes]);
  const taps = spatial.map((size, axis) => {
    // The grid's last coordinate is that of the first spatial axis.
    const coordinate = reshape(narrow(rows, 2, axes - 1 - axis, 1), [count, places]);
    const raw = unnormalized(coordinate, size, alignCorners);
    // Bicubic neighbours are brought inside one by one, below.
    if (mode === "bicubic") return cubicTaps(raw);
    const at = broughtInside(raw, size, paddingMode, alignCorners);
    return mode === "nearest" ? [{ at: roundOp(detach(at)), weight: null }] : linearTaps(at);
  });
  const flat = reshape(x, [count, channels, sizeOf(spatial)]);
  const strides = contiguousStrides(spatial);

  /** x at one combination of the axes' taps: [N, C, P]. */
  const sample = (corner: readonly Tap[]): Tensor => {
    let inside: Tensor | null = null;
    let position: Tensor | null = null;
    let weight: Tensor | null = null;
    corner.forEach((tap, axis) => {
      const size = spatial[axis]!;
      const at =
        mode === "bicubic" ? broughtInside(tap.at, size, paddingMode, alignCorners) : tap.at;
      const safe = minimum(maximum(at, 0), size - 1);
      // Also where a coordinate is NaN: nothing lies there.
      const fitting = to(mul(to(ge(at, 0), x.dtype), to(lt(at, size), x.dtype)), "bool");
      inside =
        inside === null ? fitting : to(mul(to(inside, x.dtype), to(fitting, x.dtype)), "bool");
      const offset = mul(to(where(fitting, safe, 0), "int32"), strides[axis]!);
      position = position === null ? offset : add(position, offset);
      if (tap.weight !== null) weight = weight === null ? tap.weight : mul(weight, tap.weight);
    });
    const wide = [count, channels, places];
    const at = expand(reshape(position!, [count, 1, places]), wide);
    const picked = gather(flat, 2, at);
    const share = weight === null ? picked : mul(picked, reshape(weight, [count, 1, places]));
    return where(reshape(inside!, [count, 1, places]), share, 0);
  };

  const corners = taps.reduce<Tap[][]>(
    (lists, axis) => lists.flatMap((list) => axis.map((tap) => [...list, tap])),
    [[]],
  );
  const y = corners.map(sample).reduce((a, b) => add(a, b));
  return reshape(y, [count, channels, ...grid.shape.slice(1, -1)]);
}
