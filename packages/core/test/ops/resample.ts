/** Resizing and sampling: exact small cases, and each against the other. */
import { describe, expect, it } from "@jest/globals";
import {
  arange,
  checkOp,
  type DType,
  gradcheck,
  gradgradcheck,
  gridSample,
  type InterpolationMode,
  interpolate,
  linspace,
  normal,
  stack,
  type Tensor,
  tensor,
  zeros,
} from "../../src/index.ts";
import { resampleInputOp, resampleOp } from "../../src/ops/interpolate.ts";
import { expectNear, random, testMessages } from "./helpers.ts";

/** The places of an H×W result, as interpolate sees them: [N, H, W, 2]. */
function regularGrid(images: number, height: number, width: number, alignCorners: boolean): Tensor {
  const line = (size: number) => {
    const edge = alignCorners ? 1 : 1 - 1 / size;
    return linspace(-edge, edge, size, { dtype: "float64" });
  };
  const x = line(width).reshape([1, 1, width]).expand([images, height, width]);
  const y = line(height).reshape([1, height, 1]).expand([images, height, width]);
  return stack([x, y], 3);
}

export function resampleTests(): void {
  describe("interpolate", () => {
    const attrs = {
      axis: 1,
      length: 3,
      count: 4,
      positions: Int32Array.of(0, 0, 1, 2, 0, 1, 2, 2),
      weights: Float64Array.of(1, 0.75, 0.5, -0.25, 0, 0.25, 0.5, 1.25),
    };
    it("resample", () => {
      checkOp(resampleOp, {
        cases: [
          { x: normal([2, 3, 5]), attrs },
          { x: normal([2, 3]), attrs },
          { x: normal([0, 3]), attrs },
        ],
      });
    });
    it("resampleInput", () => {
      checkOp(resampleInputOp, {
        cases: [
          { dy: normal([2, 4, 5]), attrs },
          { dy: normal([2, 4]), attrs },
        ],
      });
    });
    const line = arange(0, 4, 1, { dtype: "float64" }).reshape([1, 1, 4]);

    it("in small, exact cases", () => {
      expectNear(interpolate(line, { size: 6 }), [0, 0, 1, 2, 2, 3]);
      expectNear(interpolate(line, { size: 2, mode: "nearest-exact" }), [1, 3]);
      expectNear(
        interpolate(line, { scaleFactor: 2, mode: "linear" }),
        [0, 0.25, 0.75, 1.25, 1.75, 2.25, 2.75, 3],
      );
      expectNear(interpolate(line, { size: 3, mode: "linear", alignCorners: true }), [0, 1.5, 3]);
      expectNear(interpolate(line, { size: 1, mode: "linear", alignCorners: true }), [0]);
      expectNear(interpolate(line, { size: 3, mode: "area" }), [0.5, 1.5, 2.5]);
      // From PyTorch 1.13: 23·(14/46) is 7, which float32's ratio falls short of.
      const shown = (dtype: DType) =>
        interpolate(arange(0, 14, 1, { dtype }).reshape([1, 1, 14]), { size: 46 }).data()[23];
      expect([shown("float64"), shown("float32")]).toEqual([7, 6]);
      const whole = tensor([[[1, 2]]], { dtype: "int32" });
      expect(interpolate(whole, { scaleFactor: 1.5 }).toArray()).toEqual([[[1, 1, 2]]]);
    });

    it("the factor itself places the elements, not the rounded sizes", () => {
      // ⌊4 · 1.3⌋ = 5 elements, 1/1.3 apart.
      const expected = [0, 1, 2, 3, 4].map((o) => Math.max(0, (o + 0.5) / 1.3 - 0.5));
      expectNear(interpolate(line, { scaleFactor: 1.3, mode: "linear" }), expected);
    });

    it("cubic goes through a cubic's own values where nothing is cut", () => {
      const x = random([1, 1, 5, 5]);
      expectNear(interpolate(x, { size: 5, mode: "bicubic" }), x);
      expectNear(
        interpolate(x, { size: [9, 5], mode: "bicubic", alignCorners: true }).index(0, 0, 4),
        x.index(0, 0, 2),
      );
    });

    it("is gridSample on a regular grid", () => {
      const x = random([2, 3, 4, 5]);
      for (const alignCorners of [false, true]) {
        const grid = regularGrid(2, 7, 3, alignCorners);
        for (const mode of ["bilinear", "bicubic"] as const) {
          expectNear(
            gridSample(x, grid, { mode, alignCorners, paddingMode: "border" }),
            interpolate(x, { size: [7, 3], mode, alignCorners }),
            1e-11,
          );
        }
      }
      const nearest = gridSample(x, regularGrid(2, 7, 3, false), { mode: "nearest" });
      expectNear(nearest, interpolate(x, { size: [7, 3], mode: "nearest-exact" }));
    });

    it("has gradients of the first and second order in every mode", () => {
      const modes: [InterpolationMode, number[]][] = [
        ["nearest", [1, 1, 3]],
        ["linear", [1, 2, 3]],
        ["bilinear", [1, 1, 2, 3]],
        ["bicubic", [1, 1, 2, 3]],
        ["trilinear", [1, 1, 2, 2, 2]],
        ["area", [1, 1, 3, 2]],
      ];
      for (const [mode, shape] of modes) {
        const f = (x: Tensor) => interpolate(x, { scaleFactor: 1.5, mode });
        gradcheck(f, [random(shape).requiresGrad_()]);
        gradgradcheck(f, [random(shape).requiresGrad_()]);
      }
    });
  });

  describe("gridSample", () => {
    const image = tensor(
      [
        [
          [
            [1, 2],
            [3, 4],
          ],
        ],
      ],
      { dtype: "float64" },
    );
    const at = (x: number, y: number) => tensor([[[[x, y]]]], { dtype: "float64" });

    it("(−1, −1) is a corner or the outer edge; beyond are zeros, the border or a mirror", () => {
      const value = (x: number, y: number, options = {}) =>
        gridSample(image, at(x, y), options).item();
      expect(value(-1, -1, { alignCorners: true })).toBe(1);
      expect(value(1, -1, { alignCorners: true })).toBe(2);
      expect(value(-1, 1, { alignCorners: true })).toBe(3);
      expect(value(-1, -1)).toBe(0.25);
      expect(value(0, 0)).toBe(2.5);
      expect(value(-9, 0)).toBe(0);
      expect(value(-9, -9, { paddingMode: "border" })).toBe(1);
      expect(value(2, -1, { paddingMode: "reflection", alignCorners: true })).toBe(1.5);
      expect(value(3, -1, { paddingMode: "reflection", alignCorners: true })).toBe(1);
      expect(value(1.5, -0.5, { paddingMode: "reflection" })).toBe(2);
      expect(value(2.5, -0.5, { paddingMode: "reflection" })).toBe(1);
      expect(value(0.4, 0.4, { mode: "nearest" })).toBe(4);
      expect(value(Number.NaN, 0)).toBe(0);
      expect(
        gridSample(zeros([1, 1, 1, 3]), zeros([1, 1, 2, 2]), {
          paddingMode: "reflection",
          alignCorners: true,
        }).toArray(),
      ).toEqual([[[[0, 0]]]]);
    });

    it("volumes", () => {
      const x = random([2, 3, 2, 3, 4]);
      const grid = random([2, 1, 1, 1, 3], 2).mul(0).expand([2, 1, 1, 2, 3]);
      const centre = x.narrow(4, 1, 2).narrow(3, 1, 1).mean([2, 3, 4]);
      expectNear(gridSample(x, grid).narrow(4, 0, 1).reshape([2, 3]), centre);
    });

    it("has gradients of the first and second order, the grid's too", () => {
      const x = random([1, 2, 3, 4]).requiresGrad_();
      // Away from whole positions, where the weights have kinks.
      const grid = tensor(
        [
          [
            [
              [0.1, -0.3],
              [0.62, 0.9],
            ],
            [
              [-1.2, 0.2],
              [-0.4, 1.4],
            ],
          ],
        ],
        { dtype: "float64", requiresGrad: true },
      );
      for (const options of [
        {},
        { paddingMode: "border", alignCorners: true },
        { paddingMode: "reflection" },
        { mode: "bicubic" },
      ] as const) {
        gradcheck((x, grid) => gridSample(x, grid, options), [x, grid]);
        gradgradcheck((x, grid) => gridSample(x, grid, options), [x, grid]);
      }
      gradcheck((x) => gridSample(x, grid.detach(), { mode: "nearest" }), [x]);
      const volume = random([1, 1, 2, 2, 3]).requiresGrad_();
      const places = tensor([[[[[0.1, -0.3, 0.2]]]]], { dtype: "float64", requiresGrad: true });
      gradcheck((x, grid) => gridSample(x, grid), [volume, places]);
    });
  });

  describe("messages of resampling", () => {
    const x = zeros([1, 1, 4, 4]);
    const grid = zeros([1, 2, 2, 2]);
    testMessages([
      ["no tensor", () => interpolate(1 as never, { size: 2 }), /interpolate: x is a number/],
      [
        "rank",
        () => interpolate(zeros([2, 2]), { size: 2 }),
        /x is \[2, 2\]; it must be \[N, C, L\], \[N, C, H, W\] or/,
      ],
      [
        "mode",
        () => interpolate(x, { size: 2, mode: "cubic" as never }),
        /unknown mode "cubic"; known are nearest, nearest-exact/,
      ],
      [
        "mode and axes",
        () => interpolate(x, { size: 2, mode: "linear" }),
        /x is \[1, 1, 4, 4\] with 2 spatial axes, and mode "linear" is for 1/,
      ],
      [
        "alignCorners",
        () => interpolate(x, { size: 2, alignCorners: false }),
        /mode "nearest" has no use for it/,
      ],
      [
        "dtype",
        () => interpolate(zeros([1, 1, 4], { dtype: "int32" }), { size: 2, mode: "linear" }),
        /x is int32; mode "linear" needs float32 or float64/,
      ],
      ["neither size", () => interpolate(x, {}), /give either size or scaleFactor/],
      [
        "both sizes",
        () => interpolate(x, { size: 2, scaleFactor: 2 }),
        /give either size or scaleFactor/,
      ],
      [
        "size",
        () => interpolate(x, { size: [2, 0] }),
        /size is \[2, 0\]; it must be a whole number of at least 1/,
      ],
      [
        "scaleFactor",
        () => interpolate(x, { scaleFactor: -1 }),
        /scaleFactor is -1; it must be a number above 0, or 2 of them/,
      ],
      [
        "nothing left",
        () => interpolate(x, { scaleFactor: 0.1 }),
        /scaleFactor \[0.1, 0.1\] leaves nothing of x's spatial sizes \[4, 4\]/,
      ],
      [
        "nothing there",
        () => interpolate(zeros([1, 1, 0]), { size: 2 }),
        /spatial sizes are \[0\]; none may be 0/,
      ],
      [
        "grid's shape",
        () => gridSample(x, zeros([1, 2, 2, 3])),
        /x is \[1, 1, 4, 4\] and grid \[1, 2, 2, 3\]; they must be \[N, C, H, W\] and \[N, H′, W′, 2\]/,
      ],
      [
        "dtypes",
        () => gridSample(x, zeros([1, 2, 2, 2], { dtype: "float64" })),
        /x is float32 and grid float64; both must be float32/,
      ],
      [
        "empty images",
        () => gridSample(zeros([1, 1, 0, 2]), grid),
        /x is \[1, 1, 0, 2\]; no spatial size may be 0/,
      ],
      [
        "grid's mode",
        () => gridSample(x, grid, { mode: "linear" as never }),
        /unknown mode "linear"; known are bilinear, nearest and bicubic/,
      ],
      [
        "cubic volumes",
        () => gridSample(zeros([1, 1, 2, 2, 2]), zeros([1, 1, 1, 1, 3]), { mode: "bicubic" }),
        /mode "bicubic" is for images/,
      ],
      [
        "paddingMode",
        () => gridSample(x, grid, { paddingMode: "wrap" as never }),
        /unknown paddingMode "wrap"; known are zeros, border and reflection/,
      ],
      [
        "grid's alignCorners",
        () => gridSample(x, grid, { alignCorners: 1 as never }),
        /alignCorners is a number; it must be true or false/,
      ],
    ]);
  });
}
