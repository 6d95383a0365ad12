/**
 * Built-in ops use nothing that users' ops can't: five of them, made again from the package's public names alone,
 * give the same values, gradients and second derivatives.
 */
import { describe, expect, it } from "@jest/globals";
import {
  broadcastShapes,
  checkOp,
  conv2d,
  defineOp,
  Generator,
  grad,
  matmul,
  maximum,
  mul,
  normal,
  randn,
  relativeError,
  type Shape,
  ShapeError,
  sigmoid,
  type Tensor,
  tensor,
} from "../src/index.ts";

const mulAgain = defineOp({
  name: "mulAgain",
  inputs: ["a", "b"],
  domain: "number",
  elementwise: (a, b) => a * b,
  saves: ["a", "b"],
  grad: {
    a: (dy, { b }): Tensor => mulAgain(dy, b),
    b: (dy, { a }): Tensor => mulAgain(dy, a),
  },
});

/** Of equal values, each takes half of the gradient. */
const maximumAgain = defineOp({
  name: "maximumAgain",
  inputs: ["a", "b"],
  domain: "number",
  elementwise: (a, b) => Math.max(a, b),
  saves: ["a", "b"],
  grad: {
    a: (dy, { a, b }) => dy.mul(a.gt(b).add(a.eq(b).mul(0.5))),
    b: (dy, { a, b }) => dy.mul(b.gt(a).add(a.eq(b).mul(0.5))),
  },
});

const sigmoidAgain = defineOp({
  name: "sigmoidAgain",
  inputs: ["x"],
  kernel: ({ x }, y) => {
    for (let i = 0; i < y.length; i++) {
      const e = Math.exp(-Math.abs(x[i]!));
      y[i] = (x[i]! < 0 ? e : 1) / (1 + e);
    }
  },
  saves: ["y"],
  grad: { x: (dy, { y }) => dy.mul(y).mul(y.neg().add(1)) },
});

/** Matrices [..., M, K] · [..., K, N], leading axes broadcast. */
const matmulAgain = defineOp({
  name: "matmulAgain",
  inputs: ["a", "b"],
  domain: "float",
  shape: ({ a, b }) => {
    const [m, k] = a.shape.slice(-2);
    const [inner, n] = b.shape.slice(-2);
    if (k !== inner) throw new ShapeError(`matmulAgain: ${k} and ${inner} must be equal.`);
    return [...broadcastShapes("matmulAgain", a.shape.slice(0, -2), b.shape.slice(0, -2)), m!, n!];
  },
  forward: ({ a, b }, y, kernels) => kernels.matmul(a, b, y),
  saves: ["a", "b"],
  grad: {
    // Y = A·B  ⇒  dA = dY·Bᵀ, dB = Aᵀ·dY; the tape sums over broadcast axes.
    a: (dy, { b }): Tensor => matmulAgain(dy, b.transpose(-1, -2)),
    b: (dy, { a }): Tensor => matmulAgain(a.transpose(-1, -2), dy),
  },
});

interface Geometry {
  stride: number;
  padding: number;
  /** [H, W] of the image and of the kernel. */
  image: Shape;
  kernel: Shape;
}

/** Calls `visit` for each product of conv2d, with the flat positions in x, w and y. */
function eachProduct(
  g: Geometry,
  [images, channels, outputs]: [number, number, number],
  visit: (x: number, w: number, y: number) => void,
): void {
  const [[height, width], [kernelHeight, kernelWidth]] = [g.image, g.kernel] as [
    [number, number],
    [number, number],
  ];
  const [rows, columns] = outputSizes(g) as [number, number];
  for (let n = 0; n < images; n++)
    for (let o = 0; o < outputs; o++)
      for (let r = 0; r < rows; r++)
        for (let s = 0; s < columns; s++)
          for (let c = 0; c < channels; c++)
            for (let i = 0; i < kernelHeight; i++)
              for (let j = 0; j < kernelWidth; j++) {
                const h = r * g.stride + i - g.padding;
                const v = s * g.stride + j - g.padding;
                if (h < 0 || h >= height || v < 0 || v >= width) continue;
                visit(
                  ((n * channels + c) * height + h) * width + v,
                  ((o * channels + c) * kernelHeight + i) * kernelWidth + j,
                  ((n * outputs + o) * rows + r) * columns + s,
                );
              }
}

