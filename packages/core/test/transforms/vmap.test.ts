import { describe, expect, it } from "@jest/globals";
import * as core from "@tapegrad/core";
import {
  allclose,
  backward,
  defineOp,
  Generator,
  grad,
  jvp,
  linear,
  manualSeed,
  mseLoss,
  noGrad,
  rand,
  randn,
  randperm,
  stack,
  type Tensor,
  tensor,
  valueAndGrad,
  vjp,
  vmap,
} from "@tapegrad/core";
import * as reference from "./reference.ts";

const float64 = { dtype: "float64" } as const;
const at = (values: number[]) => tensor(values, float64);
const generator = new Generator(17);
const normal = (shape: number[]) => randn(shape, { ...float64, generator });
const int32 = { dtype: "int32" } as const;

describe("vmap", () => {
  it("shows f one sample, and gives all results", () => {
    const shapes: unknown[] = [];
    const y = vmap((x: Tensor) => {
      shapes.push(x.shape, x.rank, x.size);
      return x.sum();
    })(
      tensor([
        [1, 2, 3],
        [4, 5, 6],
      ]),
    );
    expect(shapes).toEqual([[3], 1, 3]);
    expect(y.toArray()).toEqual([6, 15]);
  });

  it("maps the axes that inAxes and outAxes name", () => {
    const [x, w] = [normal([3, 4]), normal([4])];
    const columns = vmap((column: Tensor) => column.sum(), { inAxes: 1 })(x);
    expect(allclose(columns, x.sum(0))).toBe(true);
    const scaled = vmap((column: Tensor, scale: Tensor) => column.mul(scale), {
      inAxes: [-1, 0],
      outAxes: 1,
    })(x, w);
    expect(allclose(scaled, x.mul(w))).toBe(true);
    const shared = vmap((a: Tensor, b: Tensor) => a.mul(b), { inAxes: [null, 0] })(w, x);
    expect(allclose(shared, x.mul(w))).toBe(true);
  });

  it("maps nested arguments and results, and passes the rest on", () => {
    const f = (p: { w: Tensor; list: Tensor[] }, mode: string, power: number) => ({
      all: [p.w.pow(power), p.list[0]!.add(p.w)],
      [mode]: 3,
    });
    const p = { w: normal([5]), list: [normal([5, 2])] };
    const y = vmap(f, {
      inAxes: [{ w: null, list: 1 }, null, null],
      outAxes: { all: [null, 1], three: 0 },
    })(p, "three", 2);
    const [power, sums] = y.all as Tensor[];
    expect(allclose(power!, p.w.square())).toBe(true);
    expect(allclose(sums!, p.list[0]!.add(p.w.unsqueeze(1)))).toBe(true);
    expect((y.three as Tensor).toArray()).toEqual([3, 3]);
  });

  it("repeats what is the same for every sample", () => {
    const w = at([1, 2]);
    expect(vmap((_: Tensor) => w)(normal([3])).toArray()).toEqual([
      [1, 2],
      [1, 2],
      [1, 2],
    ]);
    expect(vmap((_: Tensor) => w, { outAxes: null })(normal([3])).toArray()).toEqual([1, 2]);
  });

  it("nests", () => {
    const { f, w, xs, everyPair } = reference;
    const pairs = vmap(vmap(f, { inAxes: [null, 0] }), { inAxes: [0, null] });
    expect(allclose(pairs(stack([w, w.mul(2)]), xs), everyPair)).toBe(true);
    const sums = vmap((row: Tensor) => vmap((one: Tensor) => one.mul(row.sum()))(row))(xs);
    expect(allclose(sums, xs.mul(xs.sum(1, { keepdim: true })))).toBe(true);
    const swapped = vmap((a: Tensor) => vmap((b: Tensor) => a.sub(b), { outAxes: 1 })(xs))(xs);
    const expected = xs.unsqueeze(1).sub(xs).transpose(1, 2);
    expect(allclose(swapped, expected)).toBe(true);
  });

  it("runs each op once for all samples", () => {
    let calls = 0;
    const counted = defineOp({
      name: "countedCopy",
      inputs: ["x"],
      shape: ({ x }) => x.shape,
      forward: ({ x }, y, kernels) => {
        calls++;
        kernels.copy(x, y);
      },
      batch: ({ call, inputs }) => call(inputs),
      grad: { x: (dy) => dy },
    });
    vmap((x: Tensor) => counted(x).sum())(normal([7, 3]));
    expect(calls).toBe(1);
  });

  it("runs an op without a batch rule once for each sample, and differentiates it", () => {
    let calls = 0;
    const squares = defineOp({
      name: "countedSquares",
      inputs: ["a", "b"],
      outputs: ["square", "product"],
      shapes: ({ a }) => ({ square: { shape: a.shape }, product: { shape: a.shape } }),
      forwardAll: ({ a, b }, { square, product }, kernels) => {
        calls++;
        kernels.unary("square", a, square);
        kernels.binary("mul", a, b, product);
      },
      saves: ["a", "b"],
      grad: {
        a: (dy, { a, b }) => dy.square.mul(a).mul(2).add(dy.product.mul(b)),
        b: (dy, { a }) => dy.product.mul(a),
      },
    });
    const [a, b] = [normal([4, 3]).requiresGrad_(), normal([3]).requiresGrad_()];
    const { square, product } = vmap((x: Tensor, y: Tensor) => squares(x, y), {
      inAxes: [0, null],
    })(a, b);
    expect(calls).toBe(4);
    backward(square.add(product).sum());
    expect(allclose(a.grad!, a.detach().mul(2).add(b.detach()))).toBe(true);
    expect(allclose(b.grad!, a.detach().sum(0))).toBe(true);
    expect(() => vmap((x: Tensor) => squares(x, b).square)(normal([0, 3]))).toThrow(
      "vmap: there are no samples, and this runs once for each of them, so the shape of its result is unknown; give the op a batch rule.",
    );
  });

  it("catches a batch rule that loses the samples", () => {
    const total = defineOp({
      name: "wrongTotal",
      inputs: ["x"],
      shape: () => [],
      forward: ({ x }, y, kernels) => kernels.reduce("sum", x, y),
      batch: ({ call, inputs }) => call(inputs),
      grad: { x: (dy) => dy },
    });
    expect(() => vmap((x: Tensor) => total(x))(normal([3]))).toThrow(
      "vmap: the batch rule of wrongTotal gave shape []; it must give a Tensor with the 3 samples along its first axis.",
    );
  });

  it("maps no samples", () => {
    const none = vmap((x: Tensor, w: Tensor) => linear(x, w).tanh().sum(), { inAxes: [0, null] });
    expect(none(normal([0, 3]), normal([2, 3])).shape).toEqual([0]);
  });

  it("keeps dtypes as they are for one sample", () => {
    const f = (x: Tensor, number: Tensor) => x.mul(number);
    const [x, numbers] = [
      tensor([
        [1, 2],
        [3, 4],
      ]),
      at([2, 3]),
    ];
    expect(f(x.select(0, 0), numbers.select(0, 0)).dtype).toBe("float32");
    expect(vmap(f)(x, numbers).dtype).toBe("float32");
    expect(vmap((i: Tensor) => i.div(2))(tensor([1, 2], int32)).dtype).toBe("float32");
  });
});

