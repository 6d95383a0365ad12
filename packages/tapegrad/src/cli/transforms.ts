/** The transforms that a config can name: changes of one example's input at a time. */
import {
  type Batch,
  centerCrop,
  colorJitter,
  cutout,
  type Dataset,
  fitStatistics,
  normalize,
  randomCrop,
  randomHorizontalFlip,
  randomVerticalFlip,
  resize,
  type Statistics,
  type Transform,
  transform,
} from "@tapegrad/data";
import { fields } from "@tapegrad/nn";
import {
  type Chosen,
  type Item,
  type Items,
  type Kind,
  list,
  maybe,
  notNegative,
  numberOrList,
  oneOf,
  type Values,
  word,
} from "./schema.ts";

const { count, flag, number, probability, size } = fields;

/** Which examples a transform is for. */
type Place = "train" | "eval" | "all";

interface TransformKind<I extends Items = Items> extends Kind<I> {
  readonly items: I;
  /** Where a config doesn't say: random changes are for training only. */
  readonly on: Place;
  make(options: Values<I>): Transform;
}

const kind = <I extends Items>(
  on: Place,
  items: I,
  make: TransformKind<I>["make"],
): TransformKind => ({ on, items, make: make as TransformKind["make"] });

const imageSize = fields.perAxis(2) as Item<number | readonly [number, number]>;
const fill = maybe(number());
const p = maybe(probability());
const listOf = (value: number | readonly number[]) => (typeof value === "number" ? [value] : value);

const kinds: Record<string, TransformKind> = {
  normalize: kind("all", { mean: numberOrList, std: numberOrList }, ({ mean, std }) =>
    normalize({ mean: listOf(mean), std: listOf(std) }),
  ),
  // Made of what the training examples say; see `withTransforms`.
  standardize: kind("all", { per: maybe(word(["channel", "element", "all"])) }, () => {
    throw new Error("standardize is fitted to examples");
  }),
  resize: kind("all", { size: imageSize, antialias: maybe(flag()) }, ({ size, ...options }) =>
    resize(size, options),
  ),
  centerCrop: kind("all", { size: imageSize, fill }, ({ size, ...options }) =>
    centerCrop(size, options),
  ),
  randomCrop: kind(
    "train",
    { size: imageSize, padding: maybe(count()), fill },
    ({ size, ...options }) => randomCrop(size, options),
  ),
  randomHorizontalFlip: kind("train", { p }, ({ p }) => randomHorizontalFlip(p)),
  randomVerticalFlip: kind("train", { p }, ({ p }) => randomVerticalFlip(p)),
  cutout: kind("train", { size: size(), fill, p }, ({ size, ...options }) => cutout(size, options)),
  colorJitter: kind(
    "train",
    {
      brightness: maybe(notNegative),
      contrast: maybe(notNegative),
      saturation: maybe(notNegative),
    },
    (options) => colorJitter(options),
  ),
};

export type ChosenTransform = Chosen & { readonly on?: Place };

export const transformsItem: Item<readonly ChosenTransform[]> = list(
  oneOf(kinds, {
    example: '{ "type": "randomHorizontalFlip" }',
    extra: { on: maybe(word<Place>(["train", "eval", "all"])) },
  }) as Item<ChosenTransform>,
);

/** What `standardize` learned from the training examples, by place in the list; null elsewhere. */
export type Fitted = readonly (Statistics | null)[];

function applies({ type, on = kinds[type].on }: ChosenTransform, where: "train" | "eval"): boolean {
  return on === "all" || on === where;
}

/** The transforms of training, or of everything else. */
export function transformsFor(
  chosen: readonly ChosenTransform[],
  fitted: Fitted,
  where: "train" | "eval",
): Transform[] {
  return chosen.flatMap((one, i) => {
    if (!applies(one, where)) return [];
    const { type, on: _, ...options } = one;
    const statistics = fitted[i];
    return [statistics === null ? kinds[type].make(options) : normalize(statistics)];
  });
}

/**
 * Learns what `standardize` needs from training examples, after the transforms before it that are for
 * evaluation too: random ones would blur it.
 */
export async function fit(
  chosen: readonly ChosenTransform[],
  train: Dataset<Batch | Promise<Batch>>,
): Promise<Fitted> {
  const fitted: (Statistics | null)[] = [];
  for (const [i, { type, per }] of chosen.entries()) {
    if (type !== "standardize") {
      fitted.push(null);
      continue;
    }
    const before = transformsFor(chosen.slice(0, i), fitted, "eval");
    fitted.push(
      await fitStatistics(before.length === 0 ? train : transform(train, before), {
        per: (per as "channel" | undefined) ?? "channel",
      }),
    );
  }
  return fitted;
}
