/** Attention and dropout. */
import { describe, expect, it } from "@jest/globals";
import {
  alphaDropout,
  bernoulli,
  checkOp,
  dropout,
  dropout1d,
  dropout2d,
  dropout3d,
  equal,
  featureAlphaDropout,
  featureDropout,
  Generator,
  grad,
  gradcheck,
  gradgradcheck,
  normal,
  ones,
  randn,
  scalar,
  scaledDotProductAttention,
  softmax,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { attentionOp } from "../../src/ops/attention.ts";
import { dropoutOp } from "../../src/ops/dropout.ts";
import { expectNear, random, testMessages } from "./helpers.ts";

export function attentionTests(): void {
  describe("scaledDotProductAttention", () => {
    const [q, k, v] = [random([2, 3, 4]), random([2, 5, 4], 2), random([2, 5, 6], 3)];

    it("is softmax(q·kᵀ/√E)·v, with broadcast heads", () => {
      const weights = softmax(q.matmul(k.transpose()).div(2), -1);
      expectNear(scaledDotProductAttention(q, k, v), weights.matmul(v));
      const one = scaledDotProductAttention(q, k.narrow(0, 0, 1), v, { scale: 0 });
      expectNear(one, v.mean(1, { keepdim: true }).expand([2, 3, 6]));
    });

    it("masks: bool lets through, float is added, causal is a lower triangle", () => {
      const allowed = [
        [1, 0, 0, 0, 0],
        [1, 1, 0, 0, 0],
        [1, 1, 1, 0, 0],
      ];
      const bool = tensor(allowed, { dtype: "bool" });
      const float = tensor(
        allowed.map((row) => row.map((one) => (one ? 0 : -Infinity))),
        { dtype: "float64" },
      );
      const causal = scaledDotProductAttention(q, k, v, { isCausal: true });
      expectNear(scaledDotProductAttention(q, k, v, { attnMask: bool }), causal);
      expectNear(scaledDotProductAttention(q, k, v, { attnMask: float }), causal);
    });

    it("a query that may look nowhere gives NaN and a finite query gradient", () => {
      const query = q.clone().requiresGrad_();
      const attnMask = tensor([
        [true, true, false, true, true],
        [false, false, false, false, false],
        [true, true, true, true, true],
      ]);
      const y = scaledDotProductAttention(query, k, v, { attnMask });
      expect(y.index(0, 1).data().every(Number.isNaN)).toBe(true);
      expect(y.index(0, 0).data().every(Number.isFinite)).toBe(true);
      y.sum().backward();
      expect(query.grad!.data().every(Number.isFinite)).toBe(true);
    });

    it("has gradients of the first and second order, the mask's too", () => {
      const leaves = [random([2, 2]), random([3, 2], 2), random([3, 2], 3), random([2, 3], 4)].map(
        (x) => x.requiresGrad_(),
      );
      const f = (...[q, k, v, attnMask]: Tensor[]) =>
        scaledDotProductAttention(q!, k!, v!, { attnMask: attnMask! });
      gradcheck(f, leaves);
      gradgradcheck(f, leaves);
    });

    it("as one op", () => {
      const inputs = { query: normal([2, 3, 2]), key: normal([2, 4, 2]), value: normal([2, 4, 3]) };
      checkOp(attentionOp, {
        cases: [
          { ...inputs, mask: normal([3, 4]), attrs: { scale: 0.7, causal: false } },
          { ...inputs, mask: scalar(0), attrs: { scale: 0.7, causal: true } },
          {
            ...inputs,
            key: normal([4, 2]),
            mask: normal([2, 1, 4]),
            attrs: { scale: 1, causal: true },
          },
          {
            ...inputs,
            query: normal([2, 0, 2]),
            mask: scalar(0),
            attrs: { scale: 1, causal: true },
          },
        ],
      });
    });

    it("in blocks it is what it is at once, and its gradients those of a recorded pass", () => {
      const shapes = { q: [2, 83, 5], k: [2, 41, 5], v: [2, 41, 9] };
      const [q, k, v, dy] = [...Object.values(shapes), [2, 83, 9]].map((s, i) => random(s, i + 1));
      const attnMask = random([2, 1, 41], 7);
      for (const options of [{}, { isCausal: true }, { attnMask, scale: 2 }]) {
        const [blocks, whole] = [false, true].map((createGraph) => {
          const leaves = [q!, k!, v!].map((x) => x.clone().requiresGrad_());
          const y = scaledDotProductAttention(leaves[0]!, leaves[1]!, leaves[2]!, options);
          return grad(y, leaves, { gradOutputs: [dy!], createGraph });
        });
        blocks!.forEach((dx, i) => {
          expectNear(dx, whole![i]!);
        });
      }
      const scores = q!.matmul(k!.transpose()).mul(2).add(attnMask);
      const y = scaledDotProductAttention(q!, k!, v!, { attnMask, scale: 2 });
      expectNear(y, softmax(scores).matmul(v!));
    });

    it("drops weights by a seed", () => {
      const call = (seed: number) =>
        scaledDotProductAttention(q, k, v, { dropoutP: 0.5, generator: new Generator(seed) });
      expect(equal(call(1), call(1))).toBe(true);
      expect(equal(call(1), call(2))).toBe(false);
      expectNear(scaledDotProductAttention(q, k, v, { dropoutP: 1 }), new Array(36).fill(0));
    });
  });

  describe("dropout", () => {
    const x = ones([200, 50], { dtype: "float64" });
    const seeded = (seed = 1) => ({ generator: new Generator(seed) });

    it("keeps the expectation, by a seed; drops all at 1, nothing at 0 or outside of training", () => {
      const y = dropout(x, { p: 0.25, ...seeded() });
      expect([...new Set(y.data())].sort()).toEqual([0, 1 / 0.75]);
      expect(Math.abs(y.mean().item() - 1)).toBeLessThan(0.03);
      expect(equal(y, dropout(x, { p: 0.25, ...seeded() }))).toBe(true);
      expect(dropout(x, { p: 0 })).toBe(x);
      expect(dropout(x, { training: false })).toBe(x);
      expectNear(dropout(x, { p: 1 }).sum(), [0]);
      const leaf = random([6]).requiresGrad_();
      gradcheck((x) => dropout(x, { ...seeded() }), [leaf]);
    });

    it("as one op, whose rule draws the same numbers again", () => {
      // Both float types drop the same elements only where all stay or none does.
      const attrs = { key: [3, 4] as const, counter: 5 };
      checkOp(dropoutOp, {
        cases: [1, 0].map((keep) => ({ x: normal([3, 5]), attrs: { ...attrs, keep } })),
      });
      const x = ones([7, 3]).requiresGrad_();
      const y = dropout(x, seeded());
      y.sum().backward();
      expect(equal(x.grad!, y)).toBe(true);
      // The mask is that of bernoulli.
      const mask = bernoulli(0.5, [7, 3], seeded());
      expectNear(y, mask.mul(2));
    });

    it("drops whole channels", () => {
      for (const [f, shape] of [
        [featureDropout, [30, 20, 2, 3]],
        [dropout1d, [30, 20, 6]],
        [dropout1d, [600, 6]],
        [dropout2d, [30, 20, 2, 3]],
        [dropout3d, [30, 20, 1, 2, 3]],
      ] as const) {
        const y = f(ones(shape), { p: 0.5, ...seeded() });
        expect(y.shape).toEqual(shape);
        const sums = y.reshape([600, 6]).sum(1);
        expect([...new Set(sums.data())].sort()).toEqual([0, 12]);
      }
    });

    it("alpha dropout keeps mean 0 and variance 1", () => {
      const z = randn([200, 500], { generator: new Generator(4) });
      for (const f of [
        alphaDropout,
        (x: Tensor, o: object) => featureAlphaDropout(x.reshape([1000, 100, 1]), o),
      ]) {
        const y = f(z, { p: 0.3, ...seeded() });
        const mean = y.mean().item();
        expect(Math.abs(mean)).toBeLessThan(0.02);
        expect(Math.abs(y.sub(mean).square().mean().item() - 1)).toBeLessThan(0.03);
      }
      expectNear(alphaDropout(x, { p: 1 }).sum(), [0]);
      expect(alphaDropout(x, { training: false })).toBe(x);
    });
  });

  describe("messages of attention and dropout", () => {
    const [q, k, v] = [zeros([2, 3]), zeros([4, 3]), zeros([4, 5])];
    const call = (options: object) => () => scaledDotProductAttention(q, k, v, options);
    testMessages([
      [
        "no tensor",
        () => scaledDotProductAttention(q, 1 as never, v),
        /scaledDotProductAttention: key is a number/,
      ],
      [
        "shapes",
        () => scaledDotProductAttention(q, v, v),
        /query is \[2, 3\], key \[4, 5\] and value \[4, 5\]; they must be \[..., L, E\], \[..., S, E\] and \[..., S, V\]/,
      ],
      [
        "heads",
        () => scaledDotProductAttention(zeros([2, 2, 3]), zeros([3, 4, 3]), v),
        /do not broadcast/,
      ],
      [
        "mask's dtype",
        call({ attnMask: zeros([2, 4], { dtype: "int32" }) }),
        /attnMask is int32; it must be bool \(true: look\) or float/,
      ],
      [
        "mask's shape",
        call({ attnMask: zeros([3, 2, 4]) }),
        /attnMask is \[3, 2, 4\]; it must broadcast to the scores' \[2, 4\]/,
      ],
      [
        "mask and causal",
        call({ attnMask: zeros([2, 4]), isCausal: true }),
        /both attnMask and isCausal were given/,
      ],
      ["isCausal", call({ isCausal: 1 }), /isCausal is a number; it must be true or false/],
      ["dropoutP", call({ dropoutP: 2 }), /dropoutP is 2; a probability is from 0 to 1/],
      ["scale", call({ scale: Number.NaN }), /scale is NaN; it must be a finite number/],
      ["p", () => dropout(q, { p: -1 }), /dropout: p is -1; a probability is from 0 to 1/],
      ["training", () => alphaDropout(q, { training: 0 as never }), /training is a number/],
      [
        "dtype",
        () => dropout(zeros([2], { dtype: "int32" })),
        /dropout: x is int32; it must be float32 or float64/,
      ],
      [
        "channels",
        () => featureDropout(zeros([2])),
        /featureDropout: x is \[2\]; it must be \[N, C, …\]/,
      ],
      [
        "images",
        () => dropout2d(zeros([2, 2])),
        /dropout2d: x is \[2, 2\]; it must be \[N, C, H, W\]/,
      ],
    ]);
  });
}
