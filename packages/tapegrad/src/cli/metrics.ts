/** The metrics that a config can name. */
import { fields } from "@tapegrad/nn";
import {
  accuracy,
  classificationReport,
  confusionMatrix,
  f1Score,
  formatConfusionMatrix,
  formatReport,
  type Metric,
  meanAbsoluteError,
  meanSquaredError,
  perplexity,
  precision,
  recall,
  topKAccuracy,
} from "@tapegrad/train";
import {
  type Chosen,
  type Item,
  type Items,
  type Kind,
  list,
  maybe,
  oneOf,
  text,
  type Values,
  word,
} from "./schema.ts";

/** What scores are compared with. */
interface Classes {
  readonly classNames?: readonly string[];
}

const name = maybe(text);

interface MetricKind<I extends Items = Items> extends Kind<I> {
  readonly items: I;
  /** The result's name where a config gives none. */
  readonly called: string;
  make(options: Values<I> & { name: string }, classes: Classes): Metric;
  /** The result for people. By default as a number. */
  format?(value: object): string;
}

const kind = <I extends Items>(
  called: string,
  items: I,
  make: MetricKind<I>["make"],
  format?: (value: never) => string,
): MetricKind =>
  ({ called, items: { ...items, name }, make, ...(format && { format }) }) as unknown as MetricKind;

const averaged = { average: maybe(word(["macro", "micro", "weighted"])) };

const kinds: Record<string, MetricKind> = {
  accuracy: kind("accuracy", {}, (options) => accuracy(options)),
  topK: kind("topK", { k: fields.size() }, ({ k, ...options }) => topKAccuracy(k, options)),
  precision: kind("precision", averaged, (options) => precision(options)),
  recall: kind("recall", averaged, (options) => recall(options)),
  f1: kind("f1", averaged, (options) => f1Score(options)),
  confusion: kind(
    "confusion",
    {},
    (options, classes) => confusionMatrix({ ...classes, ...options }),
    formatConfusionMatrix,
  ),
  report: kind(
    "report",
    {},
    (options, classes) => classificationReport({ ...classes, ...options }),
    formatReport,
  ),
  perplexity: kind("perplexity", {}, (options) => perplexity(options)),
  mse: kind("mse", {}, (options) => meanSquaredError(options)),
  mae: kind("mae", {}, (options) => meanAbsoluteError(options)),
};

export const metricNames = (): string[] => Object.keys(kinds);

export const metricsItem: Item<readonly Chosen[]> = list(
  oneOf(kinds, { example: '{ "type": "topK", "k": 5 }' }),
);

/** A metric, and how its result looks. */
export interface ShownMetric {
  readonly metric: Metric;
  format(value: number | object): string;
}

export const nameOf = ({ type, name = kinds[type].called }: Chosen): string => name as string;

export function makeMetric(chosen: Chosen, classNames: readonly string[] | null): ShownMetric {
  const { type, name: _, ...options } = chosen;
  const { make, format } = kinds[type];
  const metric = make(
    { ...options, name: nameOf(chosen) },
    classNames === null ? {} : { classNames },
  );
  return {
    metric,
    format: (value) =>
      typeof value === "number" ? value.toFixed(4) : `\n${format!(value).replace(/^/gm, "  ")}`,
  };
}
