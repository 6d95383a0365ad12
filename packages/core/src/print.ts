/** Tensors as text, in the manner of PyTorch: aligned, abbreviated, with shape, dtype and gradFn. */
import { isFloat } from "./dtype.ts";
import { formatShape, sizeOf } from "./shape.ts";
import { needsGrad } from "./tape.ts";
import type { Tensor } from "./tensor.ts";

/** Beyond this many elements, only the edges of each axis are shown. */
const threshold = 1000;
const edge = 3;
const lineWidth = 80;
const digits = 4;

/** The text of a tensor; `console.log` in Node shows the same. */
export function printTensor(x: Tensor): string {
  const facts: string[] = [];
  if (x.rank > 0) facts.push(`shape=${formatShape(x.shape)}`);
  facts.push(`dtype=${x.dtype}`);
  if (needsGrad(x)) facts.push(x.node === null ? "requiresGrad=true" : `gradFn=${x.node}`);
  if (x.storage?.isReleased) return `tensor(released, ${facts.join(", ")})`;
  const body = x.size === 0 ? "[]" : elements(x);
  const tail = `, ${facts.join(", ")})`;
  const lastLine = body.slice(body.lastIndexOf("\n") + 1);
  const room =
    (body === lastLine ? "tensor(".length : 0) + lastLine.length + tail.length <= lineWidth + 20;
  return `tensor(${body}${room ? tail : `,\n       ${tail.slice(2)}`}`;
}

function elements(x: Tensor): string {
  const data = x.data();
  const abbreviated = x.size > threshold;
  /** Positions along an axis that are shown; −1 is the gap. */
  const shown = x.shape.map((size) => {
    const all = Array.from({ length: size }, (_, i) => i);
    return abbreviated && size > 2 * edge ? [...all.slice(0, edge), -1, ...all.slice(-edge)] : all;
  });
  const values: number[] = [];
  const collect = (axis: number, at: number): void => {
    if (axis === x.rank) {
      values.push(data[at]!);
      return;
    }
    const step = sizeOf(x.shape.slice(axis + 1));
    for (const i of shown[axis]!) if (i >= 0) collect(axis + 1, at + i * step);
  };
  collect(0, 0);
  const format = formatter(values, x);
  const width = values.reduce((most, value) => Math.max(most, format(value).length), 0);
  const build = (axis: number, at: number, indent: number): string => {
    if (axis === x.rank) return format(data[at]!).padStart(x.rank === 0 ? 0 : width);
    const step = sizeOf(x.shape.slice(axis + 1));
    const parts = shown[axis]!.map((i) =>
      i < 0 ? "..." : build(axis + 1, at + i * step, indent + 1),
    );
    const pad = " ".repeat(indent + 1);
    if (axis < x.rank - 1) return `[${parts.join(`,${"\n".repeat(x.rank - 1 - axis)}${pad}`)}]`;
    // Rows longer than a line are wrapped.
    const perLine = Math.max(1, Math.floor((lineWidth - indent) / (width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < parts.length; i += perLine)
      lines.push(parts.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${pad}`)}]`;
  };
  return build(0, 0, "tensor(".length);
}

/** One notation for all numbers: whole, fixed or scientific, whichever keeps four digits readable. */
function formatter(values: readonly number[], x: Tensor): (value: number) => string {
  if (x.dtype === "bool") return (value) => (value === 0 ? "false" : "true");
  if (!isFloat(x.dtype)) return (value) => String(value);
  const finite = values.filter((value) => Number.isFinite(value));
  const special = (value: number) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");
  const sizes = finite.map(Math.abs).filter((value) => value > 0);
  const [most, least] = [Math.max(0, ...sizes), Math.min(...sizes)];
  const scientific = most >= 1e8 || least < 1e-4 || most / least > 1000;
  const whole = finite.every(Number.isInteger);
  return (value) => {
    if (!Number.isFinite(value)) return special(value);
    if (whole && most < 1e8) return `${value}.`;
    if (!scientific) return value.toFixed(digits);
    const [mantissa, exponent] = value.toExponential(digits).split("e") as [string, string];
    const sign = exponent.startsWith("-") ? "-" : "+";
    return `${mantissa}e${sign}${exponent.replace(/^[-+]/, "").padStart(2, "0")}`;
  };
}
