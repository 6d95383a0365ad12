/** The models that a config can name: presets with options, and specs of layers. */
import { show, ValueError } from "@tapegrad/core";
import {
  type AnyModule,
  autoencoder,
  charGpt,
  fields,
  fromSpec,
  fullyConnectedNet,
  lstmLanguageModel,
  resNet,
  resNet18,
  type Spec,
  threeLayerConvNet,
  twoLayerNet,
  vae,
} from "@tapegrad/nn";
import * as v from "valibot";
import type { Facts } from "./opened.ts";
import {
  type Item,
  type Items,
  inPlace,
  type Kind,
  list,
  maybe,
  notNegative,
  oneOf,
  type Values,
  word,
} from "./schema.ts";

const { probability, size } = fields;

// ---- Presets

interface PresetKind<I extends Items = Items> extends Kind<I> {
  readonly items: I;
  /** What the data say where a config doesn't. */
  from(facts: Facts): Partial<Values<I>>;
  make(options: Values<I>): AnyModule;
}

const kind = <I extends Items>(
  items: I,
  from: PresetKind<I>["from"],
  make: (options: Values<I>) => AnyModule,
): PresetKind => ({ items, from, make: make as PresetKind["make"] });

const dtype = maybe(word(["float32", "float64"]));
const sizes = list(size());
const classifierItems = { numClasses: maybe(size()), weightScale: maybe(notNegative), dtype };
const denseItems = { inputDim: maybe(size()), ...classifierItems };
const languageItems = { numLayers: maybe(size()), dropout: maybe(probability()), dtype };
const codeItems = { latentDim: maybe(size()), hiddenDims: maybe(sizes), dtype };

const elements = ({ shape }: Facts) => ({ inputDim: shape.reduce((all, n) => all * n, 1) });
/** One score for each class, or the one number that is asked for. */
const scores = ({ classNames, targets }: Facts) =>
  classNames !== null
    ? { numClasses: classNames.length }
    : targets === "numbers"
      ? { numClasses: 1 }
      : {};
const tokens = ({ vocabulary }: Facts) =>
  vocabulary === null ? {} : { vocabSize: vocabulary.length };
const channels = ({ shape }: Facts) => (shape.length === 3 ? { inChannels: shape[0] } : {});

type ImageShape = readonly [channels: number, height: number, width: number];
const imageShape = fields.field<ImageShape>("[channels, height, width]", (message) =>
  v.custom<ImageShape>(
    (value) =>
      Array.isArray(value) &&
      value.length === 3 &&
      value.every((n) => Number.isSafeInteger(n) && n >= 1),
    message,
  ),
);

/** An option that data without names leave open. */
function needed<T>(preset: string, name: string, value: T | undefined): T {
  if (value !== undefined) return value;
  throw new ValueError(`${preset}: ${name} is missing, and the data don't tell it.`);
}

const presets: Record<string, PresetKind> = {
  twoLayerNet: kind(
    { ...denseItems, hiddenDim: maybe(size()) },
    (facts) => ({ ...elements(facts), ...scores(facts) }),
    twoLayerNet,
  ),
  fullyConnectedNet: kind(
    {
      ...denseItems,
      hiddenDims: sizes,
      normalization: maybe(fields.optional(fields.choice(["batchNorm", "layerNorm"]))),
      dropout: maybe(probability()),
    },
    (facts) => ({ ...elements(facts), ...scores(facts) }),
    fullyConnectedNet,
  ),
  threeLayerConvNet: kind(
    {
      inputDim: maybe(imageShape),
      ...classifierItems,
      numFilters: maybe(size()),
      filterSize: maybe(size()),
      hiddenDim: maybe(size()),
    },
    (facts) => ({
      ...(facts.shape.length === 3 ? { inputDim: facts.shape as unknown as ImageShape } : {}),
      ...scores(facts),
    }),
    threeLayerConvNet,
  ),
  resNet: kind(
    {
      depth: maybe(size()),
      blocks: maybe(sizes),
      width: maybe(size()),
      stem: maybe(word(["cifar", "imageNet"])),
      inChannels: maybe(size()),
      numClasses: maybe(size()),
      dtype,
    },
    (facts) => ({ ...channels(facts), ...scores(facts) }),
    resNet,
  ),
  resNet18: kind(
    { inChannels: maybe(size()), numClasses: maybe(size()), dtype },
    (facts) => ({ ...channels(facts), ...scores(facts) }),
    resNet18,
  ),
  charGpt: kind(
    {
      vocabSize: maybe(size()),
      contextLength: maybe(size()),
      dModel: maybe(size()),
      nhead: maybe(size()),
      ...languageItems,
    },
    (facts) => ({ ...tokens(facts), contextLength: facts.shape[0] }),
    ({ vocabSize, ...options }) =>
      charGpt({ vocabSize: needed("charGpt", "vocabSize", vocabSize), ...options }),
  ),
  lstmLanguageModel: kind(
    {
      vocabSize: maybe(size()),
      embeddingDim: maybe(size()),
      hiddenSize: maybe(size()),
      ...languageItems,
    },
    tokens,
    ({ vocabSize, ...options }) =>
      lstmLanguageModel({
        vocabSize: needed("lstmLanguageModel", "vocabSize", vocabSize),
        ...options,
      }),
  ),
  autoencoder: kind(
    { inputDim: maybe(size()), ...codeItems },
    elements,
    ({ inputDim, ...options }) => autoencoder({ inputDim: inputDim!, ...options }),
  ),
  vae: kind(
    {
      inputDim: maybe(size()),
      ...codeItems,
      likelihood: maybe(word(["bernoulli", "normal"])),
    },
    elements,
    ({ inputDim, ...options }) => vae({ inputDim: inputDim!, ...options }),
  ),
};

const presetItem = oneOf(presets, {
  key: "preset",
  example: '{ "preset": "twoLayerNet" }',
}) as unknown as Item<ChosenModel>;

type ChosenPreset = Readonly<Record<string, unknown>> & { readonly preset: string };
/** A preset with its options, or the spec of layers. */
export type ChosenModel = ChosenPreset | Spec;

const specWish =
  '{ "preset": "twoLayerNet" }, or a spec such as { "type": "sequential", "layers": […] }';

/** What is inside of a spec, `fromSpec` checks when the model is built. */
const anySpec = v.custom<ChosenModel>(
  (value) => typeof value === "object" && value !== null && "type" in value,
  ({ input }) => `is ${show(input)}; it must be ${specWish}.`,
);

export const modelItem: Item<ChosenModel> = {
  wants: specWish,
  schema: v.lazy((input) => {
    const named =
      typeof input === "string" ||
      (typeof input === "object" && input !== null && "preset" in input);
    return named ? presetItem.schema : anySpec;
  }),
};

/**
 * The model of a config, with fresh parameters; what a preset's options leave out, the data say.
 *
 * @throws ConfigError for what can't be built
 */
export function buildModel(chosen: ChosenModel, facts: Facts): AnyModule {
  return inPlace("model", () => {
    if (!isPreset(chosen)) return fromSpec(chosen);
    const { preset, ...options } = chosen;
    const { from, make } = presets[preset];
    return make({ ...from(facts), ...options });
  });
}

const isPreset = (chosen: ChosenModel): chosen is ChosenPreset => "preset" in chosen;
