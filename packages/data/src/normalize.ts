/** Normalisation with the statistics of the training examples. */
import { formatShape, isFloat, ShapeError, sizeOf, ValueError } from "@tapegrad/core";
import type { Batch, Dataset } from "./dataset.ts";
import { DataLoader } from "./loader.ts";
import type { Transform } from "./transforms.ts";

/** Mean and standard deviation of each channel, feature or element. Plain JSON. */
export interface Statistics {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/**
 * y = (x − mean) / std. The first axis of a sample [C, …] is divided evenly among the statistics: with C
 * of them each channel of an image, each feature of a row has its own; with one all share it; with
 * as many as elements, each has its own (CS231n's mean image).
 *
 * @throws ValueError for lists of different lengths, means that aren't finite, deviations not above 0
 */
export function normalize({ mean, std }: Statistics): Transform {
  const good =
    mean.length > 0 &&
    mean.length === std.length &&
    mean.every(Number.isFinite) &&
    std.every((s) => s > 0 && s < Infinity);
  if (!good) {
    throw new ValueError(
      `normalize: mean is [${mean.join(", ")}] and std [${std.join(", ")}]; they need one finite number each per channel, std above 0.`,
    );
  }
  return ({ shape, data }) => {
    const per = [...new Set([1, shape[0], sizeOf(shape)])];
    if (!per.includes(mean.length)) {
      throw new ShapeError(
        `normalize: there are ${mean.length} means, and the sample is ${formatShape(shape)}; it takes ${per.join(", ")} of them.`,
      );
    }
    const size = data.length / mean.length;
    const result = data.slice();
    for (let group = 0, i = 0; group < mean.length; group++) {
      const [m, s] = [mean[group], std[group]];
      for (const end = i + size; i < end; i++) result[i] = (result[i] - m) / s;
    }
    return { shape, data: result };
  };
}

/**
 * The statistics of a dataset's x, read batch by batch: of each channel (axis 1 of x [N, C, …]; for
 * rows [N, D] each feature), of each element, or of everything together. The standard deviation is that
 * of the population (division by the count), in float64; where all values are equal it counts as 1, so
 * that normalising gives 0.
 *
 * Fit on the training examples, apply to all:
 *
 * ```ts
 * const standard = normalize(await fitStatistics(train));
 * const [fit, held] = [transform(train, standard), transform(test, standard)];
 * ```
 *
 * @throws ValueError for a dataset without examples
 */
export async function fitStatistics(
  dataset: Dataset<Batch | Promise<Batch>>,
  {
    per = "channel",
    batchSize = 256,
  }: { per?: "channel" | "element" | "all"; batchSize?: number } = {},
): Promise<Statistics> {
  if (!["channel", "element", "all"].includes(per)) {
    throw new ValueError(
      `fitStatistics: per is "${per}"; it must be "channel", "element" or "all".`,
    );
  }
  let groups: Moments | null = null;
  for await (const batch of new DataLoader(dataset, { batchSize })) {
    const { x } = batch as Batch;
    if (x.rank < 2 && per === "channel") {
      throw new ShapeError(
        `fitStatistics: x is ${formatShape(x.shape)}; channels are its axis 1, so it needs two axes.`,
      );
    }
    const size = sizeOf(x.shape.slice(1));
    const count = per === "all" ? 1 : per === "element" ? size : x.shape[1];
    groups ??= new Moments(count);
    groups.add((isFloat(x.dtype) ? x : x.to("float32")).data(), size);
  }
  if (groups === null) throw new ValueError("fitStatistics: the dataset has no examples.");
  return groups.statistics();
}

/** Running means and sums of squared deviations, joined batch by batch (Chan, Golub, LeVeque, 1979). */
class Moments {
  private readonly mean: Float64Array;
  private readonly squares: Float64Array;
  private seen = 0;

  constructor(count: number) {
    this.mean = new Float64Array(count);
    this.squares = new Float64Array(count);
  }

  add(data: ArrayLike<number>, size: number): void {
    const groups = this.mean.length;
    const width = size / groups;
    const n = data.length / groups;
    const means = new Float64Array(groups);
    const squares = new Float64Array(groups);
    for (let i = 0; i < data.length; ) {
      for (let group = 0; group < groups; group++) {
        let sum = 0;
        for (const end = i + width; i < end; i++) sum += data[i];
        means[group] += sum / n;
      }
    }
    for (let i = 0; i < data.length; ) {
      for (let group = 0; group < groups; group++) {
        const mean = means[group];
        let sum = 0;
        for (const end = i + width; i < end; i++) sum += (data[i] - mean) * (data[i] - mean);
        squares[group] += sum;
      }
    }
    const total = this.seen + n;
    for (let g = 0; g < groups; g++) {
      const delta = means[g] - this.mean[g];
      this.mean[g] += (delta * n) / total;
      this.squares[g] += squares[g] + (delta * delta * this.seen * n) / total;
    }
    this.seen = total;
  }

  statistics(): Statistics {
    return {
      mean: [...this.mean],
      std: Array.from(this.squares, (sum) => Math.sqrt(sum / this.seen) || 1),
    };
  }
}
