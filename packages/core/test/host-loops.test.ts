/**
 * Which functions compute in JavaScript over large data, rather than in kernels: all of them run here, forward and
 * backward, on the inputs of the benchmarks and a few more, while every way by which elements reach JavaScript is
 * watched. What is found must be in the list below.
 */
import { expect, it, jest } from "@jest/globals";
import type { DType, Storage, TypedArray } from "@tapegrad/kernels";
import type { Tensor } from "../src/index.ts";

/** Elements that make an array large: more than a row, a list of classes or a small matrix. */
const LARGE = 4000;

/** Who does, and why. */
const inJavaScript: Record<string, string> = {
  ...Object.fromEntries(
    "inv det slogdet cholesky eigh eigvalsh svdvals pinv matrixExp qr svd solve triangularSolve lstsq matrixPower matrixRank nuclearNorm spectralNorm"
      .split(" ")
      .map((name) => [name, "factorises in float64, matrix by matrix"]),
  ),
  "qr, complete": "factorises in float64, matrix by matrix",
  ...Object.fromEntries(
    ["arange", "linspace", "eye"].map((name) => [name, "writes each new element once"]),
  ),
  maxUnpool1d: "looks for the last of equal positions",
  maxUnpool2d: "looks for the last of equal positions",
  maxUnpool3d: "looks for the last of equal positions",
  "unique, axis": "compares slices up to the first difference",
};

const memory = await import("../../kernels/src/memory.ts");
const watched = new Set<string>();
function note(name: string, length: number): void {
  if (length >= LARGE) watched.add(name);
}
jest.unstable_mockModule("../../kernels/src/memory.ts", () => ({
  ...memory,
  peek(storage: Storage) {
    note("peek", storage.length);
    return memory.peek(storage);
  },
  copyOut(storage: Storage, start?: number, length?: number) {
    note("copyOut", length ?? storage.length);
    return memory.copyOut(storage, start, length);
  },
  adopt(array: TypedArray, dtype?: DType) {
    note("adopt", array.length);
    return memory.adopt(array, dtype);
  },
}));
const core = await import("../src/index.ts");
const { observe } = await import("../src/observe.ts");
const { families } = await import("../../../bench/op-cases.mjs");
const { readFamilies } = await import("./ops-page.ts");

const leaf = (shape: number[], low = 0.1, high = 0.9) =>
  core.rand(shape, { low, high }).requiresGrad_();
const whole = (shape: number[], high: number) => core.randint(0, high, shape);
const mask = (shape: number[]) => core.rand(shape).gt(0.5);
const wide = [80, 100];
const signs = (shape: number[]) => whole(shape, 2).mul(2).sub(1).to("float32");
const positive = () =>
  core
    .eye(64)
    .mul(64)
    .add(core.ones([64, 64]))
    .detach()
    .requiresGrad_();

/** Named functions on inputs that all of them take. */
function each(names: string, inputs: () => unknown[]): Case[] {
  const functions = core as unknown as Record<string, (...inputs: unknown[]) => unknown>;
  return names.split(" ").map((name) => [name, () => functions[name]!(...inputs())]);
}

type Case = [name: string, run: () => unknown];

