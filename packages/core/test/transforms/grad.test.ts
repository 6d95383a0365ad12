import { describe, expect, it } from "@jest/globals";
import {
  add,
  allclose,
  checkpoint,
  equal,
  GradError,
  grad,
  gradcheck,
  inferenceMode,
  linear,
  manualSeed,
  mseLoss,
  noGrad,
  ones,
  randn,
  svd,
  type Tensor,
  tensor,
  treeLeaves,
  treeMap,
  ValueError,
  valueAndGrad,
  vmap,
} from "@tapegrad/core";
import * as reference from "./reference.ts";

const float64 = { dtype: "float64" } as const;
const at = (values: number[]) => tensor(values, float64);

describe("grad of a function", () => {
  it("gives the gradient of the first argument, and derivatives of every order", () => {
    const cube = (x: Tensor) => x.pow(3);
    expect(grad(cube)(2).item()).toBe(12);
    expect(grad(grad(cube))(2).item()).toBe(12);
    expect(grad(grad(grad(cube)))(2).item()).toBe(6);
    expect(grad(grad(grad(grad(cube))))(2).item()).toBe(0);
  });

  it("gives PyTorch's numbers", () => {
    const { f, w, x, gradient, penalty } = reference;
    expect(allclose(grad(f)(w, x), gradient)).toBe(true);
    const squared = (z: Tensor) => grad(f, { argnums: 1 })(w, z).square().sum();
    expect(allclose(grad(squared)(x), penalty)).toBe(true);
  });

  it("touches nobody's grad", () => {
    const x = at([1, 2]).requiresGrad_();
    const w = at([3, 4]).requiresGrad_();
    const dx = grad((z: Tensor) => z.mul(w).square().sum())(x);
    expect([...dx.data()]).toEqual([18, 64]);
    expect([x.grad, w.grad]).toEqual([null, null]);
  });

  it("follows nested arguments, with types, and leaves what is no tensor", () => {
    interface Layer {
      w: Tensor;
      bias: Tensor | null;
      name: string;
    }
    const net = (layers: Layer[], x: Tensor) =>
      layers.reduce((y, { w, bias }) => (bias === null ? y.mul(w) : y.mul(w).add(bias)), x).sum();
    const layers: Layer[] = [
      { w: at([2, 3]), bias: at([1, 1]), name: "first" },
      { w: at([5, 7]), bias: null, name: "second" },
    ];
    const found = grad(net)(layers, at([1, 10]));
    const second: { w: Tensor; bias: Tensor | null; name: string } = found[1]!;
    expect([...found[0]!.w.data()]).toEqual([5, 70]);
    expect([...found[0]!.bias!.data()]).toEqual([5, 7]);
    expect([...second.w.data()]).toEqual([3, 31]);
    expect([second.bias, second.name]).toEqual([null, "second"]);
  });

  it("differentiates the arguments that argnums names", () => {
    const f = (x: Tensor, y: Tensor, scale: number) => x.mul(y).mul(scale).sum();
    const [dy, dx] = grad(f, { argnums: [1, 0] })(at([1, 2]), at([3, 4]), 10);
    expect([...dy.data(), ...dx.data()]).toEqual([10, 20, 30, 40]);
    expect([...grad(f, { argnums: 1 })(at([1, 2]), at([3, 4]), 10).data()]).toEqual([10, 20]);
    expect(grad(f, { argnums: 2 })(at([1, 2]), at([3, 4]), 10).item()).toBe(11);
  });

  it("gives zeros where f doesn't depend on an argument", () => {
    const found = grad((p: { used: Tensor; not: Tensor }) => p.used.sum())({
      used: at([1]),
      not: at([1, 2]),
    });
    expect([...found.not.data()]).toEqual([0, 0]);
    expect([...grad((_: Tensor) => ones([]))(at([1, 2])).data()]).toEqual([0, 0]);
  });

  it("is right where f returns its argument, or an output of an op that has several", () => {
    expect(grad((x: Tensor) => x)(2).item()).toBe(1);
    expect(grad((y: Tensor) => grad((x: Tensor) => x)(y).mul(y))(2).item()).toBe(1);
    expect([...vmap(grad((x: Tensor) => x))(at([1, 2])).data()]).toEqual([1, 1]);
    const matrix = tensor(
      [
        [2, 0],
        [0, 1],
      ],
      float64,
    ).requiresGrad_();
    const { s } = svd(matrix, { fullMatrices: false });
    const ds = grad((x: Tensor) => x.square().sum())(s);
    expect([...ds.data()]).toEqual([4, 2]);
    ds.sum().backward();
    expect([...matrix.grad!.data()].map(Math.round)).toEqual([2, 0, 0, 2]);
  });

  it("keeps a lone number's tie to the tape", () => {
    const a = tensor(3, { requiresGrad: true });
    const slope = grad((x: Tensor) => x.pow(3))(a.mul(2));
    slope.backward();
    expect([slope.item(), a.grad!.item()]).toEqual([3 * 36, 6 * 6 * 2]);
  });

  it("hands aux through, off the tape", () => {
    const f = (x: Tensor) => [x.square().sum(), { half: x.mul(0.5), note: "kept" }] as const;
    const { grad: dx, aux } = grad(f, { hasAux: true })(at([2]));
    expect([dx.item(), aux.half.item(), aux.half.requiresGrad, aux.note]).toEqual([
      4,
      1,
      false,
      "kept",
    ]);
    const all = valueAndGrad(f, { hasAux: true })(at([2]));
    expect([all.value.item(), all.grad.item(), all.aux.note]).toEqual([4, 4, "kept"]);
  });
});

