/** `tapegrad predict`: what a trained model makes of pictures, rows, arrays, or the beginning of a text. */
import { basename } from "node:path";
import { type DType, Generator, noGrad, type Tensor, tensor, ValueError } from "@tapegrad/core";
import {
  charTokenizer,
  compose,
  decodeSample,
  loadCsv,
  loadNpy,
  normalize,
  readBytes,
  resize,
  type Sample,
} from "@tapegrad/data";
import { type AnyModule, LanguageModel, type Module } from "@tapegrad/nn";
import { formatNumber, formatTable } from "@tapegrad/train";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import type { Facts } from "../opened.ts";
import { openTrained, type RunRecord } from "../runs.ts";
import { taskOf } from "../task.ts";
import { percent } from "../text.ts";
import { transformsFor } from "../transforms.ts";

export interface PredictOptions {
  readonly run?: string;
  /** How many of the likeliest classes are told. */
  readonly top: number;
  readonly prompt?: string;
  readonly length: number;
  readonly temperature: number;
  readonly topK?: number;
  readonly seed: number;
  readonly json: boolean;
}

export async function predict(
  path: string,
  inputs: readonly string[],
  options: PredictOptions,
  io: Io,
): Promise<number> {
  const warn = (message: string) => io.errors.write(`warning: ${message}\n`);
  const trained = await openTrained(path, { ...options, warn });
  const { model, facts, config } = trained;
  if (model instanceof LanguageModel) {
    if (inputs.length > 0) {
      throw new UsageError(
        `a language model goes on with a text: give --prompt, not ${inputs[0]}.`,
      );
    }
    generate(model as LanguageModel<never, { logits: Tensor }>, facts, options, io);
    return exitCodes.done;
  }
  if (options.prompt !== undefined) {
    throw new UsageError("--prompt is for language models; this model takes files.");
  }
  if (facts.targets === "tokens" || !taskOf(model, config.loss, facts).hasScores) {
    throw new UsageError(`this model gives no predictions of examples; load it in a program.`);
  }
  if (inputs.length === 0) {
    throw new UsageError(`there is nothing to predict: name ${wanted[facts.inputs]}.`);
  }
  const predictions: Prediction[] = [];
  for (const input of inputs) {
    for (const { name, sample } of await samplesOf(input, trained)) {
      predictions.push({ input: name, ...predictionOf(model, sample, trained, options.top) });
    }
  }
  report(io, options.json, predictions, tableOf(predictions));
  return exitCodes.done;
}

const wanted: Readonly<Record<Facts["inputs"], string>> = {
  images: "picture files, .png or .jpg",
  rows: "a .csv file with the features' columns",
  arrays: "a .npy file with an example per row",
  text: "--prompt",
};

// ---- Reading

interface NamedSample {
  readonly name: string;
  readonly sample: Sample;
}

/** Examples as the model was trained on them. */
async function samplesOf(
  input: string,
  { facts, config, fitted }: RunRecord,
): Promise<NamedSample[]> {
  const change = compose(transformsFor(config.transforms, fitted, "eval"));
  const list =
    facts.inputs === "images"
      ? [{ name: input, sample: await picture(input, facts) }]
      : facts.inputs === "rows"
        ? await rowsIn(input, facts)
        : await arraysIn(input, facts);
  const settled = () => 0;
  return list.map(({ name, sample }) => ({ name, sample: change(sample, settled) }));
}

/** A picture of the source's size and colours. */
async function picture(path: string, { shape, pixels }: Facts): Promise<Sample> {
  const [channels, height, width] = shape;
  const bytes = await readBytes("predict", path);
  const sample = await decodeSample(bytes, { channels: channels as 1 | 3 }, path);
  const changes = [resize([height, width]), ...(pixels === null ? [] : [normalize(pixels)])];
  return compose(changes)(sample, () => 0);
}

