/** From a batch to its loss, and what is measured on the way. */
import { crossEntropy, isFloat, show, Tensor, ValueError } from "@tapegrad/core";
import type { AnyModule, Module } from "@tapegrad/nn";
import { countCorrect } from "./accuracy.ts";
import type { Example, SolverOptions } from "./options.ts";

/** What a model made of a batch. */
export interface Outcome {
  /** Mean over the examples, on the tape. */
  readonly loss: Tensor;
  /** null where the objective gives none. */
  readonly scores: Tensor | null;
}

/** The batch's loss as the options say. */
export function outcomeOf<S, B extends Example>(
  { model, loss: lossOf, objective }: Pick<SolverOptions<S, B>, "model" | "loss" | "objective">,
  batch: B,
): Outcome {
  if (objective !== undefined) {
    const given = objective(batch);
    return given instanceof Tensor
      ? { loss: checked(given), scores: null }
      : { ...given, loss: checked(given.loss) };
  }
  const scores = (model as unknown as Module<[unknown], S>)(batch.x);
  const loss = lossOf === undefined ? defaultLoss(scores, batch.y) : lossOf(scores, batch.y);
  return { loss: checked(loss), scores: scores instanceof Tensor ? scores : null };
}

function defaultLoss(scores: unknown, y: unknown): Tensor {
  if (!(scores instanceof Tensor) || !(y instanceof Tensor)) {
    throw new ValueError(
      `Solver: the model gave ${show(scores)} and the targets are ${show(y)}; crossEntropy needs tensors: give a loss or an objective.`,
    );
  }
  return crossEntropy(scores, y);
}

function checked(loss: unknown): Tensor {
  if (loss instanceof Tensor && loss.size === 1) return loss;
  throw new ValueError(
    `Solver: the loss is ${loss instanceof Tensor ? `of shape [${loss.shape.join(", ")}]` : show(loss)}; it must be a Tensor with one number, the batch's mean.`,
  );
}

/** Examples in a batch. */
export function rowsOf({ x, y }: Example): number {
  const sized = [x, y].find((part) => part instanceof Tensor && part.rank > 0);
  return sized === undefined ? 1 : (sized as Tensor).shape[0];
}

/**
 * How many of a batch were classified correctly; null where that makes no sense.
 *
 * @param wanted  whether the user wants it; undefined: where scores are [N, C] and targets classes [N]
 */
export function correctIn(
  scores: Tensor | null,
  y: unknown,
  wanted: boolean | undefined,
): number | null {
  if (wanted === false || scores === null || !(y instanceof Tensor)) return null;
  const classes = !isFloat(y.dtype) && y.rank === 1 && scores.rank === 2 && scores.shape[1] >= 2;
  return wanted === true || classes ? countCorrect(scores, y) : null;
}

/** Parameters that the L2 penalty is about: those of two or more axes, so neither biases nor gains. */
export function penalized(model: AnyModule): Tensor[] {
  return model.parameters().filter((parameter) => parameter.rank >= 2);
}

/** loss + ½·reg·ΣW² */
export function withPenalty(loss: Tensor, reg: number, weights: readonly Tensor[]): Tensor {
  if (reg === 0) return loss;
  return weights.reduce(
    (sum, w) =>
      sum.add(
        w
          .square()
          .sum()
          .mul(0.5 * reg),
      ),
    loss,
  );
}

/** Models that are being evaluated: by how many at once, and every module's mode before the first. */
const evaluated = new WeakMap<AnyModule, { users: number; modes: Map<AnyModule, boolean> }>();

/**
 * Runs `body` with the model in evaluation mode; every module's mode is as before afterwards. Where several
 * evaluate a model at once, the last one to end puts the modes back.
 */
export async function inEvaluation<R>(model: AnyModule, body: () => Promise<R>): Promise<R> {
  let evaluation = evaluated.get(model);
  if (evaluation === undefined) {
    // Not only the model's own mode: parts of it may be frozen in evaluation mode.
    const modes = new Map(model.modules().map((module) => [module, module.training]));
    evaluation = { users: 0, modes };
    evaluated.set(model, evaluation);
  }
  evaluation.users++;
  model.eval();
  try {
    return await body();
  } finally {
    evaluation.users--;
    if (evaluation.users === 0) {
      evaluated.delete(model);
      for (const [module, training] of evaluation.modes) module.training = training;
    }
  }
}