describe("users' ops inside vmap", () => {
  it("run once for all samples where their inputs broadcast", () => {
    let calls = 0;
    const weigh = defineOp({
      name: "weigh",
      inputs: ["x", "scale"],
      kernel: ({ x, scale }, y) => {
        calls++;
        for (let i = 0; i < y.length; i++) y[i] = x[i]! * scale[i]!;
      },
      grad: { x: null, scale: null },
    });
    const mix = defineOp({
      name: "mix3",
      inputs: ["a", "b", "c"],
      elementwise: (a, b, c) => a + b * c,
      grad: { a: null, b: null, c: null },
    });
    const [x, scale] = [normal([5, 3]), normal([5])];
    expect(allclose(vmap(weigh)(x, scale), x.mul(scale.unsqueeze(1)))).toBe(true);
    expect(calls).toBe(1);
    const mixed = vmap(mix, { inAxes: [0, 0, null] })(x, scale, normal([3]).mul(0).add(2));
    expect(allclose(mixed, x.add(scale.unsqueeze(1).mul(2)))).toBe(true);
  });
});

describe("vmap and gradients", () => {
  const loss = (w: Tensor, x: Tensor, y: Tensor) => mseLoss(linear(x, w).tanh(), y);
  const [w, x, y] = [normal([3, 4]), normal([5, 4]), normal([5, 3])];
  const loop = stack([0, 1, 2, 3, 4].map((i) => grad(loss)(w, x.select(0, i), y.select(0, i))));

  it("gives per-sample gradients of shared weights", () => {
    expect(allclose(vmap(grad(loss), { inAxes: [null, 0, 0] })(w, x, y), loop)).toBe(true);
    const { f, w: weight, xs, perSample } = reference;
    expect(allclose(vmap(grad(f), { inAxes: [null, 0] })(weight, xs), perSample)).toBe(true);
  });

  it("gives them for weights that require grad and for closed-over ones, differentiably", () => {
    const leaf = w.clone().requiresGrad_();
    const all = vmap(grad(loss), { inAxes: [null, 0, 0] })(leaf, x, y);
    expect(allclose(all, loop)).toBe(true);
    all.square().sum().backward();
    const direct = grad((v: Tensor) =>
      [0, 1, 2, 3, 4]
        .map((i) => grad(loss)(v, x.select(0, i), y.select(0, i)).square().sum())
        .reduce((a, b) => a.add(b)),
    )(w);
    expect(allclose(leaf.grad!, direct)).toBe(true);
    const closed = vmap((a: Tensor, b: Tensor) => grad((v: Tensor) => loss(v, a, b))(w))(x, y);
    expect(allclose(closed, loop)).toBe(true);
    const off = noGrad(() => vmap(grad(loss), { inAxes: [null, 0, 0] })(leaf, x, y));
    expect([off.requiresGrad, allclose(off, loop)]).toEqual([false, true]);
  });

  it("gives them through convolutions with shared kernels", () => {
    const [kernel, images] = [normal([4, 1, 3, 3]), normal([3, 2, 5, 5])];
    const f = (k: Tensor, image: Tensor) =>
      core.conv2d(image, k, { padding: 1, groups: 2 }).tanh().sum();
    const got = vmap(grad(f), { inAxes: [null, 0] })(kernel, images);
    const each = [0, 1, 2].map((i) => grad(f)(kernel, images.select(0, i)));
    expect(allclose(got, stack(each))).toBe(true);
  });

  it("gives them at every level of nested maps", () => {
    const ws = normal([2, 3, 4]);
    const all = vmap(vmap(grad(loss), { inAxes: [null, 0, 0] }), { inAxes: [0, null, null] })(
      ws,
      x,
      y,
    );
    const each = [0, 1].map((k) =>
      stack(
        [0, 1, 2, 3, 4].map((i) => grad(loss)(ws.select(0, k), x.select(0, i), y.select(0, i))),
      ),
    );
    expect(allclose(all, stack(each))).toBe(true);
  });

  it("maps vjp, jvp, valueAndGrad, and pullbacks made outside", () => {
    const f = (z: Tensor) => linear(z, w).sin();
    const tangents = vmap((v: Tensor) => jvp(f, [x.select(0, 0)], [v]).tangent)(x);
    const expected = stack(
      [0, 1, 2, 3, 4].map((i) => jvp(f, [x.select(0, 0)], [x.select(0, i)]).tangent),
    );
    expect(allclose(tangents, expected)).toBe(true);
    const { pullback } = vjp(f, x.select(0, 0));
    const inside = vmap((dy: Tensor) => vjp(f, x.select(0, 0)).pullback(dy)[0])(y);
    expect(allclose(vmap((dy: Tensor) => pullback(dy)[0])(y), inside)).toBe(true);
    const both = vmap(valueAndGrad(loss), { inAxes: [null, 0, 0] })(w, x, y);
    expect(both.value.shape).toEqual([5]);
    expect(allclose(both.grad, loop)).toBe(true);
  });

  it("maps inside what is differentiated", () => {
    const total = (v: Tensor) => vmap((a: Tensor, b: Tensor) => loss(v, a, b))(x, y).sum();
    expect(allclose(grad(total)(w), loop.sum(0))).toBe(true);
    const second = grad((v: Tensor) =>
      vmap(grad(loss), { inAxes: [null, 0, 0] })(v, x, y)
        .square()
        .sum(),
    );
    const numeric = core.numericalGradient(
      (v) =>
        vmap(grad(loss), { inAxes: [null, 0, 0] })(v, x, y)
          .square()
          .sum()
          .item(),
      w,
    );
    expect(core.relativeError(second(w).data(), numeric)).toBeLessThan(1e-5);
  });
});

