import { describe, expect, it } from "@jest/globals";
import { Generator, mul, randn, type Tensor, tensor, transpose } from "@tapegrad/core";
import { Adam, AdamW, Lion, Momentum, type Optimizer, RMSProp, SGD } from "../src/index.ts";

/** One scalar parameter: takes a slope, returns the new value. */
type Scalar = (p: number) => (slope: number) => number;

const sgd =
  (lr: number, { momentum = 0, dampening = 0, nesterov = false, weightDecay = 0 } = {}): Scalar =>
  (p) => {
    let b: number | null = null;
    return (slope) => {
      const g = slope + weightDecay * p;
      b = b === null ? g : momentum * b + (1 - dampening) * g;
      p -= lr * (nesterov ? g + momentum * b : momentum > 0 ? b : g);
      return p;
    };
  };

const rmsprop =
  (lr: number, alpha: number, eps: number, weightDecay = 0): Scalar =>
  (p) => {
    let v = 0;
    return (slope) => {
      const g = slope + weightDecay * p;
      v = alpha * v + (1 - alpha) * g * g;
      p -= (lr * g) / (Math.sqrt(v) + eps);
      return p;
    };
  };

const adam =
  (lr: number, beta1: number, beta2: number, eps: number, decay = 0, decoupled = false): Scalar =>
  (p) => {
    let [m, v, t] = [0, 0, 0];
    return (slope) => {
      t++;
      if (decoupled) p *= 1 - lr * decay;
      const g = decoupled ? slope : slope + decay * p;
      m = beta1 * m + (1 - beta1) * g;
      v = beta2 * v + (1 - beta2) * g * g;
      p -= (lr * (m / (1 - beta1 ** t))) / (Math.sqrt(v / (1 - beta2 ** t)) + eps);
      return p;
    };
  };

const momentum =
  (lr: number, mu: number, { nesterov = false, weightDecay = 0 } = {}): Scalar =>
  (p) => {
    let v = 0;
    return (slope) => {
      const before = v;
      v = mu * v - lr * (slope + weightDecay * p);
      // As CS231n's notes write Nesterov's momentum.
      p += nesterov ? -mu * before + (1 + mu) * v : v;
      return p;
    };
  };

const lion =
  (lr: number, beta1: number, beta2: number, decay = 0): Scalar =>
  (p) => {
    let m = 0;
    return (slope) => {
      const c = beta1 * m + (1 - beta1) * slope;
      p -= lr * (Math.sign(c) + decay * p);
      m = beta2 * m + (1 - beta2) * slope;
      return p;
    };
  };

type Make = (params: Tensor[]) => Optimizer<{ lr: number }>;

const rules: [name: string, make: Make, scalar: Scalar][] = [
  ["SGD by default", (p) => new SGD(p), sgd(1e-3)],
  [
    "SGD with weight decay",
    (p) => new SGD(p, { lr: 0.1, weightDecay: 0.2 }),
    sgd(0.1, { weightDecay: 0.2 }),
  ],
  ["SGD with momentum", (p) => new SGD(p, { lr: 0.1, momentum: 0.9 }), sgd(0.1, { momentum: 0.9 })],
  [
    "SGD with dampening",
    (p) => new SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.3, weightDecay: 0.01 }),
    sgd(0.1, { momentum: 0.9, dampening: 0.3, weightDecay: 0.01 }),
  ],
  [
    "SGD with Nesterov's momentum",
    (p) => new SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }),
    sgd(0.1, { momentum: 0.9, nesterov: true }),
  ],
  ["RMSProp by default", (p) => new RMSProp(p), rmsprop(0.01, 0.99, 1e-8)],
  [
    "RMSProp with all options",
    (p) => new RMSProp(p, { lr: 0.1, alpha: 0.9, eps: 1e-3, weightDecay: 0.1 }),
    rmsprop(0.1, 0.9, 1e-3, 0.1),
  ],
  ["Adam by default", (p) => new Adam(p), adam(1e-3, 0.9, 0.999, 1e-8)],
  [
    "Adam with all options",
    (p) => new Adam(p, { lr: 0.1, betas: [0.8, 0.95], eps: 1e-3, weightDecay: 0.1 }),
    adam(0.1, 0.8, 0.95, 1e-3, 0.1),
  ],
  ["Momentum by default", (p) => new Momentum(p), momentum(0.01, 0.9)],
  [
    "Momentum with all options",
    (p) => new Momentum(p, { lr: 0.1, momentum: 0.8, nesterov: true, weightDecay: 0.1 }),
    momentum(0.1, 0.8, { nesterov: true, weightDecay: 0.1 }),
  ],
  ["Lion by default", (p) => new Lion(p), lion(1e-4, 0.9, 0.99)],
  [
    "Lion with all options",
    (p) => new Lion(p, { lr: 0.1, betas: [0.6, 0.7], weightDecay: 0.3 }),
    lion(0.1, 0.6, 0.7, 0.3),
  ],
  ["AdamW by default", (p) => new AdamW(p), adam(1e-3, 0.9, 0.999, 1e-8, 0.01, true)],
];

