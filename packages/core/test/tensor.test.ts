import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  arange,
  broadcastShapes,
  concat,
  crossEntropy,
  type DType,
  eye,
  flatten,
  full,
  linspace,
  matmul,
  type NestedArray,
  ones,
  slice,
  stack,
  type Tensor,
  tensor,
  where,
  zeros,
} from "../src/index.ts";
import { message } from "./ops/helpers.ts";

describe("creation", () => {
  it("reads nested arrays, typed arrays, numbers, booleans and tensors", () => {
    expect(
      tensor([
        [1, 2],
        [3, 4],
      ]).shape,
    ).toEqual([2, 2]);
    expect(tensor(3).shape).toEqual([]);
    expect(tensor([true, false]).dtype).toBe("bool");
    expect(tensor(new Int32Array([1, 2])).dtype).toBe("int32");
    expect(tensor(new Uint8Array(6), { shape: [2, 3] }).shape).toEqual([2, 3]);
    expect(tensor(tensor([1.5]), { dtype: "int32" }).toArray()).toEqual([1]);
    expect(tensor([]).shape).toEqual([0]);
    expect(tensor([0.1]).data()[0]).toBe(Math.fround(0.1));
    expect(tensor([0.1], { dtype: "float64" }).data()[0]).toBe(0.1);
    expect(tensor([0, 0.5, Number.NaN], { dtype: "bool" }).toArray()).toEqual([false, true, true]);
  });

  it("copies: the source may change", () => {
    const source = new Float32Array([1, 2]);
    const x = tensor(source);
    source[0] = 9;
    expect(x.toArray()).toEqual([1, 2]);
  });

  it("fills", () => {
    expect(zeros([2]).toArray()).toEqual([0, 0]);
    expect(ones([2, 1], { dtype: "int32" }).toArray()).toEqual([[1], [1]]);
    expect(full([], 7).item()).toBe(7);
    expect(eye(2).toArray()).toEqual([
      [1, 0],
      [0, 1],
    ]);
    expect(arange(3).toArray()).toEqual([0, 1, 2]);
    expect(arange(1, 2, 0.25).dtype).toBe("float32");
    expect(linspace(-1, 1, 5).toArray()).toEqual([-1, -0.5, 0, 0.5, 1]);
    expect(linspace(0, 0.7, 3, { dtype: "float64" }).data()[2]).toBe(0.7);
  });

  it("says what is wrong with what it was given", () => {
    expect(message(() => tensor([[1, 2], [3]] as NestedArray))).toBe(
      "ShapeError: tensor: ragged array: element [1] is an array of 1; it must be 2 long, as its neighbours are.",
    );
    expect(message(() => tensor([[1], 2] as NestedArray))).toBe(
      "ShapeError: tensor: ragged array: element [1] is a number; it must be an array of 1, as its neighbours are.",
    );
    expect(message(() => tensor([1, [2]] as NestedArray))).toBe(
      "ShapeError: tensor: ragged array: element [1] is an array of 1; it must be a number, as its neighbours are.",
    );
    expect(message(() => tensor([1, "2"] as never))).toBe(
      "ValueError: tensor: element [1] is a string; it must be a number.",
    );
    expect(message(() => tensor([1, 2, 3], { shape: [2, 2] }))).toBe(
      "ShapeError: tensor: 3 values don't fill shape [2, 2], which has 4 elements.",
    );
    expect(message(() => tensor([1], { dtype: "float16" as never }))).toBe(
      'DTypeError: tensor: unknown dtype "float16"; known are bool, uint8, int32, float32, float64.',
    );
    expect(message(() => zeros([2, -1]))).toBe(
      "ValueError: full: shape [2, -1] is not a list of whole, non-negative sizes, such as [2, 3].",
    );
    expect(message(() => zeros([1e6, 1e6]))).toMatch(
      /^ValueError: full: shape .* at most 2147483647 fit\.$/,
    );
    expect(message(() => tensor(new BigInt64Array(1) as never))).toMatch(
      /^DTypeError: tensor: can't read a BigInt64Array/,
    );
  });
});