describe("functions that read values or shapes", () => {
  const scores = normal([3, 4, 5]);
  const classes = tensor(
    [
      [0, 4, 2, -100],
      [1, 1, -100, -100],
      [3, 0, 2, 1],
    ],
    int32,
  );
  const indices = tensor(
    [
      [0, 2],
      [1, 1],
      [3, 0],
    ],
    int32,
  );
  const positive = scores.square().add(0.1);
  const square = core.matmul(scores.narrow(2, 0, 4), scores.narrow(2, 0, 4).transpose());
  type Case = [f: (...xs: Tensor[]) => unknown, ...inputs: Tensor[]];
  const cases: Record<string, Case> = {
    crossEntropy: [(x, c) => core.crossEntropy(x!, c!), scores, classes],
    nllLossWeighted: [
      (x, c) => core.nllLoss(x!, c!, { weight: at([1, 2, 3, 4, 5]) }),
      scores,
      classes,
    ],
    multiclassSvmLoss: [(x, c) => core.multiclassSvmLoss(x!, c!.relu()), scores, classes],
    multilabelMarginLoss: [
      (x, c) =>
        core.multilabelMarginLoss(
          x!.narrow(1, 0, 4),
          c!.clamp(-1, 3).reshape([1, 4]).expand([4, 4]),
        ),
      scores,
      classes,
    ],
    binaryCrossEntropy: [
      (x, t) => core.binaryCrossEntropy(x!.sigmoid(), t!.sigmoid()),
      scores,
      scores,
    ],
    gaussianNllLoss: [(x, v) => core.gaussianNllLoss(x!, x!.mul(2), v!), scores, positive],
    embedding: [(i, w) => core.embedding(i!, w!, { paddingIdx: 1 }), indices, scores],
    take: [(x, i) => core.take(x!, i!.sub(2)), scores, indices],
    oneHot: [(i) => core.oneHot(i!, 4), indices],
    index: [(x, i) => core.index(x!, i!, i!), scores, indices],
    lonePosition: [(x, i) => core.index(x!, i!.select(0, 0)), scores, indices],
    loneAndOthers: [
      (x, i) =>
        core.index(core.stack([x!, x!.neg()]), i!.select(0, 0).remainder(2), core.slice(1, 4), i!),
      scores,
      indices,
    ],
    loneLast: [
      (x, i) =>
        core.index(core.stack([x!, x!.neg()]), i!.remainder(2), core.slice(1, 4), i!.select(0, 1)),
      scores,
      indices,
    ],
    indexPut: [(x, i) => core.indexPut(x!, [i!], 7), scores, indices],
    indexPutTransposed: [
      (x, i) => {
        const y = x!.clone();
        core.indexPut(y.transpose(), [core.slice(), i!], 7);
        return y;
      },
      scores,
      indices,
    ],
    scatter: [(x, i) => core.scatter(x!, 0, i!.reshape([1, 2]), 9), scores, indices],
    indexAdd: [(x, i) => core.indexAdd(x!, 0, i!, x!.narrow(0, 0, 2)), scores, indices],
    maskedScatter: [(x) => core.maskedScatter(x!, x!.gt(0), x!.neg()), scores],
    maskedFill: [(x) => x!.maskedFill(x!.gt(0), 3), scores],
    median: [(x) => core.median(x!), scores],
    mode: [(x) => core.mode(x!.round(), 0), scores],
    quantile: [(x) => core.quantile(x!, [0.2, 0.7], 1), scores],
    searchsorted: [(s, x) => core.searchsorted(core.sort(s!).values, x!), scores, scores],
    searchsortedShared: [(x) => core.searchsorted(at([-1, 0, 1]), x!), scores],
    histc: [(x) => core.histc(x!, { bins: 4 }), scores],
    floorDivide: [(i) => core.floorDivide(i!.add(9), i!.add(1)), indices],
    ctcLoss: [(x, i) => core.ctcLoss(core.logSoftmax(x!), i!.add(1).clamp(1, 4)), scores, indices],
    maxUnpool: [
      (x) => {
        const { values: v, indices: i } = core.maxPool1d(x!, 2, { returnIndices: true });
        return core.maxUnpool1d(v, i, { kernel: 2 });
      },
      scores,
    ],
    batchNorm: [(x) => core.batchNorm(x!, { training: true }), scores],
    layerNorm: [(x, g) => core.layerNorm(x!, 5, { weight: g!.select(0, 0) }), scores, scores],
    attention: [
      (q, k) => core.scaledDotProductAttention(q!, k!, k!, { isCausal: true }),
      scores,
      scores,
    ],
    interpolate: [(x) => core.interpolate(x!.unsqueeze(0), { size: 7, mode: "linear" }), scores],
    gridSample: [
      (x, g) =>
        core.gridSample(x!.reshape([1, 1, 4, 5]), g!.narrow(1, 0, 2).tanh().reshape([1, 4, 1, 2])),
      scores,
      scores,
    ],
    conv1d: [
      (x, w, b) =>
        core.conv1d(x!, w!.narrow(0, 0, 3).narrow(1, 0, 3).reshape([3, 1, 3]).expand([3, 4, 3]), {
          bias: b!.select(0, 0).narrow(0, 0, 3),
        }),
      scores,
      scores,
      scores,
    ],
    maxPool: [(x) => core.maxPool1d(x!, 3, { stride: 2 }), scores],
    avgPool: [(x) => core.avgPool1d(x!, 3, { stride: 2 }), scores],
    einsum: [(a, b) => core.einsum("ij,kj->ik", a!, b!), scores, scores],
    cdist: [(a, b) => core.cdist(a!, b!), scores, scores],
    lstsq: [(a, b) => core.lstsq(a!, b!).solution, scores.transpose(), scores.transpose()],
    cholesky: [(a) => core.cholesky(a!), square],
    solve: [(a, b) => core.solve(a!, b!.select(1, 0)), square, scores],
    slogdet: [(a) => core.slogdet(a!), square],
    svdvals: [(x) => core.svdvals(x!), scores],
    norm: [(x) => core.norm(x!), scores],
    variance: [(x) => core.variance(x!, 0), scores],
    pad: [(x) => core.pad(x!, [1, 2], { mode: "reflect" }), scores],
    unfold: [(x) => core.unfold(x!.unsqueeze(0), 2), scores],
    asStrided: [(x) => core.asStrided(x!, [2, 3], [5, 1], 1), scores],
    view: [(x) => x!.view([5, 4]), scores],
    repeat: [(x) => x!.repeat([2, 1]), scores],
    repeatInterleave: [(x) => x!.repeatInterleave(2, 0), scores],
    rot90: [(x) => x!.rot90(), scores],
    roll: [(x) => x!.roll(1, 1), scores],
    topk: [(x) => core.topk(x!, 2), scores],
    cummax: [(x) => core.cummax(x!, 0), scores],
    meshgrid: [(x) => core.meshgrid([x!.select(0, 0), x!.select(1, 0)]), scores],
    detach: [(x) => x!.detach(), scores],
    trilInPlace: [(x) => x!.clone().tril_(), scores],
    chunk: [(x) => core.chunk(x!, 2), scores],
    kron: [(a) => core.kron(a!, a!), scores],
    tensordot: [(a, b) => core.tensordot(a!, b!, 2), scores, scores],
    allclose: [(a) => core.isclose(a!, a!.add(1e-9)), scores],
    pow: [(a) => core.pow(a!, 2), scores],
    triplet: [(a, b) => core.tripletMarginLoss(a!, b!, b!.neg()), scores, scores],
  };
  const flat = (y: unknown): Tensor[] => core.treeLeaves(y);

  for (const [name, [f, ...inputs]] of Object.entries(cases)) {
    it(`${name} is a loop, with all inputs mapped and with each alone`, () => {
      const choices = [inputs.map(() => true)];
      if (inputs.length > 1)
        for (let i = 0; i < inputs.length; i++) choices.push(inputs.map((_, k) => k === i));
      for (const mapped of choices) {
        const given = inputs.map((x, i) => (mapped[i] ? x : x.select(0, 0)));
        const inAxes = mapped.map((is) => (is ? 0 : null));
        const got = flat(vmap((...xs: Tensor[]) => f(...xs) as Tensor, { inAxes })(...given));
        const each = [0, 1, 2].map((k) =>
          flat(f(...given.map((x, i) => (mapped[i] ? x.select(0, k) : x)))),
        );
        expect(got.length).toBe(each[0]!.length);
        got.forEach((y, i) => {
          const expected = stack(each.map((parts) => parts[i]!));
          expect(y.shape).toEqual(expected.shape);
          expect(y.dtype).toBe(expected.dtype);
          expect(
            allclose(y.to("float64"), expected.to("float64"), { atol: 1e-9, equalNan: true }),
          ).toBe(true);
        });
      }
    });
  }
});

