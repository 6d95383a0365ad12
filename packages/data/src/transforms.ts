/** Changes of one example's input at a time, random ones included, and datasets that apply them. */
import {
  formatShape,
  isFloat,
  noGrad,
  oneHot,
  type Shape,
  ShapeError,
  tensor,
} from "@tapegrad/core";
import { type Batch, type Dataset, mapBatches } from "./dataset.ts";
import { itemRandom, type Random } from "./random.ts";

/** The input of one example, row-major: an image [C, height, width], features [D], … */
export interface Sample {
  readonly shape: Shape;
  readonly data: Float32Array | Float64Array;
}

/**
 * Makes another sample of one, which it leaves as it is. Whatever it draws must come from `random`, the
 * example's own stream: then the result depends on the loader's seed, the epoch and the example alone.
 */
export type Transform = (sample: Sample, random: Random) => Sample;

/** One transform after the other. */
export function compose(transforms: readonly Transform[]): Transform {
  return (sample, random) => transforms.reduce((x, transform) => transform(x, random), sample);
}

/**
 * The dataset with every x changed by the transforms, one example at a time. Their results must have one
 * shape. Inputs of whole numbers become float32 first.
 *
 * ```ts
 * const augmented = transform(cifar.train, [randomHorizontalFlip(), randomCrop(32, { padding: 4 })]);
 * ```
 */
export function transform<B extends Batch | Promise<Batch>>(
  dataset: Dataset<B>,
  change: Transform | readonly Transform[],
): Dataset<B extends Promise<unknown> ? Promise<Batch> : Batch> {
  const apply = typeof change === "function" ? change : compose(change);
  return mapBatches(dataset, (batch, { indices, ...context }): Batch => {
    const { x: given, y } = batch as Batch;
    const x = isFloat(given.dtype) ? given : noGrad(() => given.to("float32"));
    const data = x.data() as Sample["data"];
    const shape = x.shape.slice(1);
    const size = data.length / indices.length;
    const changed = Array.from(indices, (index, row) =>
      apply(
        { shape, data: data.subarray(row * size, (row + 1) * size) },
        itemRandom(context, index),
      ),
    );
    return { x: changed.length === 0 ? x : stackSamples(changed, indices), y };
  });
}

function stackSamples(samples: readonly Sample[], indices: Int32Array) {
  const [first] = samples;
  const text = formatShape(first.shape);
  const odd = samples.findIndex(({ shape }) => formatShape(shape) !== text);
  if (odd >= 0) {
    throw new ShapeError(
      `transform: example ${indices[odd]} became ${formatShape(samples[odd].shape)} and example ${indices[0]} ${text}; end with a transform that gives all one shape, such as resize or centerCrop.`,
    );
  }
  const size = first.data.length;
  const Numbers = first.data.constructor as Float32ArrayConstructor;
  const all = new Numbers(samples.length * size);
  samples.forEach(({ data }, row) => {
    all.set(data, row * size);
  });
  return tensor(all, { shape: [samples.length, ...first.shape] });
}

/**
 * The dataset with each class y as a row of 0s and a 1: float32 [B, classes], for losses that take
 * probabilities.
 */
export function oneHotLabels<B extends Batch | Promise<Batch>>(
  dataset: Dataset<B>,
  classes: number,
): Dataset<B extends Promise<unknown> ? Promise<Batch> : Batch> {
  return mapBatches(dataset, (batch): Batch => {
    const { x, y } = batch as Batch;
    return { x, y: noGrad(() => oneHot(y, classes).to("float32")) };
  });
}
