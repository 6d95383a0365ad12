/** Functions along the last axis, which stays with length 1 where it is summed over, so that results broadcast. */
import { definePrimitive, type Primitive } from "../functions.ts";
import { lone, Pool, type Shape } from "../operands.ts";

const summed = (shape: Shape): Shape => (shape.length === 0 ? shape : [...shape.slice(0, -1), 1]);
const same = (shape: Shape): Shape => shape;

function alongAxis(
  name: string,
  adjoint: string,
  tex: (x: string) => string,
  rest: Pick<Primitive, "shape" | "scalar" | "array">,
): void {
  definePrimitive({
    name,
    parameters: ["x"],
    derivatives: ["0"],
    // The gradient may arrive broadcast along the axis; what was broadcast is summed first.
    adjoints: [adjoint.replaceAll("dy", "sumLike(dy, y)")],
    costly: true,
    tex,
    ...rest,
  });
}

/** Σⱼ xⱼ along the last axis. */
alongAxis("sum", "expandLike(dy, x)", (x) => `\\sum_j {${x}}_j`, {
  shape: summed,
  scalar: () => (x) => x!,
  array: (kernels, [x], out) => kernels.reduce("sum", x!, out),
});

/** A number that is no number stays so: ∞ − ∞. */
const unlessInfinite = (x: number, value: number): number => (x - x === 0 ? value : Number.NaN);

/** eˣⁱ / Σⱼ eˣʲ along the last axis, without overflow. */
alongAxis(
  "softmax",
  "y * (dy - sum(dy * y))",
  (x) => `\\operatorname{softmax}\\left(${x}\\right)`,
  {
    shape: same,
    scalar: () => (x) => unlessInfinite(x!, 1),
    array: (kernels, [x], out) => kernels.softmax("softmax", x!, out.shape.length - 1, out),
  },
);

/** xᵢ − ln Σⱼ eˣʲ along the last axis, without overflow. */
alongAxis(
  "logSoftmax",
  "dy - exp(y) * sum(dy)",
  (x) => `\\ln\\operatorname{softmax}\\left(${x}\\right)`,
  {
    shape: same,
    scalar: () => (x) => unlessInfinite(x!, 0),
    array: (kernels, [x], out) => kernels.softmax("logSoftmax", x!, out.shape.length - 1, out),
  },
);

/** ln Σⱼ eˣʲ along the last axis, without overflow: the largest is subtracted first, unless it is infinite. */
alongAxis("logsumexp", "dy * softmax(x)", (x) => `\\ln\\sum_j e^{{${x}}_j}`, {
  shape: summed,
  scalar: () => (x) => x!,
  array: (kernels, [x], out) => {
    const pool = new Pool();
    try {
      const { dtype } = x!;
      const largest = pool.take(dtype, out.shape);
      const finite = pool.take("bool", out.shape);
      const powers = pool.take(dtype, x!.shape);
      kernels.reduce("max", x!, largest);
      kernels.unary("abs", largest, out);
      kernels.compare("lt", out, lone(Infinity, dtype), finite);
      kernels.where(finite, largest, lone(0, dtype), largest);
      kernels.binary("sub", x!, largest, powers);
      kernels.unary("exp", powers, powers);
      kernels.reduce("sum", powers, out);
      kernels.unary("log", out, out);
      kernels.binary("add", out, largest, out);
    } finally {
      pool.empty();
    }
  },
});

// What a sum's gradient is made of: of g, in the shape of its neighbour's last axis.

definePrimitive({
  name: "sumLike",
  parameters: ["g", "like"],
  derivatives: ["0", null],
  adjoints: ["expandLike(sumLike(dy, y), g)", null],
  shape: (g, like) => (like.length === 0 || like.at(-1) === 1 ? summed(g) : g),
  scalar: () => (g) => g!,
  array: (kernels, [g], out) => kernels.reduce("sum", g!, out),
});

definePrimitive({
  name: "expandLike",
  parameters: ["g", "like"],
  derivatives: ["0", null],
  adjoints: ["sumLike(sumLike(dy, y), g)", null],
  shape: (g, like) => {
    if (like.length === 0 || g.at(-1) === like.at(-1)) return g;
    return g.length === 0 ? [like.at(-1)!] : [...g.slice(0, -1), like.at(-1)!];
  },
  scalar: () => (g) => g!,
  array: (kernels, [g], out) => kernels.copy(g!, out),
});