describe("in place inside vmap", () => {
  it("writes all samples, through views too, and gradients follow", () => {
    const f = (x: Tensor) => {
      const y = x.clone();
      y.narrow(0, 0, 2).mul_(3);
      y.exp_();
      return y.mul(x);
    };
    const x = normal([3, 4]).requiresGrad_();
    const loop = stack([0, 1, 2].map((i) => f(x.select(0, i))));
    const got = vmap(f)(x);
    expect(allclose(got, loop)).toBe(true);
    const [dx, want] = [got, loop].map((y) => core.grad(y.square().sum(), [x])[0]!);
    expect(allclose(dx!, want!)).toBe(true);
  });

  it("changes the mapped argument itself, as it would outside", () => {
    const x = at([1, 2]);
    vmap((one: Tensor) => one.mul_(10))(x);
    expect(x.toArray()).toEqual([10, 20]);
  });

  it("refuses to write differing values into a shared tensor", () => {
    const shared = at([0, 0]);
    expect(() => vmap((x: Tensor) => shared.add_(x))(normal([3, 2]))).toThrow(
      "add_: the tensor is the same for every sample of a vmap, and what would be written differs between them; use add, which makes a new tensor.",
    );
    const running = { runningMean: at([0, 0]), runningVar: at([1, 1]), training: true };
    expect(() => vmap((x: Tensor) => core.batchNorm(x, running))(normal([3, 5, 2]))).toThrow(
      core.VmapError,
    );
  });
});

