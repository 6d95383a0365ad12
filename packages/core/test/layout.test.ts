/** Layout ops: values, views against copies, gradients of composed functions, messages. */
import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  arange,
  asStrided,
  broadcastTo,
  cat,
  chunk,
  concat,
  diag,
  diagEmbed,
  diagonal,
  dstack,
  flip,
  fold,
  gradcheck,
  gradgradcheck,
  hstack,
  meshgrid,
  movedim,
  type PadMode,
  pad,
  pixelShuffle,
  pixelUnshuffle,
  rand,
  repeat,
  repeatInterleave,
  roll,
  rot90,
  select,
  slice,
  split,
  stack,
  swapaxes,
  type Tensor,
  tensor,
  tensorSplit,
  tile,
  tril,
  triu,
  unbind,
  unflatten,
  unfold,
  unfoldAxis,
  view,
  vstack,
  zeros,
} from "../src/index.ts";
import { overlaps } from "../src/shape.ts";
import { message } from "./ops/helpers.ts";

const counting = (shape: number[]) => arange(shape.reduce((a, b) => a * b, 1)).reshape(shape);
const int32 = (list: number[]) => tensor(list, { dtype: "int32" });
const leaf = (shape: number[]) => rand(shape, { dtype: "float64", low: -1 }).requiresGrad_();

describe("reorder", () => {
  it("view and unflatten", () => {
    expect(view(counting([2, 6]), [3, -1]).shape).toEqual([3, 4]);
    expect(unflatten(zeros([2, 6]), 1, [2, -1]).shape).toEqual([2, 2, 3]);
    expect(unflatten(zeros([2, 0]), -1, [0, 3]).shape).toEqual([2, 0, 3]);
    const x = zeros([4]);
    x.view([2, 2]).select(0, 1).fill_(1);
    expect(x.toArray()).toEqual([0, 0, 1, 1]);
  });

  it("squeeze of several axes", () => {
    expect(zeros([1, 2, 1, 1]).squeeze([0, 1, -1]).shape).toEqual([2, 1]);
    expect(zeros([1, 2]).squeeze([]).shape).toEqual([1, 2]);
  });

  it("movedim, swapaxes, broadcastTo", () => {
    const x = zeros([2, 3, 4, 5]);
    expect(movedim(x, 0, -1).shape).toEqual([3, 4, 5, 2]);
    expect(movedim(x, [0, 1], [-1, 0]).shape).toEqual([3, 4, 5, 2]);
    expect(movedim(x, [3, 1], [0, 2]).shape).toEqual([5, 2, 3, 4]);
    expect(swapaxes(x, 0, -2).shape).toEqual([4, 3, 2, 5]);
    expect(broadcastTo(zeros([3, 1]), [2, 3, 4]).shape).toEqual([2, 3, 4]);
  });

  it("repeat, tile and repeatInterleave", () => {
    const x = int32([1, 2]);
    expect(repeat(x, [2, 2]).toArray()).toEqual([
      [1, 2, 1, 2],
      [1, 2, 1, 2],
    ]);
    expect(tile(counting([2, 2]), [2]).toArray()).toEqual([
      [0, 1, 0, 1],
      [2, 3, 2, 3],
    ]);
    expect(repeat(x, [0]).shape).toEqual([0]);
    expect(repeat(tensor(3), [2]).toArray()).toEqual([3, 3]);
    expect(repeatInterleave(x, 2).toArray()).toEqual([1, 1, 2, 2]);
    expect(repeatInterleave(counting([2, 2]), int32([1, 2]), 0).toArray()).toEqual([
      [0, 1],
      [2, 3],
      [2, 3],
    ]);
    expect(repeatInterleave(counting([2, 2]), int32([0, 2]), 1).toArray()).toEqual([
      [1, 1],
      [3, 3],
    ]);
  });

  it("repetitions and flips are copies", () => {
    for (const f of [
      (x: Tensor) => repeat(x, [1, 1]),
      (x: Tensor) => tile(x, []),
      (x: Tensor) => repeatInterleave(x, 1, 0),
      (x: Tensor) => flip(x, 0),
      (x: Tensor) => roll(x, 0, 0),
      (x: Tensor) => rot90(x, 4),
      (x: Tensor) => diag(x),
    ]) {
      const x = zeros([2, 2]);
      f(x).fill_(1);
      expect(x.sum().item()).toBe(0);
    }
  });

  it("flip, roll and rot90", () => {
    const x = counting([2, 3]);
    expect(flip(x, [0, -1]).toArray()).toEqual([
      [5, 4, 3],
      [2, 1, 0],
    ]);
    expect(flip(zeros([0, 2]), 0).shape).toEqual([0, 2]);
    expect(roll(x, 1).toArray()).toEqual([
      [5, 0, 1],
      [2, 3, 4],
    ]);
    expect(roll(x, [-1, 4], [1, 0]).toArray()).toEqual([
      [1, 2, 0],
      [4, 5, 3],
    ]);
    expect(roll(zeros([0]), 3).shape).toEqual([0]);
    // As numpy.rot90.
    expect(rot90(x).toArray()).toEqual([
      [2, 5],
      [1, 4],
      [0, 3],
    ]);
    expect(rot90(x, 2).toArray()).toEqual(flip(x, [0, 1]).toArray());
    expect(rot90(x, -1).toArray()).toEqual([
      [3, 0],
      [4, 1],
      [5, 2],
    ]);
    expect(rot90(rot90(x), 3).toArray()).toEqual(x.toArray());
  });
});

