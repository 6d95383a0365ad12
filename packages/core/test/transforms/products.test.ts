import { describe, expect, it } from "@jest/globals";
import {
  allclose,
  concat,
  equal,
  Generator,
  grad,
  hessian,
  hvp,
  jacobian,
  jvp,
  matmul,
  max,
  mul,
  noGrad,
  numericalGradient,
  randn,
  relativeError,
  softmax,
  sum,
  type Tensor,
  tensor,
  vhp,
  vjp,
  vmap,
  zeros,
} from "@tapegrad/core";
import fc from "fast-check";
import * as reference from "./reference.ts";

const float64 = { dtype: "float64" } as const;
const at = (values: number[]) => tensor(values, float64);
const dot = (a: Tensor, b: Tensor) => sum(mul(a, b)).item();

describe("vjp", () => {
  it("gives the value and a pullback that can be called again", () => {
    const { value, pullback } = vjp((x: Tensor, y: Tensor) => x.mul(y), at([2, 3]), at([5, 7]));
    expect([...value.data()]).toEqual([10, 21]);
    expect(value.requiresGrad).toBe(false);
    for (const scale of [1, 10]) {
      const [dx, dy] = pullback(at([scale, 0]));
      expect([...dx.data(), ...dy.data()]).toEqual([5 * scale, 0, 2 * scale, 0]);
    }
  });

  it("follows nested arguments and results, and numbers", () => {
    const f = (p: { a: Tensor; b: [Tensor] }, s: Tensor) => ({
      sums: [p.a.sum(), p.b[0].mul(s)],
      product: p.a.mul(p.b[0]),
    });
    const { value, pullback } = vjp(f, { a: at([1, 2]), b: [at([3, 4])] }, 5);
    expect([...value.product.data()]).toEqual([3, 8]);
    const [dp, ds] = pullback({ sums: [1, at([1, 0])], product: at([0, 1]) });
    expect([...dp.a.data()]).toEqual([1, 1 + 4]);
    expect([...dp.b[0].data()]).toEqual([5, 2]);
    expect(ds.item()).toBe(3);
  });

  it("is differentiable, in dy as well", () => {
    const through = (x: Tensor) =>
      vjp((z: Tensor) => z.pow(3), x)
        .pullback(at([2]))[0]
        .sum();
    expect(grad(through)(at([5])).item()).toBe(2 * 6 * 5);
    const inDy = (dy: Tensor) =>
      vjp((z: Tensor) => z.pow(3), at([5]))
        .pullback(dy)[0]
        .sum();
    expect(grad(inDy)(at([2])).item()).toBe(75);
  });

  it("says where dy doesn't fit", () => {
    const { pullback } = vjp((x: Tensor) => ({ y: x.mul(2) }), at([1, 2]));
    expect(() => pullback({ y: at([1]) })).toThrow("vjp: dy.y has shape [1]; it must be [2].");
    expect(() => pullback({} as never)).toThrow(
      "vjp: dy.y is undefined; it must be a Tensor of shape [2].",
    );
    expect(() => vjp((_: Tensor) => "text", at([1]))).toThrow(
      "vjp: f returned a string; it must return a Tensor, or arrays and objects of them.",
    );
    expect(() => vjp((_: Tensor) => ({ a: [1] }), at([1]))).toThrow(
      "vjp: f returned a number at .a[0]; it must return a Tensor, or arrays and objects of them.",
    );
  });
});

describe("jvp", () => {
  it("gives PyTorch's numbers", () => {
    const { w, x, v, layer } = reference;
    const { value, tangent } = jvp((z: Tensor) => layer(w, z), [x], [v]);
    expect(allclose(value, layer(w, x))).toBe(true);
    expect(allclose(tangent, reference.tangent)).toBe(true);
  });

  it("is exact where values are round, follows nesting, and sums over arguments", () => {
    const f = (p: { a: Tensor }, b: Tensor) => ({ ab: p.a.mul(b), untouched: zeros([2]) });
    const { tangent } = jvp(f, [{ a: at([2, 3]) }, at([5, 7])], [{ a: at([1, 0]) }, at([0, 1])]);
    expect([...tangent.ab.data()]).toEqual([5, 3]);
    expect([...tangent.untouched.data()]).toEqual([0, 0]);
    expect(jvp((x: Tensor) => x.pow(2), [3], [2]).tangent.item()).toBe(12);
  });

  it("nests: second derivatives in two directions", () => {
    const once = (x: Tensor) => jvp((z: Tensor) => z.pow(4), [x], [at([1])]).tangent;
    expect(jvp(once, [at([2])], [at([1])]).tangent.item()).toBe(12 * 4);
    expect(grad((x: Tensor) => once(x).sum())(at([2])).item()).toBe(48);
    expect(noGrad(() => jvp(once, [at([2])], [at([1])])).tangent.item()).toBe(48);
  });

  it("says where tangents don't fit", () => {
    expect(() => jvp((x: Tensor) => x, [at([1, 2])], [at([1])])).toThrow(
      "jvp: tangents[0] has shape [1]; it must be [2].",
    );
    expect(() => jvp((x: Tensor) => x, [at([1, 2])], [] as never)).toThrow(
      "jvp: tangents[0] is undefined; it must be a Tensor of shape [2].",
    );
  });
});

