/** Hooks of modules: code of the user's around forward passes, and gradients on their way back. */
import {
  cat,
  DTypeError,
  formatShape,
  isGradEnabled,
  narrow,
  registerHook,
  ShapeError,
  show,
  Tensor,
  ValueError,
  view,
  zerosLike,
} from "@tapegrad/core";
import type { AnyModule } from "./module.ts";

/** Takes a hook off again. */
export type RemoveHook = () => void;

/** Gradients in the order of tensors; null where none arrived, or none is needed. */
export type Gradients = readonly (Tensor | null)[];

type PreHook = (module: AnyModule, args: never[]) => unknown;
type ForwardHook = (module: AnyModule, args: never[], output: unknown) => unknown;
type BackwardHook = (module: AnyModule, gradInput: Gradients, gradOutput: Gradients) => unknown;

/** Adds a hook to a list. */
export function added(where: string, list: unknown[], hook: unknown): RemoveHook {
  if (typeof hook !== "function") {
    throw new ValueError(`${where}: the hook is ${show(hook)}; it must be a function.`);
  }
  list.push(hook);
  return () => {
    const at = list.indexOf(hook);
    if (at >= 0) list.splice(at, 1);
  };
}

/** The hooks of one module. */
export class Hooks {
  readonly pre: PreHook[] = [];
  readonly forward: ForwardHook[] = [];
  readonly backward: BackwardHook[] = [];

  /** `forward` between the hooks. */
  run(module: AnyModule, args: never[], forward: (args: never[]) => unknown): unknown {
    let given = args;
    for (const hook of [...this.pre]) {
      const replaced = hook(module, given);
      if (replaced === undefined) continue;
      if (!Array.isArray(replaced)) {
        throw new ValueError(
          `registerForwardPreHook: the hook returned ${show(replaced)}; it must return nothing, or an array of the arguments for forward.`,
        );
      }
      given = replaced as never[];
    }
    const watching = this.backward.length > 0 && isGradEnabled();
    let output = watching ? this.#watched(module, given, forward) : forward(given);
    for (const hook of [...this.forward]) {
      const replaced = hook(module, given, output);
      if (replaced !== undefined) output = replaced;
    }
    return output;
  }

  /** `forward`, with the gradients noticed that come back to its outputs and inputs. */
  #watched(module: AnyModule, args: never[], forward: (args: never[]) => unknown): unknown {
    const isWatched = args.map((x: unknown) => x instanceof Tensor && x.requiresGrad);
    const call = (inputs: Gradients, outputs: Gradients): Gradients => {
      let gradInput = spread(isWatched, inputs);
      const gradOutput = spread(onTape, outputs);
      for (const hook of [...this.backward])
        gradInput = checked(hook(module, gradInput, gradOutput), gradInput);
      return gradInput.filter((_, i) => isWatched[i]);
    };
    const inputs = (args as Tensor[]).filter((_, i) => isWatched[i]);
    const fromOutputs = new Arrivals();
    const fromInputs = new Arrivals();
    const given = fromInputs.watch(
      throughOne(inputs, () => call(fromInputs.take(), fromOutputs.take())),
    );
    const output = forward(args.map((x, i) => (isWatched[i] ? given.shift() : x) as never));
    const onTape: boolean[] = [];
    const found: Tensor[] = [];
    mapTensors(output, (y) => {
      onTape.push(y.requiresGrad);
      if (y.requiresGrad) found.push(y);
      return y;
    });
    // Where nothing goes on to the inputs, the outputs are the last that is seen of the pass.
    const last = () => {
      const arrived = fromOutputs.take();
      call([], arrived);
      return arrived;
    };
    const outputs = fromOutputs.watch(inputs.length > 0 ? found : throughOne(found, last));
    return mapTensors(output, (y) => (y.requiresGrad ? outputs.shift()! : y));
  }
}

/** Gradients at the places that have any; null at the others. */
function spread(has: readonly boolean[], gradients: Gradients): Gradients {
  let next = 0;
  return has.map((one) => (one ? (gradients[next++] ?? null) : null));
}

/** Collects the gradients of several tensors in the course of a pass. */
class Arrivals {
  #gradients: (Tensor | null)[] = [];

  /** Views of the tensors that tell what comes back to them. */
  watch(xs: readonly Tensor[]): Tensor[] {
    return xs.map((x, i) => {
      const y = view(x, x.shape);
      registerHook(y, (dy) => {
        this.#gradients[i] = dy;
        return undefined;
      });
      return y;
    });
  }

  /** What has arrived since the last time, with gaps where nothing did. */
  take(): Gradients {
    const taken = this.#gradients;
    this.#gradients = [];
    return taken;
  }
}

/** What a backward hook returned in place of the gradients; itself if nothing. */
function checked(replaced: unknown, gradients: Gradients): Gradients {
  if (replaced === undefined) return gradients;
  if (!Array.isArray(replaced) || replaced.length !== gradients.length) {
    throw new ValueError(
      `registerBackwardHook: the hook returned ${show(replaced)}; it must return nothing, or an array of ${gradients.length} gradients, one for each argument of forward.`,
    );
  }
  gradients.forEach((before, i) => {
    const after = replaced[i];
    if (before === null) return;
    if (!(after instanceof Tensor) || formatShape(after.shape) !== formatShape(before.shape)) {
      throw new ShapeError(
        `registerBackwardHook: gradient ${i} that the hook returned is ${after instanceof Tensor ? formatShape(after.shape) : show(after)}; it must be a Tensor of shape ${formatShape(before.shape)}.`,
      );
    }
    if (after.dtype !== before.dtype) {
      throw new DTypeError(
        `registerBackwardHook: gradient ${i} that the hook returned is ${after.dtype}; it must be ${before.dtype}.`,
      );
    }
  });
  return gradients.map((before, i) => (before === null ? null : (replaced[i] as Tensor)));
}

/** The value with f applied to the tensors in it: itself, or those in arrays and plain objects. */
function mapTensors(value: unknown, f: (x: Tensor) => Tensor): unknown {
  if (value instanceof Tensor) return f(value);
  if (Array.isArray(value)) return value.map((item) => mapTensors(item, f));
  if (typeof value !== "object" || value === null) return value;
  if (Object.getPrototypeOf(value) !== Object.prototype) return value;
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, mapTensors(item, f)]));
}

/**
 * The same tensors again, out of one node: in a pass it follows everything that was made from them.
 * `onwards` tells the gradients that leave it.
 */
function throughOne(xs: readonly Tensor[], onwards: () => Gradients): Tensor[] {
  if (xs.length === 0) return [];
  if (xs.length === 1) {
    const x = view(xs[0]!, xs[0]!.shape);
    registerHook(x, () => onwards()[0]!);
    return [x];
  }
  const dtype = xs.some((x) => x.dtype === "float64") ? "float64" : "float32";
  const flat = (x: Tensor) => x.reshape([-1]).to(dtype);
  const joined = cat(xs.map(flat));
  registerHook(joined, () => {
    const gradients = onwards();
    return cat(xs.map((x, i) => flat(gradients[i] ?? zerosLike(x))));
  });
  let start = 0;
  return xs.map((x) => {
    const part = narrow(joined, 0, start, x.size);
    start += x.size;
    return part.reshape(x.shape).to(x.dtype);
  });
}