describe("split and join", () => {
  it("split, chunk, tensorSplit", () => {
    const shapes = (parts: Tensor[]) => parts.map(({ shape }) => shape[0]);
    expect(shapes(split(zeros([7]), 3))).toEqual([3, 3, 1]);
    expect(shapes(split(zeros([0]), 3))).toEqual([0]);
    expect(shapes(chunk(zeros([7]), 3))).toEqual([3, 3, 1]);
    expect(shapes(chunk(zeros([6]), 4))).toEqual([2, 2, 2]);
    expect(shapes(chunk(zeros([0]), 2))).toEqual([0, 0]);
    expect(shapes(tensorSplit(zeros([7]), 3))).toEqual([3, 2, 2]);
    expect(shapes(tensorSplit(zeros([7]), [1, -2, 9]))).toEqual([1, 4, 2, 0]);
    expect(shapes(tensorSplit(zeros([4]), [3, 1]))).toEqual([3, 0, 3]);
    expect(zeros([2, 4]).split([1, 3], -1)[1]!.shape).toEqual([2, 3]);
    expect(unbind(counting([2, 3]), 1).map((x) => x.toArray())).toEqual([
      [0, 3],
      [1, 4],
      [2, 5],
    ]);
    expect(select(counting([2, 3]), -1, -1).toArray()).toEqual([2, 5]);
    expect(cat).toBe(concat);
  });

  it("parts put together again are the whole", () => {
    const cases = fc.record({
      shape: fc.array(fc.integer({ min: 0, max: 5 }), { minLength: 1, maxLength: 3 }),
      axis: fc.nat(),
      size: fc.integer({ min: 1, max: 6 }),
    });
    fc.assert(
      fc.property(cases, ({ shape, axis: any, size }) => {
        const axis = any % shape.length;
        const x = counting(shape).permute(shape.map((_, i) => shape.length - 1 - i));
        const same = (y: Tensor) => {
          expect(y.shape).toEqual(x.shape);
          expect(y.toArray()).toEqual(x.toArray());
        };
        same(concat(split(x, size, axis), axis));
        same(concat(chunk(x, size, axis), axis));
        same(concat(tensorSplit(x, size, axis), axis));
        const apart = unbind(x, axis).map((part) => part.unsqueeze(axis));
        if (apart.length > 0) same(concat(apart, axis));
      }),
      { seed: 4 },
    );
  });

  it("hstack, vstack, dstack", () => {
    const [a, b] = [int32([1, 2]), int32([3, 4])];
    expect(hstack([a, b]).toArray()).toEqual([1, 2, 3, 4]);
    expect(hstack([tensor(1), tensor(2)]).toArray()).toEqual([1, 2]);
    expect(hstack([zeros([2, 1]), zeros([2, 3])]).shape).toEqual([2, 4]);
    expect(vstack([a, b]).toArray()).toEqual([
      [1, 2],
      [3, 4],
    ]);
    expect(vstack([a, zeros([3, 2])]).shape).toEqual([4, 2]);
    expect(dstack([a, b]).toArray()).toEqual([
      [
        [1, 3],
        [2, 4],
      ],
    ]);
    expect(dstack([zeros([2, 3]), zeros([2, 3, 4])]).shape).toEqual([2, 3, 5]);
  });

  it("meshgrid", () => {
    const [x, y] = [arange(2), arange(3)];
    const [i, j] = meshgrid([x, y]) as [Tensor, Tensor];
    expect(i.toArray()).toEqual([
      [0, 0, 0],
      [1, 1, 1],
    ]);
    expect(j.toArray()).toEqual([
      [0, 1, 2],
      [0, 1, 2],
    ]);
    const across = meshgrid([x, y, tensor(7)], { indexing: "xy" });
    expect(across.map(({ shape }) => shape)).toEqual([
      [3, 2, 1],
      [3, 2, 1],
      [3, 2, 1],
    ]);
    expect(across[0]!.select(2, 0).toArray()).toEqual([
      [0, 1],
      [0, 1],
      [0, 1],
    ]);
  });
});

