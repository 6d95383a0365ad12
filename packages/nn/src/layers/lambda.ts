import { type Tensor, ValueError } from "@tapegrad/core";
import { function as aFunction, custom } from "valibot";
import { field } from "../fields.ts";
import { declareUserLayer as declareLayer, type Field } from "../layer.ts";
import { Module } from "../module.ts";

type AnyFunction = (...args: never[]) => unknown;

const asLayer =
  "write it as a class with a static layer = declareLayer(…) and make that known with registerLayer";

/** Code, which specs can't hold. */
const code: Field<AnyFunction> = {
  ...field<AnyFunction>("a function", (message) => aFunction(message) as never),
  json: {
    schema: () =>
      custom(
        () => false,
        () => `would be code, which a spec can't hold; ${asLayer}.`,
      ),
    write() {
      throw new ValueError(`spec: a lambda is code, which a spec can't hold; ${asLayer}.`);
    },
    read: (never) => never,
  },
};

/** y = f(x), for any function. Such a model has no spec. */
export class Lambda<Args extends unknown[] = [Tensor], R = Tensor> extends Module<Args, R> {
  static override readonly layer = declareLayer("lambda", { f: code }, ({ f }) => new Lambda(f));

  readonly f: (...args: Args) => R;

  constructor(f: (...args: Args) => R) {
    super({ f });
    this.f = f;
  }

  forward(...args: Args): R {
    return this.f(...args);
  }
}

/** A function as a module: `lambda((x) => x.square())`. */
export function lambda<Args extends unknown[] = [x: Tensor], R = Tensor>(
  f: (...args: Args) => R,
): Lambda<Args, R> {
  return new Lambda(f);
}
