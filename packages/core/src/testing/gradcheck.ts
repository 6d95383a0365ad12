/** Analytic gradients against central differences, in float64. */

import { checkTensor } from "../apply.ts";
import { grad } from "../backward.ts";
import { checkAtLeast } from "../check.ts";
import { tensor } from "../create.ts";
import { DTypeError, GradError, ShapeError, TapegradError } from "../errors.ts";
import { Generator, rand } from "../random.ts";
import { formatShape, sizeOf } from "../shape.ts";
import { enableGrad, noGrad } from "../tape.ts";
import { Tensor } from "../tensor.ts";

/** A gradient that central differences contradict; the message is a table of the worst elements. */
export class GradcheckError extends TapegradError {
  override get name(): string {
    return "GradcheckError";
  }
}

export interface GradcheckOptions {
  /** Half-width of the central difference. Default 1e-6. */
  eps?: number;
  /** Passes when |analytic − numeric| ≤ atol + rtol·|numeric|. Defaults 1e-6 and 1e-5. */
  atol?: number;
  rtol?: number;
  /** Seed of the random cotangents. Default 0. */
  seed?: number;
  /** Names of the inputs, for the table. */
  names?: readonly string[];
}

type Checked = (...inputs: Tensor[]) => Tensor | readonly Tensor[];

/**
 * CS231n's relative error: max over elements of |a − b| / max(1e-8, |a| + |b|). Infinite where just one is NaN
 * or infinite.
 *
 * @throws ShapeError for different numbers of elements
 * @see https://cs231n.github.io/neural-networks-3/#gradcheck
 */
export function relativeError(
  a: number | Tensor | ArrayLike<number>,
  b: number | Tensor | ArrayLike<number>,
): number {
  const [x, y] = [elementsOf(a), elementsOf(b)];
  if (x.length !== y.length) {
    throw new ShapeError(
      `relativeError: a has ${x.length} elements and b ${y.length}; they must be as many.`,
    );
  }
  let worst = 0;
  for (let i = 0; i < x.length; i++) worst = Math.max(worst, relative(x[i]!, y[i]!));
  return worst;
}

function elementsOf(x: number | Tensor | ArrayLike<number>): ArrayLike<number> {
  if (typeof x === "number") return [x];
  return x instanceof Tensor ? x.data() : x;
}

function relative(a: number, b: number): number {
  if (a === b) return 0;
  const error = Math.abs(a - b) / Math.max(1e-8, Math.abs(a) + Math.abs(b));
  return Number.isNaN(error) ? Infinity : error;
}

/**
 * ∂f/∂x by central differences (f(x + h) − f(x − h)) / 2h, element by element.
 *
 * @param f  gives a number, or a tensor of one element
 * @param x  float64, in which the differences have digits left
 * @param h  half-width of the difference, above 0
 * @returns  in row-major order
 * @throws   DTypeError for another dtype, ShapeError if f gives several elements
 */
export function numericalGradient(
  f: (x: Tensor) => number | Tensor,
  x: Tensor,
  h = 1e-6,
): Float64Array {
  checkTensor("numericalGradient", "x", x);
  if (x.dtype !== "float64") {
    throw new DTypeError(
      `numericalGradient: x is ${x.dtype}; central differences need float64: make it with { dtype: "float64" }.`,
    );
  }
  checkAtLeast("numericalGradient", "h", h, 0, true);
  const result = new Float64Array(x.size);
  const at = Float64Array.from(x.data());
  const shifted = (i: number, by: number): number => {
    const moved = at.slice();
    moved[i]! += by;
    const y = noGrad(() => f(tensor(moved, { shape: x.shape, dtype: x.dtype })));
    if (!(y instanceof Tensor)) return y;
    if (y.size !== 1) {
      throw new ShapeError(
        `numericalGradient: f gave shape ${formatShape(y.shape)}; it must give a number or one element: sum() it, weighted by the dy of interest.`,
      );
    }
    return y.item();
  };
  for (let i = 0; i < at.length; i++) result[i] = (shifted(i, h) - shifted(i, -h)) / (2 * h);
  return result;
}

/**
 * Checks the gradient of Σ v·f(inputs), v random, for every element of every input that requires grad.
 *
 * @param f       differentiable, deterministic; gives a tensor or several
 * @param inputs  float64 where they require grad; not at kinks
 * @returns       true
 * @throws        GradcheckError with a table: input, element, analytic, numeric, relative error
 */
export function gradcheck(
  f: Checked,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): true {
  checkInputs("gradcheck", inputs);
  return compare("gradcheck", f, inputs, options);
}

/**
 * Checks the gradient of the gradient: as {@link gradcheck}, of (inputs, v) ↦ ∂(Σ v·f)/∂inputs.
 *
 * @throws GradcheckError as gradcheck does; inputs are named as there, the cotangents v0, v1, …
 */