describe("diagonals", () => {
  it("diagonal, diag and diagEmbed", () => {
    const x = counting([2, 3, 4]);
    expect(diagonal(x, 1).shape).toEqual([4, 2]);
    expect(diagonal(x, -1, { axis1: 1, axis2: 2 }).toArray()).toEqual([
      [4, 9],
      [16, 21],
    ]);
    expect(diagonal(x, 9, { axis1: 0, axis2: 2 }).shape).toEqual([3, 0]);
    expect(diag(counting([3, 3]), 1).toArray()).toEqual([1, 5]);
    expect(diag(int32([1, 2]), -1).toArray()).toEqual([
      [0, 0, 0],
      [1, 0, 0],
      [0, 2, 0],
    ]);
    expect(diagEmbed(zeros([2, 3]), 1, { axis1: 0, axis2: 2 }).shape).toEqual([4, 2, 4]);
    const round = diagonal(diagEmbed(x, -2, { axis1: 1, axis2: 0 }), -2, { axis1: 1, axis2: 0 });
    expect(round.toArray()).toEqual(x.toArray());
  });

  it("a diagonal is a view", () => {
    const x = zeros([2, 3]);
    x.diagonal(1).add_(1);
    expect(x.toArray()).toEqual([
      [0, 1, 0],
      [0, 0, 1],
    ]);
  });

  it("triangles keep dtype and drop NaN", () => {
    expect(tril(counting([2, 3]), 1).toArray()).toEqual([
      [0, 1, 0],
      [3, 4, 5],
    ]);
    expect(triu(counting([2, 3]), 1).toArray()).toEqual([
      [0, 1, 2],
      [0, 0, 5],
    ]);
    expect(
      triu(
        tensor([
          [true, true],
          [true, true],
        ]),
      ).toArray(),
    ).toEqual([
      [true, true],
      [false, true],
    ]);
    expect(tril(tensor([[1, Number.NaN]])).toArray()).toEqual([[1, 0]]);
    expect(tril(zeros([2, 0, 3])).shape).toEqual([2, 0, 3]);
    const x = counting([2, 2]);
    expect(x.triu_(1)).toBe(x);
    expect(x.tril_(1).toArray()).toEqual([
      [0, 1],
      [0, 0],
    ]);
  });
});

