/** CS231n's published and recomputed values for normalization, convolution, pooling and embedding layers. */
import { expect, it } from "@jest/globals";
import { noGrad, type Tensor } from "@tapegrad/core";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  relativeError,
  toTensor,
} from "../../core/test/golden.ts";
import { batchNorm1d, conv2d, embedding, groupNorm, maxPool2d, Parameter } from "../src/index.ts";

interface Case {
  id: string;
  inputs: Record<string, GoldenValue>;
  params: {
    eps: number;
    gamma2: number[];
    beta2: number[];
    groups: number;
    stride: number;
    pad: number;
    kernel: number;
  };
  published: Record<string, GoldenTensor & number>;
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

const float64 = { dtype: "float64" } as const;

describeGolden<Case>("CS231n's layers", "cs231n.json", (cases) => {
  const find = (id: string) => {
    const golden = cases.find((one) => one.id === id)!;
    const inputs = Object.fromEntries(
      Object.entries(golden.inputs).map(([name, value]) => [name, toTensor(value)]),
    ) as Record<string, Tensor>;
    const expectPublished = (name: string, got: Tensor) =>
      expect(relativeError(got, toTensor(golden.published[name]!))).toBeLessThan(
        golden.rel_error_limit_for_published,
      );
    return { ...golden, inputs, expectPublished };
  };
  /** NumPy's standard deviation, which is the biased one. */
  const std = (x: Tensor, axis: number | number[]) => x.std(axis, { correction: 0 });

  it("batchnorm_train_stats", () => {
    const { inputs, params, published, computed, expectPublished } = find("batchnorm_train_stats");
    const a = inputs.a!;
    expectPublished("before_means", a.mean(0));
    expectPublished("before_stds", std(a, 0));
    const layer = batchNorm1d(3, { eps: params.eps, ...float64 });
    const y = layer(a).detach();
    expect(y.mean(0).abs().max().item()).toBeLessThan(published.after_means_abs_below!);
    expectClose(std(y, 0), computed.after_stds!);
    expectPublished("after_stds", std(y, 0));
    noGrad(() => {
      for (const [i, name] of (["weight", "bias"] as const).entries())
        layer[name]!.copy_(
          toTensor({ shape: [3], dtype: "float64", data: [params.gamma2, params.beta2][i]! }),
        );
    });
    const z = layer(a).detach();
    expectClose(z.mean(0), computed.after2_means!);
    expectClose(std(z, 0), computed.after2_stds!);
    expectPublished("after2_means", z.mean(0));
    expectPublished("after2_stds", std(z, 0));
  });

  it("batchnorm_backward", () => {
    const { inputs, params, computed } = find("batchnorm_backward");
    const { x, gamma, beta, dout } = inputs as Record<string, Tensor>;
    const layer = batchNorm1d(5, { eps: params.eps, ...float64 });
    layer.weight = new Parameter(gamma!);
    layer.bias = new Parameter(beta!);
    const out = layer(x!.requiresGrad_());
    out.backward(dout!);
    expectClose(out, computed.out!);
    expectClose(x!.grad!, computed.dx!);
    expectClose(layer.weight.grad!, computed.dgamma!);
    expectClose(layer.bias.grad!, computed.dbeta!);
  });

  it("spatial_groupnorm_stats", () => {
    const { inputs, params, computed, expectPublished } = find("spatial_groupnorm_stats");
    const x = inputs.x!;
    const inGroups = (t: Tensor) => t.reshape([2 * params.groups, -1]);
    expectPublished("before_means", inGroups(x).mean(1));
    expectPublished("before_stds", std(inGroups(x), 1));
    const y = groupNorm(params.groups, 6, { eps: params.eps, ...float64 })(x).detach();
    expect(inGroups(y).mean(1).abs().max().item()).toBeLessThan(1e-14);
    expectClose(std(inGroups(y), 1), computed.after_stds!);
    expectPublished("after_stds", std(inGroups(y), 1));
  });

  it("conv_forward", () => {
    const { inputs, params, computed, expectPublished } = find("conv_forward");
    const { x, w, b } = inputs as Record<string, Tensor>;
    const layer = conv2d(3, 3, 4, { stride: params.stride, padding: params.pad, ...float64 });
    layer.loadStateDict({ weight: w!, bias: b! });
    const out = layer(x!).detach();
    expectClose(out, computed.out!);
    expectPublished("out", out);
  });

  it("max_pool_backward", () => {
    const { inputs, params, computed } = find("max_pool_backward");
    const { x, dout } = inputs as Record<string, Tensor>;
    const out = maxPool2d(params.kernel, { stride: params.stride })(x!.requiresGrad_());
    out.backward(dout!);
    expectClose(out, computed.out!);
    expectClose(x!.grad!, computed.dx!);
  });

  it("word_embedding", () => {
    const { inputs, computed, expectPublished } = find("word_embedding");
    const { x, W } = inputs as Record<string, Tensor>;
    const out = embedding(5, 3, float64);
    out.loadStateDict({ weight: W! });
    expectClose(out(x!).detach(), computed.out!);
    expectPublished("out", out(x!).detach());
  });
});