export function gradgradcheck(
  f: Checked,
  inputs: readonly Tensor[],
  options: GradcheckOptions = {},
): true {
  checkInputs("gradgradcheck", inputs);
  const at = differentiable(
    "gradgradcheck",
    outputsOf(
      f,
      inputs.map((x) => leafCopy(x)),
    ),
  );
  const seed = (options.seed ?? 0) + 1;
  const cotangents = randomLike(
    at.map((k) => outputsOf(f, inputs)[k]!),
    seed,
  ).map((v) => v.requiresGrad_());
  const first = (...all: Tensor[]): Tensor[] =>
    enableGrad(() => {
      // Central differences hand in plain copies; the first gradient needs leaves.
      const leaves = inputs.map((x, i) =>
        x.requiresGrad && !all[i]!.requiresGrad ? leafCopy(x, all[i]) : all[i]!,
      );
      const results = outputsOf(f, leaves);
      const wanted = leaves.filter((x) => x.requiresGrad);
      const gradOutputs = all.slice(inputs.length);
      const found = grad(
        at.map((k) => results[k]!),
        wanted,
        { gradOutputs, createGraph: true, allowUnused: true },
      );
      return found.map((g, i) => g ?? wanted[i]!.mul(0));
    });
  const names = inputs.map((_, i) => options.names?.[i] ?? `input ${i}`);
  return compare("gradgradcheck", first, [...inputs, ...cotangents], {
    ...options,
    names: [...names, ...cotangents.map((_, i) => `v${i}`)],
  });
}

function compare(
  name: string,
  f: Checked,
  inputs: readonly Tensor[],
  options: GradcheckOptions,
): true {
  const { eps = 1e-6, atol = 1e-6, rtol = 1e-5, seed = 0, names = [] } = options;
  const leaves = inputs.map((x) => leafCopy(x));
  const outputs = outputsOf(f, leaves);
  const at = differentiable(name, outputs);
  const chosen = at.map((k) => outputs[k]!);
  const cotangents = randomLike(chosen, seed);
  const wanted = leaves.filter((x) => x.requiresGrad);
  const analytic = grad(chosen, wanted, { gradOutputs: cotangents, allowUnused: true });
  const rows: Row[] = [];
  let next = 0;
  inputs.forEach((x, k) => {
    if (!x.requiresGrad) return;
    const found = analytic[next++];
    const exact = found ? found.data() : new Float64Array(x.size);
    const numeric = numericalGradient(
      (moved) => {
        const results = outputsOf(
          f,
          inputs.map((other, i) => (i === k ? moved : other)),
        );
        return at.reduce((total, output, i) => total + dot(cotangents[i]!, results[output]!), 0);
      },
      x,
      eps,
    );
    numeric.forEach((n, i) => {
      const a = exact[i]!;
      // Written so that a NaN on either side fails.
      if (Math.abs(a - n) <= atol + rtol * Math.abs(n)) return;
      rows.push({
        input: names[k] ?? `input ${k}`,
        element: position(i, x),
        analytic: a,
        numeric: n,
      });
    });
  });
  if (rows.length > 0) throw new GradcheckError(report(name, rows));
  return true;
}

function checkInputs(name: string, inputs: readonly Tensor[]): void {
  inputs.forEach((x, i) => {
    if (x.requiresGrad && x.dtype !== "float64") {
      throw new DTypeError(
        `${name}: input ${i} is ${x.dtype}; central differences need float64: make it with { dtype: "float64" }.`,
      );
    }
  });
  if (!inputs.some((x) => x.requiresGrad)) {
    throw new GradError(
      `${name}: no input requires grad, so there is nothing to check; make one with { requiresGrad: true }.`,
    );
  }
}

/** A leaf of the same kind as x, with the values of `values` (x's own by default). */
function leafCopy(x: Tensor, values: Tensor = x): Tensor {
  return tensor(values, { requiresGrad: x.requiresGrad });
}

function outputsOf(f: Checked, inputs: readonly Tensor[]): readonly Tensor[] {
  const result = f(...inputs);
  return result instanceof Tensor ? [result] : result;
}

/** Positions of the outputs that the tape follows. */
function differentiable(name: string, outputs: readonly Tensor[]): number[] {
  const at = outputs.flatMap((y, i) => (y.requiresGrad ? [i] : []));
  if (at.length === 0)
    throw new GradError(`${name}: no output depends on an input that requires grad.`);
  return at;
}

function randomLike(outputs: readonly Tensor[], seed: number): Tensor[] {
  const generator = new Generator(seed);
  return outputs.map((y) => rand(y.shape, { dtype: "float64", low: -1, high: 1, generator }));
}

function dot(a: Tensor, b: Tensor): number {
  const [x, y] = [a.data(), b.data()];
  let total = 0;
  for (let i = 0; i < x.length; i++) total += x[i]! * y[i]!;
  return total;
}

function position(i: number, x: Tensor): string {
  const at = x.shape.map((size, k) => Math.floor(i / sizeOf(x.shape.slice(k + 1))) % size);
  return formatShape(at);
}

interface Row {
  input: string;
  element: string;
  analytic: number;
  numeric: number;
}

const shownRows = 10;

function report(name: string, rows: readonly Row[]): string {
  const worst = [...rows].sort(
    (a, b) => relative(b.analytic, b.numeric) - relative(a.analytic, a.numeric),
  );
  const table = [
    ["input", "element", "analytic", "numeric", "relative error"],
    ...worst
      .slice(0, shownRows)
      .map((row) => [
        row.input,
        row.element,
        row.analytic.toPrecision(9),
        row.numeric.toPrecision(9),
        relative(row.analytic, row.numeric).toExponential(2),
      ]),
  ];
  const widths = table[0]!.map((_, i) => Math.max(...table.map((row) => row[i]!.length)));
  const lines = table.map((row) =>
    `  ${row.map((cell, i) => cell.padEnd(widths[i]!)).join("  ")}`.trimEnd(),
  );
  const more = rows.length > shownRows ? `\n  and ${rows.length - shownRows} more` : "";
  const count = rows.length === 1 ? "1 element disagrees" : `${rows.length} elements disagree`;
  return `${name}: ${count} with central differences; the worst:\n${lines.join("\n")}${more}`;
}