describe("pad", () => {
  it("in every mode, as a naive model", () => {
    const sides = fc.integer({ min: -2, max: 3 });
    const mode = fc.constantFrom<PadMode>("constant", "reflect", "replicate", "circular");
    const from = (m: PadMode, i: number, n: number): number => {
      if (i >= 0 && i < n) return i;
      if (m === "constant") return -1;
      if (m === "replicate") return i < 0 ? 0 : n - 1;
      if (m === "circular") return i < 0 ? i + n : i - n;
      return i < 0 ? -i : 2 * n - 2 - i;
    };
    fc.assert(
      fc.property(mode, sides, sides, sides, sides, (m, left, right, top, bottom) => {
        const [rows, columns] = [4, 5];
        const x = counting([rows, columns]);
        const naive = Array.from({ length: rows + top + bottom }, (_, i) =>
          Array.from({ length: columns + left + right }, (_, j) => {
            const [r, c] = [from(m, i - top, rows), from(m, j - left, columns)];
            return r < 0 || c < 0 ? 9 : r * columns + c;
          }),
        );
        const y = pad(x, [left, right, top, bottom], { mode: m, value: 9 });
        expect(y.toArray()).toEqual(naive);
      }),
      { seed: 5 },
    );
  });

  it("of the last axes only, of nothing, of what it takes away", () => {
    expect(pad(zeros([2, 3]), [1, 0]).shape).toEqual([2, 4]);
    expect(pad(zeros([0]), [1, 1], { value: 2 }).toArray()).toEqual([2, 2]);
    expect(pad(counting([3]), [-5, 8], { value: -1 }).toArray()).toEqual([-1, -1, -1, -1, -1, -1]);
    expect(pad(counting([3]), [2, -4], { value: 7 }).toArray()).toEqual([7]);
  });
});

describe("windows", () => {
  it("unfoldAxis and its method", () => {
    const x = counting([7]);
    expect(unfoldAxis(x, 0, 3, 2).toArray()).toEqual([
      [0, 1, 2],
      [2, 3, 4],
      [4, 5, 6],
    ]);
    expect(zeros([2, 5, 3]).unfold(1, 2, 2).shape).toEqual([2, 2, 3, 2]);
  });

  it("overlapping windows are seen through, but not written to", () => {
    const x = tensor([1, 2, 3], { dtype: "float64", requiresGrad: true });
    const base = x.mul(1);
    const windows = base.unfold(0, 2, 1);
    base.mul_(10);
    windows.sum().backward();
    expect(x.grad!.toArray()).toEqual([10, 20, 10]);
    expect(message(() => zeros([3]).unfold(0, 2, 1).add_(1))).toBe(
      "ShapeError: add_: an overlapping tensor of shape [2, 2] shows the same element at several places; clone() it before changing it.",
    );
  });

  it("a layout that shows an element twice is always noticed", () => {
    const axes = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 4 }), fc.integer({ min: -6, max: 6 })),
      {
        maxLength: 3,
      },
    );
    fc.assert(
      fc.property(axes, (list) => {
        const shape = list.map(([size]) => size);
        const strides = list.map(([, stride]) => stride);
        let at = [0];
        for (const [size, stride] of list)
          at = at.flatMap((from) => Array.from({ length: size }, (_, i) => from + i * stride));
        if (new Set(at).size < at.length) expect(overlaps({ shape, strides })).toBe(true);
      }),
      { seed: 8, numRuns: 300 },
    );
    expect(
      overlaps(
        counting([4, 6])
          .index(slice(null, null, -2), slice(1, 5, 3))
          .transpose(),
      ),
    ).toBe(false);
  });

  it("fold is the transpose of unfold", () => {
    const options = { dilation: [1, 2], padding: [1, 2], stride: [2, 1] } as const;
    const x = rand([2, 3, 5, 6], { dtype: "float64" });
    const columns = unfold(x, [3, 2], options);
    const y = rand(columns.shape, { dtype: "float64" });
    const left = columns.mul(y).sum().item();
    const image = fold(y, [5, 6], { kernelSize: [3, 2], ...options });
    expect(image.shape).toEqual(x.shape);
    expect(image.mul(x).sum().item()).toBeCloseTo(left, 10);
    expect(unfold(x.select(0, 0), 2).shape).toEqual([12, 20]);
    expect(fold(zeros([12, 20]), [5, 6], { kernelSize: 2 }).shape).toEqual([3, 5, 6]);
  });

  it("pixels and channels", () => {
    const x = counting([1, 4, 1, 2]);
    expect(pixelShuffle(x, 2).toArray()).toEqual([
      [
        [
          [0, 2, 1, 3],
          [4, 6, 5, 7],
        ],
      ],
    ]);
    expect(pixelUnshuffle(pixelShuffle(x, 2), 2).toArray()).toEqual(x.toArray());
  });

  it("asStrided", () => {
    const x = counting([3, 3]);
    expect(asStrided(x, [2, 2], [1, 2], 1).toArray()).toEqual([
      [1, 3],
      [2, 4],
    ]);
    expect(asStrided(x, [3], [-4], 8).toArray()).toEqual([8, 4, 0]);
    expect(asStrided(x, [0], [99], 99).shape).toEqual([0]);
  });
});

