/**
 * Every op on a size of some work: name → [function, ...inputs]. Leaves that require a gradient get one.
 * Elementwise ops and reductions get 512×512 elements, decompositions [64, 64].
 */
import * as exported from "@tapegrad/core";

const core = { ...exported }; // ops are looked up by name below

core.manualSeed(1);
const { rand, randint } = core;

const uniform = (shape, low = 0.1, high = 0.9) => rand(shape, { low, high }).requiresGrad_();
const data = (shape, low = 0.1, high = 0.9) => rand(shape, { low, high });
const whole = (shape, high) => randint(0, high, shape);
const wide = [512, 512];

/** Positive definite: A·Aᵀ + 64·1. */
function definite(size) {
  const a = rand([size, size]);
  return a.matmul(a.transpose(0, 1)).add(core.eye(size).mul(size)).detach().requiresGrad_();
}

const named = (names, inputs) =>
  Object.fromEntries(names.map((name) => [name, () => [core[name], ...inputs()]]));

const elementwise = {
  ...named(
    "abs acos asin asinh atan atanh cbrt ceil cos cosh digamma erf erfc erfinv exp exp2 expm1 floor lgamma log log10 log1p log2 logit neg reciprocal relu round rsqrt sigmoid sign sin sinc sinh sqrt square tan tanh trunc".split(
      " ",
    ),
    () => [uniform(wide)],
  ),
  ...named(["acosh"], () => [uniform(wide, 1.1, 3)]),
  ...named(
    "celu elu gelu hardsigmoid hardshrink hardswish hardtanh leakyRelu logSigmoid mish relu6 selu silu softplus softshrink softsign tanhshrink isnan frac nanToNum".split(
      " ",
    ),
    () => [uniform(wide, -2, 2)],
  ),
  ...named(
    "add atan2 copysign div eq floorDivide fmax fmin fmod ge gt hypot le logaddexp logaddexp2 lt maximum minimum mul ne pow remainder sub xlogy".split(
      " ",
    ),
    () => [uniform(wide), uniform(wide)],
  ),
  "add [512, 512] [512]": () => [core.add, uniform(wide), uniform([512])],
  "add [512, 512] [512, 1]": () => [core.add, uniform(wide), uniform([512, 1])],
  "pow 3": () => [(x) => x.pow(3), uniform(wide)],
  "div, trunc": () => [(a, b) => core.div(a, b, { roundingMode: "trunc" }), data(wide), data(wide)],
  clamp: () => [(x) => core.clamp(x, 0.3, 0.6), uniform(wide)],
  lerp: () => [(a, b) => core.lerp(a, b, 0.3), uniform(wide), uniform(wide)],
  polygamma: () => [(x) => core.polygamma(1, x), uniform(wide)],
  where: () => [core.where, data(wide).gt(0.5), uniform(wide), uniform(wide)],
  maskedFill: () => [(x, mask) => core.maskedFill(x, mask, 0), uniform(wide), data(wide).gt(0.5)],
  ...named(["bitwiseAnd", "bitwiseOr", "bitwiseXor"], () => [whole(wide, 99), whole(wide, 99)]),
  ...named(["bitwiseLeftShift", "bitwiseRightShift"], () => [whole(wide, 99), whole(wide, 5)]),
  "to float64": () => [(x) => x.to("float64"), uniform(wide)],
};

const layout = {
  clone: () => [core.clone, uniform(wide)],
  contiguous: () => [(x) => x.transpose(0, 1).contiguous(), uniform(wide)],
  concat: () => [(a, b) => core.concat([a, b], 0), uniform(wide), uniform(wide)],
  stack: () => [(a, b) => core.stack([a, b], 1), uniform(wide), uniform(wide)],
  expand: () => [(x) => x.expand(wide), uniform([512])],
  slice: () => [(x) => x.narrow(1, 100, 200), uniform(wide)],
  reshape: () => [(x) => x.reshape([256, 1024]), uniform(wide)],
  permute: () => [(x) => x.permute([1, 0]), uniform(wide)],
  flip: () => [(x) => core.flip(x, [1]), uniform(wide)],
  roll: () => [(x) => core.roll(x, 7, 1), uniform(wide)],
  repeat: () => [(x) => core.repeat(x, [2, 1]), uniform(wide)],
  tril: () => [core.tril, uniform(wide)],
  diagonal: () => [(x) => core.diagonal(x), uniform(wide)],
  diagEmbed: () => [(x) => core.diagEmbed(x), uniform([512])],
  pad: () => [(x) => core.pad(x, [2, 2, 2, 2]), uniform(wide)],
  "pad, reflect": () => [
    (x) => core.pad(x, [2, 2, 2, 2], { mode: "reflect" }),
    uniform([4, 16, 64, 64]),
  ],
  unfoldAxis: () => [(x) => core.unfoldAxis(x, 1, 8, 4), uniform(wide)],
  unfold: () => [(x) => core.unfold(x, 3), uniform([4, 16, 32, 32])],
  asStrided: () => [(x) => core.asStrided(x, [510, 3], [512, 1]), uniform(wide)],
};

