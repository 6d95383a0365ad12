/** Pooling against loops over windows, ties, NaN, ceilMode, and messages. */
import { describe, expect, it } from "@jest/globals";
import {
  adaptiveAvgPool1d,
  adaptiveAvgPool2d,
  adaptiveAvgPool3d,
  adaptiveMaxPool1d,
  adaptiveMaxPool2d,
  adaptiveMaxPool3d,
  arange,
  avgPool1d,
  avgPool2d,
  avgPool3d,
  checkOp,
  gradcheck,
  gradgradcheck,
  lpPool1d,
  lpPool2d,
  lpPool3d,
  maxPool1d,
  maxPool2d,
  maxPool3d,
  maxUnpool1d,
  maxUnpool2d,
  maxUnpool3d,
  normal,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { maxPoolIndices } from "../../src/ops/max-pool.ts";
import { expectNear, random, testMessages } from "./helpers.ts";

interface Setting {
  kernel: number;
  stride: number;
  padding: number;
  dilation: number;
  ceilMode: boolean;
}

/** Windows of one axis as the positions inside it, by PyTorch's rule for their number. */
function windows(size: number, { kernel, stride, padding, dilation, ceilMode }: Setting) {
  const room = size + 2 * padding - dilation * (kernel - 1) - 1;
  let count = (ceilMode ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
  if (ceilMode && (count - 1) * stride >= size + padding) count--;
  return Array.from({ length: count }, (_, o) => {
    const all = Array.from({ length: kernel }, (_, k) => o * stride - padding + k * dilation);
    return {
      seen: all.filter((at) => at >= 0 && at < size),
      counted: all.filter((at) => at < size + padding).length,
    };
  });
}

const settings: Setting[] = [
  { kernel: 2, stride: 2, padding: 0, dilation: 1, ceilMode: false },
  { kernel: 3, stride: 2, padding: 1, dilation: 1, ceilMode: true },
  { kernel: 2, stride: 1, padding: 1, dilation: 2, ceilMode: false },
  { kernel: 3, stride: 3, padding: 0, dilation: 1, ceilMode: true },
];

export function poolTests(): void {
  describe("pooling", () => {
    it("maxPoolIndices", () => {
      const attrs = {
        input: [3, 5],
        output: [2, 2],
        dilation: [1, 1],
        starts: [Int32Array.of(0, 1), Int32Array.of(0, 2)],
        lengths: [Int32Array.of(2, 2), Int32Array.of(3, 3)],
      };
      checkOp(maxPoolIndices, {
        cases: [
          { x: normal([2, 2, 3, 5]), attrs },
          { x: normal([0, 2, 3, 5]), attrs },
        ],
      });
    });

    it("maximum and mean are those of the definition", () => {
      const x = random([2, 1, 7, 6]);
      for (const setting of settings) {
        const [rows, columns] = [windows(7, setting), windows(6, setting)];
        const { values, indices } = maxPool2d(x, setting.kernel, {
          ...setting,
          returnIndices: true,
        });
        const best: number[] = [];
        const places: number[] = [];
        const means: number[] = [];
        const inner: number[] = [];
        for (let n = 0; n < 2; n++)
          for (const row of rows)
            for (const column of columns) {
              const at = row.seen.flatMap((i) => column.seen.map((j) => i * 6 + j));
              const seen = at.map((i) => x.data()[n * 42 + i]!);
              const top = Math.max(...seen);
              best.push(top);
              places.push(at[seen.indexOf(top)]!);
              const total = seen.reduce((a, b) => a + b, 0);
              means.push(total / (row.counted * column.counted));
              inner.push(total / seen.length);
            }
        expect(values.shape).toEqual([2, 1, rows.length, columns.length]);
        expectNear(values, best);
        expectNear(indices, places);
        if (setting.dilation > 1) continue;
        expectNear(avgPool2d(x, setting.kernel, setting), means);
        expectNear(avgPool2d(x, setting.kernel, { ...setting, countIncludePad: false }), inner);
      }
    });

    it("the gradient goes to the first of equals, and NaN wins", () => {
      const x = tensor([[[1, 1, 0, Number.NaN, 2, 2]]], { requiresGrad: true });
      const { values, indices } = maxPool1d(x, 2, { returnIndices: true });
      expect(values.toArray()).toEqual([[[1, Number.NaN, 2]]]);
      expect(indices.toArray()).toEqual([[[0, 3, 4]]]);
      values.sum().backward();
      expect(x.grad!.toArray()).toEqual([[[1, 0, 0, 1, 1, 0]]]);
    });

    it("a window of −∞ beside padding picks one of its elements", () => {
      const x = tensor([[[-Infinity, -Infinity, 3]]]);
      const { values, indices } = maxPool1d(x, 3, { padding: 1, stride: 2, returnIndices: true });
      expect(values.toArray()).toEqual([[[-Infinity, 3]]]);
      expect(indices.toArray()).toEqual([[[0, 2]]]);
    });

    it("one image, no images, integers and three axes", () => {
      expect(maxPool1d(arange(0, 4).reshape([1, 4]), 2).toArray()).toEqual([[1, 3]]);
      expect(maxPool2d(zeros([0, 2, 4, 4]), 2).shape).toEqual([0, 2, 2, 2]);
      const whole = tensor(
        [
          [
            [
              [1, 5],
              [7, 2],
            ],
          ],
        ],
        { dtype: "int32" },
      );
      expect(maxPool2d(whole, 2).toArray()).toEqual([[[[7]]]]);
      const x = arange(0, 8, 1, { dtype: "float64" }).reshape([1, 2, 2, 2]);
      expect(maxPool3d(x, 2).toArray()).toEqual([[[[7]]]]);
      expect(avgPool3d(x, 2).toArray()).toEqual([[[[3.5]]]]);
      expect(avgPool1d(arange(0, 4).reshape([1, 4]), 2, { divisorOverride: 4 }).toArray()).toEqual([
        [0.25, 1.25],
      ]);
    });

    it("gradients of the first and second order", () => {
      const x = random([1, 2, 5, 4]).requiresGrad_();
      const options = { stride: 2, padding: 1, ceilMode: true };
      for (const f of [
        (x: Tensor) => maxPool2d(x, 3, options),
        (x: Tensor) => avgPool2d(x, 3, { ...options, countIncludePad: false }),
        (x: Tensor) => adaptiveAvgPool2d(x, [3, null]),
        (x: Tensor) => adaptiveMaxPool2d(x, [2, 3]),
      ]) {
        gradcheck(f, [x]);
        gradgradcheck(f, [x]);
      }
      const positive = random([1, 2, 5, 4]).abs().add(0.5).requiresGrad_();
      const norm = (x: Tensor) => lpPool2d(x, 2, { p: 3 });
      gradcheck(norm, [positive]);
      gradgradcheck(norm, [positive]);
    });

    it("p-norms of windows", () => {
      const x = tensor([[[3, 4, 6, 8, 1]]], { dtype: "float64" });
      expectNear(lpPool1d(x, 2), [5, 10]);
      // PyTorch takes the mean over what is there and scales it to a whole window.
      expectNear(lpPool1d(x, 2, { ceilMode: true }), [5, 10, Math.sqrt(2)]);
      expectNear(lpPool1d(tensor([[-1, -2]], { dtype: "float64" }), 2, { p: 1 }), [-3]);
      expectNear(lpPool3d(x.reshape([1, 1, 1, 1, 5]), [1, 1, 5], { p: 1 }), [22]);
    });

    it("adaptive windows share the axis", () => {
      const x = arange(0, 5, 1, { dtype: "float64" }).reshape([1, 1, 5]);
      // Windows 0–1, 1–3, 3–4.
      expectNear(adaptiveAvgPool1d(x, 3), [0.5, 2, 3.5]);
      expectNear(adaptiveMaxPool1d(x, 3), [1, 3, 4]);
      expect(adaptiveMaxPool1d(x, 3, { returnIndices: true }).indices.toArray()).toEqual([
        [[1, 3, 4]],
      ]);
      expectNear(adaptiveAvgPool1d(x, 7), [0, 0.5, 1.5, 2, 2.5, 3.5, 4]);
      const infinite = tensor([[[Infinity, 1, 2]]]);
      expect(adaptiveAvgPool1d(infinite, 2).toArray()).toEqual([[[Infinity, 1.5]]]);
      const volume = random([1, 1, 3, 4, 5]);
      expectNear(adaptiveAvgPool3d(volume, 1).reshape([]), volume.mean());
      expect(adaptiveMaxPool3d(volume, 1).item()).toBe(volume.max().item());
    });

    it("unpooling puts maxima back", () => {
      const x = random([2, 3, 4, 6]);
      const { values, indices } = maxPool2d(x, 2, { returnIndices: true });
      const back = maxUnpool2d(values, indices, { kernel: 2 });
      expectNear(maxPool2d(back.abs(), 2), values.abs());
      expect(back.ne(0).to("int32").sum().item()).toBe(36);
      gradcheck((v) => maxUnpool2d(v, indices, { kernel: 2 }), [values.detach().requiresGrad_()]);
      // Overlapping windows share the 5.
      const line = tensor([[[1, 5, 2]]]);
      const shared = maxPool1d(line, 2, { stride: 1, returnIndices: true });
      const again = maxUnpool1d(shared.values, shared.indices, { kernel: 2, stride: 1 });
      expect(again.toArray()).toEqual([[[0, 5, 0]]]);
      const one = maxPool3d(x, [1, 2, 2], { returnIndices: true });
      expect(maxUnpool3d(one.values, one.indices, { kernel: [1, 2, 2] }).shape).toEqual(x.shape);
      const odd = maxUnpool1d(tensor([[3]]), tensor([[2]], { dtype: "int32" }), {
        kernel: 2,
        outputSize: [3],
      });
      expect(odd.toArray()).toEqual([[0, 0, 3]]);
    });
  });

  describe("messages of pooling", () => {
    const x = zeros([1, 2, 4, 4]);
    const at = zeros([1, 2, 4, 4], { dtype: "int32" });
    testMessages([
      ["no tensor", () => maxPool2d(null as never, 2), /maxPool2d: x is null; it must be a Tensor/],
      ["rank", () => avgPool1d(x, 2), /avgPool1d: x is \[1, 2, 4, 4\]; it must be \[N, C, L\]/],
      ["kernel", () => maxPool2d(x, 0), /kernel is 0; it must be a whole number of at least 1/],
      ["stride", () => maxPool2d(x, 2, { stride: [1, -1] }), /stride is \[1, -1\]/],
      [
        "padding",
        () => avgPool2d(x, 2, { padding: 2 }),
        /padding is 2 and the kernel 2 along spatial axis 0; padding must be at most half/,
      ],
      [
        "too large",
        () => maxPool2d(x, 5),
        /a kernel \[5, 5\] with dilation \[1, 1\] spans more than x's spatial sizes \[4, 4\]/,
      ],
      [
        "ceilMode",
        () => maxPool2d(x, 2, { ceilMode: 1 as never }),
        /ceilMode is a number; it must be true or false/,
      ],
      [
        "returnIndices",
        () => maxPool2d(x, 2, { returnIndices: "yes" as never }),
        /returnIndices is a string/,
      ],
      [
        "countIncludePad",
        () => avgPool2d(x, 2, { countIncludePad: 0 as never }),
        /countIncludePad is a number/,
      ],
      [
        "divisorOverride",
        () => avgPool2d(x, 2, { divisorOverride: 0 }),
        /divisorOverride is 0; it must be a finite number that is not 0/,
      ],
      [
        "only padding",
        () => maxPool1d(zeros([1, 1, 1]), 2, { padding: 1, dilation: 2 }),
        /a window of 2 elements, 2 apart, sees none of the 1/,
      ],
      ["p", () => lpPool2d(x, 2, { p: 0 }), /lpPool2d: p is 0; it must be a finite number above 0/],
      [
        "outputSize",
        () => adaptiveAvgPool2d(x, [0, 1]),
        /outputSize is \[0, 1\]; it must be a whole number of at least 1/,
      ],
      [
        "nothing to pool",
        () => adaptiveMaxPool2d(zeros([1, 1, 0, 2]), 1),
        /spatial sizes are \[0, 2\]; none may be 0/,
      ],
      [
        "adaptive returnIndices",
        () => adaptiveMaxPool2d(x, 1, { returnIndices: 1 as never }),
        /adaptiveMaxPool2d: returnIndices is a number/,
      ],
      [
        "indices",
        () => maxUnpool2d(x, x, { kernel: 2 }),
        /indices float32 \[1, 2, 4, 4\]; they must be int32 of x's shape/,
      ],
      [
        "index outside",
        () => maxUnpool2d(x, at.sub(1), { kernel: 2 }),
        /index -1 at position 0 is outside the result's spatial sizes \[8, 8\]; valid are 0 to 63/,
      ],
    ]);
  });
}
