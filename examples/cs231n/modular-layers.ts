/**
 * Modular layers, of CS231n's assignment 2 (FullyConnectedNets): each layer is a forward function, which also
 * returns what its backward function needs, and a backward function, which turns the gradient of the output into
 * the gradients of the inputs. Networks are built from such pairs. A tape writes the pairs down by itself: the
 * last column below.
 *
 * Notes: https://cs231n.github.io/optimization-2/
 */
import {
  crossEntropy,
  Generator,
  linspace,
  logSoftmax,
  matmul,
  multiclassSvmLoss,
  numericalGradient,
  oneHot,
  randint,
  randn,
  relativeError,
  type Tensor,
} from "tapegrad";
import { expectPublished, lesson, main, type Print, table } from "./common.ts";

/** x [N, d1, …, dk] and w [D, M] with D = d1·…·dk, b [M] → out [N, M]: every example becomes a row, out = x·w + b. */
export function affineForward(x: Tensor, w: Tensor, b: Tensor) {
  return { out: matmul(x.flatten(1), w).add(b), cache: { x, w } };
}

export function affineBackward(dout: Tensor, { x, w }: { x: Tensor; w: Tensor }) {
  return {
    dx: matmul(dout, w.transpose()).reshape(x.shape), // each pixel's share in each output
    dw: matmul(x.flatten(1).transpose(), dout),
    db: dout.sum(0), // b was added to every row
  };
}

/** out = max(0, x) */
export function reluForward(x: Tensor) {
  return { out: x.relu(), cache: { x } };
}

export function reluBackward(dout: Tensor, { x }: { x: Tensor }) {
  return { dx: dout.mul(x.gt(0).to(x.dtype)) }; // open gates let the gradient through
}

/** "Sandwich" layers: affine, then relu. Backward runs through the same layers, in reverse. */
export function affineReluForward(x: Tensor, w: Tensor, b: Tensor) {
  const affine = affineForward(x, w, b);
  const relu = reluForward(affine.out);
  return { out: relu.out, cache: { affine: affine.cache, relu: relu.cache } };
}

export function affineReluBackward(
  dout: Tensor,
  { affine, relu }: ReturnType<typeof affineReluForward>["cache"],
) {
  return affineBackward(reluBackward(dout, relu).dx, affine);
}

/** Scores x [N, C], classes y [N] → the mean of Σ over j ≠ y of max(0, xⱼ − x_y + 1), and its gradient. */
export function svmLoss(x: Tensor, y: Tensor) {
  const right = oneHot(y, x.shape[1]).to(x.dtype);
  const wrong = right.neg().add(1);
  const margins = x
    .sub(x.mul(right).sum(1, { keepdim: true }))
    .add(1)
    .relu()
    .mul(wrong);
  const violated = margins.gt(0).to(x.dtype);
  const dx = violated.sub(right.mul(violated.sum(1, { keepdim: true }))).div(y.size);
  return { loss: margins.sum().div(y.size), dx };
}

/** Scores x [N, C], classes y [N] → the mean of −log softmax(x)_y, and its gradient. */
export function softmaxLoss(x: Tensor, y: Tensor) {
  const right = oneHot(y, x.shape[1]).to(x.dtype);
  const logP = logSoftmax(x, 1);
  return { loss: logP.mul(right).sum().neg().div(y.size), dx: logP.exp().sub(right).div(y.size) };
}

/** Equally spaced values, as the notebook makes its inputs. */
const spaced = (from: number, to: number, shape: number[]) =>
  linspace(
    from,
    to,
    shape.reduce((size, n) => size * n, 1),
    { dtype: "float64" },
  ).reshape(shape);

/** The digits that the notebook prints. */
function checkPublished(print: Print): void {
  const x = spaced(-0.1, 0.5, [2, 4, 5, 6]);
  const w = spaced(-0.2, 0.3, [4 * 5 * 6, 3]);
  const b = spaced(-0.3, 0.1, [3]);
  const affine = [1.49834967, 1.70660132, 1.91485297, 3.25553199, 3.5141327, 3.77273342];
  expectPublished(print, "affine, forward", affineForward(x, w, b).out, affine, 1e-8);
  const relu = [0, 0, 0, 0, 0, 0, 0.04545455, 0.13636364, 0.22727273, 0.31818182, 0.40909091, 0.5];
  expectPublished(print, "relu, forward", reluForward(spaced(-0.5, 0.5, [3, 4])).out, relu);
}

