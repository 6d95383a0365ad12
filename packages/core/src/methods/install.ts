import { ValueError } from "../errors.ts";
import { loneForms } from "../form.ts";
import type { TensorMethods } from "../index.ts";
import { show } from "../show.ts";
import { Tensor } from "../tensor.ts";

/** Gives Tensor the methods of a class whose `this` is a Tensor. */
export function install(methods: { readonly prototype: object }): void {
  for (const name of Object.getOwnPropertyNames(methods.prototype)) {
    if (name === "constructor") continue;
    Object.defineProperty(
      Tensor.prototype,
      name,
      Object.getOwnPropertyDescriptor(methods.prototype, name)!,
    );
  }
}

/**
 * Makes an op, or any function whose first argument is a tensor, a method of every tensor as well:
 * `x.name(…rest)` is `f(x, …rest)`. Its type is declared beside it:
 *
 * ```ts
 * declare module "tapegrad" {
 *   interface TensorMethods {
 *     swish(): Tensor;
 *   }
 * }
 * installMethod("swish", swish);
 * ```
 *
 * @throws ValueError if tensors have a method or property of this name
 */
export function installMethod(name: string, f: (x: Tensor, ...rest: never[]) => unknown): void {
  if (typeof name !== "string" || !/^[\p{L}_$][\p{L}\p{N}_$]*$/u.test(name)) {
    throw new ValueError(`installMethod: the name is ${show(name)}; it must be an identifier.`);
  }
  if (typeof f !== "function") {
    throw new ValueError(
      `installMethod("${name}"): got ${show(f)}; give an op or another function of a tensor.`,
    );
  }
  // An instance has what the class has, and its own: shape, dtype, …
  if (name in new Tensor(null, 0, loneForms.float32)) {
    throw new ValueError(
      `installMethod("${name}"): tensors have a method or property of this name; choose another.`,
    );
  }
  Object.defineProperty(Tensor.prototype, name, {
    value: function (this: Tensor, ...rest: never[]): unknown {
      return f(this, ...rest);
    },
    writable: true,
    configurable: true,
  });
}

declare module "../tensor.ts" {
  interface Tensor extends TensorMethods {}
}
