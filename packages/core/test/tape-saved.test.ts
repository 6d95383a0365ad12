import { describe, expect, it } from "@jest/globals";
import {
  bernoulli,
  checkpoint,
  GradError,
  grad,
  gradcheck,
  gradgradcheck,
  manualSeed,
  matmul,
  noGrad,
  rand,
  randn,
  savedTensorHooks,
  svdvals,
  type Tensor,
  tensor,
  ValueError,
} from "../src/index.ts";
import { svdOp } from "../src/ops/decompositions.ts";

const double = { dtype: "float64" } as const;
const leaf = (values: Parameters<typeof tensor>[0]) =>
  tensor(values, { ...double, requiresGrad: true });

describe("saved-tensor hooks", () => {
  it("pack what ops save, once each, and unpack it once in backward", () => {
    const x = leaf([1, 2]);
    const log: string[] = [];
    const y = savedTensorHooks(
      {
        pack: (saved) => {
          log.push(`pack ${saved.toArray()}`);
          expect(saved.requiresGrad).toBe(false);
          return saved.data();
        },
        unpack: (data) => {
          log.push(`unpack ${data}`);
          return tensor(data);
        },
      },
      () => x.mul(x).exp().sum(),
    );
    // mul saves a and b, exp its output.
    expect(log).toEqual(["pack 1,2", "pack 1,2", `pack ${[Math.E, Math.exp(4)]}`]);
    log.length = 0;
    y.backward();
    expect(log).toEqual([`unpack ${[Math.E, Math.exp(4)]}`, "unpack 1,2", "unpack 1,2"]);
    expect(x.grad!.toArray()).toEqual([2 * Math.E, 4 * Math.exp(4)]);
    expect(() => y.backward()).toThrow(/already differentiated/);
  });

  it("keep gradients of any order, for arrays, numbers, several outputs and in-place ops", () => {
    const hooks = { pack: (x: Tensor) => x.clone(), unpack: (x: Tensor) => x };
    const through =
      (f: (...inputs: Tensor[]) => Tensor | Tensor[]) =>
      (...inputs: Tensor[]) =>
        savedTensorHooks(hooks, () => f(...inputs));
    const x = leaf([0.5, -1.5]);
    const inPlace = through((a) => a!.mul(2).exp_().mul_(a!).sin());
    gradcheck(inPlace, [x]);
    gradgradcheck(inPlace, [x]);
    const number = through((a) => a!.exp().mul(a!).tanh());
    gradcheck(number, [leaf(0.3)]);
    gradgradcheck(number, [leaf(0.3)]);
    const several = through((a) => Object.values(svdOp(a!)));
    const m = leaf([
      [2, 1],
      [0.5, -1],
      [1, 1],
    ]);
    gradcheck(several, [m]);
    gradgradcheck(several, [m]);
  });

  it("may change values, keeping memory for accuracy", () => {
    const x = leaf([1 / 3]);
    const y = savedTensorHooks(
      { pack: (s) => s.to("float32"), unpack: (s) => s.to("float64") },
      () => x.mul(x),
    );
    y.sum().backward();
    expect(x.grad!.item()).toBe(2 * Math.fround(1 / 3));
  });

  it("nest, the inner ones in force, and end", () => {
    const x = leaf([1]);
    const log: string[] = [];
    const hooks = (name: string) => ({
      pack: (s: Tensor) => {
        log.push(name);
        // Ops in a hook are not hooked.
        return s.mul(1);
      },
      unpack: (s: Tensor) => s,
    });
    savedTensorHooks(hooks("outer"), () => {
      savedTensorHooks(hooks("inner"), () => x.exp());
      x.sin();
    });
    x.sin();
    expect(log).toEqual(["inner", "outer"]);
  });

  it("are checked", () => {
    const x = leaf([1, 2]);
    const run = (pack: (s: Tensor) => unknown, unpack: (s: never) => unknown) =>
      savedTensorHooks({ pack, unpack } as never, () => x.sin().sum()).backward();
    expect(() =>
      run(
        (s) => s.zero_(),
        (s) => s,
      ),
    ).toThrow(
      new GradError(
        "savedTensorHooks: pack changed x of sin in place; it must leave its argument as it is: clone() it.",
      ),
    );
    expect(() =>
      run(
        (s) => s.to("float32"),
        (s) => s,
      ),
    ).toThrow(
      new GradError(
        "savedTensorHooks: unpack returned float32 [2] for x of sin, which was float64 [2]; it must give shape and dtype back.",
      ),
    );
    expect(() =>
      run(
        () => 0,
        () => 3,
      ),
    ).toThrow(
      new GradError(
        "savedTensorHooks: unpack returned a number for x of sin, which was float64 [2]; it must give shape and dtype back.",
      ),
    );
    expect(() => savedTensorHooks({ pack: (s: Tensor) => s } as never, () => 1)).toThrow(
      new ValueError("savedTensorHooks: the hooks must be { pack, unpack }, two functions."),
    );
    expect(() => savedTensorHooks({ pack: (s) => s, unpack: (s) => s }, async () => 1)).toThrow(
      /savedTensorHooks: the function returned a promise/,
    );
  });
});