/** Maps of [3, 4] to [3, 4], from which random compositions are made. */
const generator = new Generator(5);
const [left, right, beside] = [
  randn([3, 3], { ...float64, generator }),
  randn([4, 4], { ...float64, generator }),
  randn([3, 4], { ...float64, generator }),
] as const;
const steps: Record<string, (x: Tensor) => Tensor> = {
  tanh: (x) => x.tanh(),
  softmax: (x) => softmax(x, -1).mul(3),
  left: (x) => matmul(left, x),
  right: (x) => matmul(x, right),
  mul: (x) => x.mul(beside),
  sin: (x) => x.sin(),
  flip: (x) => x.flip(0),
  shift: (x) => concat([x.narrow(1, 1, 3), x.narrow(1, 0, 1)], 1),
  norm: (x) => x.div(x.square().sum(1, { keepdim: true }).add(1).sqrt()),
  best: (x) => x.sub(max(x, 1, { keepdim: true }).values),
  cumsum: (x) => x.cumsum(0),
  transposed: (x) => x.reshape([4, 3]).transpose().mul(0.5),
};
const composed = (names: readonly string[]) => (x: Tensor) =>
  names.reduce((y, name) => steps[name]!(y), x);
const compositions = fc.array(fc.constantFrom(...Object.keys(steps)), {
  minLength: 1,
  maxLength: 6,
});
const draw = (seed: number) => {
  const own = new Generator(seed);
  return () => randn([3, 4], { ...float64, generator: own });
};

describe("laws of random compositions", () => {
  it("⟨u, Jv⟩ = ⟨Jᵀu, v⟩", () => {
    fc.assert(
      fc.property(compositions, fc.nat(1000), (names, seed) => {
        const next = draw(seed);
        const [x, u, v] = [next(), next(), next()];
        const f = composed(names);
        const forward = dot(u, jvp(f, [x], [v]).tangent);
        const backward = dot(vjp(f, x).pullback(u)[0], v);
        expect(Math.abs(forward - backward)).toBeLessThan(1e-9 * (1 + Math.abs(forward)));
      }),
      { seed: 1, numRuns: 60 },
    );
  });

  it("jvp is the limit of differences", () => {
    fc.assert(
      fc.property(compositions, fc.nat(1000), (names, seed) => {
        const next = draw(seed);
        const [x, v] = [next(), next()];
        const f = composed(names);
        const h = 1e-6;
        const numeric = f(x.add(v.mul(h)))
          .sub(f(x.sub(v.mul(h))))
          .div(2 * h);
        expect(allclose(jvp(f, [x], [v]).tangent, numeric, { rtol: 1e-4, atol: 1e-6 })).toBe(true);
      }),
      { seed: 2, numRuns: 30 },
    );
  });

  it("jacobian by rows is that by columns, and gradcheck's", () => {
    fc.assert(
      fc.property(compositions, fc.nat(1000), (names, seed) => {
        const x = draw(seed)();
        const f = composed(names);
        const rows = jacobian(f)(x);
        expect(rows.shape).toEqual([3, 4, 3, 4]);
        expect(allclose(rows, jacobian(f, { mode: "forward" })(x), { atol: 1e-10 })).toBe(true);
        const row = numericalGradient(
          (z) =>
            f(z)
              .reshape([12])
              .select(0, seed % 12)
              .item(),
          x,
        );
        const analytic = rows.reshape([12, 12]).select(0, seed % 12);
        expect(allclose(analytic, tensor(row), { rtol: 1e-4, atol: 1e-6 })).toBe(true);
      }),
      { seed: 3, numRuns: 25 },
    );
  });

  it("hessian is symmetric, and both products are its columns", () => {
    const twice = Object.keys(steps).filter((name) => name !== "best");
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...twice), { minLength: 1, maxLength: 4 }),
        fc.nat(1000),
        (names, seed) => {
          const next = draw(seed);
          const [x, v] = [next(), next()];
          const f = (z: Tensor) => composed(names)(z).square().sum();
          const h = hessian(f)(x).reshape([12, 12]);
          expect(allclose(h, h.transpose(), { atol: 1e-9 })).toBe(true);
          const expected = matmul(h, v.reshape([12])).reshape([3, 4]);
          const forward = hvp(f, [x], [v]);
          const backward = vhp(f, [x], [v]);
          expect(allclose(forward.hvp[0], expected, { atol: 1e-9 })).toBe(true);
          expect(allclose(backward.vhp[0], expected, { atol: 1e-9 })).toBe(true);
          expect([forward.value.item(), backward.value.item()]).toEqual([f(x).item(), f(x).item()]);
        },
      ),
      { seed: 4, numRuns: 20 },
    );
  });

  it("vmap is a loop", () => {
    fc.assert(
      fc.property(compositions, fc.nat(1000), (names, seed) => {
        const own = new Generator(seed);
        const xs = randn([3, 3, 4], { ...float64, generator: own });
        const f = composed(names);
        const inAxis = seed % 2 === 0 ? 0 : 1;
        const got = vmap(f, { inAxes: inAxis })(xs.transpose(0, inAxis));
        const each = (i: number) => f(xs.select(0, i)).unsqueeze(0);
        expect(allclose(got, concat([each(0), each(1), each(2)]), { atol: 1e-12 })).toBe(true);
      }),
      { seed: 5, numRuns: 40 },
    );
  });
});