const outputSizes = ({ image, kernel, stride, padding }: Geometry) =>
  image.map((size, i) => Math.floor((size + 2 * padding - kernel[i]!) / stride) + 1);

// Linear in either input, the three are the derivatives of each other.
const convAgain = defineOp({
  name: "convAgain",
  inputs: ["x", "w"],
  shape: ({ x, w }, g: Geometry) => [x.shape[0]!, w.shape[0]!, ...outputSizes(g)],
  kernel: ({ x, w }, y, g, { x: [n], w: [o, c] }) => {
    y.fill(0);
    eachProduct(g, [n!, c!, o!], (i, j, k) => {
      y[k]! += x[i]! * w[j]!;
    });
  },
  saves: ["x", "w"],
  grad: {
    x: (dy, { w }, g): Tensor => convImageAgain(dy, w, g),
    w: (dy, { x }, g): Tensor => convKernelAgain(x, dy, g),
  },
});

const convImageAgain = defineOp({
  name: "convImageAgain",
  inputs: ["dy", "w"],
  shape: ({ dy, w }, g: Geometry) => [dy.shape[0]!, w.shape[1]!, ...g.image],
  kernel: ({ dy, w }, y, g, { dy: [n], w: [o, c] }) => {
    y.fill(0);
    eachProduct(g, [n!, c!, o!], (i, j, k) => {
      y[i]! += dy[k]! * w[j]!;
    });
  },
  saves: ["dy", "w"],
  grad: {
    dy: (dx, { w }, g): Tensor => convAgain(dx, w, g),
    w: (dx, { dy }, g): Tensor => convKernelAgain(dx, dy, g),
  },
});

const convKernelAgain = defineOp({
  name: "convKernelAgain",
  inputs: ["x", "dy"],
  shape: ({ x, dy }, g: Geometry) => [dy.shape[1]!, x.shape[1]!, ...g.kernel],
  kernel: ({ x, dy }, y, g, { x: [n, c], dy: [, o] }) => {
    y.fill(0);
    eachProduct(g, [n!, c!, o!], (i, j, k) => {
      y[j]! += x[i]! * dy[k]!;
    });
  },
  saves: ["x", "dy"],
  grad: {
    x: (dw, { dy }, g): Tensor => convImageAgain(dy, dw, g),
    dy: (dw, { x }, g): Tensor => convAgain(x, dw, g),
  },
});

function conv2dAgain(x: Tensor, w: Tensor, stride: number, padding: number): Tensor {
  return convAgain(x, w, { stride, padding, image: x.shape.slice(2), kernel: w.shape.slice(2) });
}

type F = (...inputs: Tensor[]) => Tensor;

/** y, every dx under a random dy, and every gradient of Σ v·dx. */
function derivatives(f: F, inputs: readonly Tensor[]): Tensor[] {
  const generator = new Generator(3);
  const random = (shape: Shape) => randn(shape, { dtype: "float64", generator }).requiresGrad_();
  const leaves = inputs.map((x) => tensor(x, { requiresGrad: true }));
  const y = f(...leaves);
  const dy = random(y.shape);
  const first = grad(y, leaves, { gradOutputs: [dy], createGraph: true });
  const weighted = first.map((dx) => dx!.mul(random(dx!.shape)).sum());
  const second = grad(weighted, [...leaves, dy], { allowUnused: true });
  return [y, ...first, ...second].map((t, i) => t ?? inputs[i - 1 - leaves.length]!.mul(0));
}