describe("grad of a function and the tape around it", () => {
  const square = (x: Tensor) => x.square().sum();

  it("records only what depends on something outside", () => {
    const { value, grad: dx } = valueAndGrad(square)(at([3]));
    expect([value.requiresGrad, dx.requiresGrad]).toEqual([false, false]);
    const w = at([2]).requiresGrad_();
    const tied = valueAndGrad((x: Tensor) => x.mul(w).square().sum())(at([3]));
    expect([tied.value.requiresGrad, tied.grad.requiresGrad]).toEqual([true, true]);
  });

  it("differentiates again through closed-over parameters and through arguments", () => {
    const w = at([2]).requiresGrad_();
    const x = at([3]).requiresGrad_();
    // ∂/∂x (wx)² = 2w²x
    grad((z: Tensor) => z.mul(w).square().sum())(x)
      .sum()
      .backward();
    expect([w.grad!.item(), x.grad!.item()]).toEqual([4 * 2 * 3, 2 * 4]);
  });

  it("works inside noGrad, and records nothing then; noGrad inside f stops gradients there", () => {
    const w = at([2]).requiresGrad_();
    const dx = noGrad(() => grad((z: Tensor) => z.mul(w).square().sum())(w));
    expect([dx.item(), dx.requiresGrad]).toEqual([16, false]);
    expect(noGrad(() => grad(grad((z: Tensor) => z.pow(3)))(2)).item()).toBe(12);
    const stopped = grad((z: Tensor) => z.mul(noGrad(() => z.mul(2))).sum())(at([5]));
    expect(stopped.item()).toBe(10);
  });

  it("keeps the two uses of one tensor apart", () => {
    const x = at([3]);
    // x inside is the closed-over one: a constant.
    expect(grad((z: Tensor) => z.mul(x).sum())(x).item()).toBe(3);
    const outer = grad((a: Tensor) => grad((b: Tensor) => a.square().mul(b).sum())(a).sum());
    expect(outer(x).item()).toBe(6);
  });

  it("drops what an inner gradient recorded once nobody outside needs it", () => {
    const x = randn([4], float64);
    const penalty = (w: Tensor) =>
      grad((z: Tensor) => z.mul(w).tanh().sum())(x)
        .square()
        .sum();
    expect(grad(penalty)(randn([4], float64)).requiresGrad).toBe(false);
  });

  it("differentiates a gradient penalty", () => {
    manualSeed(1);
    const [x, w] = [randn([3, 4], float64), randn([2, 4], float64)];
    const penalty = (weight: Tensor) => {
      const dx = grad((z: Tensor) => linear(z, weight).tanh().sum())(x);
      return dx.square().sum(1).sqrt().sub(1).square().mean();
    };
    gradcheck(penalty, [w.clone().requiresGrad_()]);
    const leaf = w.clone().requiresGrad_();
    penalty(leaf).backward();
    expect(allclose(leaf.grad!, grad(penalty)(w))).toBe(true);
  });

  it("goes through checkpoint", () => {
    manualSeed(2);
    const [x, w, y] = [randn([5, 4], float64), randn([3, 4], float64), randn([5, 3], float64)];
    const plain = (weight: Tensor) => mseLoss(linear(x, weight).tanh(), y);
    const saving = (weight: Tensor) =>
      checkpoint((v: Tensor) => mseLoss(linear(x, v).tanh(), y), weight);
    expect(allclose(grad(saving)(w), grad(plain)(w))).toBe(true);
    const twice = (f: typeof plain) => grad((v: Tensor) => grad(f)(v).square().sum())(w);
    expect(allclose(twice(saving), twice(plain))).toBe(true);
  });

  it("goes through checkpoint inside vmap, whose second run comes when it may be over", () => {
    manualSeed(3);
    const [xs, w] = [randn([5, 4], float64), randn([3, 4], float64)];
    const saving = (v: Tensor, x: Tensor) =>
      checkpoint((u: Tensor) => linear(x, u).tanh().square().sum(), v);
    const plain = (v: Tensor, x: Tensor) => linear(x, v).tanh().square().sum();
    const each = { inAxes: [null, 0] };
    expect(allclose(vmap(grad(saving), each)(w, xs), vmap(grad(plain), each)(w, xs))).toBe(true);
    const leaf = w.clone().requiresGrad_();
    const losses = vmap(saving, each)(leaf, xs);
    losses.sum().backward();
    expect(allclose(leaf.grad!, grad((v: Tensor) => linear(xs, v).tanh().square().sum())(w))).toBe(
      true,
    );
  });
});

