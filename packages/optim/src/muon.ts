import { formatShape, ShapeError, type Tensor, updateInPlace } from "@tapegrad/core";
import {
  flag,
  fraction,
  type HyperValues,
  nonNegative,
  numbers,
  oneOf,
  optional,
  whole,
} from "./hyper.ts";
import {
  FirstOrderOptimizer,
  type Group,
  type GroupRules,
  type State,
  stateTensor,
  type Trainable,
} from "./optimizer.ts";
import { drop } from "./scratch.ts";
import { addScaled, dot } from "./vectors.ts";

const hyper = {
  lr: nonNegative(1e-3),
  weightDecay: nonNegative(0.1),
  momentum: fraction(0.95),
  nesterov: flag(true),
  nsCoefficients: numbers<readonly [number, number, number]>(
    [3.4445, -4.775, 2.0315],
    "three finite numbers",
    (values) => values.every(Number.isFinite),
  ),
  nsSteps: whole(5),
  eps: nonNegative(1e-7),
  adjustLrFn: optional(oneOf("original", "matchRmsAdamw")),
  maximize: flag(false),
};

export type MuonOptions = HyperValues<typeof hyper>;

const rules: GroupRules<MuonOptions> = {
  check({ params }, where) {
    const at = params.findIndex((x) => x.rank !== 2);
    if (at < 0) return;
    throw new ShapeError(
      `${where}: parameter ${at} of the group has shape ${formatShape(params[at]!.shape)}; Muon trains matrices, [out, in]. Give the others to AdamW.`,
    );
  },
};

/**
 * Momentum whose step is made orthogonal, so that every direction of a weight matrix moves alike; for the
 * matrices of hidden layers, with another optimizer for all else (biases, gains, embeddings, the last layer):
 *
 *     b ← momentum·b + (1 − momentum)·g
 *     s ← orthogonal(b),   or with nesterov   orthogonal(momentum·b + (1 − momentum)·g)
 *     p ← (1 − lr·weightDecay)·p − lr·factor·s
 *
 * The factor is √max(1, rows/columns); with `adjustLrFn: "matchRmsAdamw"` it is 0.2·√max(rows, columns), for
 * rates that were tuned for AdamW.
 *
 * Jordan, Muon: an optimizer for hidden layers in neural networks, 2024, https://kellerjordan.github.io/posts/muon/;
 * factors: Liu et al., Muon is scalable for LLM training, 2025, equation 4;
 * https://pytorch.org/docs/stable/generated/torch.optim.Muon.html (which iterates in bfloat16; here in the
 * parameter's dtype)
 */
export class Muon extends FirstOrderOptimizer<MuonOptions> {
  /** @throws as {@link Optimizer}, and ShapeError for a parameter that is no matrix */
  constructor(params: Trainable<MuonOptions>, options: Readonly<Partial<MuonOptions>> = {}) {
    super("Muon", hyper, params, options, rules);
  }

  protected override update(
    p: Tensor,
    grad: Tensor,
    group: Group<MuonOptions>,
    state: State,
  ): void {
    const { lr, weightDecay, momentum, nesterov, adjustLrFn } = group;
    const [rows, columns] = p.shape as [number, number];
    const factor =
      adjustLrFn === "matchRmsAdamw"
        ? 0.2 * Math.sqrt(Math.max(rows, columns))
        : Math.sqrt(Math.max(1, rows / columns));
    const buffer = stateTensor(state, "momentumBuffer", p);
    updateInPlace("lerp", [buffer, grad], [1 - momentum], where);
    const ahead = nesterov ? grad.clone() : buffer.clone();
    if (nesterov) updateInPlace("lerp", [ahead, buffer], [momentum], where);
    const step = orthogonalize(ahead, group);
    p.mul_(1 - lr * weightDecay);
    updateInPlace("sgd", [p, step], [lr * factor, 0], where);
    drop(ahead, step);
  }
}

const where = "Muon.step";

/**
 * Brings the singular values of a matrix near 1 by Newton–Schulz steps x ← a·x + (b·xxᵀ + c·(xxᵀ)²)·x, from
 * x divided by its norm. The coefficients grow small singular values fast instead of converging: they end
 * between about 0.7 and 1.2.
 */
function orthogonalize(
  x: Tensor,
  {
    nsCoefficients: [a, b, c],
    nsSteps,
    eps,
  }: Pick<MuonOptions, "nsCoefficients" | "nsSteps" | "eps">,
): Tensor {
  const [rows, columns] = x.shape as [number, number];
  // The shorter side makes the smaller square.
  const turned = rows > columns;
  let y = (turned ? x.transpose() : x).div(Math.max(Math.sqrt(dot([x], [x])), eps));
  for (let k = 0; k < nsSteps; k++) {
    const gram = y.matmul(y.transpose());
    const square = gram.matmul(gram);
    gram.mul_(b);
    addScaled([gram], c, [square], where);
    const next = gram.matmul(y);
    addScaled([next], a, [y], where);
    drop(gram, square, y);
    y = next;
  }
  return turned ? y.transpose() : y;
}
