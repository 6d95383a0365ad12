/** A point, gradient or direction over several parameters: one tensor for each. */
import { type Tensor, updateInPlace } from "@tapegrad/core";
import { drop } from "./scratch.ts";

export type Vector = readonly Tensor[];

/** Σ aᵢ·bᵢ. */
export function dot(a: Vector, b: Vector): number {
  const sums = a.map((x, i) => {
    const product = x.mul(b[i]!);
    const sum = product.sum().item();
    drop(product);
    return sum;
  });
  return sums.reduce((total, sum) => total + sum, 0);
}

/** Σ |xᵢ|. */
export function sumAbs(x: Vector): number {
  return ofAbs(x, (abs) => abs.sum()).reduce((sum, part) => sum + part, 0);
}

/** max |xᵢ|; 0 for no elements. */
export function maxAbs(x: Vector): number {
  return Math.max(0, ...ofAbs(x, (abs) => abs.amax()));
}

function ofAbs(x: Vector, reduce: (abs: Tensor) => Tensor): number[] {
  return x
    .filter((part) => part.size > 0)
    .map((part) => {
      const abs = part.abs();
      const result = reduce(abs).item();
      drop(abs);
      return result;
    });
}

export function scaled(x: Vector, factor: number): Vector {
  return x.map((part) => part.mul(factor));
}

export function minus(a: Vector, b: Vector): Vector {
  return a.map((x, i) => x.sub(b[i]!));
}

export function copied(x: Vector): Vector {
  return x.map((part) => part.clone());
}

/** y ← y + factor·x, in place, off the tape. */
export function addScaled(y: Vector, factor: number, x: Vector, where: string): void {
  // A gradient step without decay.
  y.forEach((part, i) => {
    updateInPlace("sgd", [part, x[i]!], [-factor, 0], where);
  });
}