describe("views and copies", () => {
  /** Every op that gives a view: of x, 4 × 3 × 2. */
  const views: [string, (x: Tensor) => Tensor][] = [
    ["view", (x) => x.view([2, 2, 3, -1])],
    ["unflatten", (x) => x.unflatten(0, [2, 2])],
    ["movedim", (x) => x.movedim(0, 2)],
    ["swapaxes", (x) => x.swapaxes(0, 1)],
    ["split", (x) => x.split([1, 2], 1)[1]!],
    ["chunk", (x) => x.chunk(2)[1]!],
    ["unbind", (x) => x.unbind(1)[2]!],
    ["select", (x) => x.select(-1, 1)],
    ["diagonal", (x) => x.diagonal(-1, { axis1: 0, axis2: 2 })],
    ["unfold", (x) => x.unfold(0, 2, 2)],
    ["slices", (x) => x.index(slice(null, null, -2), null, "...", slice(1))],
  ];
  for (const [name, f] of views) {
    it(`${name} shows what is there, writes through, and sends gradients back`, () => {
      for (const order of [
        [0, 1, 2],
        [2, 0, 1],
      ]) {
        const shape = [4, 3, 2];
        const stored = order.map((axis) => shape[axis]!);
        const back = [0, 1, 2].map((axis) => order.indexOf(axis));
        const make = () => counting(stored).to("float64").permute(back);
        const x = make();
        expect(f(x).toArray()).toEqual(f(x.clone()).toArray());
        f(x).fill_(-1);
        const seen = new Set(f(counting(shape)).data());
        const before = make().data();
        const positions = counting(shape).data();
        expect([...x.data()]).toEqual(
          [...before].map((value, i) => (seen.has(positions[i]!) ? -1 : value)),
        );
        // The gradient of the sum is 1 where the view shows the element.
        const y = make().requiresGrad_();
        f(y).sum().backward();
        expect([...y.grad!.data()]).toEqual([...positions].map((i) => Number(seen.has(i))));
      }
    });
  }
});

describe("gradients of composed functions", () => {
  const cases: [string, (x: Tensor) => Tensor, number[]][] = [
    ["repeat", (x) => repeat(x, [2, 1, 3]), [2, 2]],
    ["repeatInterleave", (x) => repeatInterleave(x, int32([2, 0, 1]), 1), [2, 3]],
    ["roll", (x) => roll(x, [1, -1], [0, 1]), [3, 2]],
    ["rot90", (x) => rot90(x, 3), [2, 3]],
    ["hstack", (x) => hstack([x, x.square()]), [2, 2]],
    ["meshgrid", (x) => meshgrid([x, x])[0]!.mul(meshgrid([x, x])[1]!), [3]],
    ["diagEmbed", (x) => diagEmbed(x, 1, { axis1: 0, axis2: 1 }), [2, 2]],
    ["triu", (x) => triu(x, -1), [3, 3]],
    ["tril of several", (x) => tril(x.square()), [2, 2, 3]],
    ["pad constant", (x) => pad(x, [1, -1, -1, 2], { value: 3 }), [3, 3]],
    ["pad reflect", (x) => pad(x, [2, 1, 1, 0], { mode: "reflect" }), [2, 3]],
    ["pad replicate", (x) => pad(x, [3, 1], { mode: "replicate" }), [2, 2]],
    ["pad circular", (x) => pad(x, [1, 2], { mode: "circular" }), [2, 3]],
    ["unfold", (x) => unfold(x, 2, { padding: 1, stride: 2 }), [1, 1, 3, 3]],
    ["fold", (x) => fold(x, 3, { kernelSize: 2 }), [1, 4, 4]],
    ["pixelShuffle", (x) => pixelShuffle(x, 2), [4, 1, 2]],
    ["asStrided, overlapping", (x) => asStrided(x, [3, 2], [1, 1], 1).square(), [2, 3]],
    ["asStrided, apart", (x) => asStrided(x, [2], [2]), [4]],
  ];
  for (const [name, f, shape] of cases) {
    it(name, () => {
      gradcheck(f, [leaf(shape)]);
      gradgradcheck((x) => f(x).square(), [leaf(shape)]);
    });
  }
});