describe("jacobian and hessian", () => {
  it("give PyTorch's numbers", () => {
    const { w, x, f, layer } = reference;
    expect(allclose(jacobian(layer, { argnums: 1 })(w, x), reference.jacobian)).toBe(true);
    expect(allclose(hessian(f, { argnums: 1 })(w, x), reference.hessian)).toBe(true);
    const row = hessian(f)(w, x).reshape([6, 6]).select(0, 0);
    expect(allclose(row, reference.hessianRow)).toBe(true);
    const overReverse = jacobian(grad(f, { argnums: 1 }), { argnums: 1 })(w, x);
    expect(allclose(overReverse, reference.hessian)).toBe(true);
  });

  it("are nested as results and arguments are", () => {
    const f = (p: { a: Tensor; b: Tensor }) => ({ y: p.a.mul(p.b.sum()), z: [p.b.sum()] });
    const p = { a: at([1, 2]), b: at([3, 4, 5]) };
    for (const mode of ["reverse", "forward"] as const) {
      const j = jacobian(f, { mode })(p);
      expect(j.y.a.toArray()).toEqual([
        [12, 0],
        [0, 12],
      ]);
      expect(j.y.b.toArray()).toEqual([
        [1, 1, 1],
        [2, 2, 2],
      ]);
      expect(j.z[0]!.b.toArray()).toEqual([1, 1, 1]);
      expect(j.z[0]!.a.toArray()).toEqual([0, 0]);
    }
    const h = hessian((q: { a: Tensor; b: Tensor }) => q.a.mul(q.b).sum())({
      a: at([1, 2]),
      b: at([3, 4]),
    });
    expect(h.a.b.toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(h.a.a.toArray()).toEqual([
      [0, 0],
      [0, 0],
    ]);
    const [[, xy]] = hessian((x: Tensor, y: Tensor) => x.mul(y).sum(), { argnums: [0, 1] })(2, 3);
    expect(xy.item()).toBe(1);
  });

  it("work on numbers and on nothing", () => {
    expect(jacobian((x: Tensor) => x.pow(2))(3).item()).toBe(6);
    expect(hessian((x: Tensor) => x.pow(3))(2).item()).toBe(12);
    const none = zeros([0, 2], float64);
    expect(jacobian((x: Tensor) => x.mul(2))(none).shape).toEqual([0, 2, 0, 2]);
    expect(jacobian((x: Tensor) => x.sum(), { mode: "forward" })(none).shape).toEqual([0, 2]);
  });

  it("compose with vmap and with themselves", () => {
    const xs = randn([5, 3], { ...float64, generator: new Generator(3) });
    const cubes = (x: Tensor) => x.pow(3).sum();
    const expected = vmap((x: Tensor) => x.mul(6).diag())(xs);
    expect(allclose(vmap(hessian(cubes))(xs), expected)).toBe(true);
    expect(allclose(vmap(jacobian(grad(cubes)))(xs), expected)).toBe(true);
    const third = jacobian(hessian(cubes), { mode: "forward" })(xs.select(0, 0));
    expect(allclose(third.sum(), tensor(18, float64))).toBe(true);
  });

  it("are on the tape where something outside is", () => {
    const w = at([2]).requiresGrad_();
    const j = jacobian((x: Tensor) => x.square().mul(w))(at([3]));
    j.sum().backward();
    expect(w.grad!.item()).toBe(6);
    expect(jacobian((x: Tensor) => x.square())(at([3])).requiresGrad).toBe(false);
  });

  it("refuse another mode", () => {
    expect(() => jacobian((x: Tensor) => x, { mode: "sideways" as never })).toThrow(
      'jacobian: mode is "sideways"; known are "reverse" and "forward".',
    );
    expect(() => hessian((x: Tensor) => x)(at([1, 2]))).toThrow(/^grad: f returned shape \[2\]/);
  });

  it("agree with finite differences to many digits", () => {
    const x = at([0.3, -0.7, 1.1]);
    const f = (z: Tensor) => z.exp().mul(z.roll(1)).sum();
    const numeric = numericalGradient((z) => grad(f)(z).select(0, 1).item(), x);
    expect(relativeError(hessian(f)(x).select(0, 1).data(), numeric)).toBeLessThan(1e-7);
    expect(equal(hessian(f)(x), hessian(f)(x))).toBe(true);
  });
});
