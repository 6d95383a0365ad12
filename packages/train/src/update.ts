/** One update of the weights. */
import { TapegradError, type Tensor, tensor } from "@tapegrad/core";
import { clipGradNorm_, clipGradValue_, LBFGS } from "@tapegrad/optim";
import { correctIn, outcomeOf, penalized, rowsOf, withPenalty } from "./objective.ts";
import type { Example, Settings } from "./options.ts";

/** Training can't go on: the loss is no longer a number. */
export class DivergedError extends TapegradError {}

/** What an update saw. */
export interface UpdateFacts {
  /** Before the update, the penalty included; mean over all examples. */
  readonly loss: number;
  readonly rows: number;
  /** null where there are no classes. */
  readonly correct: number | null;
}

/** Takes steps down the gradient as the options say. */
export class Updater<S, B extends Example> {
  private readonly options: Settings<S, B>;

  constructor(options: Settings<S, B>) {
    this.options = options;
  }

  /**
   * One step down the gradient of the mean loss over all examples of the batches: the same as one batch of
   * them all would give, for losses that are means over examples.
   *
   * @param where  the step, for messages
   * @throws DivergedError before anything is changed if a loss is NaN or infinite
   */
  take(batches: readonly B[], where: string): UpdateFacts {
    const { optimizer } = this.options;
    if (!(optimizer instanceof LBFGS)) {
      const facts = this.descend(batches, where);
      optimizer.step();
      return facts;
    }
    // It evaluates the batches several times in a step. A loss that is no number is an error only before
    // the first step length; later ones make the line search turn back.
    let first: UpdateFacts | null = null;
    optimizer.step((): Tensor => {
      const facts = this.descend(batches, first === null ? where : null);
      first ??= facts;
      return tensor(facts.loss, { dtype: "float64" });
    });
    return first!;
  }

  /** Gradients of the mean loss, clipped. */
  private descend(batches: readonly B[], where: string | null): UpdateFacts {
    const { model, optimizer, reg, accuracy, clipNorm, clipValue } = this.options;
    optimizer.zeroGrad();
    const weights = reg === 0 ? [] : penalized(model);
    const rows = batches.map(rowsOf);
    const total = rows.reduce((sum, count) => sum + count, 0);
    let loss = 0;
    let correct: number | null = null;
    batches.forEach((batch, i) => {
      const { loss: own, scores } = outcomeOf(this.options, batch);
      const penalizedLoss = withPenalty(own, reg, weights);
      const share = rows[i] / total;
      const value = penalizedLoss.item();
      if (where !== null && !Number.isFinite(value)) this.fail(value, where);
      loss += share * value;
      (share === 1 ? penalizedLoss : penalizedLoss.mul(share)).backward();
      const right = correctIn(scores, batch.y, accuracy);
      if (right !== null) correct = (correct ?? 0) + right;
    });
    if (clipNorm !== undefined) clipGradNorm_(model.parameters(), clipNorm);
    if (clipValue !== undefined) clipGradValue_(model.parameters(), clipValue);
    return { loss, rows: total, correct };
  }

  private fail(value: number, where: string): never {
    throw new DivergedError(
      `Solver: the loss is ${value} at ${where}, learning rate ${this.options.optimizer.lr}); lower the learning rate, or look for NaN or huge numbers in the data.`,
    );
  }
}