describe("dtypes", () => {
  it("promote as PyTorch's", () => {
    const f32 = tensor([1]);
    const f64 = tensor([1], { dtype: "float64" });
    const i32 = tensor([1], { dtype: "int32" });
    const bool = tensor([true]);
    expect(f32.add(f64).dtype).toBe("float64");
    expect(f32.add(i32).dtype).toBe("float32");
    expect(i32.add(1).dtype).toBe("int32");
    expect(i32.add(0.5).dtype).toBe("float32");
    expect(f64.mul(2).dtype).toBe("float64");
    expect(f32.mul(0.1).dtype).toBe("float32");
    expect(i32.div(2).toArray()).toEqual([0.5]);
    expect(i32.exp().dtype).toBe("float32");
    expect(bool.sum().dtype).toBe("int32");
    expect(f32.gt(0).dtype).toBe("bool");
    expect(i32.mean().dtype).toBe("float32");
  });

  it("without axes count beside others only by their kind", () => {
    const lone = (dtype: DType) => tensor(1, { dtype });
    const f32 = tensor([1, 2]);
    const u8 = tensor([1, 2], { dtype: "uint8" });
    expect(f32.add(lone("float64")).dtype).toBe("float32");
    expect(lone("float64").mul(f32).dtype).toBe("float32");
    expect(u8.add(lone("int32")).dtype).toBe("uint8");
    expect(u8.add(lone("float64")).dtype).toBe("float64");
    expect(tensor([true]).mul(lone("uint8")).dtype).toBe("uint8");
    expect(lone("float32").add(lone("float64")).dtype).toBe("float64");
    expect(where(tensor([true, false]), f32, lone("float64")).dtype).toBe("float32");
    const scale = tensor(3, { dtype: "float64", requiresGrad: true });
    f32.mul(scale).sum().backward();
    expect([scale.grad!.dtype, scale.grad!.item()]).toEqual(["float64", 3]);
  });

  it("convert, and the gradient comes back in the leaf's dtype", () => {
    const x = tensor([1.7, -2.2], { requiresGrad: true });
    expect(x.to("int32").toArray()).toEqual([1, -2]);
    x.to("float64").square().sum().backward();
    expect(x.grad!.dtype).toBe("float32");
    expect(x.grad!.data()[0]).toBeCloseTo(3.4, 5);
  });

  it("compute whole bytes, wrapping", () => {
    const x = tensor([0, 3, 200], { dtype: "uint8" });
    expect(x.neg().toArray()).toEqual([0, 253, 56]);
    expect(x.square().toArray()).toEqual([0, 9, (200 * 200) & 255]);
    expect(x.abs().toArray()).toEqual([0, 3, 200]);
    expect(x.relu().toArray()).toEqual([0, 3, 200]);
    expect(x.sign().toArray()).toEqual([0, 1, 1]);
    expect(tensor(200, { dtype: "uint8" }).square().item()).toBe((200 * 200) & 255);
  });

  it("refuse what is no tensor", () => {
    expect(message(() => matmul([1, 2] as never, zeros([2])))).toBe(
      "ValueError: matmul: a is an array (make a tensor of it with tensor([...])); it must be a Tensor.",
    );
    expect(message(() => flatten(undefined as never))).toBe(
      "ValueError: flatten: x is undefined; it must be a Tensor.",
    );
    expect(message(() => crossEntropy(zeros([2, 3]), 1 as never))).toBe(
      "ValueError: crossEntropy: target is a number; it must be a Tensor.",
    );
  });

  it("refuse what makes no sense", () => {
    expect(message(() => where(tensor([1]), 1, 2))).toBe(
      "DTypeError: where: the condition is float32; it must be bool, such as x.gt(0).",
    );
    expect(message(() => tensor([1]).add("2" as never))).toBe(
      "ValueError: add: b is a string; it must be a Tensor or a number.",
    );
    expect(message(() => tensor([1]).add([1] as never))).toBe(
      "ValueError: add: b is an array (make a tensor of it with tensor([...])); it must be a Tensor or a number.",
    );
    expect(message(() => zeros([2, 2]).gather(0, tensor([[0.5]])))).toMatch(
      /^DTypeError: gather: the index is float32/,
    );
  });
});