/** What the benchmarks leave out. */
const further: Case[] = [
  ...each("glu nanmean countNonzero aminmax triu diag trapezoid diff", () => [leaf(wide)]),
  ...each("isfinite isinf logicalNot flatten squeeze transpose max min", () => [leaf(wide)]),
  ...each("dstack hstack vstack cat concat", () => [[leaf(wide), leaf(wide)]]),
  ...each("stdMean var varMean variance nanmedian mode kthvalue trace", () => [leaf(wide), 1]),
  ...each("softmin unbind tensorSplit chunk unsqueeze rot90", () => [leaf(wide), 1]),
  ...each("quantile nanquantile", () => [leaf(wide), 0.3]),
  ...each("logicalAnd logicalOr logicalXor isclose allclose heaviside cosineSimilarity", () => [
    leaf(wide),
    leaf(wide),
  ]),
  ...each("l1Loss smoothL1Loss klDiv poissonNllLoss", () => [leaf(wide), core.rand(wide)]),
  ...each("softMarginLoss hingeEmbeddingLoss multilabelSoftMarginLoss", () => [
    leaf(wide),
    signs(wide),
  ]),
  ...each("multiMarginLoss multiclassSvmLoss nllLoss", () => [leaf([5000, 3]), whole([5000], 3)]),
  ...each("inner", () => [leaf(wide), leaf(wide)]),
  ...each("bmm", () => [leaf([8, 30, 30]), leaf([8, 30, 30])]),
  ...each("dot", () => [leaf([9000]), leaf([9000])]),
  ...each("cross", () => [leaf([3000, 3]), leaf([3000, 3])]),
  ...each("kron", () => [leaf([70, 3]), leaf([3, 70])]),
  ...each("matrixPower", () => [positive(), 3]),
  ...each("matrixRank nuclearNorm spectralNorm", () => [positive()]),
  ...each("maxPool1d avgPool1d adaptiveMaxPool1d adaptiveAvgPool1d", () => [leaf([8, 32, 64]), 4]),
  ...each("adaptiveMaxPool2d", () => [leaf([8, 8, 16, 16]), 4]),
  ...each("maxPool3d avgPool3d adaptiveMaxPool3d adaptiveAvgPool3d", () => [
    leaf([2, 4, 16, 16, 16]),
    4,
  ]),
  ...each("lpPool1d", () => [leaf([8, 32, 64]), 2, 4]),
  ...each("lpPool2d", () => [leaf([8, 8, 16, 16]), 2, 4]),
  ...each("lpPool3d", () => [leaf([2, 4, 16, 16, 16]), 2, 4]),
  ...each("dropout1d", () => [leaf([8, 32, 64])]),
  ...each("dropout2d", () => [leaf([8, 8, 16, 16])]),
  ...each("dropout3d", () => [leaf([2, 4, 16, 16, 16])]),
  ...each("alphaDropout featureAlphaDropout featureDropout", () => [leaf(wide)]),
  ["pow, whole", () => core.pow(whole(wide, 9), whole(wide, 3))],
  ["qr, complete", () => core.qr(core.rand([90, 50]), { mode: "complete" })],
  ["arange", () => core.arange(5000)],
  ["linspace", () => core.linspace(0, 1, 5000)],
  ["eye", () => core.eye(80)],
  ["threshold", () => core.threshold(leaf(wide), 0.5, 0)],
  ["prelu", () => core.prelu(leaf(wide), leaf([1]))],
  ["addcdiv", () => core.addcdiv(leaf(wide), leaf(wide), leaf(wide))],
  ["addcmul", () => core.addcmul(leaf(wide), leaf(wide), leaf(wide))],
  ["bitwiseNot", () => core.bitwiseNot(whole(wide, 9))],
  ["oneHot", () => core.oneHot(whole([5000], 9))],
  ["takeAlongAxis", () => core.takeAlongAxis(leaf(wide), whole([80, 90], 100), 1)],
  ["embedding, maxNorm", () => core.embedding(whole([5000], 80), leaf(wide), { maxNorm: 1 })],
  ["crossEntropy, long", () => core.crossEntropy(leaf([5000, 3]), whole([5000], 3))],
  ["multilabelMarginLoss", () => core.multilabelMarginLoss(leaf([900, 9]), whole([900, 9], 9))],
  ["gaussianNllLoss", () => core.gaussianNllLoss(leaf(wide), core.rand(wide), leaf(wide))],
  ["maskedScatter", () => core.maskedScatter(leaf(wide), mask(wide), leaf(wide))],
  ["index, list", () => leaf([5000, 3]).index(whole([5000], 5000), whole([5000], 3))],
  ["index, mask", () => leaf(wide).index(mask(wide))],
  ["indexPut", () => core.indexPut(leaf([5000]), [whole([5000], 5000)], leaf([5000]))],
  ["indexCopy", () => core.indexCopy(leaf([5000]), 0, core.randperm(5000), leaf([5000]))],
  ["indexFill", () => core.indexFill(leaf([5000]), 0, whole([5000], 5000), 1)],
  ["maxUnpool1d", () => unpooled(core.maxPool1d, core.maxUnpool1d, [8, 32, 64])],
  ["maxUnpool2d", () => unpooled(core.maxPool2d, core.maxUnpool2d, [8, 8, 32, 32])],
  ["maxUnpool3d", () => unpooled(core.maxPool3d, core.maxUnpool3d, [8, 8, 16, 16, 16])],
  ["normalize", () => core.normalize(leaf(wide))],
  ["fold", () => core.fold(leaf([4, 36, 900]), [32, 32], { kernelSize: 3 })],
  ["pixelShuffle", () => core.pixelShuffle(leaf([4, 8, 32, 32]), 2)],
  ["pixelUnshuffle", () => core.pixelUnshuffle(leaf([4, 8, 32, 32]), 2)],
  ["cosineEmbeddingLoss", () => core.cosineEmbeddingLoss(leaf(wide), leaf(wide), signs([80]))],
  ["marginRankingLoss", () => core.marginRankingLoss(leaf(wide), leaf(wide), signs(wide))],
  ["tripletMarginLoss", () => core.tripletMarginLoss(leaf(wide), leaf(wide), leaf(wide))],
  ["addmm", () => core.addmm(leaf([80, 80]), leaf(wide), leaf([100, 80]))],
  ["addmv", () => core.addmv(leaf([80]), leaf(wide), leaf([100]))],
  ["mv", () => core.mv(leaf(wide), leaf([100]))],
  ["baddbmm", () => core.baddbmm(leaf([8, 30, 30]), leaf([8, 30, 30]), leaf([8, 30, 30]))],
  ["bilinear", () => core.bilinear(leaf([500, 9]), leaf([500, 9]), leaf([8, 9, 9]))],
  ["multiDot", () => core.multiDot([leaf(wide), leaf([100, 80]), leaf(wide)])],
  ["tensordot", () => core.tensordot(leaf(wide), leaf([100, 80]), 1)],
  ["conv1d, bias", () => core.conv1d(leaf([8, 16, 64]), leaf([16, 16, 3]), { bias: leaf([16]) })],
  ["convTranspose1d", () => core.convTranspose1d(leaf([8, 16, 64]), leaf([16, 16, 3]))],
  ["convTranspose3d", () => core.convTranspose3d(leaf([2, 4, 9, 9, 9]), leaf([4, 4, 3, 3, 3]))],
  ["sumTo", () => core.sumTo(leaf(wide), [100])],
  ["broadcastTo", () => core.broadcastTo(leaf([100]), wide)],
  ["movedim", () => core.movedim(leaf(wide), 0, 1)],
  ["swapaxes", () => core.swapaxes(leaf(wide), 0, 1)],
  ["narrow", () => core.narrow(leaf(wide), 0, 1, 70)],
  ["select", () => core.select(leaf(wide), 0, 1)],
  ["split", () => core.split(leaf(wide), 20)],
  ["detach", () => core.detach(leaf(wide))],
  ["repeatInterleave", () => core.repeatInterleave(leaf([5000]), whole([5000], 3))],
  ["tile", () => core.tile(leaf(wide), [2, 2])],
  ["unflatten", () => core.unflatten(leaf(wide), 1, [10, 10])],
  ["view", () => core.view(leaf(wide), [100, 80])],
  ["meshgrid", () => core.meshgrid([leaf([80]), leaf([100])])],
  ["bincount", () => core.bincount(whole([9000], 50), { weights: core.rand([9000]) })],
  ["bucketize", () => core.bucketize(leaf(wide), core.linspace(0, 1, 50))],
  ["histc", () => core.histc(leaf(wide))],
  ["unique, axis", () => core.unique(whole([3000, 3], 5), { axis: 0 })],
];

