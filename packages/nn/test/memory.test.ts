import { afterEach, beforeEach, describe, expect, it } from "@jest/globals";
import {
  checkpoint,
  crossEntropy,
  functionalCall,
  grad,
  manualSeed,
  memory,
  noGrad,
  rand,
  savedTensorHooks,
  setMemoryLimit,
  type Tensor,
  tensor,
  vmap,
} from "@tapegrad/core";
import fc from "fast-check";
import {
  batchNorm1d,
  conv2d,
  flatten,
  identity,
  KeyValueCache,
  Linear,
  lambda,
  layerNorm,
  linear,
  lstm,
  Module,
  maxPool2d,
  multiHeadAttention,
  relu,
  residual,
  sequential,
  tanh,
  transformerEncoder,
} from "../src/index.ts";

/** Bytes that f leaves in the arena, beside garbage that waits for the collector. */
function left(f: () => unknown): number {
  const before = memory().liveBytes;
  const kept = f();
  const after = memory().liveBytes;
  expect(kept).toBeDefined();
  return after - before;
}

const limit = memory().softLimitBytes;
beforeEach(() => {
  manualSeed(1);
  setMemoryLimit(2 ** 30); // no eviction, whose bytes would not be counted
});
afterEach(() => setMemoryLimit(limit));

/** Keeps what it sees, as a user's module may. */
class Keeper extends Module {
  readonly seen: { x: Tensor; y: Tensor }[] = [];
  forward(x: Tensor): Tensor {
    const y = x.mul(2).sub(x);
    this.seen.push({ x, y });
    return y;
  }
}

const finite = (x: Tensor) => x.data().every(Number.isFinite);

describe("what layers make and nobody else holds goes back at once", () => {
  const models = {
    mlp: () => sequential([linear(64, 64), relu(), linear(64, 64), tanh(), linear(64, 64)]),
    norms: () => sequential([linear(64, 64), batchNorm1d(64), relu(), layerNorm(64)]),
    residual: () => sequential([residual([linear(64, 64), relu()]), linear(64, 64)]),
    transformer: () =>
      transformerEncoder(64, 4, { numLayers: 2, dimFeedforward: 128, batchFirst: true }),
  };

  it.each(Object.entries(models))("%s: a training step leaves its output", (name, make) => {
    const model = make();
    const shape = name === "transformer" ? [4, 16, 64] : [64, 64];
    const x = rand(shape);
    const step = () => {
      const y = model(x);
      const loss = y.square().mean();
      loss.backward();
      model.zeroGrad();
      return [y, loss];
    };
    step();
    // The output, and its square, which the program could hold.
    const bytes = 64 * 64 * 4;
    expect(left(step)).toBe(2 * bytes);
  });

  it("a convolutional network, too", () => {
    const model = sequential([conv2d(1, 4, 3), relu(), maxPool2d(2), flatten(), linear(36, 50)]);
    const [x, labels] = [rand([8, 1, 8, 8]), tensor(new Int32Array(8))];
    const step = () => {
      const y = model(x);
      crossEntropy(y, labels).backward();
      model.zeroGrad();
      return y;
    };
    step();
    const scores = 8 * 50 * 4;
    expect(left(step)).toBeLessThanOrEqual(4 * scores);
  });

  it("off the tape each layer's input goes back before the next layer runs", () => {
    const n = 256;
    const model = sequential(Array.from({ length: 10 }, () => linear(n, n)));
    const x = rand([n, n]);
    const before = memory().liveBytes;
    let most = 0;
    for (const layer of model) {
      layer.registerForwardPreHook(() => {
        most = Math.max(most, memory().liveBytes - before);
        return undefined;
      });
    }
    noGrad(() => model(x));
    const watched = most; // a hook may keep what it sees
    expect(watched).toBe(9 * n * n * 4);
    const layers = Array.from({ length: 9 }, () => linear(n, n));
    const quiet = sequential([...layers, lambda((y) => y)]);
    const last = quiet.at(-1);
    last.registerForwardPreHook(() => {
      most = memory().liveBytes;
      return undefined;
    });
    const start = memory().liveBytes;
    noGrad(() => quiet(x));
    expect(most - start).toBe(n * n * 4);
  });

  it("a parameter that is made in the first forward pass stays", () => {
    const model = sequential([linear(null, 80), relu(), linear(null, 80)]);
    const x = rand([80, 80]);
    for (let step = 0; step < 3; step++) model(x).sum().backward();
    expect(model.parameters().every(finite)).toBe(true);
  });
});

