/** The ops behind `scatter.ts`: elements of a source meet what is at the places that an index names. */
import { asTensor } from "../apply.ts";
import { onesLike, zerosLike } from "../create.ts";
import { Form } from "../form.ts";
import { defineOp } from "../op.ts";
import { Tensor } from "../tensor.ts";
import { alongNext } from "./batching.ts";
import { eq, where } from "./compare.ts";
import { div, maximum, mul, sub } from "./elementwise.ts";
import { type AlongAxis, checkIndex, gather } from "./indexing.ts";
import { expand, to } from "./layout.ts";

/** y as large as the index along the other axes: all that is written to. */
function reached(y: Tensor, index: Tensor, axis: number): Tensor {
  const shape = index.shape.with(axis, y.shape[axis]!);
  return new Tensor(y.storage, y.value, new Form(y.dtype, shape, y.strides, y.offset));
}

export const scatterOp = defineOp({
  name: "scatter",
  inputs: ["x", "index", "source"],
  domain: "any",
  shape: ({ x }) => x.shape,
  forward: ({ x, index, source }, y, kernels, { axis }: AlongAxis) => {
    if (x !== y) kernels.copy(x, y);
    const bad = kernels.scatter("set", reached(y, index, axis), axis, index, source);
    checkIndex("scatter", bad, y, axis, index);
  },
  saves: ["index"],
  batch: alongNext(),
  grad: {
    x: (dy, { index }, { axis }): Tensor => {
      const nothing = expand(asTensor("scatter", "source", 0, dy.dtype), index.shape);
      return scatterOp(dy, index, nothing, { axis });
    },
    index: null,
    // Where several meet, which one stays is arbitrary, and all get its gradient, as in PyTorch.
    source: (dy, { index }, { axis }) => gather(dy, axis, index),
  },
  tex: { y: "x,\\ y_{i_k} = s_k", x: "[j \\notin i]", source: "1" },
  kinks: "Where several elements of s meet at one place, one stays and all get its gradient.",
});

export const scatterAddOp = defineOp({
  name: "scatterAdd",
  inputs: ["x", "index", "source"],
  domain: "any",
  shape: ({ x }) => x.shape,
  forward: ({ x, index, source }, y, kernels, { axis }: AlongAxis) => {
    if (x !== y) kernels.copy(x, y);
    const bad = kernels.scatterAdd(reached(y, index, axis), axis, index, source);
    checkIndex("scatterAdd", bad, y, axis, index);
  },
  saves: ["index"],
  batch: alongNext(),
  grad: {
    x: (dy) => dy,
    index: null,
    source: (dy, { index }, { axis }) => gather(dy, axis, index),
  },
  tex: { y: "x_j + \\sum_{i_k = j} s_k", x: "1", source: "1" },
});

export const scatterProdOp = defineOp({
  name: "scatterProd",
  inputs: ["x", "index", "source"],
  domain: "any",
  shape: ({ x }) => x.shape,
  forward: ({ x, index, source }, y, kernels, { axis }: AlongAxis) => {
    if (x !== y) kernels.copy(x, y);
    const bad = kernels.scatter("prod", reached(y, index, axis), axis, index, source);
    checkIndex("scatterProd", bad, y, axis, index);
  },
  saves: ["x", "index", "source"],
  batch: alongNext(),
  grad: {
    // y = x·Πs  ⇒  ∂y/∂x = Πs
    x: (dy, { x, index, source }, attrs): Tensor =>
      mul(dy, scatterProdOp(onesLike(x), index, source, attrs)),
    index: null,
    // ∂y/∂sₖ is the product of all others: that of all but zeros, divided by sₖ; 0 if another one is 0.
    source: (dy, { x, index, source }, attrs): Tensor => {
      const { axis } = attrs;
      const zero = eq(source, 0);
      const filled = where(zero, 1, source);
      const zeros = to(zero, source.dtype);
      const count = gather(scatterAddOp(zerosLike(x), index, zeros, attrs), axis, index);
      const product = scatterProdOp(x, index, filled, attrs);
      const others = div(gather(mul(dy, product), axis, index), filled);
      return where(eq(sub(count, zeros), 0), others, 0);
    },
  },
  tex: {
    y: "x_j \\prod_{i_k = j} s_k",
    x: "\\prod_{i_k = j} s_k",
    source: "x_j \\prod_{l \\ne k} s_l",
  },
  kinks: "Right with any number of zeros among s.",
});

function scatterExtreme(name: "scatterAmax" | "scatterAmin", kernel: "max" | "min") {
  return defineOp({
    name,
    inputs: ["x", "index", "source"],
    domain: "any",
    shape: ({ x }) => x.shape,
    forward: ({ x, index, source }, y, kernels, { axis }: AlongAxis) => {
      if (x !== y) kernels.copy(x, y);
      const bad = kernels.scatter(kernel, reached(y, index, axis), axis, index, source);
      checkIndex(name, bad, y, axis, index);
    },
    saves: ["x", "index", "source", "y"],
    batch: alongNext(),
    grad: {
      // Tied elements share the gradient evenly.
      x: (dy, { x, index, source, y }, { axis }) =>
        mul(to(eq(x, y), x.dtype), share(dy, x, index, source, y, axis)),
      index: null,
      source: (dy, { x, index, source, y }, { axis }) =>
        mul(
          to(eq(source, gather(y, axis, index)), x.dtype),
          gather(share(dy, x, index, source, y, axis), axis, index),
        ),
    },
    tex: {
      y: `\\${kernel}(x_j, \\${kernel}_{i_k = j} s_k)`,
      x: "[x_j = y_j] / \\#_j",
      source: "[s_k = y_{i_k}] / \\#_{i_k}",
    },
    kinks: "Tied elements share it evenly.",
  });
}

/** dy over the number of elements that equal y. */
function share(
  dy: Tensor,
  x: Tensor,
  index: Tensor,
  source: Tensor,
  y: Tensor,
  axis: number,
): Tensor {
  const equal = to(eq(source, gather(y, axis, index)), x.dtype);
  const winners = scatterAddOp(to(eq(x, y), x.dtype), index, equal, { axis });
  // A NaN equals nothing.
  return div(dy, maximum(winners, 1));
}

export const scatterAmaxOp = scatterExtreme("scatterAmax", "max");
export const scatterAminOp = scatterExtreme("scatterAmin", "min");
