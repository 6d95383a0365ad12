/** Primitives by the shape of their kernel, so that a family's table has one line for each. */
import type { BinaryName, CompareName, UnaryName } from "@tapegrad/kernels";
import { definePrimitive, type Primitive } from "../functions.ts";

type Rest = Partial<Primitive>;

/** y = f(x) by the kernel of that name (or of `kernel`), with dy/dx as a formula in x and y. */
export function unary(
  name: string,
  derivative: string | null,
  { kernel = name as UnaryName, ...rest }: Rest & { kernel?: UnaryName } = {},
): void {
  definePrimitive({
    name,
    parameters: ["x"],
    derivatives: [derivative],
    step: kernel,
    scalar: (kernels, dtype) => kernels.scalarUnary(kernel, dtype),
    array: (kernels, [x], out) => kernels.unary(kernel, x!, out),
    ...rest,
  });
}

/** y = f(a, b) by the kernel of that name (or of `kernel`). */
export function binary(
  name: string,
  derivatives: readonly [a: string | null, b: string | null],
  { kernel = name as BinaryName, ...rest }: Rest & { kernel?: BinaryName } = {},
): void {
  definePrimitive({
    name,
    parameters: ["a", "b"],
    derivatives,
    step: kernel,
    scalar: (kernels, dtype) => kernels.scalarBinary(kernel, dtype),
    array: (kernels, [a, b], out) => kernels.binary(kernel, a!, b!, out),
    ...rest,
  });
}

/** Whether a and b are so related. */
export function comparison(
  name: CompareName,
  operator: NonNullable<Primitive["operator"]>,
  holds: (a: number, b: number) => boolean,
): void {
  definePrimitive({
    name,
    parameters: ["a", "b"],
    gives: "truth",
    derivatives: [null, null],
    operator,
    step: name,
    scalar: () => (a, b) => Number(holds(a!, b!)),
    array: (kernels, [a, b], out) => kernels.compare(name, a!, b!, out),
  });
}

/** A truth value from two. */
export function connective(
  name: "and" | "or" | "xor",
  binding: number,
  kernel: BinaryName,
  holds: (a: number, b: number) => number,
  simplify: NonNullable<Primitive["simplify"]>,
): void {
  definePrimitive({
    name,
    parameters: ["a", "b"],
    takes: ["truth", "truth"],
    gives: "truth",
    derivatives: [null, null],
    commutes: true,
    operator: [name, name, binding],
    simplify,
    step: kernel,
    scalar: () => (a, b) => holds(a!, b!),
    array: (kernels, [a, b], out) => kernels.binary(kernel, a!, b!, out),
  });
}
