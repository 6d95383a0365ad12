/** Losses against their formulas, PyTorch's corner cases, gradients of the first and second order, messages. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  binaryCrossEntropy,
  binaryCrossEntropyWithLogits,
  checkOp,
  cosineEmbeddingLoss,
  crossEntropy,
  ctcLoss,
  full,
  gaussianNllLoss,
  hingeEmbeddingLoss,
  huberLoss,
  klDiv,
  l1Loss,
  logSoftmax,
  marginRankingLoss,
  mseLoss,
  multiclassSvmLoss,
  multilabelMarginLoss,
  multilabelSoftMarginLoss,
  multiMarginLoss,
  nllLoss,
  normal,
  ones,
  poissonNllLoss,
  type Reduction,
  smoothL1Loss,
  softMarginLoss,
  softmax,
  type Tensor,
  tensor,
  tripletMarginLoss,
  uniform,
  whole,
  zeros,
} from "../../src/index.ts";
import { crossEntropyOp } from "../../src/ops/class-losses.ts";
import { binaryCrossEntropyOp } from "../../src/ops/losses.ts";
import { expectDifferentiable, expectNear, f64, random, testMessages } from "./helpers.ts";

const int = (values: number | number[] | number[][]) => tensor(values, { dtype: "int32" });

/** First and second order for every input that is float. */
function checkGradients(f: (...inputs: Tensor[]) => Tensor, ...inputs: Tensor[]): void {
  const leaves = inputs.map((x) => x.detach().clone().requiresGrad_());
  expectDifferentiable(f, ...leaves);
}