describe("shapes that don't fit", () => {
  const cases: [string, () => unknown, string][] = [
    [
      "add",
      () => zeros([2, 3]).add(zeros([2, 4])),
      "ShapeError: add: shapes [2, 3] and [2, 4] do not broadcast: axis -1 has 3 and 4; they must be equal or one of them 1.",
    ],
    [
      "matmul",
      () => matmul(zeros([2, 3]), zeros([4, 5])),
      "ShapeError: matmul: a is [2, 3] and b is [4, 5]; a's last axis (3) must equal b's second-to-last (4).",
    ],
    [
      "matmul of a number",
      () => matmul(zeros([2, 3]), tensor(1)),
      "ShapeError: matmul: a is [2, 3] and b is []; both need at least one axis. Use mul for numbers.",
    ],
    [
      "reshape",
      () => zeros([2, 3]).reshape([4, -1]),
      "ShapeError: reshape: [4, -1] does not hold the 6 elements of [2, 3]; sizes are whole, their product is the number of elements, and at most one may be -1.",
    ],
    [
      "permute",
      () => zeros([2, 3]).permute([0, 0]),
      "ShapeError: permute: [0, 0] is not an order of the 2 axes of [2, 3]; name each axis once.",
    ],
    [
      "expand",
      () => zeros([2, 3]).expand([2, 4]),
      "ShapeError: expand: [2, 3] does not expand to [2, 4]; aligned at the right, every axis must be equal or 1.",
    ],
    [
      "concat",
      () => concat([zeros([2, 3]), zeros([2, 4])]),
      "ShapeError: concat: tensor 0 is [2, 3] and tensor 1 is [2, 4]; all sizes but that of axis 0 must be equal.",
    ],
    [
      "sum",
      () => zeros([2]).sum(1),
      "ShapeError: sum: axis 1 is out of range for a tensor of 1 axes; valid are -1 to 0.",
    ],
    [
      "sum twice",
      () => zeros([2, 2]).sum([0, -2]),
      "ShapeError: sum: axis 0 is named twice in [0, -2]; name each axis once.",
    ],
    [
      "item",
      () => zeros([2]).item(),
      "ShapeError: item: the tensor has shape [2], 2 elements; item() reads exactly one. Use data() or toArray().",
    ],
    [
      "index",
      () => zeros([2]).index(2),
      "IndexError: index: 2 is outside axis 0 of [2]; valid are -2 to 1.",
    ],
    [
      "too many indices",
      () => zeros([2]).index(0, 0),
      "ShapeError: index: 2 axes are indexed, and the tensor of shape [2] has 1.",
    ],
    [
      "gather",
      () => zeros([2, 2]).gather(0, tensor([[0, 2]], { dtype: "int32" })),
      "IndexError: gather: index 2 at position 1 is outside axis 0 of [2, 2]; valid are 0 to 1.",
    ],
    [
      "amax of nothing",
      () => zeros([0]).max(),
      "ShapeError: amax: axis 0 of [0] is empty, and nothing has no largest element.",
    ],
    [
      "crossEntropy",
      () => crossEntropy(zeros([2, 3]), tensor([0, 3], { dtype: "int32" })),
      "IndexError: crossEntropy: target 3 of row 1 is no class; 3 scores a row make classes 0 to 2.",
    ],
    [
      "crossEntropy rows",
      () => crossEntropy(zeros([2, 3]), tensor([0], { dtype: "int32" })),
      "ShapeError: crossEntropy: logits are [2, 3] and target [1]; target classes must be [2], one per row.",
    ],
  ];
  for (const [name, f, expected] of cases) it(name, () => expect(message(f)).toBe(expected));
});