describe.each(["float32", "float64"] as const)(
  "against a scalar re-implementation, %s",
  (dtype) => {
    const tolerance = dtype === "float32" ? 2e-5 : 1e-12;

    it.each(rules)("%s", (_, make, scalar) => {
      const generator = new Generator(7);
      const x = randn([5, 7], { dtype, generator, requiresGrad: true });
      const oracle = [...x.data()].map(scalar);
      const optimizer = make([x]);
      for (let step = 0; step < 10; step++) {
        const slope = randn([5, 7], { dtype, generator });
        x.grad = slope;
        optimizer.step();
        const expected = oracle.map((next, i) => next(slope.data()[i]!));
        for (const [i, value] of x.data().entries()) {
          expect(Math.abs(value - expected[i]!)).toBeLessThanOrEqual(
            tolerance * (1 + Math.abs(value)),
          );
        }
      }
    });
  },
);

describe("the step in place", () => {
  it("takes parameters and gradients in any layout", () => {
    const start = [
      [1, 2, 3],
      [4, 5, 6],
    ];
    const plain = tensor(start, { requiresGrad: true });
    const strided = transpose(tensor(start).transpose().contiguous()).requiresGrad_();
    expect(strided.isContiguous).toBe(false);
    plain.grad = tensor(start);
    strided.grad = transpose(tensor(start).transpose().contiguous());
    for (const x of [plain, strided]) new SGD([x], { lr: 0.5, momentum: 0.9 }).step();
    expect(strided.toArray()).toEqual([
      [0.5, 1, 1.5],
      [2, 2.5, 3],
    ]);
    expect(plain.toArray()).toEqual(strided.toArray());
  });

  it("takes a lone number", () => {
    const w = tensor(3, { requiresGrad: true });
    const optimizer = new SGD([w], { lr: 0.1 });
    mul(w, w).backward();
    optimizer.step();
    expect(w.item()).toBeCloseTo(2.4, 6);
    optimizer.zeroGrad();
    mul(w, w).backward();
    expect(w.grad!.item()).toBeCloseTo(4.8, 6);
  });

  it("moves the version, so that a graph from before notices", () => {
    const w = tensor([1, 2], { requiresGrad: true });
    const x = tensor([3, 4], { requiresGrad: true });
    const y = mul(w, x).sum();
    w.grad = tensor([1, 1]);
    new SGD([w], { lr: 0.1 }).step();
    expect(w.version).toBe(1);
    expect(() => y.backward()).toThrow(
      /mul saved a .*, but SGD\.step has changed it since, to version 1/,
    );
  });

  it("leaves a parameter without a gradient alone, weight decay included", () => {
    const [w, v] = [tensor([1, 2], { requiresGrad: true }), tensor([3], { requiresGrad: true })];
    w.grad = tensor([1, 1]);
    const optimizer = new SGD([w, v], { lr: 0.1, weightDecay: 0.5, momentum: 0.9 });
    optimizer.step();
    expect(v.toArray()).toEqual([3]);
    expect(v.version).toBe(0);
    expect(optimizer.stateDict().state[1]).toBeNull();
  });

  it("refuses an expanded parameter", () => {
    const w = tensor([1]).expand([3]).requiresGrad_();
    w.grad = tensor([1, 1, 1]);
    expect(() => new SGD([w]).step()).toThrow(
      "SGD.step: the parameter, an expanded tensor of shape [3], shows the same element at several places; make it of a clone().",
    );
  });
});