describe("randomness inside vmap", () => {
  const zeros = tensor(new Float64Array(12), { shape: [3, 4] });
  const noisy = (x: Tensor) => x.add(rand([4], float64));

  it("is an error unless it is named", () => {
    expect(() => vmap(noisy)(zeros)).toThrow(
      'rand: random numbers inside vmap; say whether every sample gets its own, vmap(f, { randomness: "different" }), or all the same, "same".',
    );
    expect(() => vmap((x: Tensor) => core.dropout(x))(zeros)).toThrow(/^bernoulli: random numbers/);
    expect(() => vmap(noisy, { randomness: "some" as never })).toThrow(
      'vmap: randomness is "some"; known are "error", "same" and "different".',
    );
  });

  it("is the same for all, or different", () => {
    manualSeed(4);
    const one = noisy(zeros.select(0, 0));
    manualSeed(4);
    const same = vmap(noisy, { randomness: "same" })(zeros);
    expect(allclose(same, one.expand([3, 4]))).toBe(true);
    manualSeed(4);
    const different = vmap(noisy, { randomness: "different" })(zeros);
    manualSeed(4);
    expect(allclose(different, rand([3, 4], float64))).toBe(true);
    manualSeed(4);
    const nested = vmap(
      vmap((x: Tensor) => x.add(rand([], float64)), { randomness: "different" }),
      { randomness: "same" },
    )(zeros);
    expect(allclose(nested.select(0, 0), nested.select(0, 1))).toBe(true);
    expect(nested.shape).toEqual([3, 4]);
    expect(new Set(nested.select(0, 0).data()).size).toBe(4);
  });

  it("orders each sample's permutation on its own", () => {
    manualSeed(5);
    const orders = vmap((_: Tensor) => randperm(20), { randomness: "different" })(zeros);
    const rows = [0, 1, 2].map((i) => [...orders.select(0, i).data()]);
    for (const row of rows) expect([...row].sort((a, b) => a - b)).toEqual([...Array(20).keys()]);
    expect(new Set(rows.map(String)).size).toBe(3);
  });

  it("drops different elements of every sample", () => {
    manualSeed(6);
    const y = vmap((x: Tensor) => core.dropout(x.add(1)), { randomness: "different" })(
      tensor(new Float64Array(200), { shape: [2, 100] }),
    );
    expect(allclose(y.select(0, 0), y.select(0, 1))).toBe(false);
    expect(new Set(y.data())).toEqual(new Set([0, 2]));
  });
});