function unpooled(
  pool: typeof core.maxPool1d,
  unpool: typeof core.maxUnpool1d,
  shape: number[],
): Tensor {
  const { values, indices } = pool(leaf(shape), 2, { returnIndices: true });
  return unpool(values, indices, { kernel: 2 });
}

/** Inputs are made outside of the watch where the benchmarks make them. */
const cases: Case[] = Object.values(families).flatMap((list) =>
  Object.entries(list).map(([name, make]): Case => {
    const [f, ...inputs] = make();
    return [name, () => f(...(inputs as never[]))];
  }),
);

it("no function computes in JavaScript over large data but those listed", () => {
  const found = new Set<string>();
  const ran = new Set<string>();
  for (const [name, run] of [...cases, ...further]) {
    const watch = () => {
      watched.clear();
      observe({ applied: (op) => ran.add(op.name) }, () => backward(run()));
      return watched.size > 0;
    };
    // The first call of an op looks at its result (see fill.ts), so what is found must be found again.
    if (watch() && watch()) found.add(name);
  }
  expect([...found].sort()).toEqual(Object.keys(inJavaScript).sort());
  const copies = ["addRegion", "copy"]; // of in-place methods and gradients of slices, kernels alone
  expect([...core.registeredOps().keys()].filter((name) => !ran.has(name)).sort()).toEqual(copies);
}, 240_000);

it("every public function is among them", async () => {
  const names = new Set([...cases, ...further].map(([name]) => name.split(/[, ]/)[0]));
  const missing = (await readFamilies()).flatMap(({ functions }) =>
    functions.filter((name) => !names.has(name)),
  );
  expect(missing).toEqual(["Slice"]);
});

function backward(results: unknown): void {
  const outputs = results instanceof core.Tensor ? [results] : Object.values(results as object);
  for (const y of outputs) {
    if (!(y instanceof core.Tensor) || !y.requiresGrad) continue;
    y.backward(core.ones(y.shape, { dtype: y.dtype }), { retainGraph: true });
  }
}
