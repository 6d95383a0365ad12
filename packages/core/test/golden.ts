/**
 * Reads the golden reference values beside the checkout (`../shared/golden`, described in its README):
 * cases, their tensors, and the comparison that they ask for.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, it } from "@jest/globals";
import {
  type DType,
  equal,
  formatShape,
  isFloat,
  type Shape,
  sizeOf,
  Tensor,
  tensor,
} from "@tapegrad/core";

const folder = join(dirname(fileURLToPath(import.meta.url)), "../../../../shared/golden");

/** A tensor in JSON. */
export interface GoldenTensor {
  shape: number[];
  dtype: "float64" | "float32" | "int64" | "int32" | "bool";
  data: (number | boolean | "NaN" | "Infinity" | "-Infinity")[];
  /** An input whose gradient is checked. */
  grad?: boolean;
}

/** Equally spaced values from a to b, in row-major order. */
export interface GoldenLinspace {
  linspace: [number, number];
  shape: number[];
  then_transpose?: boolean;
}

export type GoldenValue = GoldenTensor | GoldenLinspace | number;

export interface Tolerance {
  rtol: number;
  atol: number;
}

const tolerances = {
  float64: { rtol: 1e-9, atol: 1e-10 },
  float32: { rtol: 1e-4, atol: 1e-5 },
};

/** The cases of a file, of either kind. @throws if the file is missing; see {@link describeGolden} */
export function readCases<T = Record<string, unknown>>(file: string): T[] {
  const text = readFileSync(join(folder, file), "utf8");
  if (!file.endsWith(".jsonl")) return (JSON.parse(text) as { cases: T[] }).cases;
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as T);
}

/** A `describe` over the cases of a file, skipped aloud where the golden files are missing. */
export function describeGolden<T = Record<string, unknown>>(
  title: string,
  file: string,
  body: (cases: T[]) => void,
): void {
  if (existsSync(join(folder, file))) {
    describe(title, () => body(readCases<T>(file)));
  } else {
    describe.skip(`${title}: skipped, since ${file} is not in ../shared/golden`, () => {
      it("compares with the golden values", () => {});
    });
  }
}

/** A case's value as a tensor; floats take `dtype` where one is given, inputs marked `grad` require it. */
export function toTensor(value: GoldenValue, dtype?: "float32" | "float64"): Tensor {
  if (typeof value === "number") return tensor(value, { dtype: dtype ?? "float64" });
  if ("linspace" in value) {
    const [from, to] = value.linspace;
    const last = sizeOf(value.shape) - 1;
    const data = Float64Array.from({ length: last + 1 }, (_, i) => from + ((to - from) * i) / last);
    const x = tensor(data, { dtype: dtype ?? "float64", shape: value.shape });
    return value.then_transpose ? x.transpose(0, 1) : x;
  }
  const kind: DType = value.dtype === "int64" ? "int32" : value.dtype;
  const data = Float64Array.from(value.data, Number);
  const x = tensor(data, {
    shape: value.shape,
    dtype: isFloat(kind) ? (dtype ?? kind) : kind,
  });
  return value.grad ? x.requiresGrad_() : x;
}

/**
 * Fails unless |got − expected| ≤ atol + rtol·|expected| everywhere, with equal shapes; NaN matches NaN,
 * an infinity itself, integers and booleans exactly. The tolerance is that of got's dtype, or `tol` where
 * that is larger.
 */
export function expectClose(
  got: Tensor | number,
  expected: GoldenValue | Tensor,
  tol?: Tolerance,
): void {
  const x = got instanceof Tensor ? got : tensor(got, { dtype: "float64" });
  const y = expected instanceof Tensor ? expected : toTensor(expected);
  checkShapes(x.shape, y.shape);
  if (!isFloat(x.dtype)) {
    if (!equal(x.to("float64"), y.to("float64"))) throw new Error(`got ${x}\nexpected ${y}`);
    return;
  }
  const own = tolerances[x.dtype as "float32" | "float64"];
  const rtol = Math.max(own.rtol, tol?.rtol ?? 0);
  const atol = Math.max(own.atol, tol?.atol ?? 0);
  const round = x.dtype === "float32" ? Math.fround : Number;
  const [a, b] = [x.data(), y.data()];
  for (let i = 0; i < a.length; i++) {
    const wanted = round(b[i]!);
    const close = a[i] === wanted || (Number.isNaN(a[i]!) && Number.isNaN(wanted));
    const finite =
      Number.isFinite(wanted) && Math.abs(a[i]! - wanted) <= atol + rtol * Math.abs(wanted);
    if (!close && !finite) {
      throw new Error(
        `element ${i} of ${formatShape(x.shape)}: got ${a[i]}, expected ${wanted} (rtol ${rtol}, atol ${atol})`,
      );
    }
  }
}

function checkShapes(got: Shape, expected: Shape): void {
  if (formatShape(got) !== formatShape(expected)) {
    throw new Error(`got shape ${formatShape(got)}, expected ${formatShape(expected)}`);
  }
}

/** The measure of the CS231n notebooks: max |a − b| / max(1e-8, |a| + |b|). */
export function relativeError(a: Tensor, b: Tensor): number {
  checkShapes(a.shape, b.shape);
  const y = b.data();
  return Array.from(a.data()).reduce(
    (most, value, i) =>
      Math.max(most, Math.abs(value - y[i]!) / Math.max(1e-8, Math.abs(value) + Math.abs(y[i]!))),
    0,
  );
}