export function lossTests(): void {
  describe("losses, element by element", () => {
    it("binaryCrossEntropy", () => {
      checkOp(binaryCrossEntropyOp, {
        reference: (p, t) => -t * Math.log(p) - (1 - t) * Math.log(1 - p),
        cases: [
          { prediction: uniform([3, 4], 0.1, 0.9), target: uniform([3, 4], 0.1, 0.9) },
          { prediction: uniform([3, 1], 0.1, 0.9), target: uniform([4], 0.1, 0.9) },
          { prediction: uniform([], 0.1, 0.9), target: uniform([], 0.1, 0.9) },
          { prediction: uniform([0, 3]), target: uniform([3]) },
        ],
      });
    });

    it("absolute, smooth and Huber errors", () => {
      const [x, t] = [f64([0, 0.5, -3]), f64([0, 0, 0])];
      const none = { reduction: "none" as const };
      expectNear(l1Loss(x, t, none), [0, 0.5, 3]);
      expectNear(smoothL1Loss(x, t, { ...none, beta: 2 }), [0, 0.0625, 2]);
      expectNear(smoothL1Loss(x, t, { ...none, beta: 0 }), [0, 0.5, 3]);
      expectNear(huberLoss(x, t, { ...none, delta: 2 }), [0, 0.125, 4]);
      expectNear(huberLoss(x, t), [(0.125 + 2.5) / 3]);
      expectNear(mseLoss(x, t, { reduction: "sum" }), [9.25]);
      const far = random([4]);
      checkGradients((x, t) => smoothL1Loss(x!, t!, { beta: 0.7 }), far, random([4], 2));
      checkGradients((x, t) => huberLoss(x!, t!, { delta: 0.7 }), far, random([4], 2));
      const leaf = f64([0, 1]).requiresGrad_();
      smoothL1Loss(leaf, zeros([2], { dtype: "float64" }), { reduction: "sum" }).backward();
      expectNear(leaf.grad!, [0, 1]);
    });

    it("binary cross-entropy clamps its logarithms and bounds its gradient", () => {
      const p = f64([0, 1, 0, 1]).requiresGrad_();
      const losses = binaryCrossEntropy(p, f64([0, 1, 1, 0]), { reduction: "none" });
      expectNear(losses, [0, 0, 100, 100]);
      losses.sum().backward();
      expectNear(p.grad!, [0, 0, -1e12, 1e12]);
      expectNear(binaryCrossEntropy(f64([0.5, 0.5]), f64([0, 1]), { weight: f64([2, 4]) }), [
        3 * Math.log(2),
      ]);
    });

    it("binary cross-entropy with logits neither overflows nor jumps", () => {
      const x = f64([1000, -1000, 0, 1000]).requiresGrad_();
      const losses = binaryCrossEntropyWithLogits(x, f64([1, 0, 1, 0]), { reduction: "none" });
      expectNear(losses, [0, 0, Math.log(2), 1000]);
      losses.sum().backward();
      expectNear(x.grad!, [0, 0, -0.5, 1]);
      const [logits, target] = [random([3, 4]), random([3, 4], 2).sigmoid()];
      expectNear(
        binaryCrossEntropyWithLogits(logits, target),
        binaryCrossEntropy(logits.sigmoid(), target),
      );
      const posWeight = f64([1, 2, 3, 4]);
      const weight = f64([[0.5], [1], [2]]);
      checkGradients(
        (x, t) => binaryCrossEntropyWithLogits(x!, t!, { posWeight, weight }),
        logits,
        target,
      );
      const soft = softMarginLoss(f64([0, 2]), f64([1, -1]), { reduction: "none" });
      expectNear(soft, [Math.log(2), Math.log1p(Math.exp(2))]);
    });

    it("divergences and likelihoods", () => {
      const [p, q] = [f64([[0.5, 0.5, 0]]), f64([[0.25, 0.5, 0.25]])];
      expectNear(klDiv(q.log(), p, { reduction: "batchmean" }), [0.5 * Math.log(2)]);
      expectNear(klDiv(q.log(), q.log(), { logTarget: true, reduction: "sum" }), [0]);
      checkGradients((x, t) => klDiv(x!, t!), random([2, 3]), random([2, 3], 2).exp());
      const leaf = p.clone().requiresGrad_();
      klDiv(q.log(), leaf, { reduction: "sum" }).backward();
      expect(leaf.grad!.data().every(Number.isFinite)).toBe(true);

      expectNear(poissonNllLoss(f64([0, 1]), f64([2, 3])), [(1 + (Math.E - 3)) / 2]);
      expectNear(poissonNllLoss(f64([2]), f64([3]), { logInput: false, eps: 0 }), [
        2 - 3 * Math.log(2),
      ]);
      const stirling = 3 * Math.log(3) - 3 + 0.5 * Math.log(6 * Math.PI);
      const counted = { full: true, reduction: "none" as const };
      expectNear(poissonNllLoss(f64([0, 0]), f64([1, 3]), counted), [1, 1 + stirling]);

      expectNear(gaussianNllLoss(f64([1, 2]), f64([0, 0]), f64([1, 4])), [
        (0.5 + 0.5 * (Math.log(4) + 1)) / 2,
      ]);
      const full = { full: true };
      expectNear(gaussianNllLoss(f64([1]), f64([1]), f64([1]), full), [
        0.5 * Math.log(2 * Math.PI),
      ]);
      const variance = f64([0, 1]).requiresGrad_();
      gaussianNllLoss(f64([[0], [2]]), f64([[1], [0]]), variance, {
        eps: 0.5,
        reduction: "sum",
      }).backward();
      // The gradient at max(v, ε) passes through: ½(1/v − d²/v²).
      expectNear(variance.grad!, [0.5 * (2 - 4), 0.5 * (1 - 4)]);
      checkGradients(
        (x, t, v) => gaussianNllLoss(x!, t!, v!),
        random([2, 3]),
        random([2, 3], 2),
        random([2, 1], 3).square().add(0.5),
      );
    });
  });

  describe("losses for classes", () => {
    const scores = random([4, 3]);
    const target = int([2, 0, 1, 2]);
    const weight = f64([1, 2, 4]);

    it("weights, ignored rows, smoothing and reductions, from the formula", () => {
      const log = logSoftmax(scores, 1).toArray() as number[][];
      const t = [2, 0, -7, 2];
      const w = [1, 2, 4];
      for (const smoothing of [0, 0.2]) {
        const losses = log.map((row, n) => {
          const c = t[n]!;
          if (c === -7) return 0;
          const all = row.reduce((sum, value, k) => sum - w[k]! * value, 0);
          return -(1 - smoothing) * w[c]! * row[c]! + (smoothing / 3) * all;
        });
        const total = losses.reduce((a, b) => a + b);
        const options = { weight, ignoreIndex: -7, labelSmoothing: smoothing };
        const call = (reduction: Reduction) =>
          crossEntropy(scores, int(t), { ...options, reduction });
        expectNear(call("none"), losses);
        expectNear(call("sum"), [total]);
        expectNear(call("mean"), [total / (4 + 1 + 4)]);
        checkGradients((x) => crossEntropy(x!, int(t), options), scores);
      }
    });

    it("every target ignored: the mean is NaN and the gradient 0", () => {
      const x = scores.clone().requiresGrad_();
      const loss = crossEntropy(x, int([-100, -100, -100, -100]), { labelSmoothing: 0.1, weight });
      expect(loss.item()).toBeNaN();
      loss.backward();
      expectNear(x.grad!, new Array(12).fill(0));
    });

    it("probabilities as targets: one-hot ones are classes; the mean is over rows", () => {
      const hot = f64([
        [0, 0, 1],
        [1, 0, 0],
        [0, 1, 0],
        [0, 0, 1],
      ]);
      expectNear(crossEntropy(scores, hot), crossEntropy(scores, target));
      const smooth = { labelSmoothing: 0.3 };
      expectNear(crossEntropy(scores, hot, smooth), crossEntropy(scores, target, smooth));
      // With weights, the mean still divides by the number of rows.
      const sums = crossEntropy(scores, target, { weight, reduction: "sum" });
      expectNear(crossEntropy(scores, hot, { weight }), sums.div(4));
      checkGradients(
        (x, t) => crossEntropy(x!, t!, { weight }),
        scores,
        softmax(random([4, 3], 2)),
      );
    });

    it("cross-entropy as one op", () => {
      checkOp(crossEntropyOp, {
        cases: [
          { x: normal([4, 3]), classes: whole([4], 3), attrs: 1 },
          { x: normal([2, 3, 5]), classes: whole([2, 5], 3), attrs: 1 },
          { x: normal([3]), classes: whole([], 3), attrs: 0 },
          { x: normal([0, 3]), classes: whole([0], 3), attrs: 1 },
        ],
      });
      // Scores of ten thousand lose no digits to the logarithm of the sum.
      const x = tensor([[10000, 10001.5]], { requiresGrad: true });
      crossEntropy(x, int([0])).backward();
      const p = 1 / (1 + Math.exp(-1.5));
      expectNear(x.grad!.to("float64"), [[-p, p]], 1e-7);
    });

    it("places beside rows, and one row alone", () => {
      const image = random([2, 3, 2, 2]);
      const classes = int([0, 1, 2, 0, 1, 1, 2, 0]).reshape([2, 2, 2]);
      const rows = image.permute([0, 2, 3, 1]).reshape([8, 3]);
      expectNear(crossEntropy(image, classes), crossEntropy(rows, classes.reshape([8])));
      const soft = softmax(random([2, 3, 2, 2], 2), 1);
      const softRows = soft.permute([0, 2, 3, 1]).reshape([8, 3]);
      expectNear(crossEntropy(image, soft), crossEntropy(rows, softRows));
      expectNear(nllLoss(logSoftmax(image, 1), classes), crossEntropy(image, classes));
      const row = scores.narrow(0, 0, 1);
      expectNear(crossEntropy(row.reshape([3]), int(2)), crossEntropy(row, int([2])));
      expect(crossEntropy(zeros([0, 3]), zeros([0], { dtype: "int32" })).item()).toBeNaN();
    });

    it("margins: CS231n's support vector machine, and PyTorch's", () => {
      const s = f64([
        [3.2, 5.1, -1.7],
        [1.3, 4.9, 2],
        [2.2, 2.5, -3.1],
      ]);
      // The example of the CS231n lecture on loss functions: losses 2.9, 0 and 12.9.
      const y = int([0, 1, 2]);
      expectNear(multiclassSvmLoss(s, y, { reduction: "none" }), [2.9, 0, 12.9]);
      expectNear(multiclassSvmLoss(s, y), [15.8 / 3]);
      expectNear(multiMarginLoss(s, y, { reduction: "none" }), [2.9 / 3, 0, 12.9 / 3]);
      const squares = (2.9 ** 2 / 3) * 2;
      expectNear(
        multiMarginLoss(s.narrow(0, 0, 1).reshape([3]), int(0), { p: 2, weight: f64([2, 1, 1]) }),
        [squares],
      );
      expectNear(multiclassSvmLoss(s, y, { margin: 0, reduction: "sum" }), [1.9 + 10.9]);
      checkGradients((x) => multiclassSvmLoss(x!, target), scores);
      checkGradients((x) => multiMarginLoss(x!, target, { p: 2, margin: 2, weight }), scores);
      const kink = f64([[1, 0]]).requiresGrad_();
      multiclassSvmLoss(kink, int([0])).backward();
      expectNear(kink.grad!, [0, 0]);
    });

    it("several labels per row", () => {
      // PyTorch's documented example: 0.85.
      const x = f64([[0.1, 0.2, 0.4, 0.8]]);
      const y = int([[3, 0, -1, 1]]);
      expectNear(multilabelMarginLoss(x, y), [0.85]);
      expectNear(multilabelMarginLoss(x.reshape([4]), y.reshape([4])), [0.85]);
      checkGradients(
        (x) =>
          multilabelMarginLoss(
            x!,
            int([
              [1, 2, -1],
              [0, -1, 0],
              [2, 1, 0],
              [-1, 1, 1],
            ]),
          ),
        scores,
      );
      const yes = f64([1, 0, 1]);
      const rows = binaryCrossEntropyWithLogits(scores, yes.expand([4, 3]), { weight });
      expectNear(multilabelSoftMarginLoss(scores, yes.expand([4, 3]), { weight }), rows);
    });

    it("shifting all scores of a row changes no loss", () => {
      const shift = fc.double({ min: -50, max: 50, noNaN: true });
      fc.assert(
        fc.property(fc.array(shift, { minLength: 4, maxLength: 4 }), (shifts) => {
          const moved = scores.add(f64(shifts).reshape([4, 1]));
          for (const loss of [crossEntropy, multiclassSvmLoss, multiMarginLoss]) {
            expectNear(loss(moved, target), loss(scores, target), 1e-11);
          }
        }),
        { seed: 3, numRuns: 25 },
      );
    });
  });

  describe("losses on pairs", () => {
    it("hinge embedding and margin ranking, with PyTorch's derivative at the kink", () => {
      const x = f64([0.3, 0.3, 1]).requiresGrad_();
      const losses = hingeEmbeddingLoss(x, f64([1, -1, -1]), { reduction: "none" });
      expectNear(losses, [0.3, 0.7, 0]);
      losses.sum().backward();
      expectNear(x.grad!, [1, -1, -1]);
      const ranked = marginRankingLoss(f64([1, 2]), f64([3, 0]), f64([1, 1]), {
        margin: 0.5,
        reduction: "none",
      });
      expectNear(ranked, [2.5, 0]);
    });

    it("cosine embedding", () => {
      const [a, b] = [
        f64([
          [3, 4],
          [1, 0],
          [1, 0],
        ]),
        f64([
          [4, 3],
          [1, 0],
          [0, 1],
        ]),
      ];
      expectNear(
        cosineEmbeddingLoss(a, b, f64([1, -1, -1]), { margin: 0.5, reduction: "none" }),
        [1 - 24 / 25, 0.5, 0],
        1e-11,
      );
      expectNear(cosineEmbeddingLoss(f64([0, 0]), f64([1, 0]), f64(1)), [1]);
      checkGradients(
        (a, b) => cosineEmbeddingLoss(a!, b!, int([1, -1, 1])),
        random([3, 4]),
        random([3, 4], 2),
      );
    });

    it("triplets in any norm", () => {
      const [a, p, n] = [f64([[0, 0]]), f64([[3, 4]]), f64([[1, 1]])];
      const exact = { eps: 0 };
      expectNear(tripletMarginLoss(a, p, n, exact), [5 - Math.SQRT2 + 1]);
      expectNear(tripletMarginLoss(a, p, n, { ...exact, p: 1 }), [7 - 2 + 1]);
      expectNear(tripletMarginLoss(a, p, n, { ...exact, p: Infinity }), [4 - 1 + 1]);
      expectNear(tripletMarginLoss(a, p, n, { ...exact, p: 3 }), [
        91 ** (1 / 3) - 2 ** (1 / 3) + 1,
      ]);
      expectNear(tripletMarginLoss(p, a, n, { ...exact, margin: 0, swap: true }), [5 - Math.SQRT2]);
      checkGradients(
        (a, p, n) => tripletMarginLoss(a!, p!, n!, { margin: 5 }),
        random([2, 3]),
        random([2, 3], 2),
        random([2, 3], 3),
      );
    });
  });

  describe("ctcLoss", () => {
    /** Sums over every alignment: all sequences of frames that merge to the labels. */
    function byHand(log: number[][], labels: number[]): number {
      const classes = log[0]!.length;
      let total = 0;
      for (let code = 0; code < classes ** log.length; code++) {
        const path = log.map((_, t) => Math.floor(code / classes ** t) % classes);
        const merged = path.filter((c, t) => c !== 0 && c !== path[t - 1]);
        if (merged.join() !== labels.join()) continue;
        total += Math.exp(path.reduce((sum, c, t) => sum + log[t]![c]!, 0));
      }
      return -Math.log(total);
    }

    it("is the sum over all alignments", () => {
      const log = logSoftmax(random([4, 3, 3]), 2);
      const rows = log.permute([1, 0, 2]).toArray() as number[][][];
      const labels = [[1, 2], [2, 2], [1]];
      const expected = [
        byHand(rows[0]!, labels[0]!),
        byHand(rows[1]!, labels[1]!),
        byHand(rows[2]!.slice(0, 3), labels[2]!),
      ];
      const lengths = { inputLengths: [4, 4, 3], targetLengths: [2, 2, 1] };
      const padded = int([
        [1, 2],
        [2, 2],
        [1, 0],
      ]);
      expectNear(ctcLoss(log, padded, { ...lengths, reduction: "none" }), expected, 1e-10);
      const joined = int([1, 2, 2, 2, 1]);
      const mean = (expected[0]! / 2 + expected[1]! / 2 + expected[2]!) / 3;
      const asTensors = { inputLengths: int([4, 4, 3]), targetLengths: int([2, 2, 1]) };
      expectNear(ctcLoss(log, joined, asTensors), [mean], 1e-10);
      expectNear(
        ctcLoss(log.narrow(1, 0, 1).reshape([4, 3]), int([1, 2]), { reduction: "sum" }),
        [expected[0]!],
        1e-10,
      );
    });

    it("no labels, and no alignment", () => {
      const log = logSoftmax(random([2, 3]), 1);
      const blanks = -(log.index(0, 0).item() + log.index(1, 0).item());
      expectNear(ctcLoss(log, int([]), {}), [blanks]);
      const leaf = log.detach().requiresGrad_();
      const loss = ctcLoss(leaf, int([1, 1]));
      expect(loss.item()).toBe(Infinity);
      const none = ctcLoss(leaf, int([1, 1]), { zeroInfinity: true });
      expect(none.item()).toBe(0);
      none.backward();
      expectNear(leaf.grad!, new Array(6).fill(0));
    });

    it("has gradients of the first and second order, also beside impossible frames", () => {
      const x = random([4, 2, 3]);
      checkGradients(
        (x) =>
          ctcLoss(
            logSoftmax(x!, 2),
            int([
              [1, 1],
              [2, 1],
            ]),
          ),
        x,
      );
      const mask = full([4, 2, 3], 0, { dtype: "float64" });
      mask.index(0, 0, 2).fill_(-Infinity);
      const leaf = x.clone().requiresGrad_();
      ctcLoss(
        logSoftmax(leaf.add(mask), 2),
        int([
          [1, 1],
          [2, 1],
        ]),
      ).backward();
      expect(leaf.grad!.data().every(Number.isFinite)).toBe(true);
    });
  });

  describe("messages of losses", () => {
    const x = zeros([2, 3]);
    const p = full([2, 3], 0.5);
    const classes = int([0, 1]);
    const log = zeros([4, 2, 3]);
    testMessages([
      [
        "no tensor",
        () => l1Loss(1 as never, x),
        /l1Loss: prediction is a number; it must be a Tensor/,
      ],
      [
        "shapes",
        () => huberLoss(x, zeros([1, 3])),
        /huberLoss: prediction is \[2, 3\] and target \[1, 3\]; they must be equal/,
      ],
      [
        "reduction",
        () => l1Loss(x, x, { reduction: "max" as never }),
        /l1Loss: unknown reduction "max"; known are mean, sum and none/,
      ],
      [
        "klDiv's reduction",
        () => klDiv(x, x, { reduction: "avg" as never }),
        /known are mean, batchmean, sum and none/,
      ],
      [
        "beta",
        () => smoothL1Loss(x, x, { beta: -1 }),
        /beta is -1; it must be a finite number of at least 0/,
      ],
      [
        "delta",
        () => huberLoss(x, x, { delta: 0 }),
        /delta is 0; it must be a finite number above 0/,
      ],
      [
        "no probability",
        () => binaryCrossEntropy(x.sub(1), x),
        /prediction -1 at position 0 is no probability; it must be from 0 to 1/,
      ],
      [
        "weight",
        () => binaryCrossEntropy(p, x, { weight: ones([2, 2, 3]) }),
        /weight is \[2, 2, 3\]; it must broadcast to the prediction's \[2, 3\]/,
      ],
      [
        "posWeight",
        () => binaryCrossEntropyWithLogits(x, x, { posWeight: 2 as never }),
        /posWeight is a number/,
      ],
      [
        "logTarget",
        () => klDiv(x, x, { logTarget: 1 as never }),
        /logTarget is a number; it must be true or false/,
      ],
      [
        "negative variance",
        () => gaussianNllLoss(x, x, x.sub(1)),
        /variance -1 at position 0 is negative/,
      ],
      [
        "variance's shape",
        () => gaussianNllLoss(x, x, zeros([3])),
        /variance is \[3\] and x \[2, 3\]; variance must have x's shape/,
      ],
      [
        "variance's dtype",
        () => gaussianNllLoss(x, x, int([1, 1])),
        /variance is int32; it must be float32 or float64/,
      ],
      [
        "eps",
        () => gaussianNllLoss(x, x, x, { eps: 0 }),
        /eps is 0; it must be a finite number above 0/,
      ],
      [
        "scores without classes",
        () => nllLoss(zeros([]), classes),
        /nllLoss: scores are \[\]; they must be \[C\], \[N, C\] or \[N, C, …\]/,
      ],
      [
        "float classes",
        () => nllLoss(x, zeros([2])),
        /nllLoss: the target is float32; it must be int32 classes/,
      ],
      [
        "bool classes",
        () => crossEntropy(x, zeros([2], { dtype: "bool" })),
        /the target is bool; it must be int32 classes or float probabilities/,
      ],
      [
        "places",
        () => crossEntropy(zeros([2, 3, 4]), classes),
        /logits are \[2, 3, 4\] and target \[2\]; target classes must be \[2, 4\]/,
      ],
      [
        "probabilities",
        () => crossEntropy(x, zeros([2])),
        /logits are \[2, 3\] and target probabilities \[2\]; they must be equal/,
      ],
      [
        "no class",
        () => nllLoss(x, int([0, 3])),
        /target 3 of row 1 is no class; 3 scores a row make classes 0 to 2/,
      ],
      [
        "class weights",
        () => crossEntropy(x, classes, { weight: ones([2]) }),
        /weight is \[2\]; it must be \[3\], one number per class/,
      ],
      [
        "labelSmoothing",
        () => crossEntropy(x, classes, { labelSmoothing: 2 }),
        /labelSmoothing is 2; it must be from 0 to 1/,
      ],
      [
        "rows",
        () => multiclassSvmLoss(log, classes),
        /scores are \[4, 2, 3\]; they must be \[N, C\], or \[C\] for one row/,
      ],
      [
        "margin",
        () => multiclassSvmLoss(x, classes, { margin: Number.NaN }),
        /margin is NaN; it must be a finite number/,
      ],
      ["p", () => multiMarginLoss(x, classes, { p: 3 as never }), /p is 3; it must be 1 or 2/],
      [
        "labels",
        () =>
          multilabelMarginLoss(
            x,
            int([
              [3, -1, 0],
              [0, -1, 0],
            ]),
          ),
        /target 3 of row 0 is no class; valid are 0 to 2, and -1 as the end/,
      ],
      [
        "labels' dtype",
        () => multilabelMarginLoss(x, x),
        /the target is float32; it must be int32 classes/,
      ],
      ["labels' rank", () => multilabelMarginLoss(log, log), /scores are \[4, 2, 3\]/],
      [
        "soft labels' rank",
        () => multilabelSoftMarginLoss(zeros([]), zeros([])),
        /logits are \[\]; they must be \[..., C\]/,
      ],
      [
        "cosine's target",
        () => cosineEmbeddingLoss(x, x, x),
        /a is \[2, 3\] and target \[2, 3\]; they must be \[N, D\] and \[N\]/,
      ],
      ["triplet's norm", () => tripletMarginLoss(x, x, x, { p: 0 }), /p is 0; it must be above 0/],
      [
        "triplet's rank",
        () => tripletMarginLoss(zeros([]), zeros([]), zeros([])),
        /anchor is \[\]; it must be \[..., D\]/,
      ],
      ["swap", () => tripletMarginLoss(x, x, x, { swap: 1 as never }), /swap is a number/],
      [
        "ranking's shapes",
        () => marginRankingLoss(x, x, zeros([4])),
        /marginRankingLoss: shapes \[2, 3\] and \[2, 3\] and \[4\] do not broadcast/,
      ],
      [
        "ctc: rank",
        () => ctcLoss(zeros([3]), classes),
        /logProbs are \[3\]; they must be \[T, N, C\], or \[T, C\]/,
      ],
      [
        "ctc: dtypes",
        () => ctcLoss(log, x),
        /logProbs are float32 and targets float32; they must be float and int32/,
      ],
      [
        "ctc: blank",
        () => ctcLoss(log, int([[1], [1]]), { blank: 3 }),
        /blank is 3; it must be a class, 0 to 2/,
      ],
      [
        "ctc: nothing",
        () => ctcLoss(zeros([0, 2, 3]), int([[1], [1]])),
        /logProbs are \[0, 2, 3\]; they must not be empty/,
      ],
      [
        "ctc: inputLengths",
        () => ctcLoss(log, int([[1], [1]]), { inputLengths: [5, 1] }),
        /inputLengths are \[5, 1\]; they must be 2 whole numbers from 1 to 4/,
      ],
      [
        "ctc: targetLengths",
        () => ctcLoss(log, int([[1], [1]]), { targetLengths: [2, 1] }),
        /targetLengths are \[2, 1\]; they must be 2 whole numbers from 0 to 1/,
      ],
      [
        "ctc: joined targets",
        () => ctcLoss(log, int([1, 1])),
        /targets of several sequences in one axis need targetLengths/,
      ],
      [
        "ctc: their sum",
        () => ctcLoss(log, int([1, 1]), { targetLengths: [1, 2] }),
        /targetLengths \[1, 2\] sum to 3, and targets have 2 labels/,
      ],
      [
        "ctc: targets' shape",
        () => ctcLoss(log, int([[1]])),
        /targets are \[1, 1\]; they must be \[2, S\]/,
      ],
      [
        "ctc: no label",
        () => ctcLoss(log, int([[0], [1]])),
        /target 0 is no label; labels are 0 to 2 without the blank 0/,
      ],
    ]);
  });
}