describe("messages of vmap", () => {
  const x = normal([3, 4]);
  const hidden = (what: string) =>
    `vmap: ${what} inside the mapped function, where the tensor stands for every sample at once and has no one value; choose by where(condition, a, b) in place of if, and read values after vmap.`;
  const tapeless = (what: string) =>
    `${what}: inside vmap a tensor stands for every sample at once and has no grad of its own; use the function transforms there: grad(f), vjp or jvp.`;
  const shaping = (what: string) =>
    `${what}: the shape of the result depends on the values, which differ between the samples of a vmap; choose by where(condition, a, b), or call it outside of vmap.`;
  const escaped =
    "vmap: a tensor of the mapped function was kept and used after vmap had returned; return it from the function, and vmap gives it for all samples.";

  it.each<[string, (z: Tensor) => unknown, string]>([
    ["item", (z) => z.sum().item(), hidden("item()")],
    ["data", (z) => z.data(), hidden("data()")],
    ["toArray", (z) => z.toArray(), hidden("toArray()")],
    ["tensor", (z) => tensor(z), hidden("data()")],
    ["equal", (z) => core.equal(z, z), hidden("data()")],
    ["requiresGrad_", (z) => z.requiresGrad_(), tapeless("requiresGrad_")],
    ["backward", (z) => z.sum().backward(), tapeless("backward")],
    ["grad", (z) => core.grad(z.sum(), [z]), tapeless("grad")],
    ["registerHook", (z) => z.registerHook(() => undefined), tapeless("registerHook")],
    ["retainGrad", (z) => z.retainGrad(), tapeless("retainGrad")],
    ["detach_", (z) => z.detach_(), tapeless("detach_")],
    ["maskedSelect", (z) => z.maskedSelect(z.gt(0)), shaping("maskedSelect")],
    ["nonzero", (z) => core.nonzero(z), shaping("nonzero")],
    ["unique", (z) => core.unique(z), shaping("unique")],
    ["mask", (z) => core.index(z, z.gt(0)), shaping("index")],
  ])("%s", (_, f, message) => {
    expect(() => vmap(f)(x)).toThrow(new core.VmapError(message));
  });

  it("say that a tensor was kept, wherever it is used", () => {
    let kept = x;
    vmap((z: Tensor) => {
      kept = z.mul(2);
      return z;
    })(x);
    const uses: ((z: Tensor) => unknown)[] = [
      (z) => z.add(1),
      (z) => z.sum(),
      (z) => z.item(),
      (z) => z.data(),
      (z) => z.reshape([2, 2]).toArray(),
      (z) => z.requiresGrad_(),
      (z) => vmap((other: Tensor) => other.add(z))(x),
      (z) => vmap((_: Tensor) => z)(x),
      (z) => x.add_(z),
    ];
    for (const use of uses) expect(() => use(kept)).toThrow(new core.VmapError(escaped));
    expect(String(kept)).toBe(
      "tensor(one sample of 3, shape=[4], dtype=float64, after vmap has ended)",
    );
  });

  it("print a tensor with all its samples", () => {
    const texts: string[] = [];
    vmap((z: Tensor) => {
      texts.push(String(z.mul(2)));
      return z;
    })(tensor([1, 2]));
    expect(texts).toEqual([
      "tensor(one sample of 2, shape=[], dtype=float32, all samples: tensor([2., 4.], shape=[2], dtype=float32))",
    ]);
  });

  it.each<[() => unknown, string]>([
    [() => vmap(3 as never), "vmap: f is a number; it must be a function of one sample."],
    [
      () => vmap((a: Tensor, b: Tensor) => a.add(b))(x, normal([2, 4])),
      "vmap: argument 0 has 3 samples along axis 0, and argument 1 has 2 samples along axis 0; the numbers must be equal.",
    ],
    [
      () => vmap((a: { w: Tensor }) => a.w)({ w: tensor(1) }),
      "vmap: argument 0.w is a number without axes, so it has no samples along axis 0; give it the axis null.",
    ],
    [
      () => vmap((a: Tensor) => a, { inAxes: 2 })(x),
      "vmap: argument 0: axis 2 is out of range for a tensor of 2 axes; valid are -2 to 1.",
    ],
    [
      () => vmap((a: Tensor) => a, { inAxes: [null] })(x),
      "vmap: no tensor among the arguments has an axis of samples; pass one, or set inAxes.",
    ],
    [
      () => vmap((a: Tensor) => a, { inAxes: [0, 0] })(x),
      "vmap: inAxes is a list of 2 and the arguments are a list of 1; give an axis (a whole number), null, or one for each part.",
    ],
    [
      () => vmap((a: { w: Tensor }) => a.w, { inAxes: [{ v: 0 }] })({ w: x }),
      "vmap: inAxes at [0] is an object with v and the arguments are an object with w; give an axis (a whole number), null, or one for each part.",
    ],
    [
      () => vmap((a: Tensor) => a, { inAxes: "0" as never })(x),
      'vmap: inAxes is "0" and the arguments are a list of 1; give an axis (a whole number), null, or one for each part.',
    ],
    [
      () => vmap((a: Tensor) => a, { outAxes: null })(x),
      "vmap: outAxes is null for the result, which differs between samples; give an axis.",
    ],
    [
      () => vmap((a: Tensor) => a, { outAxes: 2 })(x),
      "vmap: outAxes: axis 2 is out of range for a tensor of 2 axes; valid are -2 to 1.",
    ],
  ])("%#", (f, message) => {
    expect(f).toThrow(message);
  });

  it("leave no vmap open after an error", () => {
    expect(() => vmap((z: Tensor) => z.item())(x)).toThrow(core.VmapError);
    expect(rand([2]).shape).toEqual([2]);
    expect(() => vmap(async (z: Tensor) => z)(x)).toThrow(/^vmap: the function returned a promise/);
  });
});
