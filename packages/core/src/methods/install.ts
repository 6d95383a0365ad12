import { Tensor } from "../tensor.ts";

/** Copies the methods of a class to {@link Tensor}. */
export function install(methods: { prototype: object }): void {
  for (const name of Object.getOwnPropertyNames(methods.prototype)) {
    if (name === "constructor") continue;
    Object.defineProperty(
      Tensor.prototype,
      name,
      Object.getOwnPropertyDescriptor(methods.prototype, name)!,
    );
  }
}
