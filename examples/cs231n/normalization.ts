/** What the lessons on batch and layer normalization share: gradients in several ways, and two experiments. */
import { Adam, type data, nn, relativeError, Solver, type Tensor } from "tapegrad";
import { lossCurve, type Print, percent, table } from "./common.ts";

export type Normalization = "batchNorm" | "layerNorm";

/** Inputs, scale, shift and the gradient that arrives, as the notebooks draw them. */
export interface NormCase {
  x: Tensor;
  gamma: Tensor;
  beta: Tensor;
  dy: Tensor;
}

/**
 * y = γ·(x − mean)/√(var + ε) + β out of elementary ops: the tape finds the way back, as the notebook's
 * "backward pass through the computation graph".
 *
 * @param axis  0: mean and variance of every feature over the batch; 1: of every example over its features
 */
export function fromParts({ x, gamma, beta }: NormCase, axis: number, eps = 1e-5): Tensor {
  const centred = x.sub(x.mean(axis, { keepdim: true }));
  const variance = centred.square().mean(axis, { keepdim: true });
  return centred.div(variance.add(eps).sqrt()).mul(gamma).add(beta);
}

/**
 * The gradient of x by hand, "batchnorm_backward_alt": with x̂ the normalised x, σ = √(var + ε) and
 * dx̂ = γ·dy,
 *
 * dx = (dx̂ − mean(dx̂) − x̂·mean(dx̂·x̂)) / σ
 */
export function gradientByHand({ x, gamma, dy }: NormCase, axis: number, eps = 1e-5): Tensor {
  const mean = (t: Tensor) => t.mean(axis, { keepdim: true });
  const centred = x.detach().sub(mean(x.detach()));
  const sigma = mean(centred.square()).add(eps).sqrt();
  const normalised = centred.div(sigma);
  const dx = dy.mul(gamma.detach());
  return dx
    .sub(mean(dx))
    .sub(normalised.mul(mean(dx.mul(normalised))))
    .div(sigma);
}

/** Gradients of x, γ and β after a backward pass through `forward`. */
function gradients(given: NormCase, forward: (leaves: NormCase) => Tensor): Tensor[] {
  const [x, gamma, beta] = [given.x, given.gamma, given.beta].map((t) =>
    t.detach().clone().requiresGrad_(),
  );
  forward({ x, gamma, beta, dy: given.dy }).backward(given.dy);
  return [x, gamma, beta].map(({ grad }) => grad!);
}

/**
 * The fused op against the same out of parts, and against the formula by hand.
 *
 * @param fused  the library's own
 * @returns      the worst relative errors of each
 */
export function compareWays(
  given: NormCase,
  axis: number,
  fused: (leaves: NormCase) => Tensor,
  print: Print,
): { parts: number; hand: number } {
  const own = gradients(given, fused);
  const parts = gradients(given, (leaves) => fromParts(leaves, axis));
  const errors = {
    parts: Math.max(...own.map((grad, i) => relativeError(grad, parts[i]))),
    hand: relativeError(own[0], gradientByHand(given, axis)),
  };
  print(
    `gradients: fused op and parts differ by ${errors.parts.toExponential(0)}, the formula by hand by ${errors.hand.toExponential(0)}`,
  );
  return errors;
}

export interface Parts {
  train: data.Dataset;
  validation: data.Dataset;
}

interface Settings {
  normalization: Normalization | null;
  weightScale: number;
  epochs: number;
  batchSize: number;
  seed: number;
}

interface Outcome {
  loss: number;
  train: number;
  validation: number;
}

/** A network trained by Adam: the last epoch's mean loss and the best accuracies. */
async function trained(
  parts: Parts,
  hiddenDims: readonly number[],
  { normalization, weightScale, seed, ...rest }: Settings,
): Promise<Outcome & { losses: readonly number[] }> {
  const model = nn.fullyConnectedNet({ hiddenDims, weightScale, normalization, seed });
  const optimizer = new Adam(model.parameters(), { lr: 1e-3 });
  const solver = new Solver({ model, optimizer, seed, progress: "silent", ...parts, ...rest });
  const { lossHistory, trainLossHistory, trainAccHistory, valAccHistory } = await solver.fit();
  return {
    losses: lossHistory,
    loss: trainLossHistory.at(-1)!,
    train: Math.max(...trainAccHistory),
    validation: Math.max(...valAccHistory),
  };
}

const shown = ({ loss, train, validation }: Outcome) => [
  loss.toFixed(2),
  percent(train),
  percent(validation),
];

/** A deep network with the normalization and without: the losses on the way. */
export async function compareTraining(
  parts: Parts,
  normalization: Normalization,
  options: { epochs: number; seed: number },
  print: Print,
): Promise<{ with: Outcome; without: Outcome }> {
  const hiddenDims = [100, 100, 100, 100, 100];
  const settings = { weightScale: 2e-2, batchSize: 50, ...options };
  const [plain, normal] = [
    await trained(parts, hiddenDims, { normalization: null, ...settings }),
    await trained(parts, hiddenDims, { normalization, ...settings }),
  ];
  print("six layers, from weights of deviation 0.02:");
  print(`  without            ${lossCurve(plain.losses)}`);
  print(`  ${normalization.padEnd(18)} ${lossCurve(normal.losses)}`);
  return { with: normal, without: plain };
}

/**
 * "Batch normalization and initialization": an eight-layer network from weights of several scales. Without
 * normalization only a narrow range of scales trains at all.
 */
export async function compareScales(
  parts: Parts,
  normalization: Normalization,
  options: { epochs: number; seed: number },
  print: Print,
): Promise<{ scale: number; with: Outcome; without: Outcome }[]> {
  const hiddenDims = [50, 50, 50, 50, 50, 50, 50];
  const results = [];
  for (const scale of [1e-4, 1e-3, 1e-2, 1e-1, 1]) {
    const settings = { weightScale: scale, batchSize: 50, ...options };
    results.push({
      scale,
      with: await trained(parts, hiddenDims, { normalization, ...settings }),
      without: await trained(parts, hiddenDims, { normalization: null, ...settings }),
    });
  }
  const heads = ["loss", "training", "validation"];
  print(`eight layers, by the scale of their weights: ${normalization}, and without`);
  print(
    table([
      ["scale", ...heads, ...heads.map((head) => `– ${head}`)],
      ...results.map((one) => [one.scale, ...shown(one.with), ...shown(one.without)]),
    ]),
  );
  return results;
}

/**
 * "Batch normalization and batch size": statistics of a small batch are noise, those of a layer don't care.
 * All runs see the same number of examples.
 */
export async function compareBatchSizes(
  parts: Parts,
  normalization: Normalization,
  options: { epochs: number; seed: number },
  print: Print,
): Promise<{ batchSize: number; with: Outcome; without: Outcome }[]> {
  const hiddenDims = [100, 100, 100, 100, 100];
  const results = [];
  for (const batchSize of [5, 10, 50]) {
    const settings = { weightScale: 5e-2, batchSize, ...options };
    results.push({
      batchSize,
      with: await trained(parts, hiddenDims, { normalization, ...settings }),
      without: await trained(parts, hiddenDims, { normalization: null, ...settings }),
    });
  }
  const heads = ["loss", "training", "validation"];
  print(`six layers, by the size of batches: ${normalization}, and without`);
  print(
    table([
      ["batch", ...heads, ...heads.map((head) => `– ${head}`)],
      ...results.map((one) => [one.batchSize, ...shown(one.with), ...shown(one.without)]),
    ]),
  );
  return results;
}