/** A layer's gradients by its backward function, by central differences of its forward function, by the tape. */
interface Check {
  name: string;
  inputs: Record<string, Tensor>;
  forward: (inputs: Tensor[]) => Tensor;
  /** In the order of the inputs. */
  backward: (inputs: Tensor[], dout: Tensor) => Tensor[];
  /** What the tape differentiates, where it is not `forward` itself. */
  taped?: (inputs: Tensor[]) => Tensor;
}

function layerChecks(): Check[] {
  const generator = new Generator(231);
  const random = (...shape: number[]) => randn(shape, { dtype: "float64", generator });
  const scores = random(50, 10).mul(1e-3);
  const y = randint(0, 10, [50], { generator });
  return [
    {
      name: "affine",
      inputs: { x: random(10, 2, 3), w: random(6, 5), b: random(5) },
      forward: ([x, w, b]) => affineForward(x, w, b).out,
      backward: ([x, w, b], dout) => {
        const { dx, dw, db } = affineBackward(dout, affineForward(x, w, b).cache);
        return [dx, dw, db];
      },
    },
    {
      name: "relu",
      inputs: { x: random(10, 10) },
      forward: ([x]) => reluForward(x).out,
      backward: ([x], dout) => [reluBackward(dout, { x }).dx],
    },
    {
      name: "affine-relu",
      inputs: { x: random(2, 3, 4), w: random(12, 10), b: random(10) },
      forward: ([x, w, b]) => affineReluForward(x, w, b).out,
      backward: ([x, w, b], dout) => {
        const { dx, dw, db } = affineReluBackward(dout, affineReluForward(x, w, b).cache);
        return [dx, dw, db];
      },
    },
    {
      name: "svm",
      inputs: { x: scores },
      forward: ([x]) => svmLoss(x, y).loss,
      backward: ([x], dout) => [svmLoss(x, y).dx.mul(dout)],
      taped: ([x]) => multiclassSvmLoss(x, y),
    },
    {
      name: "softmax",
      inputs: { x: scores },
      forward: ([x]) => softmaxLoss(x, y).loss,
      backward: ([x], dout) => [softmaxLoss(x, y).dx.mul(dout)],
      taped: ([x]) => crossEntropy(x, y),
    },
  ];
}

interface GradientErrors {
  layer: string;
  input: string;
  numeric: number;
  tape: number;
}

function gradientErrors({ name, inputs, forward, backward, taped = forward }: Check) {
  const values = Object.values(inputs);
  const generator = new Generator(1);
  const dout = randn(forward(values).shape, { dtype: "float64", generator });
  const gradients = backward(values, dout);
  const leaves = values.map((value) => value.clone().requiresGrad_());
  taped(leaves).backward(dout);
  return Object.keys(inputs).map((input, i): GradientErrors => {
    const numeric = numericalGradient(
      (moved) => forward(values.with(i, moved)).mul(dout).sum().item(),
      values[i],
      1e-5,
    );
    const own = gradients[i].data();
    return {
      layer: name,
      input: `d${input}`,
      numeric: relativeError(own, numeric),
      tape: relativeError(own, leaves[i].grad!.data()),
    };
  });
}

export const modularLayers = lesson({
  about: "Layers as pairs of a forward and a backward function, checked digit by digit.",
  options: {},
  run(_, print) {
    checkPublished(print);
    const errors = layerChecks().flatMap(gradientErrors);
    print("\nRelative errors of the backward functions");
    print(
      table([
        ["", "to central differences", "to the tape"],
        ...errors.map(({ layer, input, numeric, tape }) => [
          `${layer}: ${input}`,
          numeric.toExponential(1),
          tape.toExponential(1),
        ]),
      ]),
    );
    return errors;
  },
});

await main(import.meta.url, modularLayers);
