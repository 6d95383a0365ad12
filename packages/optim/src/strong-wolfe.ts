/**
 * A step length that satisfies the strong Wolfe conditions: the loss falls enough, and so does the slope.
 *
 * Nocedal and Wright, Numerical optimization, second edition, algorithms 3.5 and 3.6, equation 3.59; the
 * safeguards and constants are those of minFunc (M. Schmidt), as in PyTorch.
 */
import type { Vector } from "./vectors.ts";

/** Where the line search looked: x + t·direction. */
export interface LinePoint {
  readonly t: number;
  readonly loss: number;
  /** ∂loss/∂t. */
  readonly slope: number;
  readonly grad: Vector;
}

export interface LineSearchOptions {
  /** max |directionᵢ|: how far t = 1 moves an element. */
  reach: number;
  /** A bracket that moves no element further is small enough. */
  toleranceChange: number;
  /** How much of the decrease that the slope promises must come. */
  c1?: number;
  /** How much of the slope may be left. */
  c2?: number;
  maxIter?: number;
}

/**
 * @param at     evaluates the loss along the line
 * @param start  t = 0; its slope is negative
 * @param first  the t to try first
 */
export function strongWolfe(
  at: (t: number) => LinePoint,
  start: LinePoint,
  first: number,
  { reach, toleranceChange, c1 = 1e-4, c2 = 0.9, maxIter = 25 }: LineSearchOptions,
): LinePoint {
  const falls = ({ t, loss }: LinePoint) => loss <= start.loss + c1 * t * start.slope;
  const isFlat = ({ slope }: LinePoint) => Math.abs(slope) <= -c2 * start.slope;

  // Go on until a minimum lies between the last two points.
  let before = start;
  let now = at(first);
  let iteration = 0;
  for (; ; iteration++) {
    if (iteration === maxIter) {
      before = start;
      break;
    }
    if (!falls(now) || (iteration > 1 && now.loss >= before.loss)) break;
    if (isFlat(now)) return now;
    if (now.slope >= 0) break;
    const bounds = [now.t + 0.01 * (now.t - before.t), now.t * 10] as const;
    const next = at(cubicMinimum(before, now, bounds));
    before = now;
    now = next;
  }

  // Narrow the bracket down around its lower end.
  let [low, high] = before.loss <= now.loss ? [before, now] : [now, before];
  let stalled = false;
  for (; iteration < maxIter; iteration++) {
    const [left, right] = low.t < high.t ? [low.t, high.t] : [high.t, low.t];
    if ((right - left) * reach < toleranceChange) break;
    let t = cubicMinimum(low, high);
    // Twice near an end, or at it, is no progress: then a tenth into the bracket.
    const margin = 0.1 * (right - left);
    const near = Math.min(right - t, t - left) < margin;
    if (near && (stalled || t >= right || t <= left)) {
      t = Math.abs(t - right) < Math.abs(t - left) ? right - margin : left + margin;
      stalled = false;
    } else {
      stalled = near;
    }
    const point = at(t);
    if (!falls(point) || point.loss >= low.loss) {
      high = point;
      if (high.loss < low.loss) [low, high] = [high, low];
      continue;
    }
    if (isFlat(point)) return point;
    if (point.slope * (high.t - low.t) >= 0) high = low;
    low = point;
  }
  return low;
}

/**
 * Where the cubic through both points with their slopes is least, within the bounds (the two points, unless
 * given); the middle of the bounds if it has no minimum, as beside a loss that is not finite.
 */
function cubicMinimum(a: LinePoint, b: LinePoint, bounds?: readonly [number, number]): number {
  const [from, to] = a.t <= b.t ? [a, b] : [b, a];
  const [least, most] = bounds ?? [from.t, to.t];
  const d1 = from.slope + to.slope - (3 * (from.loss - to.loss)) / (from.t - to.t);
  const square = d1 * d1 - from.slope * to.slope;
  const d2 = Math.sqrt(square);
  const width = to.t - from.t;
  const t = to.t - width * ((to.slope + d2 - d1) / (to.slope - from.slope + 2 * d2));
  return Number.isFinite(t) ? Math.min(Math.max(t, least), most) : (least + most) / 2;
}
