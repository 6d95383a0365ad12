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
