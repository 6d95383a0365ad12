/** `check` of live cells: is what the reader computed what it should be? */
import { type Tensor, tensor } from "tapegrad";

export type Values = Tensor | number | boolean | readonly unknown[] | null | undefined;

export interface Verdict {
  passed: boolean;
  text: string;
}

/** float32 keeps seven digits; a few are lost on the way. */
const defaultTolerance = 1e-4;

/**
 * Compares by CS231n's relative error, max |a − b| / max(|a|, |b|), over all elements; numbers both smaller
 * than 1e-7 count as equal.
 */
export function compare(got: Values, expected: Values, tolerance = defaultTolerance): Verdict {
  if (got === null || got === undefined)
    return { passed: false, text: `is ${got}; is something still to be filled in?` };
  const [a, b] = [asTensor(got), asTensor(expected)];
  if (a === null) return { passed: false, text: `is no tensor and no number` };
  if (b === null)
    throw new TypeError("check: the expected value must be a tensor, numbers or a boolean.");
  const shape = (x: Tensor) => `[${x.shape.join(", ")}]`;
  if (shape(a) !== shape(b))
    return { passed: false, text: `has shape ${shape(a)}; ${shape(b)} is wanted` };
  const [x, y] = [[...a.data()].map(Number), [...b.data()].map(Number)];
  let [worst, at] = [0, 0];
  x.forEach((value, i) => {
    const error = relativeError(value, y[i]!);
    if (!(error <= worst)) [worst, at] = [error, i];
  });
  if (worst <= tolerance) return { passed: true, text: `relative error ${worst.toExponential(1)}` };
  const where = x.length === 1 ? "" : ` at element ${at}`;
  return {
    passed: false,
    text: `is ${round(x[at]!)}${where}; ${round(y[at]!)} is wanted (relative error ${worst.toExponential(1)})`,
  };
}

function relativeError(a: number, b: number): number {
  if (Number.isNaN(a) || Number.isNaN(b))
    return Number.isNaN(a) && Number.isNaN(b) ? 0 : Number.POSITIVE_INFINITY;
  if (a === b) return 0;
  const size = Math.max(Math.abs(a), Math.abs(b));
  if (size === Number.POSITIVE_INFINITY) return Number.POSITIVE_INFINITY;
  return size < 1e-7 ? 0 : Math.abs(a - b) / size;
}

const round = (value: number) => String(Number(value.toPrecision(5)));

function asTensor(value: Values): Tensor | null {
  if (typeof value === "boolean") return tensor(value ? 1 : 0);
  if (typeof value === "number" || Array.isArray(value))
    return tensor(value as number, { dtype: "float64" });
  const isTensor =
    typeof value === "object" && value !== null && "data" in value && "shape" in value;
  return isTensor ? (value as Tensor).detach() : null;
}