describe("messages", () => {
  const x = zeros([2, 3]);
  const cases: [string, () => unknown, string][] = [
    [
      "view",
      () => view(x.transpose(), [6]),
      "ShapeError: view: no view of [3, 2] with strides [1, 3] has shape [6]; use reshape, which copies where it must.",
    ],
    [
      "view of a wrong size",
      () => view(x, [4]),
      "ShapeError: view: [4] does not hold the 6 elements of [2, 3]; sizes are whole, their product is the number of elements, and at most one may be -1.",
    ],
    [
      "permute",
      () => x.permute(1 as never),
      "ValueError: permute: the order is a number; it must be an array of axes, such as [1, 0].",
    ],
    [
      "expand",
      () => x.expand(2 as never),
      "ValueError: expand: the shape is a number; it must be an array of sizes, such as [2, -1].",
    ],
    [
      "stack",
      () => stack([x, zeros([2])]),
      "ShapeError: stack: tensor 0 is [2, 3] and tensor 1 is [2]; the shapes must be equal.",
    ],
    [
      "stack of nothing",
      () => stack([]),
      "ValueError: stack: needs an array of at least one Tensor, such as stack([a, b], 0).",
    ],
    [
      "stack axis",
      () => stack([x], 3),
      "ShapeError: stack: axis 3 is out of range for a tensor of 3 axes; valid are -3 to 2.",
    ],
    [
      "asStrided strides",
      () => asStrided(x, [2], [1, 1]),
      "ValueError: asStrided: strides [1, 1] and offset 0 for shape [2]; give one whole stride per axis, and a whole offset.",
    ],
    [
      "asStrided layout",
      () => asStrided(x.transpose(), [2], [1]),
      "ShapeError: asStrided: x of shape [3, 2] has strides [1, 3]; it must be contiguous: x.contiguous().",
    ],
    [
      "asStrided reach",
      () => asStrided(x, [2, 2], [4, 2], 1),
      "ShapeError: asStrided: shape [2, 2] with strides [4, 2] from 1 reaches elements 1 to 7; x of shape [2, 3] has 0 to 5.",
    ],
    [
      "unflatten",
      () => unflatten(x, 1, [2, -1]),
      "ShapeError: unflatten: [2, -1] does not hold the 3 elements of axis 1 of [2, 3]; the product of the sizes is the axis' size, and at most one may be -1.",
    ],
    [
      "unflatten sizes",
      () => unflatten(x, 1, 3 as never),
      "ValueError: unflatten: sizes is a number; needed is an array of whole numbers, at least -1.",
    ],
    [
      "movedim",
      () => movedim(x, [0, 1], [1, -1]),
      "ShapeError: movedim: axes [0, 1] can't move to [1, -1]; name as many places as axes, and each once.",
    ],
    [
      "repeat",
      () => repeat(x, [2]),
      "ShapeError: repeat: [2] are 1 counts for the 2 axes of [2, 3]; give at least one per axis.",
    ],
    [
      "tile",
      () => tile(x, [-1]),
      "ValueError: tile: counts are [-1]; needed is an array of whole numbers, at least 0.",
    ],
    [
      "repeatInterleave",
      () => repeatInterleave(x, int32([1, 2, 3]), 0),
      "ShapeError: repeatInterleave: counts are [3]; they must be [2], one for each element of axis 0.",
    ],
    [
      "repeatInterleave dtype",
      () => repeatInterleave(x, zeros([2]), 0),
      "DTypeError: repeatInterleave: counts are float32; they must be int32.",
    ],
    [
      "repeatInterleave value",
      () => repeatInterleave(x, int32([1, -2]), 0),
      "ValueError: repeatInterleave: count -2 at position 1 is negative; it must not be.",
    ],
    [
      "flip",
      () => flip(x, [0, 0]),
      "ShapeError: flip: axis 0 is named twice in [0, 0]; name each axis once.",
    ],
    [
      "roll",
      () => roll(x, 0.5, 0),
      "ValueError: roll: shift 0.5 is not a whole number; it must be.",
    ],
    [
      "roll without axes",
      () => roll(x, [1, 2]),
      "ShapeError: roll: 2 shifts without axes; give one shift, or as many axes.",
    ],
    [
      "roll axes",
      () => roll(x, [1, 2], [0]),
      "ShapeError: roll: 2 shifts for 1 axes; give one shift per axis.",
    ],
    [
      "rot90",
      () => rot90(x, 1, [0, -2]),
      "ShapeError: rot90: axes are [0, -2]; name two different ones.",
    ],
    [
      "rot90 turns",
      () => rot90(x, 0.5),
      "ValueError: rot90: turns is 0.5; it must be a whole number.",
    ],
    [
      "split",
      () => split(x, [1, 1], 1),
      "ShapeError: split: the sizes [1, 1] add up to 2; axis 1 of [2, 3] has 3.",
    ],
    [
      "split size",
      () => split(x, 0),
      "ValueError: split: the size is 0; it must be a whole number, at least 1.",
    ],
    [
      "chunk",
      () => chunk(x, 1.5),
      "ValueError: chunk: the count is 1.5; it must be a whole number, at least 1.",
    ],
    [
      "tensorSplit",
      () => tensorSplit(x, [0.5]),
      "ValueError: tensorSplit: sections are [0.5]; they must be a number or an array of whole positions.",
    ],
    [
      "select",
      () => select(x, 0, 2),
      "IndexError: select: 2 is outside axis 0 of [2, 3]; valid are -2 to 1.",
    ],
    [
      "hstack",
      () => hstack([]),
      "ValueError: hstack: needs an array of at least one Tensor, such as hstack([a, b]).",
    ],
    [
      "vstack",
      () => vstack([x, 1 as never]),
      "ValueError: vstack: tensor 1 is a number; it must be a Tensor.",
    ],
    [
      "meshgrid",
      () => meshgrid([x]),
      "ShapeError: meshgrid: tensor 0 is [2, 3]; all must be vectors.",
    ],
    [
      "meshgrid indexing",
      () => meshgrid([zeros([2])], { indexing: "yx" as never }),
      'ValueError: meshgrid: unknown indexing "yx"; known are ij and xy.',
    ],
    [
      "diagonal",
      () => diagonal(x, 0, { axis1: 1 }),
      "ShapeError: diagonal: axis1 and axis2 are both axis 1; they must differ.",
    ],
    [
      "diagonal offset",
      () => diagonal(x, 0.5),
      "ValueError: diagonal: the offset is 0.5; it must be a whole number.",
    ],
    [
      "diag",
      () => diag(zeros([1, 1, 1])),
      "ShapeError: diag: x is [1, 1, 1]; it must be a vector or a matrix. Use diagonal or diagEmbed.",
    ],
    [
      "diagEmbed",
      () => diagEmbed(tensor(1)),
      "ShapeError: diagEmbed: x is a number; it needs an axis to lay on the diagonal.",
    ],
    ["tril", () => tril(zeros([3])), "ShapeError: tril: x is [3]; it needs at least two axes."],
    [
      "pad mode",
      () => pad(x, [1, 1], { mode: "mirror" as never }),
      'ValueError: pad: unknown mode "mirror"; known are constant, reflect, replicate and circular.',
    ],
    [
      "pad count",
      () => pad(x, [1, 1, 1]),
      "ShapeError: pad: 3 pads for x of shape [2, 3]; give two for each of the last axes, at most 4.",
    ],
    [
      "pad whole",
      () => pad(x, [0.5, 1]),
      "ValueError: pad: pads are [0.5, 1]; they must be an array of whole numbers: [left, right, top, bottom, …].",
    ],
    [
      "pad value",
      () => pad(x, [1, 1], { value: "1" as never }),
      "ValueError: pad: the value is a string; it must be a number.",
    ],
    [
      "pad away",
      () => pad(x, [-2, -2]),
      "ShapeError: pad: [-2, -2] takes more from axis 1 than the 3 elements that [2, 3] has there.",
    ],
    [
      "pad reflect",
      () => pad(x, [3, 0], { mode: "reflect" }),
      "ShapeError: pad: reflect padding of 3 on axis 1 of [2, 3]; at most 2 is possible there.",
    ],
    [
      "unfoldAxis",
      () => unfoldAxis(x, 0, 3, 1),
      "ShapeError: unfoldAxis: a window of 3 doesn't fit on axis 0 of [2, 3], which has 2 elements.",
    ],
    [
      "unfoldAxis step",
      () => unfoldAxis(x, 0, 1, 0),
      "ValueError: unfoldAxis: size 1 and step 0 must be whole numbers, at least 1.",
    ],
    [
      "unfold",
      () => unfold(x, 2),
      "ShapeError: unfold: x is [2, 3]; it must be [N, C, H, W] or [C, H, W].",
    ],
    [
      "unfold window",
      () => unfold(zeros([1, 2, 3]), 3),
      "ShapeError: unfold: a window of [3, 3] with dilation [1, 1] doesn't fit on an image of [2, 3] with padding [0, 0].",
    ],
    [
      "unfold pair",
      () => unfold(zeros([1, 2, 3]), [1, 2, 3] as never),
      "ValueError: unfold: kernelSize is [1, 2, 3]; it must be a whole number or a pair of them, at least 1.",
    ],
    [
      "fold rank",
      () => fold(zeros([3]), 3, { kernelSize: 2 }),
      "ShapeError: fold: x is [3]; it must be [N, C·k₁·k₂, L] or [C·k₁·k₂, L].",
    ],
    [
      "fold",
      () => fold(zeros([1, 4, 5]), 3, { kernelSize: 2 }),
      "ShapeError: fold: x is [1, 4, 5]; windows of [2, 2] on an image of [3, 3] ask for a multiple of 4 rows and 4 columns.",
    ],
    [
      "pixelShuffle",
      () => pixelShuffle(zeros([3, 1, 1]), 2),
      "ShapeError: pixelShuffle: x is [3, 1, 1]; its 3 channels must be a multiple of 4.",
    ],
    [
      "pixelShuffle factor",
      () => pixelShuffle(zeros([4, 1, 1]), 0),
      "ValueError: pixelShuffle: the factor is 0; it must be a whole number, at least 1.",
    ],
    [
      "pixelUnshuffle",
      () => pixelUnshuffle(zeros([1, 3, 2]), 2),
      "ShapeError: pixelUnshuffle: x is [1, 3, 2]; height and width must be multiples of 2.",
    ],
    [
      "pixelUnshuffle rank",
      () => pixelUnshuffle(x, 2),
      "ShapeError: pixelUnshuffle: x is [2, 3]; it must be […, C, H, W].",
    ],
  ];
  for (const [name, f, expected] of cases) it(name, () => expect(message(f)).toBe(expected));

  it("name what is no tensor", () => {
    const unary: [string, (x: never) => unknown][] = [
      ["view", (x) => view(x, [1])],
      ["repeat", (x) => repeat(x, [1])],
      ["flip", (x) => flip(x, 0)],
      ["roll", (x) => roll(x, 0)],
      ["split", (x) => split(x, 1)],
      ["diagonal", (x) => diagonal(x)],
      ["tril", (x) => tril(x)],
      ["pad", (x) => pad(x, [])],
      ["fold", (x) => fold(x, 1, { kernelSize: 1 })],
    ];
    for (const [name, f] of unary) {
      expect(message(() => f(1 as never))).toBe(
        `ValueError: ${name}: x is a number; it must be a Tensor.`,
      );
    }
  });
});
