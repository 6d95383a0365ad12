/** The weights of a first layer that sees images: what each of its units looks for. */
import { type AnyModule, Conv2d, Linear } from "@tapegrad/nn";

/** Weights as images; `viz.filterImages` draws them. */
export interface Filters {
  /** Of the parameter. */
  name: string;
  /** [filters, channels, height, width]; channels are 1 or 3. */
  shape: number[];
  /** Row-major, in three significant digits. */
  values: number[];
}

const mostFilters = 64;
/** A flat input that is a square of at least this side is taken for an image. */
const leastSide = 8;

/**
 * The filters of the model's first layer with weights, up to 64 of them.
 *
 * @param inputShape  of one example; [784] and [3072] are taken for square images
 * @returns null unless it is a Conv2d on 1 or 3 channels, or a Linear on images
 */
export function firstLayerFilters(
  model: AnyModule,
  inputShape?: readonly number[],
): Filters | null {
  const found = model
    .namedModules()
    .find(([, module]) => module.parameters({ recurse: false }).some(({ rank }) => rank >= 2));
  if (found === undefined) return null;
  const [path, layer] = found;
  if (!(layer instanceof Conv2d || layer instanceof Linear)) return null;
  const { weight } = layer;
  const image = layer instanceof Conv2d ? weight.shape.slice(1) : imageShape(weight, inputShape);
  if (image === null || ![1, 3].includes(image[0]) || image[1] * image[2] === 1) return null;
  const count = Math.min(weight.shape[0], mostFilters);
  const size = image.reduce((product, n) => product * n, 1);
  return {
    name: path === "" ? "weight" : `${path}.weight`,
    shape: [count, ...image],
    values: Array.from(weight.data().subarray(0, count * size), (v) => Number(v.toPrecision(3))),
  };
}

/** [C, H, W] of what a linear layer sees; null where that is no image. */
function imageShape(
  { shape: [, columns] }: { shape: readonly number[] },
  input: readonly number[] = [columns],
): number[] | null {
  const image = input.length === 2 ? [1, ...input] : input;
  if (image.length === 3) return image[0] * image[1] * image[2] === columns ? [...image] : null;
  for (const channels of [1, 3]) {
    const side = Math.sqrt(columns / channels);
    if (Number.isInteger(side) && side >= leastSide) return [channels, side, side];
  }
  return null;
}