describe("what a program can hold stays", () => {
  const x = rand([20, 20], { requiresGrad: true });

  /** Runs a step through the keeper between layers, and tells whether all that it saw is there. */
  function seenBy(model: Module, seen: () => Tensor[]): void {
    for (let step = 0; step < 2; step++) model(x).sum().backward();
    noGrad(() => model(x));
    expect(seen().length).toBeGreaterThan(0);
    expect(seen().every(finite)).toBe(true);
  }

  it("in a module of the user's", () => {
    const keeper = new Keeper();
    const model = sequential([linear(20, 20), residual([tanh(), keeper]), relu(), linear(20, 20)]);
    seenBy(model, () => keeper.seen.flatMap(({ x, y }) => [x, y]));
  });

  it("in a lambda, a subclass, a replaced forward", () => {
    const seen: Tensor[] = [];
    const note = (y: Tensor) => {
      seen.push(y);
      return y;
    };
    class Noting extends Linear {
      override forward(x: Tensor): Tensor {
        return note(super.forward(note(x)));
      }
    }
    const replaced = tanh();
    replaced.forward = (y) => note(y.tanh());
    const model = sequential([tanh(), lambda(note), tanh(), new Noting(20, 20), replaced, tanh()]);
    seenBy(model, () => seen);
  });

  it("in hooks", () => {
    const seen: Tensor[] = [];
    const model = sequential([linear(20, 20), relu(), tanh(), linear(20, 20)]);
    model.at(1).registerForwardPreHook((_, args) => {
      seen.push(...(args as unknown as Tensor[]));
      return undefined;
    });
    model.at(2).registerForwardHook((_, _args, y) => {
      seen.push(y as Tensor);
      return undefined;
    });
    model.at(3).registerBackwardHook((_, gradInput, gradOutput) => {
      for (const dy of [...gradInput, ...gradOutput]) if (dy) seen.push(dy);
      return undefined;
    });
    seenBy(model, () => seen);
  });

  it("in saved-tensor hooks", () => {
    const seen: Tensor[] = [];
    const model = sequential([linear(20, 20), relu(), tanh(), linear(20, 20)]);
    const pack = (y: Tensor) => seen.push(y) - 1;
    const y = savedTensorHooks({ pack, unpack: (i) => seen[i]! }, () => model(x));
    y.sum().backward();
    expect(seen.length).toBeGreaterThan(3);
    expect(seen.every(finite)).toBe(true);
  });

  it("where layers return their input, or a view of it", () => {
    const model = sequential([identity(), flatten(), identity()]);
    const z = x.mul(2);
    const y = model(z);
    expect([...y.data()]).toEqual([...z.data()]);
    const inside = sequential([tanh(), identity(), flatten(), tanh()]);
    expect(finite(inside(z))).toBe(true);
    expect(finite(noGrad(() => inside(z)))).toBe(true);
    expect(finite(z)).toBe(true);
  });

  it("through retainGraph, and not beyond", () => {
    const model = sequential([linear(20, 20), tanh(), linear(20, 20)]);
    const loss = model(x).square().sum();
    const [first] = grad(loss, [x], { retainGraph: true });
    const [second] = grad(loss, [x]);
    expect([...second!.data()]).toEqual([...first!.data()]);
    expect(() => grad(loss, [x])).toThrow("its saved values are freed");
  });

  it("through second derivatives", () => {
    const layers = () => [linear(20, 20), tanh(), linear(20, 20), tanh()];
    const penalty = (model: Module) => {
      const [dx] = grad(model(x).square().sum(), [x], { createGraph: true });
      return grad(dx!.square().sum(), [x])[0]!;
    };
    manualSeed(3);
    const ours = penalty(sequential(layers()));
    manualSeed(3);
    const theirs = penalty(sequential(layers().map((layer) => lambda((y) => layer.forward(y)))));
    expect([...ours.data()]).toEqual([...theirs.data()]);
  });

  it("in a cache of keys and values, and in hidden states", () => {
    const attention = multiHeadAttention(16, 2, { batchFirst: true });
    const cache = new KeyValueCache();
    const parts = [0, 1, 2].map(() => rand([4, 8, 16]));
    const outputs = parts.map((part) => attention(part, part, part, { cache }).output);
    outputs[2]!.sum().backward();
    expect(outputs.every(finite)).toBe(true);
    const recurrent = lstm(16, 16, { batchFirst: true });
    const first = recurrent(parts[0]!);
    const second = recurrent(parts[1]!, { hidden: first.hidden });
    second.output.sum().backward();
    expect([first.output, second.output].every(finite)).toBe(true);
  });

  it("under checkpoint, vmap and functionalCall", () => {
    const model = sequential([linear(20, 20), tanh(), linear(20, 20)]);
    const gradient = (run: (z: Tensor) => Tensor) => [...grad(run(x).sum(), [x])[0]!.data()];
    const plain = gradient(model);
    expect(gradient((z) => checkpoint(model, z))).toEqual(plain);
    const state = Object.fromEntries(model.namedParameters());
    expect(gradient((z) => functionalCall(model, state, z) as Tensor)).toEqual(plain);
    const rows = gradient((z) => vmap((row: Tensor) => model(row))(z));
    for (const [i, value] of rows.entries()) expect(value).toBeCloseTo(plain[i]!, 5);
  });

  it("whatever the layers: results are those of modules that keep everything", () => {
    const kinds = {
      linear: () => linear(20, 20),
      norm: () => layerNorm(20),
      batchNorm: () => batchNorm1d(20),
      relu,
      tanh,
      identity,
      flatten: () => flatten(),
      residual: () => residual([tanh(), linear(20, 20)]),
      nested: () => sequential([linear(20, 20), tanh(), identity()]),
      keeper: () => new Keeper(),
    };
    const names = Object.keys(kinds) as (keyof typeof kinds)[];
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...names), { minLength: 1, maxLength: 8 }),
        fc.boolean(),
        (chosen, tight) => {
          setMemoryLimit(tight ? 10_000 : 2 ** 30);
          const run = (wrap: (layer: Module) => Module) => {
            manualSeed(5);
            const model = sequential(chosen.map((name) => wrap(kinds[name]())));
            const results: Tensor[] = [];
            for (let step = 0; step < 2; step++) {
              const y = model(x);
              model.zeroGrad();
              y.square().sum().backward();
              results.push(
                y,
                noGrad(() => model(x)),
              );
            }
            results.push(...model.parameters().map((p) => p.grad!));
            return results.map((y) => [...y.data()]);
          };
          const theirs = run((layer) => Object.assign(layer, { forward: layer.forward }));
          expect(run((layer) => layer)).toEqual(theirs);
        },
      ),
      { seed: 8, numRuns: 60 },
    );
  });
});