describe("checkpoint", () => {
  const weights = randn([3, 3], double).requiresGrad_();
  const inputs = () => randn([2, 3], double).requiresGrad_();
  const block = (x: Tensor) => matmul(x, weights).tanh().mul(x).exp();

  it("gives the same values and gradients, of inputs and of what f uses", () => {
    const x = inputs();
    const run = (f: (x: Tensor) => Tensor) => {
      const y = f(x.mul(1));
      return [y, ...grad(y.square().sum(), [x, weights])].map((t) => [...t.data()]);
    };
    expect(run((t) => checkpoint(block, t))).toEqual(run(block));
    expect(run((t) => checkpoint((u: Tensor) => checkpoint(block, block(u)), t))).toEqual(
      run((t) => block(block(t))),
    );
  });

  it("runs f once more, when backward arrives, as often as backward runs", () => {
    let runs = 0;
    const x = inputs();
    const y = checkpoint((t: Tensor) => {
      runs++;
      return block(t);
    }, x).sum();
    expect(runs).toBe(1);
    y.backward(null, { retainGraph: true });
    expect(runs).toBe(2);
    const once = [...x.grad!.data()];
    y.backward();
    expect(runs).toBe(3);
    expect([...x.grad!.data()]).toEqual(once.map((g) => 2 * g));
    expect(noGrad(() => checkpoint(block, x)).requiresGrad).toBe(false);
  });

  it("keeps nothing between the inputs and the outputs", () => {
    const x = inputs();
    let kept = 0;
    // Hooks around f alone count what its ops save in an ordinary run.
    savedTensorHooks({ pack: () => kept++, unpack: () => x }, () => block(x));
    expect(kept).toBeGreaterThan(3);
    kept = 0;
    savedTensorHooks({ pack: () => kept++, unpack: () => x }, () => checkpoint(block, x));
    expect(kept).toBe(0);
  });

  it("differentiates again", () => {
    gradcheck((x) => checkpoint(block, x!), [inputs()]);
    gradgradcheck((x) => checkpoint(block, x!), [inputs()]);
  });

  it("draws the same random numbers, and leaves the generator where it was", () => {
    const dropout = (x: Tensor) => x.mul(bernoulli(0.5, x.shape, double)).mul(x);
    const x = randn([50], double).requiresGrad_();
    manualSeed(5);
    const expected = grad(dropout(x).sum(), [x])[0]!.toArray();
    const after = rand([1]).item();
    manualSeed(5);
    const y = checkpoint(dropout, x);
    rand([7]);
    const [g] = grad(y.sum(), [x]);
    expect(g!.toArray()).toEqual(expected);
    manualSeed(5);
    const again = checkpoint(dropout, x).sum();
    const next = rand([1]).item();
    expect(next).toBe(after);
    const then = rand([1]).item();
    manualSeed(5);
    checkpoint(dropout, x).sum().backward();
    rand([1]);
    again.backward();
    expect(rand([1]).item()).toBe(then);
  });

  it("passes other arguments and results through", () => {
    const x = inputs();
    const [a, b] = checkpoint((t: Tensor, k: number) => [t.mul(t).mul(k), "b"] as const, x, 3);
    a.sum().backward();
    expect(b).toBe("b");
    expect([...x.grad!.data()]).toEqual([...x.detach().mul(6).data()]);
  });

  it("notices an input that was changed since", () => {
    const x = inputs();
    const y = x.mul(1);
    const z = checkpoint(svdvals, y);
    y.mul_(2);
    expect(() => z.sum().backward()).toThrow(
      new GradError(
        "checkpoint: input 0 (shape [2, 3]) was changed by mul_ since the forward pass, so f can't run again; pass a clone().",
      ),
    );
  });

  it("notices a saved value that f itself changes", () => {
    const x = leaf([1, 2]);
    const z = checkpoint((t: Tensor) => t.exp().add_(1), x).sum();
    expect(() => z.backward()).toThrow(
      new GradError(
        "checkpoint: f changed a value (float64 [2]) by add_ after an op had saved it for backward; use add without the underscore, or a clone().",
      ),
    );
  });

  it("notices an f that does something else", () => {
    let calls = 0;
    const fickle = (first: (x: Tensor) => Tensor, second: (x: Tensor) => Tensor) => {
      calls = 0;
      return (x: Tensor) => (calls++ === 0 ? first(x) : second(x));
    };
    const x = leaf([1, 2]);
    const more = checkpoint(
      fickle(
        (t) => t.sin(),
        (t) => t.sin().sin(),
      ),
      x,
    ).sum();
    expect(() => more.backward()).toThrow(
      new GradError(
        "checkpoint: the second run of f saved 2 values, the first one 1; f must do the same both times.",
      ),
    );
    const narrow = checkpoint(
      fickle(
        (t) => t.sin(),
        (t) => t.narrow(0, 0, 1).sin(),
      ),
      x,
    ).sum();
    expect(() => narrow.backward()).toThrow(
      new GradError(
        "checkpoint: value 0 is float64 [1] in the second run of f, and was float64 [2]; f must do the same both times.",
      ),
    );
    expect(() => checkpoint((t: Tensor) => grad(t.square().sum(), [t])[0]!, x)).toThrow(
      new GradError(
        "checkpoint: f differentiates inside itself, before its values could be recomputed; call it without checkpoint.",
      ),
    );
    expect(() => checkpoint(3 as never, x)).toThrow(
      new ValueError("checkpoint: f is a number; it must be a function of the inputs."),
    );
  });
});
