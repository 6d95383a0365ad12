/** The config of a run: what it may hold, and how it is read. */
import { readFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { show } from "@tapegrad/core";
import { fields, type Json } from "@tapegrad/nn";
import * as v from "valibot";
import { UsageError } from "./io.ts";
import { metricsItem, nameOf } from "./metrics.ts";
import { modelItem } from "./models.ts";
import { optimizerItem } from "./optimizers.ts";
import { scheduleItem } from "./schedules.ts";
import {
  ConfigError,
  check,
  group,
  type Item,
  maybe,
  notNegative,
  text,
  type Values,
  word,
} from "./schema.ts";
import { dataItem, pathOptions } from "./sources.ts";
import { searchItem } from "./spaces.ts";
import { lossItem } from "./task.ts";
import { transformsItem } from "./transforms.ts";

const { count, flag, positive, size } = fields;
const or = <T>(item: Item<T>, fallback: T): Item<T> => ({ ...item, fallback });

type NamedMonitor = { readonly name: string; readonly mode: "min" | "max" };
const monitors = ["loss", "trainAcc", "valLoss", "valAcc"] as const;
export type ChosenMonitor = (typeof monitors)[number] | NamedMonitor;

const monitorItem: Item<ChosenMonitor> = {
  wants: `one of ${monitors.join(", ")}, or { "name": "f1", "mode": "max" }`,
  schema: v.lazy(
    (input): v.GenericSchema<unknown, ChosenMonitor> =>
      typeof input === "object" && input !== null
        ? group({ name: text, mode: word(["min", "max"]) }, "a monitor").schema
        : word(monitors).schema,
  ),
};

const earlyStopping = group(
  { patience: size(), minDelta: maybe(notNegative), monitor: maybe(monitorItem) },
  "earlyStopping",
);

const reduceOnPlateau = group(
  {
    factor: maybe(fields.positive()),
    patience: maybe(count()),
    threshold: maybe(notNegative),
    thresholdMode: maybe(word(["rel", "abs"])),
    cooldown: maybe(count()),
    minLr: maybe(notNegative),
    eps: maybe(notNegative),
  },
  "reduceOnPlateau",
);

const checkpoints = group(
  {
    everySteps: maybe(size()),
    everySeconds: maybe(positive()),
    everyEpochs: maybe(size()),
    keepLast: maybe(size()),
    keepBest: maybe(flag()),
  },
  "checkpoints",
);

const runName: Item<string> = fields.field<string>(
  "a name of letters, digits, dots, dashes and underscores",
  (message) => v.pipe(v.string(message), v.regex(/^\w[\w.-]*$/, message)),
);

/** Everything that a config may say; names and meanings are the Solver's where it has them. */
export const configItems = {
  name: maybe(runName),
  seed: count({ fallback: 0 }),
  data: dataItem,
  transforms: or(transformsItem, []),
  model: modelItem,
  loss: maybe(lossItem),
  reg: maybe(notNegative),
  optimizer: or(optimizerItem, { type: "adam" as const }),
  schedule: maybe(scheduleItem),
  lrDecay: maybe(positive()),
  reduceOnPlateau: maybe(reduceOnPlateau),
  epochs: size({ fallback: 10 }),
  maxSteps: maybe(size()),
  batchSize: size({ fallback: 100 }),
  accumulateSteps: maybe(size()),
  clipNorm: maybe(positive()),
  clipValue: maybe(positive()),
  metrics: or(metricsItem, []),
  monitor: maybe(monitorItem),
  keepBest: maybe(flag()),
  earlyStopping: maybe(earlyStopping),
  accuracySamples: maybe(size()),
  checkpoints: maybe(checkpoints),
  logSteps: maybe(size()),
  watch: maybe(size()),
  threads: maybe(size()),
  search: maybe(searchItem),
};

const configItem = group(configItems, "a config");
export type Config = Values<typeof configItems>;

/** The settled config: every default in its place. @throws ConfigError naming every mistake */
export function settle(json: unknown): Config {
  const result = check(configItem, json);
  if ("mistakes" in result) throw new ConfigError(result.mistakes);
  checkMonitors(result.value);
  return result.value;
}

/** A metric that is monitored must be measured. */
function checkMonitors({ metrics, monitor, earlyStopping }: Config): void {
  const names = metrics.map(nameOf);
  const watched = { monitor, "earlyStopping.monitor": earlyStopping?.monitor };
  const mistakes = Object.entries(watched).flatMap(([place, what]) => {
    if (typeof what !== "object") return [];
    const measured = names.some((name) => what.name === name || what.name.startsWith(`${name}.`));
    if (measured || monitors.includes(what.name as (typeof monitors)[number])) return [];
    const there = names.length === 0 ? "metrics is empty" : `metrics has ${names.join(", ")}`;
    return [`${place}.name is ${show(what.name)}; ${there}: add what it is to watch.`];
  });
  if (mistakes.length > 0) throw new ConfigError(mistakes);
}

// ---- Files

/**
 * A config as JSON, with overrides. Relative paths in the file are relative to its folder, those in
 * overrides to the working directory.
 *
 * @param sets  "optimizer.lr=0.01", "model.hiddenDims=[64, 32]"
 * @throws UsageError for a file that can't be read and overrides that make no sense
 */
export async function readConfig(path: string, sets: readonly string[]): Promise<unknown> {
  const json = absolute(await readJsonFile(path), dirname(path));
  for (const set of sets) override(json, set);
  return absolute(json, ".");
}

/** @throws UsageError telling line and column of a mistake */
export async function readJsonFile(path: string): Promise<Json> {
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (error) {
    throw new UsageError(`can't read "${path}": ${(error as Error).message}.`);
  }
  try {
    return JSON.parse(text) as Json;
  } catch (error) {
    const { message } = error as Error;
    const at = Number(message.match(/position (\d+)/)?.[1] ?? text.length);
    const lines = text.slice(0, at).split("\n");
    throw new UsageError(
      `"${path}", line ${lines.length}, column ${lines.at(-1)!.length + 1}: no JSON (${message}).`,
    );
  }
}

const isObject = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** The paths among the data's options made absolute. */
function absolute(json: unknown, base: string): unknown {
  if (!isObject(json) || !isObject(json.data)) return json;
  const data = { ...json.data };
  for (const option of pathOptions) {
    const given = data[option];
    if (typeof given === "string") data[option] = resolve(base, given);
    if (Array.isArray(given)) {
      data[option] = given.map((one) => (typeof one === "string" ? resolve(base, one) : one));
    }
  }
  return { ...json, data };
}

/** What a name alone stands for, so that `--set optimizer.lr=1` works with "optimizer": "adam". */
const nameKeys: Readonly<Record<string, string>> = { data: "source", model: "preset" };

function override(json: unknown, set: string): void {
  const equals = set.indexOf("=");
  const path = set.slice(0, equals).trim();
  if (equals < 1 || !/^[\w-]+(\.[\w-]+|\[\d+\])*$/.test(path)) {
    throw new UsageError(
      `--set ${set}: it must be a place and a value, such as optimizer.lr=0.01 or model.layers[0].bias=false.`,
    );
  }
  setAt(json, keysOf(path), parseValue(set.slice(equals + 1)), `--set ${set}`);
}

/** "layers[0].bias" → layers, 0, bias. */
export const keysOf = (path: string): string[] => path.replace(/\[(\d+)\]/g, ".$1").split(".");

/** JSON where it is some, else the text itself. */
export function parseValue(text: string): Json {
  try {
    return JSON.parse(text) as Json;
  } catch {
    return text;
  }
}

/** Sets a value deep inside of JSON; objects on the way are made. @throws UsageError where there is no way */
export function setAt(json: unknown, keys: readonly string[], value: Json, what: string): void {
  let place = json as Record<string, unknown>;
  for (const [i, key] of keys.entries()) {
    const isPlace = Array.isArray(place) ? Number(key) < place.length : isObject(place);
    if (!isPlace || key === "__proto__") {
      throw new UsageError(
        `${what}: there is no place ${keys.slice(0, i + 1).join(".")}; ${keys.slice(0, i).join(".") || "the config"} is ${show(place)}.`,
      );
    }
    if (i === keys.length - 1) place[key] = value;
    else {
      const inner = Object.hasOwn(place, key) ? place[key] : {};
      place[key] = typeof inner === "string" ? { [nameKeys[key] ?? "type"]: inner } : inner;
      place = place[key] as Record<string, unknown>;
    }
  }
}
