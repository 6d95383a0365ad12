/** Normalizations: statistics, running ones, gradients, messages. */
import { describe, expect, it } from "@jest/globals";
import {
  batchNorm,
  checkOp,
  grad,
  gradcheck,
  gradgradcheck,
  groupNorm,
  instanceNorm,
  layerNorm,
  localResponseNorm,
  normal,
  ones,
  rmsNorm,
  type Tensor,
  tensor,
  uniform,
  zeros,
} from "../../src/index.ts";
import {
  batchNormOp,
  groupNormOp,
  instanceNormOp,
  layerNormOp,
  momentsOp,
  rmsNormOp,
} from "../../src/ops/normalize.ts";
import { expectNear, random, testMessages } from "./helpers.ts";

export function normalizeTests(): void {
  describe("normalizations", () => {
    const layouts = [
      { a: 3, b: 2, c: 2, channels: 2, inner: 2 }, // batch norm
      { a: 6, b: 2, c: 1, channels: 2, inner: 1 }, // batch norm without places
      { a: 1, b: 2, c: 6, channels: 6, inner: 1 }, // layer norm
      { a: 1, b: 2, c: 6, channels: 3, inner: 2 }, // group norm
    ];

    it("moments", () => {
      const how = { statistics: "own" as const, eps: 0.1 };
      checkOp(momentsOp, {
        cases: [
          ...layouts.map((layout) => ({ x: normal([3, 4]), attrs: { ...layout, ...how } })),
          { x: normal([3, 4]), attrs: { ...layouts[0]!, ...how, statistics: "root" as const } },
          { x: normal([0, 4]), attrs: { a: 1, b: 0, c: 4, ...how } },
        ],
      });
    });

    const fused = [batchNormOp, layerNormOp, rmsNormOp, groupNormOp, instanceNormOp];
    it.each(fused.map((op) => [op.op.name, op] as const))("%s as one op", (_, op) => {
      for (const statistics of ["own", "root", "given"] as const) {
        checkOp(op, {
          cases: layouts.map((layout) => ({
            x: normal([3, 4]),
            mean: normal([layout.b]),
            rstd: uniform([layout.b], 0.5, 1.5),
            weight: normal([layout.channels]),
            bias: normal([layout.channels]),
            attrs: { ...layout, statistics, eps: 0.1 },
          })),
          call: ([x, mean, rstd, weight, bias], how: Parameters<typeof op>[5]) => {
            const by = statistics === "given" ? { mean: mean!, rstd: rstd! } : momentsOp(x!, how);
            return op(x!, by.mean, by.rstd, weight!, bias!, how);
          },
        });
      }
    });

    it("a backward pass gives the same as one that is recorded", () => {
      const x = random([4, 6, 3]);
      const [weight, bias, dy] = [random([6], 2), random([6], 3), random([4, 6, 3], 4)];
      const run = (f: (options: { weight: Tensor; bias: Tensor }, x: Tensor) => Tensor) => {
        const [plain, recorded] = [false, true].map((createGraph) => {
          const inputs = [x, weight, bias].map((t) => t.clone().requiresGrad_());
          const y = f({ weight: inputs[1]!, bias: inputs[2]! }, inputs[0]!);
          return grad(y, inputs, { gradOutputs: [dy], createGraph });
        });
        plain!.forEach((dx, i) => {
          expectNear(dx, recorded![i]!);
        });
      };
      run((by, t) => batchNorm(t, { ...by, training: true }));
      run((by, t) => instanceNorm(t, by));
      run((by, t) => groupNorm(t, 2, by));
      run((by, t) => layerNorm(t.transpose(1, 2), 6, by).transpose(1, 2));
      const [runningMean, runningVar] = [random([6], 5), random([6], 6).square()];
      run((by, t) => batchNorm(t, { ...by, runningMean, runningVar }));
    });

    it("batch norm: unit variance per channel, running statistics by PyTorch's momentum", () => {
      const x = random([6, 2, 5]).mul(3).add(7);
      const runningMean = zeros([2], { dtype: "float64" });
      const runningVar = ones([2], { dtype: "float64" });
      const y = batchNorm(x, { runningMean, runningVar, training: true, momentum: 0.25, eps: 0 });
      expectNear(y.mean([0, 2]), [0, 0]);
      expectNear(y.square().mean([0, 2]), [1, 1]);
      const mean = x.mean([0, 2]);
      const squares = x
        .sub(mean.reshape([1, 2, 1]))
        .square()
        .sum([0, 2]);
      expectNear(runningMean, mean.mul(0.25));
      // The biased variance normalizes, the unbiased one is remembered.
      expectNear(runningVar, squares.div(29).mul(0.25).add(0.75));
      const after = batchNorm(x, { runningMean, runningVar, eps: 0 });
      const expected = x
        .sub(runningMean.reshape([1, 2, 1]))
        .div(runningVar.sqrt().reshape([1, 2, 1]));
      expectNear(after, expected);
    });

    it("keep digits where the mean is far larger than the spread", () => {
      const x = random([64]).add(1e8);
      const centred = x.sub(x.mean());
      const expected = centred.div(centred.square().mean().add(1e-5).sqrt());
      expectNear(layerNorm(x, 64), expected, 1e-9);
    });

    it("instance, group and layer norm are batch norm of reshaped x", () => {
      const x = random([2, 4, 3]);
      const train = { training: true };
      expectNear(instanceNorm(x), batchNorm(x.reshape([1, 8, 3]), train).reshape([2, 4, 3]));
      expectNear(groupNorm(x, 2), batchNorm(x.reshape([1, 4, 6]), train).reshape([2, 4, 3]));
      expectNear(layerNorm(x, [4, 3]), batchNorm(x.reshape([1, 2, 12]), train).reshape([2, 4, 3]));
    });

    it("instance norm remembers averages over the batch", () => {
      const x = random([3, 2, 4]);
      const runningMean = zeros([2], { dtype: "float64" });
      const runningVar = zeros([2], { dtype: "float64" });
      instanceNorm(x, { runningMean, runningVar, momentum: 1 });
      expectNear(runningMean, x.mean([0, 2]));
      const centred = x.sub(x.mean(2, { keepdim: true }));
      expectNear(runningVar, centred.square().sum(2).div(3).mean(0));
      expect(instanceNorm(x, { runningMean, runningVar, useInputStats: false }).shape).toEqual([
        3, 2, 4,
      ]);
    });

    it("root mean square and local response", () => {
      const x = tensor([[3, 4]], { dtype: "float64" });
      expectNear(rmsNorm(x, 2, { eps: 0 }), [3 / Math.sqrt(12.5), 4 / Math.sqrt(12.5)]);
      const weighted = rmsNorm(x, 2, { eps: 0, weight: tensor([2, 0], { dtype: "float64" }) });
      expectNear(weighted, [6 / Math.sqrt(12.5), 0]);
      const channels = tensor([[[1], [2], [3]]], { dtype: "float64" });
      // Size 2 looks at the channel before and the channel itself.
      const y = localResponseNorm(channels, 2, { alpha: 2, beta: 1, k: 1 });
      expectNear(y, [1 / 2, 2 / 6, 3 / 14]);
    });

    it("of no elements give none; one element that repeats gives 0", () => {
      expect(layerNorm(zeros([0, 3]), 3).shape).toEqual([0, 3]);
      expect(batchNorm(zeros([0, 3]), { training: true }).shape).toEqual([0, 3]);
      expect(layerNorm(ones([2, 3]), 3).toArray()).toEqual([
        [0, 0, 0],
        [0, 0, 0],
      ]);
    });

    it("have gradients of the first and second order", () => {
      const x = random([3, 4, 2]).requiresGrad_();
      const weight = random([4], 2).requiresGrad_();
      const bias = random([4], 3).requiresGrad_();
      const flat = random([3, 4], 4).requiresGrad_();
      const functions: [(...t: Tensor[]) => Tensor, Tensor[]][] = [
        [
          (x, weight, bias) => batchNorm(x!, { weight: weight!, bias: bias!, training: true }),
          [x, weight, bias],
        ],
        [
          (x, weight, bias) => groupNorm(x!, 2, { weight: weight!, bias: bias! }),
          [x, weight, bias],
        ],
        [
          (x, weight, bias) => instanceNorm(x!, { weight: weight!, bias: bias!, eps: 0.1 }),
          [x, weight, bias],
        ],
        [
          (x, weight, bias) => layerNorm(x!, 4, { weight: weight!, bias: bias! }),
          [flat, weight, bias],
        ],
        [(x, weight) => rmsNorm(x!, 4, { weight: weight! }), [flat, weight]],
        [(x) => localResponseNorm(x!, 3, { alpha: 0.5 }), [x]],
      ];
      for (const [f, inputs] of functions) {
        gradcheck(f, inputs);
        gradgradcheck(f, inputs);
      }
    });
  });

  describe("messages of normalizations", () => {
    const x = zeros([2, 3, 4]);
    testMessages([
      ["no tensor", () => batchNorm(1 as never), /batchNorm: x is a number/],
      [
        "rank",
        () => batchNorm(zeros([3])),
        /batchNorm: x is \[3\]; it must be \[N, C, …\] with at least 2 axes/,
      ],
      [
        "weight",
        () => batchNorm(x, { weight: ones([4]), training: true }),
        /weight is \[4\]; it must be \[3\], one number per channel/,
      ],
      [
        "bias",
        () => groupNorm(x, 1, { bias: ones([4]) }),
        /groupNorm: bias is \[4\]; it must be \[3\]/,
      ],
      [
        "weight's dtype",
        () => layerNorm(x, 4, { weight: ones([4], { dtype: "int32" }) }),
        /weight is int32; it must be float32 or float64/,
      ],
      [
        "running statistics",
        () => batchNorm(x),
        /runningMean and runningVar are needed unless training is true/,
      ],
      [
        "one of them",
        () => instanceNorm(x, { useInputStats: false, runningMean: ones([3]) }),
        /needed unless useInputStats is true/,
      ],
      [
        "their shape",
        () => batchNorm(x, { runningMean: ones([2]) }),
        /runningMean is \[2\]; it must be \[3\]/,
      ],
      [
        "momentum",
        () => batchNorm(x, { training: true, momentum: 2 }),
        /momentum is 2; it must be from 0 to 1/,
      ],
      [
        "training",
        () => batchNorm(x, { training: 1 as never }),
        /training is a number; it must be true or false/,
      ],
      [
        "useInputStats",
        () => instanceNorm(x, { useInputStats: null as never }),
        /useInputStats is null/,
      ],
      [
        "eps",
        () => layerNorm(x, 4, { eps: -1 }),
        /eps is -1; it must be a finite number of at least 0/,
      ],
      [
        "one element per channel",
        () => batchNorm(zeros([1, 3]), { training: true }),
        /x is \[1, 3\], one element per channel, which has no variance to train on/,
      ],
      [
        "one element per instance",
        () => instanceNorm(zeros([2, 3, 1])),
        /instanceNorm: x is \[2, 3, 1\], one element per channel/,
      ],
      [
        "groups",
        () => groupNorm(x, 2),
        /groups is 2; it must be a whole number that divides x's 3 channels/,
      ],
      [
        "normalizedShape",
        () => layerNorm(x, [3, 3]),
        /x is \[2, 3, 4\] and normalizedShape \[3, 3\]; it must be x's last sizes/,
      ],
      ["its sizes", () => rmsNorm(x, 0.5), /normalizedShape is 0.5/],
      ["size", () => localResponseNorm(x, 0), /size is 0; it must be a whole number of at least 1/],
      [
        "alpha",
        () => localResponseNorm(x, 2, { alpha: Number.NaN }),
        /alpha is NaN; it must be a finite number/,
      ],
    ]);
  });
}
