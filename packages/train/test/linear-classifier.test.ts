import { describe, expect, it } from "@jest/globals";
import {
  arange,
  cat,
  eye,
  Generator,
  numericalGradient,
  ones,
  randint,
  randn,
  relativeError,
  tensor,
  zeros,
} from "@tapegrad/core";
import { blobs } from "@tapegrad/data";
import {
  DivergedError,
  LinearSVM,
  SoftmaxClassifier,
  softmaxLossNaive,
  softmaxLossVectorized,
  svmLossNaive,
  svmLossVectorized,
} from "@tapegrad/train";
import fc from "fast-check";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  toTensor,
} from "../../core/test/golden.ts";

const int32 = { dtype: "int32" } as const;
const losses = {
  svm: { naive: svmLossNaive, vectorized: svmLossVectorized },
  softmax: { naive: softmaxLossNaive, vectorized: softmaxLossVectorized },
};

describe("linear losses", () => {
  // X, W by formula; loss and gradient with reg 0.1 from PyTorch 1.13 (multi_margin_loss·C, cross_entropy).
  const f = (size: number, step: number, g: (x: number) => number) =>
    Float64Array.from({ length: size }, (_, i) => g(i * step));
  const X = tensor(f(60, 1.7, Math.sin), { shape: [12, 5] });
  const W = tensor(f(20, 0.9, Math.cos), { shape: [5, 4] });
  const y = arange(12).mul(7).remainder(4).to("int32");
  const reference = {
    svm: {
      loss: 4.474474045738295,
      dW: [
        0.34424554630694426, 0.16123502641155793, 0.07284158233444313, -0.48025500874084204,
        -0.4059989067910853, -0.29673754056856183, 0.2589854626874574, 0.5491504439844144,
        0.035829210396440506, -0.020019818069389052, -0.33453508253618935, 0.03162283946642297,
        0.20990153623408264, 0.37670480575257026, 0.10708838953629057, -0.2841703953210556,
        -0.030227068718103836, -0.2759721600477997, -5.230920250873239e-5, -0.14113440165426763,
      ],
    },
    softmax: {
      loss: 2.614774914856956,
      dW: [
        0.23495160040655066, 0.15344585413503617, -0.011374256761088164, -0.27895605146839547,
        -0.2746812884293209, -0.17268271444787825, 0.180921707653947, 0.37184175453547674,
        0.1112840520370063, -0.044198208465743426, -0.23020307336045473, -0.123985620953523,
        0.05914003604566446, 0.25888048459888346, 0.15826693464763503, -0.06676311909029503,
        -0.0668323318566461, -0.22143173950192402, -0.11757246590554818, -0.04154940235856162,
      ],
    },
  };

  it.each(["svm", "softmax"] as const)("%s, both forms, agrees with PyTorch", (name) => {
    for (const lossOf of Object.values(losses[name])) {
      const { loss, dW } = lossOf(W, X, y, { reg: 0.1 });
      expectClose(loss, reference[name].loss);
      expectClose(dW, tensor(Float64Array.from(reference[name].dW), { shape: [5, 4] }));
    }
  });

  it.each(["svm", "softmax"] as const)(
    "%s: loops and matrices agree, and with central differences",
    (name) => {
      const cases = fc.record({
        rows: fc.integer({ min: 1, max: 8 }),
        size: fc.integer({ min: 1, max: 5 }),
        classes: fc.integer({ min: 2, max: 5 }),
        reg: fc.constantFrom(0, 0.3),
        seed: fc.nat(),
      });
      const { naive, vectorized } = losses[name];
      fc.assert(
        fc.property(cases, ({ rows, size, classes, reg, seed }) => {
          const options = { generator: new Generator(seed), dtype: "float64" } as const;
          const x = randn([rows, size], options);
          const w = randn([size, classes], options);
          const t = randint(0, classes, [rows], { generator: options.generator });
          const [a, b] = [naive(w, x, t, { reg }), vectorized(w, x, t, { reg })];
          expectClose(b.loss, tensor(a.loss, { dtype: "float64" }));
          expectClose(b.dW, a.dW);
          const numeric = numericalGradient((moved) => naive(moved, x, t, { reg }).loss, w, 1e-6);
          const difference = numeric.map((n, i) => Math.abs(n - a.dW.data()[i]));
          expect(Math.max(...difference)).toBeLessThan(1e-7);
          if (name === "softmax" && reg > 0)
            expect(relativeError(a.dW.data(), numeric)).toBeLessThan(1e-3);
        }),
        { seed: 4, numRuns: 40 },
      );
    },
  );

  it("start where the notes say: C − 1 and ln C for no weights", () => {
    const none = zeros([5, 4], { dtype: "float64" });
    expect(svmLossNaive(none, X, y).loss).toBeCloseTo(3, 12);
    expect(svmLossVectorized(none, X, y).loss).toBeCloseTo(3, 12);
    expect(softmaxLossNaive(none, X, y).loss).toBeCloseTo(Math.log(4), 12);
    expect(softmaxLossVectorized(none, X, y).loss).toBeCloseTo(Math.log(4), 12);
  });

  it("survive large scores, and have no slope at the margin's kink", () => {
    const x = tensor([[1]], { dtype: "float64" });
    const huge = tensor([[1000, -1000]], { dtype: "float64" });
    const wrong = tensor([1], int32);
    expect(softmaxLossNaive(huge, x, wrong).loss).toBe(2000);
    expect(softmaxLossVectorized(huge, x, wrong).loss).toBe(2000);
    const kink = tensor([[1, 0]], { dtype: "float64" });
    for (const lossOf of Object.values(losses.svm)) {
      const { loss, dW } = lossOf(kink, x, tensor([0], int32));
      expect([loss, dW.toArray()]).toEqual([0, [[0, 0]]]);
    }
  });

  it("refuse what makes no sense", () => {
    expect(() => svmLossNaive(W.transpose(0, 1), X, y)).toThrow(
      "svmLossNaive: W is [4, 5] and X [12, 5]; W must be [5, C], a column for each of at least 2 classes.",
    );
    expect(() => softmaxLossNaive(W, X, y.add(1))).toThrow(
      "softmaxLossNaive: target 4 of row 1 is no class; 4 columns of W make classes 0 to 3.",
    );
    expect(() => softmaxLossVectorized(W, X, y.mul(-100))).toThrow("is no class");
    expect(() => svmLossVectorized(W, X, X)).toThrow(
      "svmLossVectorized: X is [12, 5] and y [12, 5]; y must be [12], a class per row.",
    );
    expect(() => svmLossVectorized(W, X.to("int32"), y)).toThrow(
      "svmLossVectorized: X is int32; it must be float32 or float64.",
    );
    expect(() => svmLossVectorized(W, X, y, { reg: -1 })).toThrow(
      "svmLossVectorized: reg is -1; it must be a finite number from 0.",
    );
  });
});

