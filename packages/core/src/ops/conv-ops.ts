/**
 * Convolutions of one to three spatial axes, as cross-correlations (the kernel is not flipped).
 *
 * Three ops, each linear in either input, are the derivatives of each other, so that any order of
 * differentiation stays among them. With x [N, C, …], w [O, C/groups, …kernel], y [N, O, …]:
 *
 *     conv:        y[n, o, p] = Σ_{c, k} w[o, c, k] · x[n, c, p·stride + k·dilation − before]
 *     convInput:   the same sum read for x: what reaches x from y (a transposed convolution)
 *     convWeight:  the same sum read for w
 */
import type { ConvGeometry } from "@tapegrad/kernels";
import type { BatchCall } from "../definition.ts";
import { defineOp } from "../op.ts";
import type { Tensor } from "../tensor.ts";
import { everySample, joined, parted } from "./batching.ts";
import { reshape, transpose } from "./layout.ts";
import { sum } from "./reduce.ts";
import { packed } from "./windows.ts";

// ---------------------------------------------------------------------------------------------
// For vmap: samples with a weight of their own are groups of channels of their own.

/** [B, N, C, …] → [N, B·C, …]. */
function channelsJoined(x: Tensor): Tensor {
  const turned = transpose(x, 0, 1);
  return reshape(turned, [x.shape[1]!, x.shape[0]! * x.shape[2]!, ...x.shape.slice(3)]);
}

/** [N, B·C, …] → [B, N, C, …]. */
function channelsParted(y: Tensor, size: number, channels: number): Tensor {
  return transpose(reshape(y, [y.shape[0]!, size, channels, ...y.shape.slice(2)]), 0, 1);
}

function grouped(g: ConvGeometry, size: number): ConvGeometry {
  return { ...g, groups: g.groups * size };
}

/** For conv with and without a bias. */
function convRule(batch: BatchCall<ConvGeometry>): Tensor {
  const { call, inputs, batched, attrs, size } = batch;
  const [x, ...filters] = inputs as [Tensor, ...Tensor[]];
  if (!batched.slice(1).includes(true))
    return parted(call([joined(x), ...filters], attrs) as Tensor, size, x.shape[1]!);
  const [images, ...own] = everySample(batch) as [Tensor, Tensor];
  const y = call([channelsJoined(images), ...own.map(joined)], grouped(attrs, size));
  return channelsParted(y as Tensor, size, own[0].shape[1]!);
}

// ---------------------------------------------------------------------------------------------
// The ops

export const convOp = defineOp({
  name: "conv",
  inputs: ["x", "weight"],
  domain: "float",
  shape: ({ x, weight }, g: ConvGeometry) => [x.shape[0]!, weight.shape[0]!, ...g.output],
  forward: ({ x, weight }, y, kernels, g) => {
    packed(kernels, [x, weight], (x, weight) => kernels.conv(g, x, weight, y));
  },
  saves: ["x", "weight"],
  batch: (batch) => convRule(batch),
  grad: {
    x: (dy, { weight }, g): Tensor => convInputOp(dy, weight, g),
    weight: (dy, { x }, g): Tensor => convWeightOp(x, dy, g),
  },
  symbol: "∗",
  tex: { y: "w * x", x: "w \\star dY", weight: "x * dY" },
});

/** {@link convOp} with a number added to each channel of y, in one pass. */
export const convBiasOp = defineOp({
  name: "convBias",
  inputs: ["x", "weight", "bias"],
  domain: "float",
  shape: ({ x, weight }, g: ConvGeometry) => [x.shape[0]!, weight.shape[0]!, ...g.output],
  forward: ({ x, weight, bias }, y, kernels, g) => {
    packed(kernels, [x, weight, bias], (x, weight, bias) => kernels.conv(g, x, weight, y, bias));
  },
  saves: ["x", "weight"],
  batch: (batch) => convRule(batch),
  grad: {
    x: (dy, { weight }, g): Tensor => convInputOp(dy, weight, g),
    weight: (dy, { x }, g): Tensor => convWeightOp(x, dy, g),
    bias: (dy): Tensor =>
      sum(
        dy,
        [...dy.shape.keys()].filter((axis) => axis !== 1),
      ),
  },
  symbol: "∗",
  tex: { y: "w * x + b", x: "w \\star dY", weight: "x * dY", bias: "\\sum_{n, p} dY_{n, p}" },
});

export const convInputOp = defineOp({
  name: "convInput",
  inputs: ["dy", "weight"],
  domain: "float",
  shape: ({ dy, weight }, g: ConvGeometry) => [
    dy.shape[0]!,
    weight.shape[1]! * g.groups,
    ...g.input,
  ],
  forward: ({ dy, weight }, x, kernels, g) => {
    packed(kernels, [dy, weight], (dy, weight) => kernels.convInput(g, x, weight, dy));
  },
  saves: ["dy", "weight"],
  batch: (batch) => {
    const { call, inputs, batched, attrs, size } = batch;
    if (!batched[1])
      return parted(
        call([joined(inputs[0]!), inputs[1]!], attrs) as Tensor,
        size,
        inputs[0]!.shape[1]!,
      );
    const [dy, weight] = everySample(batch) as [Tensor, Tensor];
    const x = call([channelsJoined(dy), joined(weight)], grouped(attrs, size));
    return channelsParted(x as Tensor, size, weight.shape[2]! * attrs.groups);
  },
  grad: {
    dy: (dx, { weight }, g): Tensor => convOp(dx, weight, g),
    weight: (dx, { dy }, g): Tensor => convWeightOp(dx, dy, g),
  },
  tex: { y: "w \\star dY", dy: "w * dX", weight: "dX * dY" },
});

export const convWeightOp = defineOp({
  name: "convWeight",
  inputs: ["x", "dy"],
  domain: "float",
  shape: ({ x, dy }, g: ConvGeometry) => [dy.shape[1]!, x.shape[1]! / g.groups, ...g.kernel],
  forward: ({ x, dy }, weight, kernels, g) => {
    packed(kernels, [x, dy], (x, dy) => kernels.convWeight(g, x, weight, dy));
  },
  saves: ["x", "dy"],
  batch: (batch) => {
    const { call, attrs, size } = batch;
    const [x, dy] = everySample(batch) as [Tensor, Tensor];
    const weight = call([channelsJoined(x), channelsJoined(dy)], grouped(attrs, size));
    return parted(weight as Tensor, size, dy.shape[2]!);
  },
  grad: {
    x: (dw, { dy }, g): Tensor => convInputOp(dy, dw, g),
    dy: (dw, { x }, g): Tensor => convOp(x, dw, g),
  },
  tex: { y: "x * dY", x: "dW \\star dY", dy: "dW * x" },
});
