import { expect, it } from "@jest/globals";
import { allclose, grad, randn, stack, type Tensor, vmap } from "@tapegrad/core";
import { formula } from "../src/index.ts";

const float64 = { dtype: "float64" } as const;
// sigmoid(b) is kept for the gradients, and shows the shared input alone.
const f = formula("x * sigmoid(b) + tanh(x * c)", { name: "gated" });

it("runs for all samples at once, with inputs that all share and others of lower rank", () => {
  const [x, b, c] = [randn([4, 3, 2], float64), randn([2], float64), randn([4], float64)];
  const all = vmap((x: Tensor, b: Tensor, c: Tensor) => f(x, b, c), { inAxes: [0, null, 0] })(
    x,
    b,
    c,
  );
  const loop = [0, 1, 2, 3].map((i) => f(x.select(0, i), b, c.select(0, i)));
  expect(allclose(all, stack(loop))).toBe(true);
});

it("gives gradients per sample, also of what all share", () => {
  const [x, b, c] = [randn([4, 3], float64), randn([3], float64), randn([4], float64)];
  const slope = grad((b: Tensor, x: Tensor, c: Tensor) => f(x, b, c).square().sum());
  const all = vmap(slope, { inAxes: [null, 0, 0] })(b, x, c);
  const loop = [0, 1, 2, 3].map((i) => slope(b, x.select(0, i), c.select(0, i)));
  expect(all.shape).toEqual([4, 3]);
  expect(allclose(all, stack(loop))).toBe(true);
});