describe("views", () => {
  it("index as NumPy does", () => {
    const x = arange(24).reshape([2, 3, 4]);
    expect(x.index(1, 2, 3).item()).toBe(23);
    expect(x.index(-1, "...", 0).toArray()).toEqual([12, 16, 20]);
    expect(x.index(0, slice(null, null, -1), slice(1, 3)).toArray()).toEqual([
      [9, 10],
      [5, 6],
      [1, 2],
    ]);
    expect(x.index(null, 0).shape).toEqual([1, 3, 4]);
    expect(x.index(0, tensor([2, 0, -1], { dtype: "int32" }), 1).toArray()).toEqual([9, 1, 9]);
    expect(x.index(0, tensor([[2], [0]], { dtype: "int32" })).shape).toEqual([2, 1, 4]);
    expect(x.index(slice(5, 9)).shape).toEqual([0, 3, 4]);
  });

  it("share storage, and see changes", () => {
    const x = zeros([2, 3]);
    x.index(1).fill_(4);
    x.transpose().index(0).add_(1);
    expect(x.toArray()).toEqual([
      [1, 0, 0],
      [5, 4, 4],
    ]);
    expect(x.version).toBe(2);
  });

  it("slices match a naive model", () => {
    const bound = fc.option(fc.integer({ min: -8, max: 8 }), { nil: null });
    const step = fc.integer({ min: -3, max: 3 }).filter((s) => s !== 0);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 6 }), bound, bound, step, (n, start, stop, by) => {
        const naive: number[] = [];
        const clip = (i: number | null, low: number, high: number, none: number) =>
          i === null ? none : Math.min(Math.max(i < 0 ? i + n : i, low), high);
        if (by > 0)
          for (let i = clip(start, 0, n, 0); i < clip(stop, 0, n, n); i += by) naive.push(i);
        else
          for (let i = clip(start, -1, n - 1, n - 1); i > clip(stop, -1, n - 1, -1); i += by)
            naive.push(i);
        expect(
          arange(n)
            .index(slice(start, stop, by))
            .toArray(),
        ).toEqual(naive);
      }),
      { seed: 1 },
    );
  });

  it("reshape agrees with a copy, whatever the strides", () => {
    const shapes = fc.constantFrom(
      [24],
      [2, 12],
      [4, 6],
      [2, 3, 4],
      [1, 24],
      [3, 1, 8],
      [2, 2, 3, 2],
      [6, 4, 1],
    );
    const order = fc.shuffledSubarray([0, 1, 2], { minLength: 3 });
    fc.assert(
      fc.property(order, shapes, fc.boolean(), (axes, target, narrow) => {
        const wide = arange(narrow ? 48 : 24).reshape(narrow ? [2, 6, 4] : [2, 3, 4]);
        const x = (narrow ? wide.index(slice(), slice(null, null, 2)) : wide).permute(axes);
        expect(x.reshape(target).toArray()).toEqual(x.clone().reshape(target).toArray());
      }),
      { seed: 2 },
    );
  });

  it("flatten, squeeze, stack", () => {
    expect(flatten(zeros([2, 3, 4]), 1).shape).toEqual([2, 12]);
    expect(zeros([1, 3, 1]).squeeze().shape).toEqual([3]);
    expect(zeros([3]).unsqueeze(-1).shape).toEqual([3, 1]);
    expect(stack([ones([2]), zeros([2])], 1).toArray()).toEqual([
      [1, 0],
      [1, 0],
    ]);
  });

  it("broadcasting is commutative and associative", () => {
    const size = fc.constantFrom(1, 2, 3);
    const shape = fc.array(size, { maxLength: 4 });
    const attempt = (f: () => number[]) => {
      try {
        return f();
      } catch {
        return null;
      }
    };
    fc.assert(
      fc.property(shape, shape, shape, (a, b, c) => {
        expect(attempt(() => broadcastShapes("x", a, b))).toEqual(
          attempt(() => broadcastShapes("x", b, a)),
        );
        expect(attempt(() => broadcastShapes("x", broadcastShapes("x", a, b), c))).toEqual(
          attempt(() => broadcastShapes("x", a, broadcastShapes("x", b, c))),
        );
      }),
      { seed: 3 },
    );
  });
});

