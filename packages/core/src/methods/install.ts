import { Tensor } from "../tensor.ts";

/** Copies the methods of a class onto {@link Tensor}; the caller merges the class into its interface. */
export function install(methods: { readonly prototype: object }): void {
  for (const name of Object.getOwnPropertyNames(methods.prototype)) {
    if (name === "constructor") continue;
    const descriptor = Object.getOwnPropertyDescriptor(methods.prototype, name)!;
    Object.defineProperty(Tensor.prototype, name, descriptor);
  }
}