describe("messages of grad", () => {
  const refused = (f: () => unknown) => {
    try {
      f();
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error("nothing was thrown");
  };

  it("say what f must return", () => {
    expect(refused(() => grad((x: Tensor) => x)(at([1, 2])))).toBe(
      "grad: f returned shape [2]; it must return one number: reduce it with sum() or mean(), or use jacobian or vjp.",
    );
    expect(refused(() => grad((() => 3) as unknown as (x: Tensor) => Tensor)(at([1])))).toBe(
      "grad: f returned a number; it must return a Tensor of one element.",
    );
    expect(
      refused(() => grad(((x: Tensor) => [x, 1]) as unknown as (x: Tensor) => Tensor)(at([1]))),
    ).toBe(
      "grad: f returned an array (make a tensor of it with tensor([...])); it must return a Tensor of one element (or [value, aux] with hasAux).",
    );
    expect(
      refused(() =>
        grad(((x: Tensor) => x) as unknown as (x: Tensor) => [Tensor, null], { hasAux: true })(
          at([1]),
        ),
      ),
    ).toBe("grad: f returned a Tensor; with hasAux it must return [value, aux].");
    expect(refused(() => valueAndGrad((x: Tensor) => x.gt(0))(at([1])))).toBe(
      "valueAndGrad: f returned bool; it must be float32 or float64.",
    );
  });

  it("say what the arguments must be", () => {
    const f = (p: { ids: Tensor }) => p.ids.sum();
    expect(refused(() => grad(f)({ ids: tensor([1, 2], { dtype: "int32" }) }))).toBe(
      'grad: argument 0.ids is int32, which has no gradient; convert it with to("float32"), or differentiate other arguments.',
    );
    expect(refused(() => grad(f, { argnums: 1 })({ ids: at([1]) }))).toBe(
      "grad: argnums is 1 and the function got 1 arguments; it must be a position from 0 to 0, or a list of different ones.",
    );
    expect(() => grad(f, { argnums: [0, 0] })({ ids: at([1]) })).toThrow(ValueError);
    expect(refused(() => grad((name: string) => at([name.length]))("no tensor"))).toBe(
      "grad: there is no tensor or number in argument 0 to differentiate; pass tensors, in arrays and plain objects if you like.",
    );
    expect(refused(() => valueAndGrad(3 as never))).toBe(
      "valueAndGrad: f is a number; it must be a function.",
    );
  });

  it("say what doesn't differentiate", () => {
    expect(refused(() => inferenceMode(() => grad((x: Tensor) => x.sum())(at([1]))))).toBe(
      "grad: inside inferenceMode nothing is recorded, so there is nothing to differentiate; use noGrad, inside which grad works.",
    );
    expect(
      refused(() => grad((async (x: Tensor) => x) as unknown as (x: Tensor) => Tensor)(at([1]))),
    ).toMatch(/^grad: the function returned a promise;/);
    expect(() => grad((x: Tensor) => x.add_(1).sum())(at([1]))).toThrow(GradError);
  });

  it("restore the mode after an error", () => {
    const fails = () => {
      throw new Error("inside");
    };
    noGrad(() => {
      expect(() => grad(fails as unknown as (x: Tensor) => Tensor)(at([1]))).toThrow("inside");
      expect(at([1]).requiresGrad_().mul(2).requiresGrad).toBe(false);
    });
  });
});

describe("trees", () => {
  it("map several at once", () => {
    const [p, g] = [
      { w: [at([1, 2])], b: at([3]) },
      { w: [at([10, 20])], b: at([30]) },
    ];
    const stepped = treeMap((x, dx) => x.sub(dx.mul(0.1)), p, g);
    expect([...stepped.w[0]!.data(), stepped.b.item()]).toEqual([0, 0, 0]);
    expect(treeLeaves({ ...p, name: "n", none: null }).length).toBe(2);
    expect(equal(treeMap(add, at([1]), at([2])), at([3]))).toBe(true);
  });

  it("say where structures differ", () => {
    expect(() => treeMap(add, { w: [at([1])] }, { w: [] })).toThrow(
      "treeMap: tree 0 has a Tensor at .w[0] and tree 1 undefined; the structures must be equal.",
    );
    expect(() => treeMap(add, at([1]), null)).toThrow(
      "treeMap: tree 0 has a Tensor at its root and tree 1 null; the structures must be equal.",
    );
  });
});