const reductions = {
  ...named("sum mean prod amax amin logsumexp norm std nansum".split(" "), () => [uniform(wide)]),
  ...Object.fromEntries(
    [0, 1].flatMap((axis) =>
      "sum amax prod std logsumexp"
        .split(" ")
        .map((name) => [
          `${name}, axis ${axis}`,
          () => [(x) => core[name](x, axis), uniform(wide)],
        ]),
    ),
  ),
  ...named("argmax argmin all any softmax logSoftmax".split(" "), () => [uniform(wide), 1]),
  "softmax, axis 0": () => [(x) => core.softmax(x, 0), uniform(wide)],
  ...named("cumsum cumprod logcumsumexp cummax cummin".split(" "), () => [uniform(wide), 1]),
  "cumsum, axis 0": () => [(x) => core.cumsum(x, 0), uniform(wide)],
  sort: () => [(x) => core.sort(x).values, uniform(wide)],
  argsort: () => [(x) => core.argsort(x), data(wide)],
  topk: () => [(x) => core.topk(x, 10).values, uniform(wide)],
  median: () => [(x) => core.median(x, 1).values, uniform(wide)],
};

const rows = () => whole([512], 512);
const indexing = {
  gather: () => [(x, i) => core.gather(x, 1, i), uniform(wide), whole(wide, 512)],
  indexSelect: () => [(x, i) => core.indexSelect(x, 0, i), uniform(wide), rows()],
  take: () => [core.take, uniform(wide), whole([65_536], 512 * 512)],
  embedding: () => [(w, i) => core.embedding(i, w), uniform(wide), rows()],
  scatter: () => [
    (x, i, y) => core.scatter(x, 1, i, y),
    uniform(wide),
    whole(wide, 512),
    data(wide),
  ],
  scatterAdd: () => [
    (x, y, i) => core.scatterAdd(x, 1, i, y),
    uniform(wide),
    uniform(wide),
    whole(wide, 512),
  ],
  ...Object.fromEntries(
    ["prod", "amax", "amin"].map((reduce) => [
      `scatterReduce, ${reduce}`,
      () => [
        (x, y, i) => core.scatterReduce(x, 1, i, y, { reduce }),
        uniform(wide),
        uniform(wide),
        whole(wide, 512),
      ],
    ]),
  ),
  indexAdd: () => [(x, y, i) => core.indexAdd(x, 0, i, y), uniform(wide), uniform(wide), rows()],
  maskedSelect: () => [core.maskedSelect, uniform(wide), data(wide).gt(0.5)],
  searchsorted: () => [core.searchsorted, core.linspace(0, 1, 1000), data(wide)],
  nonzero: () => [core.nonzero, data(wide).gt(0.5)],
  unique: () => [(x) => core.unique(x).values, whole(wide, 1000)],
};

const images = () => uniform([8, 32, 32, 32], -1, 1);
const normalizations = {
  batchNorm: () => [
    (x, w, b) => core.batchNorm(x, { training: true, weight: w, bias: b }),
    images(),
    uniform([32]),
    uniform([32]),
  ],
  groupNorm: () => [(x) => core.groupNorm(x, 4), images()],
  instanceNorm: () => [(x) => core.instanceNorm(x), images()],
  layerNorm: () => [
    (x, w, b) => core.layerNorm(x, 512, { weight: w, bias: b }),
    uniform(wide),
    uniform([512]),
    uniform([512]),
  ],
  rmsNorm: () => [(x) => core.rmsNorm(x, 512), uniform(wide)],
  localResponseNorm: () => [(x) => core.localResponseNorm(x, 5), images()],
};