describe("reductions", () => {
  it("share a tied maximum's gradient, or send it to the one index", () => {
    const x = tensor(
      [
        [1, 3, 3],
        [2, 2, 2],
      ],
      { requiresGrad: true },
    );
    x.max().backward();
    expect(x.grad!.toArray()).toEqual([
      [0, 0.5, 0.5],
      [0, 0, 0],
    ]);
    x.grad = null;
    const { values, indices } = x.max(1);
    expect([values.toArray(), indices.toArray()]).toEqual([
      [3, 2],
      [1, 0],
    ]);
    values.sum().backward();
    expect(x.grad!.toArray()).toEqual([
      [0, 1, 0],
      [1, 0, 0],
    ]);
  });

  it("let NaN win", () => {
    const x = tensor([1, Number.NaN, 3]);
    expect(x.max().item()).toBeNaN();
    expect(x.argmax().item()).toBe(1);
    expect(x.argmin().item()).toBe(1);
  });

  it("keep six digits in a float32 sum of a million", () => {
    const x = full([1_000_000], 0.1);
    expect(Math.abs(x.sum().item() / (1_000_000 * Math.fround(0.1)) - 1)).toBeLessThan(1e-6);
  });

  it("of empty tensors are neutral", () => {
    expect(zeros([0, 3]).sum(0).toArray()).toEqual([0, 0, 0]);
    expect(zeros([0]).mean().item()).toBeNaN();
  });
});

describe("printing", () => {
  const shows = (x: Tensor, expected: string) => {
    expect(String(x)).toBe(expected);
    expect(inspect(x)).toBe(expected);
  };

  it("aligns and tells shape, dtype and gradFn", () => {
    shows(
      tensor([
        [1.5, -2],
        [3, 1000],
      ]),
      "tensor([[   1.5000,   -2.0000],\n        [   3.0000, 1000.0000]], shape=[2, 2], dtype=float32)",
    );
    shows(tensor([1, 2, 3]), "tensor([1., 2., 3.], shape=[3], dtype=float32)");
    shows(tensor(2.5, { requiresGrad: true }).mul(2), "tensor(5., dtype=float32, gradFn=<mul>)");
    shows(tensor([1], { dtype: "int32" }), "tensor([1], shape=[1], dtype=int32)");
    shows(tensor([true, false]), "tensor([ true, false], shape=[2], dtype=bool)");
    shows(zeros([2, 0]), "tensor([], shape=[2, 0], dtype=float32)");
    shows(
      tensor([1, 2], { requiresGrad: true }),
      "tensor([1., 2.], shape=[2], dtype=float32, requiresGrad=true)",
    );
  });

  it("turns to scientific notation, and names infinities", () => {
    shows(
      tensor([1e-5, 1, Number.POSITIVE_INFINITY, Number.NaN]),
      "tensor([1.0000e-05, 1.0000e+00,        inf,        nan], shape=[4], dtype=float32)",
    );
  });

  it("abbreviates", () => {
    shows(
      arange(2000),
      "tensor([   0,    1,    2,  ..., 1997, 1998, 1999], shape=[2000], dtype=int32)".replace(
        " ...",
        "...",
      ),
    );
    expect(String(zeros([50, 50])).split("\n").length).toBe(7);
  });

  it("separates blocks by a blank line", () => {
    expect(String(zeros([2, 1, 1]))).toBe(
      "tensor([[[0.]],\n\n        [[0.]]], shape=[2, 1, 1], dtype=float32)",
    );
  });
});
