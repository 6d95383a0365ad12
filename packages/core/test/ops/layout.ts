/** checkOp for the ops of layout and indexing. */
import { describe, it } from "@jest/globals";
import {
  checkOp,
  contiguous,
  normal,
  type Tensor,
  uniform,
  values,
  whole,
} from "../../src/index.ts";
import { diagonalOp, onDiagonal } from "../../src/ops/diagonal.ts";
import { addRegion } from "../../src/ops/layout.ts";
import { foldAxis, padOp, unfoldAxisOp } from "../../src/ops/pad.ts";
import {
  scatterAddOp,
  scatterAmaxOp,
  scatterAminOp,
  scatterOp,
  scatterProdOp,
} from "../../src/ops/scatter-ops.ts";

/** Positions without repetition along axis 0. */
const once = (list: number[][]) => () => values(list)("int32", undefined as never);

export function checkLayoutOps(): void {
  describe("diagonals, borders and windows", () => {
    it("diagonal", () =>
      checkOp(diagonalOp, {
        cases: [
          { x: uniform([3, 4]), attrs: 0 },
          { x: uniform([2, 4, 3]), attrs: 1 },
          { x: uniform([3, 3]), attrs: -2 },
          { x: uniform([2, 2]), attrs: 5 },
        ],
      }));
    it("onDiagonal", () =>
      checkOp(onDiagonal, {
        cases: [
          { x: uniform([3]), attrs: { shape: [3, 4], offset: 1 } },
          { x: uniform([2, 2]), attrs: { shape: [2, 3, 2], offset: -1 } },
        ],
      }));
    it("pad", () => {
      const ranges = [
        { start: 1, step: 1, length: 2 },
        { start: 0, step: 1, length: 3 },
      ];
      checkOp(padOp, {
        cases: [{ x: uniform([2, 3]), attrs: { shape: [4, 5], ranges, value: 7 } }],
      });
    });
    it("unfoldAxis", () =>
      checkOp(unfoldAxisOp, {
        cases: [
          { x: uniform([2, 7]), attrs: { axis: 1, size: 3, step: 2, dilation: 1 } },
          { x: uniform([7, 2]), attrs: { axis: 0, size: 3, step: 1, dilation: 2 } },
        ],
      }));
    it("foldAxis", () =>
      checkOp(foldAxis, {
        cases: [
          { x: uniform([2, 3, 3]), attrs: { axis: 1, size: 3, step: 2, dilation: 1, length: 8 } },
          { x: uniform([3, 2, 3]), attrs: { axis: 0, size: 3, step: 1, dilation: 2, length: 7 } },
        ],
      }));
    it("addRegion", () => {
      const call = ([x]: readonly Tensor[], region: never) => addRegion(contiguous(x!), region);
      const attrs = { whole: [2, 4], shape: [3, 4], strides: [1, 2], offset: 0 };
      checkOp(addRegion, {
        call,
        cases: [{ x: uniform([3, 4]), attrs: { ...attrs, whole: [3, 3] } }],
      });
    });
  });

  describe("scatter", () => {
    const distinct = [
      {
        x: normal([4, 3]),
        index: once([
          [2, 0, 3],
          [0, 1, 1],
        ]),
        source: normal([2, 3]),
        attrs: { axis: 0 },
      },
      {
        x: normal([4, 3]),
        index: once([
          [2, 0],
          [1, 2],
        ]),
        source: normal([2, 2]),
        attrs: { axis: 1 },
      },
    ];
    const repeated = [
      ...distinct,
      { x: normal([4, 3]), index: whole([5, 3], 4), source: normal([5, 3]), attrs: { axis: 0 } },
      { x: normal([2, 3]), index: whole([2, 6], 3), source: normal([2, 6]), attrs: { axis: 1 } },
    ];
    it("scatter", () => checkOp(scatterOp, { cases: distinct }));
    it("scatterAdd", () => checkOp(scatterAddOp, { cases: repeated }));
    it("scatterProd", () => checkOp(scatterProdOp, { cases: repeated }));
    it("scatterAmax", () => checkOp(scatterAmaxOp, { cases: repeated }));
    it("scatterAmin", () => checkOp(scatterAminOp, { cases: repeated }));
  });
}