interface Golden {
  id: string;
  inputs: Record<string, GoldenTensor>;
  published: { loss: number };
  computed: Record<string, GoldenTensor>;
}

describeGolden<Golden>("CS231n's softmax loss, golden", "cs231n.json", (cases) => {
  const found = cases.find(({ id }) => id === "softmax_loss")!;
  // Scores are X·W: those of the case are X, and W is the unit matrix.
  const X = toTensor(found.inputs.x);
  const W = eye(10, { dtype: "float64" });
  it.each(["naive", "vectorized"] as const)("%s", (form) => {
    const { loss, dW } = losses.softmax[form](W, X, toTensor(found.inputs.y));
    expectClose(loss, found.computed.loss);
    expect(relativeError([loss], [found.published.loss])).toBeLessThan(1e-9);
    expectClose(dW, X.transpose(0, 1).matmul(toTensor(found.computed.dx)));
  });
});

describe("linear classifiers", () => {
  const { x: points, y } = blobs({
    samples: 150,
    centers: [
      [-3, 0],
      [3, 0],
      [0, 4],
    ],
    generator: new Generator(1),
  });
  // The bias: a column of ones.
  const x = cat([points, ones([150, 1])], 1);

  it.each([LinearSVM, SoftmaxClassifier])("%p learns blobs", (Classifier) => {
    const classifier = new Classifier();
    const seen: number[] = [];
    const options = { lr: 0.1, reg: 1e-3, steps: 300, batchSize: 50, seed: 1 };
    const history = classifier.train(x, y, { ...options, onStep: (_, loss) => seen.push(loss) });
    expect(history).toHaveLength(300);
    expect(seen).toEqual(history);
    expect(history.at(-1)).toBeLessThan(history[0] / 2);
    const right = classifier.predict(x).eq(y).sum().item();
    expect(right / 150).toBeGreaterThan(0.95);
    expect(classifier.scores(x).shape).toEqual([150, classifier.W!.shape[1]]);
    // The same seed gives the same bits; trained again it goes on.
    const again = new Classifier();
    again.train(x, y, options);
    expect(again.W!.toArray()).toEqual(classifier.W!.toArray());
    classifier.train(x, y, { ...options, steps: 3 });
    expect(classifier.lossHistory).toHaveLength(303);
    expect(classifier.lossHistory.slice(0, 300)).toEqual(history);
  });

  it("refuse what makes no sense", () => {
    const svm = new LinearSVM();
    expect(() => svm.predict(x)).toThrow("LinearSVM: there are no weights yet; call train before.");
    expect(() => svm.train(x, y, { lr: 0 })).toThrow(
      "LinearSVM.train: lr is 0; it must be a finite number above 0.",
    );
    expect(() => svm.train(x, y, { steps: 1.5 })).toThrow(
      "LinearSVM.train: steps is 1.5; it must be a whole number from 1.",
    );
    expect(() => svm.train(x, y.mul(0))).toThrow(
      "LinearSVM.train: the number of classes is 1; it must be a whole number from 2: name it as classes.",
    );
    svm.train(x, y, { steps: 1, classes: 7 });
    expect(svm.W!.shape).toEqual([3, 7]);
    expect(() => svm.train(x.narrow(1, 0, 1), y)).toThrow("LinearSVM.train: W is [3, 7] and X");
    expect(() => new SoftmaxClassifier().train(x.mul(1e30), y, { lr: 1e30, seed: 0 })).toThrow(
      DivergedError,
    );
  });
});