const neural = {
  linear: () => [core.linear, uniform([128, 512]), uniform(wide), uniform([512])],
  linearRelu: () => [
    (x, w, b) => core.linear(x, w, b, { activation: "relu" }),
    uniform([128, 512]),
    uniform(wide),
    uniform([512]),
  ],
  conv1d: () => [
    (x, w) => core.conv1d(x, w, { padding: 1 }),
    uniform([8, 32, 512]),
    uniform([32, 32, 3]),
  ],
  conv2d: () => [(x, w) => core.conv2d(x, w, { padding: 1 }), images(), uniform([32, 32, 3, 3])],
  "conv2d, depthwise": () => [
    (x, w) => core.conv2d(x, w, { padding: 1, groups: 32 }),
    images(),
    uniform([32, 1, 3, 3]),
  ],
  conv3d: () => [
    (x, w) => core.conv3d(x, w),
    uniform([2, 8, 16, 16, 16]),
    uniform([8, 8, 3, 3, 3]),
  ],
  convTranspose2d: () => [
    (x, w) => core.convTranspose2d(x, w, { stride: 2 }),
    uniform([8, 32, 16, 16]),
    uniform([32, 16, 3, 3]),
  ],
  maxPool2d: () => [(x) => core.maxPool2d(x, 2), images()],
  avgPool2d: () => [(x) => core.avgPool2d(x, 2), images()],
  adaptiveAvgPool2d: () => [(x) => core.adaptiveAvgPool2d(x, 7), images()],
  interpolate: () => [(x) => core.interpolate(x, { scaleFactor: 2, mode: "bilinear" }), images()],
  gridSample: () => [core.gridSample, images(), uniform([8, 32, 32, 2], -1, 1)],
  dropout: () => [(x) => core.dropout(x, { p: 0.5 }), uniform(wide)],
  ...normalizations,
  scaledDotProductAttention: () => [
    (q, k, v) => core.scaledDotProductAttention(q, k, v, { isCausal: true }),
    ...[1, 2, 3].map(() => uniform([8, 4, 64, 32])),
  ],
  crossEntropy: () => [core.crossEntropy, uniform(wide), rows()],
  mseLoss: () => [core.mseLoss, uniform(wide), data(wide)],
  huberLoss: () => [core.huberLoss, uniform(wide), data(wide)],
  binaryCrossEntropy: () => [core.binaryCrossEntropy, uniform(wide), data(wide)],
  binaryCrossEntropyWithLogits: () => [
    core.binaryCrossEntropyWithLogits,
    uniform(wide),
    data(wide),
  ],
  ctcLoss: () => [
    (x, y) => core.ctcLoss(core.logSoftmax(x, 2), y),
    uniform([50, 8, 20]),
    core.randint(1, 20, [8, 10]),
  ],
};

const linalg = {
  matmul: () => [core.matmul, uniform(wide), uniform(wide)],
  "matmul AᵀB": () => [(a, b) => a.transpose(0, 1).matmul(b), uniform(wide), uniform(wide)],
  "matmul ABᵀ": () => [(a, b) => a.matmul(b.transpose(0, 1)), uniform(wide), uniform(wide)],
  "matmul, batched": () => [core.matmul, uniform([64, 64, 64]), uniform([64, 64, 64])],
  "matmul, vector": () => [core.matmul, uniform([1024, 1024]), uniform([1024])],
  einsum: () => [
    (a, b) => core.einsum("bij,bkj->bik", a, b),
    uniform([32, 64, 64]),
    uniform([32, 64, 64]),
  ],
  outer: () => [core.outer, uniform([512]), uniform([512])],
  cdist: () => [core.cdist, uniform([256, 64]), uniform([256, 64])],
  ...named("inv det slogdet cholesky eigh eigvalsh svdvals pinv matrixExp".split(" "), () => [
    definite(64),
  ]),
  qr: () => [(x) => core.qr(x), uniform([64, 64])],
  svd: () => [(x) => core.svd(x), definite(64)],
  solve: () => [core.solve, definite(64), uniform([64, 64])],
  triangularSolve: () => [
    (a, b) => core.triangularSolve(core.tril(a), b),
    definite(64),
    uniform([64, 64]),
  ],
  lstsq: () => [(a, b) => core.lstsq(a, b).solution, uniform([128, 64]), uniform([128, 8])],
};

const random = {
  rand: () => [() => core.rand(wide)],
  randn: () => [() => core.randn(wide)],
  bernoulli: () => [() => core.bernoulli(0.3, wide)],
  randperm: () => [() => core.randperm(100_000)],
};

/** family → name → () => [function, ...inputs] */
export const families = {
  elementwise,
  layout,
  "reductions, scans, order": reductions,
  indexing,
  neural,
  "linear algebra": linalg,
  random,
};