/** The columns that the model knows, by name; other columns don't matter. */
async function rowsIn(path: string, { shape, featureNames }: Facts): Promise<NamedSample[]> {
  const table = await loadCsv(path);
  const names = featureNames ?? table.names;
  const columns = names.map((name) => {
    const column = table.column(name);
    if (column.type === "number") return column.values;
    throw new ValueError(`"${path}", column ${JSON.stringify(name)}: it must be numbers.`);
  });
  return Array.from({ length: table.length }, (_, row) => ({
    name: `${basename(path)} row ${row + 1}`,
    sample: { shape, data: Float32Array.from(columns, (values) => values[row]) },
  }));
}

async function arraysIn(path: string, { shape }: Facts): Promise<NamedSample[]> {
  const x = (await loadNpy(path)).to("float32");
  const [rows, ...own] = x.shape;
  if (own.join() !== shape.join()) {
    throw new ValueError(
      `"${path}" is [${x.shape.join(", ")}]; it must be [N, ${shape.join(", ")}], an example per row.`,
    );
  }
  const data = x.data() as Float32Array;
  const size = data.length / rows;
  return Array.from({ length: rows }, (_, row) => ({
    name: `${basename(path)} row ${row + 1}`,
    sample: { shape, data: data.subarray(row * size, (row + 1) * size) },
  }));
}

// ---- Predicting

interface Chance {
  readonly class: string;
  readonly score: number;
  /** null for a loss under which scores are none. */
  readonly probability: number | null;
}

interface Prediction {
  readonly input: string;
  /** The likeliest class, or the number or numbers that were asked for. */
  readonly prediction: string | number | readonly number[];
  /** The likeliest classes. */
  readonly top?: readonly Chance[];
}

/** Losses under which softmax of the scores is a probability. */
const probabilistic: readonly (string | undefined)[] = [undefined, "crossEntropyLoss", "nllLoss"];

function predictionOf(
  model: AnyModule,
  { shape, data }: Sample,
  { facts, config }: RunRecord,
  top: number,
): Omit<Prediction, "input"> {
  const { loss, data: source } = config;
  const x = tensor(data, { shape: [1, ...shape] }).to((source.dtype as DType) ?? "float32");
  const scores = noGrad(() => (model as Module)(x).to("float64").flatten());
  const values = [...scores.data()];
  const { classNames } = facts;
  if (classNames === null) return { prediction: values.length === 1 ? values[0] : values };
  const isProbable = probabilistic.includes(typeof loss === "object" ? loss.type : loss);
  const shares = isProbable ? noGrad(() => scores.softmax(0).data()) : null;
  const chances = values
    .map((score, i) => ({
      class: classNames[i] ?? String(i),
      score,
      probability: shares === null ? null : shares[i],
    }))
    .sort((a, b) => b.score - a.score)
    .slice(0, top);
  return { prediction: chances[0].class, top: chances };
}

function tableOf(predictions: readonly Prediction[]): string {
  return formatTable(
    predictions.map(({ input, prediction, top }) => [
      input,
      typeof prediction === "string"
        ? prediction
        : [prediction]
            .flat()
            .map((value) => formatNumber(value, 6))
            .join(" "),
      (top ?? [])
        .map(
          ({ class: name, score, probability }) =>
            `${name} ${probability === null ? formatNumber(score) : percent(probability)}`,
        )
        .join(" · "),
    ]),
    { left: 3 },
  );
}

function generate(
  model: LanguageModel<never, { logits: Tensor }>,
  { vocabulary }: Facts,
  { prompt, length, temperature, topK, seed, json }: PredictOptions,
  io: Io,
): void {
  if (vocabulary === null) {
    throw new UsageError(
      "the run's examples were numbers, so nothing says which characters they are.",
    );
  }
  const { encode, decode } = charTokenizer(vocabulary);
  // Without a beginning, the model begins a line if its text had lines.
  const beginning = prompt ?? (vocabulary.includes("\n") ? "\n" : vocabulary[0]);
  const tokens = model.generate([...encode(beginning)], {
    length,
    temperature,
    ...(topK === undefined ? {} : { topK }),
    generator: new Generator(seed),
  });
  const text = decode(tokens);
  report(io, json, { prompt: beginning, text, seed, temperature }, text);
}