function expectSame(again: F, builtIn: F, shapes: readonly Shape[]): void {
  const generator = new Generator(1);
  const inputs = shapes.map((shape) => randn(shape, { dtype: "float64", generator }));
  const expected = derivatives(builtIn, inputs);
  derivatives(again, inputs).forEach((got, i) => {
    expect(got.shape).toEqual(expected[i]!.shape);
    const [a, b] = [got.data(), expected[i]!.data()];
    a.forEach((value, k) => {
      expect(Math.abs(value - b[k]!)).toBeLessThan(1e-12 * (1 + Math.abs(b[k]!)));
    });
  });
}

describe("built-in ops, made again with the public API", () => {
  it("mul", () => {
    expectSame(mulAgain as F, mul as F, [[3, 4], [4]]);
    expectSame(mulAgain as F, mul as F, [[], [2]]);
    checkOp(mulAgain, {
      reference: (a, b) => a * b,
      cases: [
        { a: normal([3, 1]), b: normal([4]) },
        { a: normal([]), b: normal([]) },
      ],
    });
    expect(mulAgain(tensor([2, 3], { dtype: "int32" }), 4).dtype).toBe("int32");
  });

  it("maximum, ties included", () => {
    expectSame(maximumAgain as F, maximum as F, [[3, 4], [4]]);
    checkOp(maximumAgain, { reference: Math.max, cases: [{ a: normal([5]), b: normal([2, 1]) }] });
    const [a, b] = [
      [1, 2, 3],
      [1, 5, 0],
    ].map((list) => tensor(list, { requiresGrad: true }));
    maximumAgain(a!, b!).sum().backward();
    expect(a!.grad!.toArray()).toEqual([0.5, 0, 1]);
    expect(b!.grad!.toArray()).toEqual([0.5, 1, 0]);
  });

  it("sigmoid", () => {
    expectSame(sigmoidAgain as F, sigmoid as F, [[3, 4]]);
    checkOp(sigmoidAgain, { cases: [{ x: normal([7]) }, { x: normal([]) }] });
    expect(sigmoidAgain(tensor([-1000, 0, 1000])).toArray()).toEqual([0, 0.5, 1]);
  });

  it("matmul", () => {
    expectSame(matmulAgain as F, matmul as F, [
      [2, 3],
      [3, 4],
    ]);
    expectSame(matmulAgain as F, matmul as F, [
      [2, 1, 2, 3],
      [4, 3, 2],
    ]);
    checkOp(matmulAgain, { cases: [{ a: normal([3, 3]), b: normal([3, 3]) }] });
  });

  it("conv2d", () => {
    const settings = [
      [1, 0],
      [2, 1],
    ] as const;
    for (const [stride, padding] of settings) {
      expectSame(
        (x, w) => conv2dAgain(x!, w!, stride, padding),
        (x, w) => conv2d(x!, w!, { stride, padding }),
        [
          [2, 3, 5, 4],
          [2, 3, 3, 2],
        ],
      );
    }
    const attrs: Geometry = { stride: 2, padding: 1, image: [4, 3], kernel: [2, 2] };
    checkOp(convAgain, { cases: [{ x: normal([1, 2, 4, 3]), w: normal([2, 2, 2, 2]), attrs }] });
  });

  it("in float32, too", () => {
    const [x, w] = [
      [1, 2, 6, 6],
      [3, 2, 3, 3],
    ].map((shape) => randn(shape, { generator: new Generator(5) }));
    expect(relativeError(conv2dAgain(x!, w!, 1, 1), conv2d(x!, w!, { padding: 1 }))).toBeLessThan(
      1e-3,
    );
    expect(relativeError(sigmoidAgain(x!), sigmoid(x!))).toBeLessThan(1e-6);
    expect(mulAgain(x!, x!).data()).toEqual(mul(x!, x!).data());
  });
});
