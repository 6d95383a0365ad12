/** Convolutions against nested loops, PyTorch's rules of sizes, and their messages. */
import { describe, expect, it } from "@jest/globals";
import {
  arange,
  checkOp,
  conv1d,
  conv2d,
  conv3d,
  convTranspose1d,
  convTranspose2d,
  convTranspose3d,
  equal,
  gradcheck,
  gradgradcheck,
  normal,
  ones,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { convBiasOp, convInputOp, convOp, convWeightOp } from "../../src/ops/conv-ops.ts";
import { foldOp, windowsOp } from "../../src/ops/windows.ts";
import { expectNear, random, testMessages } from "./helpers.ts";

const plane = {
  kernel: [2, 3],
  stride: [2, 1],
  dilation: [1, 2],
  input: [4, 5],
  before: [1, 0],
  output: [3, 2],
  groups: 2,
};
const line = {
  kernel: [3],
  stride: [1],
  dilation: [1],
  input: [4],
  before: [0],
  output: [2],
  groups: 1,
};

/** The definition, in loops: two spatial axes. */
function naive(
  x: Tensor,
  w: Tensor,
  stride: number[],
  padding: number[],
  dilation: number[],
  groups: number,
): Tensor {
  const [n, c, h, width] = x.shape as [number, number, number, number];
  const [o, inner, kh, kw] = w.shape as [number, number, number, number];
  const out = [h, width].map((size, i) =>
    Math.floor((size + 2 * padding[i]! - dilation[i]! * ([kh, kw][i]! - 1) - 1) / stride[i]! + 1),
  ) as [number, number];
  const y = new Float64Array(n * o * out[0] * out[1]);
  const [a, b] = [x.data(), w.data()];
  let at = 0;
  for (let i = 0; i < n; i++)
    for (let q = 0; q < o; q++)
      for (let p = 0; p < out[0]; p++)
        for (let r = 0; r < out[1]; r++, at++)
          for (let d = 0; d < inner; d++)
            for (let k = 0; k < kh; k++)
              for (let l = 0; l < kw; l++) {
                const row = p * stride[0]! - padding[0]! + k * dilation[0]!;
                const column = r * stride[1]! - padding[1]! + l * dilation[1]!;
                if (row < 0 || row >= h || column < 0 || column >= width) continue;
                const channel = Math.floor(q / (o / groups)) * inner + d;
                y[at]! +=
                  a[((i * c + channel) * h + row) * width + column]! *
                  b[((q * inner + d) * kh + k) * kw + l]!;
              }
  return tensor(y, { shape: [n, o, ...out] });
}

export function convTests(): void {
  describe("convolution ops", () => {
    it("windows", () => {
      const attrs = { kernel: [2, 2], stride: [1, 2], dilation: [2, 1], output: [2, 2] };
      checkOp(windowsOp, {
        cases: [
          { x: normal([2, 1, 4, 4]), attrs },
          { x: normal([0, 1, 4, 4]), attrs },
        ],
      });
    });
    it("foldWindows", () => {
      const attrs = { kernel: [3], stride: [2], dilation: [1], output: [2], shape: [2, 1, 6] };
      checkOp(foldOp, { cases: [{ windows: normal([2, 1, 2, 3]), attrs }] });
    });
    it("conv", () => {
      checkOp(convOp, {
        cases: [
          { x: normal([2, 2, 4, 5]), weight: normal([4, 1, 2, 3]), attrs: plane },
          { x: normal([1, 2, 4]), weight: normal([3, 2, 3]), attrs: line },
          { x: normal([0, 2, 4]), weight: normal([3, 2, 3]), attrs: line },
        ],
      });
    });
    it("convBias", () => {
      checkOp(convBiasOp, {
        cases: [
          {
            x: normal([2, 2, 4, 5]),
            weight: normal([4, 1, 2, 3]),
            bias: normal([4]),
            attrs: plane,
          },
          { x: normal([1, 2, 4]), weight: normal([3, 2, 3]), bias: normal([3]), attrs: line },
          { x: normal([0, 2, 4]), weight: normal([3, 2, 3]), bias: normal([3]), attrs: line },
        ],
      });
    });
    it("convInput", () => {
      checkOp(convInputOp, {
        cases: [
          { dy: normal([2, 4, 3, 2]), weight: normal([4, 1, 2, 3]), attrs: plane },
          { dy: normal([1, 3, 2]), weight: normal([3, 2, 3]), attrs: line },
          { dy: normal([0, 3, 2]), weight: normal([3, 2, 3]), attrs: line },
        ],
      });
    });
    it("convWeight", () => {
      checkOp(convWeightOp, {
        cases: [
          { x: normal([2, 2, 4, 5]), dy: normal([2, 4, 3, 2]), attrs: plane },
          { x: normal([1, 2, 4]), dy: normal([1, 3, 2]), attrs: line },
          { x: normal([0, 2, 4]), dy: normal([0, 3, 2]), attrs: line },
        ],
      });
    });
  });

  describe("convolutions", () => {
    it("are the definition", () => {
      const settings = [
        { stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 },
        { stride: [2, 3], padding: [1, 2], dilation: [1, 1], groups: 2 },
        { stride: [1, 2], padding: [2, 0], dilation: [2, 3], groups: 4 },
      ];
      for (const { stride, padding, dilation, groups } of settings) {
        const x = random([3, 4, 7, 8]);
        const w = random([8, 4 / groups, 3, 2], 2);
        expectNear(
          conv2d(x, w, { stride, padding, dilation, groups }),
          naive(x, w, stride, padding, dilation, groups),
        );
      }
    });

    it("take batches in parts when their columns are many", () => {
      const x = random([5, 8, 96, 96]);
      const w = random([2, 8, 3, 3], 2).requiresGrad_();
      const y = conv2d(x, w, { padding: 1 });
      y.sum().backward();
      const single = Array.from({ length: 5 }, (_, i) => {
        const copy = w.detach().clone().requiresGrad_();
        const one = conv2d(x.narrow(0, i, 1), copy, { padding: 1 });
        one.sum().backward();
        expectNear(y.narrow(0, i, 1), one);
        return copy.grad!;
      });
      expectNear(
        w.grad!,
        single.reduce((a, b) => a.add(b)),
        1e-9,
      );
    });

    it("add a bias, take one image, and run in three axes", () => {
      const x = ones([1, 3, 3, 3], { dtype: "float64" });
      const w = ones([2, 1, 2, 2, 2], { dtype: "float64" });
      const y = conv3d(x, w, { bias: tensor([1, -1], { dtype: "float64" }) });
      expect(y.shape).toEqual([2, 2, 2, 2]);
      expect(y.index(0, 0, 0, 0).item()).toBe(9);
      expect(y.index(1, 1, 1, 1).item()).toBe(7);
      expect(conv1d(ones([1, 4]), ones([1, 1, 2])).toArray()).toEqual([[2, 2, 2]]);
    });

    it("keep the size with padding same, more of it at the end", () => {
      const x = arange(1, 5).reshape([1, 1, 4]);
      expect(conv1d(x, ones([1, 1, 2]), { padding: "same" }).toArray()).toEqual([[[3, 5, 7, 4]]]);
      expect(conv1d(x, ones([1, 1, 3]), { padding: "valid" }).toArray()).toEqual([[[6, 9]]]);
      expect(conv2d(zeros([1, 1, 5, 6]), zeros([1, 1, 4, 3]), { padding: "same" }).shape).toEqual([
        1, 1, 5, 6,
      ]);
    });

    it("of no images give no images, and a weight gradient of 0", () => {
      const w = ones([2, 3, 2, 2], { requiresGrad: true });
      const y = conv2d(zeros([0, 3, 4, 4]), w);
      expect(y.shape).toEqual([0, 2, 3, 3]);
      y.sum().backward();
      expect(equal(w.grad!, zeros([2, 3, 2, 2]))).toBe(true);
    });

    it("have gradients of any order, with every option", () => {
      const x = random([2, 2, 5], 3).requiresGrad_();
      const w = random([4, 1, 2], 4).requiresGrad_();
      const bias = random([4], 5).requiresGrad_();
      const f = (...[a, b, c]: Tensor[]) =>
        conv1d(a!, b!, { bias: c!, stride: 2, padding: 1, dilation: 2, groups: 2 });
      gradcheck(f, [x, w, bias]);
      gradgradcheck(f, [x, w, bias]);
      const v = random([4, 3, 2], 6).requiresGrad_();
      const g = (...[a, b]: Tensor[]) =>
        convTranspose1d(a!, b!, { stride: 2, padding: 1, outputPadding: 1, groups: 2 });
      const z = random([1, 4, 3], 7).requiresGrad_();
      gradcheck(g, [z, v]);
      gradgradcheck(g, [z, v]);
    });
  });

  describe("transposed convolutions", () => {
    it("are the transposed map: ⟨conv(x), y⟩ = ⟨x, convTranspose(y)⟩", () => {
      const options = { stride: [2, 1], padding: [1, 0], dilation: [1, 2] };
      const x = random([2, 3, 6, 7]);
      const w = random([4, 3, 3, 2], 2);
      const forward = conv2d(x, w, options);
      const y = random([...forward.shape], 3);
      const back = convTranspose2d(y, w, { ...options, outputPadding: [1, 0] });
      expect(back.shape).toEqual(x.shape);
      expect(forward.mul(y).sum().item()).toBeCloseTo(x.mul(back).sum().item(), 9);
    });

    it("spread each element over a kernel", () => {
      const x = tensor([[[1, 10]]]);
      const w = tensor([[[1, 2, 3]]]);
      expect(convTranspose1d(x, w, { stride: 2 }).toArray()).toEqual([[[1, 2, 13, 20, 30]]]);
      expect(convTranspose1d(x, w, { padding: 1 }).toArray()).toEqual([[[12, 23]]]);
      expect(convTranspose3d(ones([1, 2, 1, 1, 1]), ones([2, 3, 2, 2, 2])).shape).toEqual([
        1, 3, 2, 2, 2,
      ]);
    });
  });

  describe("messages of convolutions", () => {
    const x = zeros([1, 4, 5, 5]);
    testMessages([
      ["no tensor", () => conv2d(3 as never, x), /conv2d: x is a number; it must be a Tensor/],
      [
        "a bias in place of options",
        () => conv2d(x, zeros([2, 4, 3, 3]), zeros([2]) as never),
        /^conv2d: the third argument is a Tensor; options go there, such as \{ bias, stride: 2 \}\.$/,
      ],
      ["no weight", () => conv2d(x, [1] as never), /conv2d: weight is an array/],
      [
        "rank of x",
        () => conv2d(zeros([4]), x),
        /conv2d: x is \[4\]; it must be \[N, C, H, W\], or \[C, H, W\]/,
      ],
      [
        "rank of the weight",
        () => conv2d(x, zeros([4, 4])),
        /weight is \[4, 4\]; it must be \[O, C\/groups, kH, kW\]/,
      ],
      ["channels", () => conv2d(x, zeros([2, 3, 1, 1])), /x needs 3 channels \(it has 4\)/],
      [
        "groups that don't divide",
        () => conv2d(x, zeros([3, 2, 1, 1]), { groups: 2 }),
        /O must be a multiple of groups/,
      ],
      [
        "groups",
        () => conv2d(x, zeros([3, 2, 1, 1]), { groups: 0 }),
        /groups is 0; it must be a whole number of at least 1/,
      ],
      [
        "bias",
        () => conv2d(x, zeros([3, 4, 1, 1]), { bias: zeros([2]) }),
        /bias is \[2\]; it must be \[3\]/,
      ],
      [
        "stride",
        () => conv2d(x, zeros([3, 4, 1, 1]), { stride: 0 }),
        /stride is 0; it must be a whole number of at least 1, or 2 of them/,
      ],
      [
        "stride per axis",
        () => conv2d(x, zeros([3, 4, 1, 1]), { stride: [1, 2, 3] }),
        /stride is \[1, 2, 3\]/,
      ],
      ["dilation", () => conv2d(x, zeros([3, 4, 1, 1]), { dilation: 0.5 }), /dilation is 0.5/],
      [
        "padding",
        () => conv2d(x, zeros([3, 4, 1, 1]), { padding: -1 }),
        /padding is -1; it must be a whole number of at least 0/,
      ],
      [
        "padding by name",
        () => conv2d(x, zeros([3, 4, 1, 1]), { padding: "full" as never }),
        /padding is "full"; it must be a number, one per axis, "same" or "valid"/,
      ],
      [
        "same with a stride",
        () => conv2d(x, zeros([3, 4, 1, 1]), { padding: "same", stride: 2 }),
        /padding "same" keeps sizes, which stride \[2, 2\] does not/,
      ],
      [
        "kernel too large",
        () => conv2d(x, zeros([3, 4, 6, 1])),
        /a kernel \[6, 1\] with dilation \[1, 1\] spans more than x's \[5, 5\]/,
      ],
      [
        "channels of the transposed one",
        () => convTranspose2d(x, zeros([3, 2, 1, 1])),
        /x needs 3 channels \(it has 4\)/,
      ],
      [
        "outputPadding",
        () => convTranspose2d(x, zeros([4, 2, 1, 1]), { outputPadding: 1 }),
        /outputPadding is 1 along spatial axis 0; it must be smaller than stride \(1\) or dilation \(1\)/,
      ],
      [
        "nothing left",
        () => convTranspose2d(x, zeros([4, 2, 1, 1]), { padding: 3 }),
        /padding \[3, 3\] leaves nothing of the result/,
      ],
    ]);
  });
}
