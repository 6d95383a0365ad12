/** What a model learns: from a batch to its loss, and to scores that metrics understand. */
import {
  crossEntropy,
  formatShape,
  mseLoss,
  ShapeError,
  show,
  Tensor,
  ValueError,
} from "@tapegrad/core";
import type { Batch } from "@tapegrad/data";
import {
  type AnyModule,
  Autoencoder,
  fromSpec,
  LanguageModel,
  type Module,
  registeredLayers,
  type Spec,
  VAE,
} from "@tapegrad/nn";
import * as v from "valibot";
import type { Facts } from "./opened.ts";
import { ConfigError, type Item, inPlace, word } from "./schema.ts";

/** A loss by its type in specs, "mseLoss", or with options, `{ "type": "huberLoss", "delta": 2 }`. */
export type ChosenLoss = string | Spec;

/** What a model made of a batch. */
export interface Outcome {
  /** Mean over the batch. */
  readonly loss: Tensor;
  /** As metrics take them, [N, C] or [N, C, …]; null where there are none. */
  readonly scores: Tensor | null;
}

export interface Task {
  outcome(batch: Batch): Outcome;
  /** Whether there are scores for metrics. */
  readonly hasScores: boolean;
}

type Loss = (scores: Tensor, y: Tensor) => Tensor;

const lossNames = () => registeredLayers().filter((type) => type.endsWith("Loss"));

/** Options of the loss itself are checked when it is made. */
export const lossItem: Item<ChosenLoss> = {
  wants: '"crossEntropyLoss", or an object such as { "type": "huberLoss", "delta": 2 }',
  schema: v.lazy((input): v.GenericSchema<unknown, ChosenLoss> => {
    const name = word(lossNames()).schema;
    return typeof input === "object" && input !== null && !Array.isArray(input)
      ? (v.looseObject({ type: name }, "has no type.") as v.GenericSchema<unknown, Spec>)
      : name;
  }),
};

function makeLoss(chosen: ChosenLoss): Loss {
  const spec = typeof chosen === "string" ? { type: chosen } : chosen;
  return inPlace("loss", () => fromSpec<Module<[scores: Tensor, y: Tensor]>>(spec));
}

/** @throws ConfigError for a loss that can't be made or doesn't go with the model */
export function taskOf(model: AnyModule, chosen: ChosenLoss | undefined, facts: Facts): Task {
  if (isCoder(model)) {
    if (chosen !== undefined) {
      throw new ConfigError(["loss is given, and the model has a loss of its own; leave it out."]);
    }
    const flat = ({ x }: Batch) => x.flatten(1);
    return {
      outcome: (batch) => ({ loss: model.loss(flat(batch)), scores: null }),
      hasScores: false,
    };
  }
  const lossOf = chosen === undefined ? defaultLoss(facts) : makeLoss(chosen);
  const scoresOf =
    model instanceof LanguageModel
      ? // [B, T, V] → [B, V, T]: classes come second.
        (x: Tensor) => (model as LanguageModel<never, { logits: Tensor }>)(x).logits.transpose(1, 2)
      : (x: Tensor) => checked((model as Module)(x));
  return {
    outcome({ x, y }) {
      const scores = scoresOf(x);
      return { loss: lossOf(scores, y), scores };
    },
    hasScores: true,
  };
}

/** Models of rows, which compare what they give with what they got. */
const isCoder = (model: AnyModule): model is Autoencoder | VAE =>
  model instanceof Autoencoder || model instanceof VAE;

/** What the model itself is given for an example of this shape. */
export const inputShape = (model: AnyModule, shape: readonly number[]): readonly number[] =>
  isCoder(model) ? [shape.reduce((all, n) => all * n, 1)] : shape;

const defaultLoss = ({ targets }: Facts): Loss =>
  targets === "numbers"
    ? (scores, y) => mseLoss(scores, alike(y, scores))
    : (scores, y) => crossEntropy(scores, y);

/** Shapes that broadcast would give a loss that means nothing. */
function alike(y: Tensor, scores: Tensor): Tensor {
  const [given, wanted] = [scores, y].map(({ shape }) => formatShape(shape));
  if (given === wanted) return y;
  throw new ShapeError(
    `the model gives ${given} and the targets are ${wanted}; the shapes must be equal.`,
  );
}

function checked(scores: unknown): Tensor {
  if (scores instanceof Tensor) return scores;
  throw new ValueError(`the model gives ${show(scores)}; it must give a tensor of scores.`);
}
