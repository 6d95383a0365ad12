/** `tapegrad summary`: the layers, shapes and sizes of a model. */
import {
  type AnyModule,
  fromSpec,
  LanguageModel,
  type ModelSummary,
  type ModuleSummary,
  summary as summarize,
} from "@tapegrad/nn";
import { readConfig, settle } from "../config.ts";
import { openParts } from "../experiment.ts";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { buildModel } from "../models.ts";
import type { Facts } from "../opened.ts";
import { loadModel, openTrained, ownerOf } from "../runs.ts";
import { inPlace } from "../schema.ts";
import { inputShape } from "../task.ts";

export interface SummaryOptions {
  /** Shape of one input, without the batch axis. */
  readonly input?: readonly number[];
  readonly set: readonly string[];
  readonly depth?: number;
  readonly json: boolean;
}

interface Described {
  readonly model: AnyModule;
  readonly facts: Pick<Facts, "shape"> | null;
}

export async function summary(path: string, options: SummaryOptions, io: Io): Promise<number> {
  const { model, facts } = await describe(path, options);
  const shape = shapeOf(options, facts);
  const found = inPlace("model", () =>
    summarize(model, [1, ...inputShape(model, shape)], {
      ...(model instanceof LanguageModel ? { dtype: "int32" } : {}),
      ...(options.depth === undefined ? {} : { depth: options.depth }),
    }),
  );
  report(io, options.json, documentOf(found), String(found));
  return exitCodes.done;
}

/** Of one input. @throws UsageError where nothing says it */
export function shapeOf(
  { input }: Pick<SummaryOptions, "input">,
  facts: Described["facts"],
): readonly number[] {
  const shape = input ?? facts?.shape;
  if (shape !== undefined) return shape;
  throw new UsageError(
    "a model alone doesn't say what its input looks like; give its shape without the batch axis, such as --input 3,32,32.",
  );
}

/** A config, a spec, a checkpoint, or a run. */
export async function describe(
  path: string,
  { set }: Pick<SummaryOptions, "set">,
): Promise<Described> {
  if (path.endsWith(".json")) return describeJson(await readConfig(path, set));
  if (set.length > 0) throw new UsageError("--set changes configs and specs only.");
  const warn = () => {};
  const isLone = path.endsWith(".safetensors") && (await ownerOf(path)) === null;
  return isLone ? { ...(await loadModel(path)), facts: null } : openTrained(path, { warn });
}

async function describeJson(json: unknown): Promise<Described> {
  if (typeof json === "object" && json !== null && "type" in json) {
    return { model: inPlace("the spec", () => fromSpec<AnyModule>(json)), facts: null };
  }
  const config = settle(json);
  const { facts } = await openParts(config);
  return { model: buildModel(config.model, facts), facts };
}

function documentOf({ root, parameters, trainable, memory }: ModelSummary): object {
  const layers = function* (one: ModuleSummary): Iterable<object> {
    const { children, ...own } = one;
    yield own;
    for (const child of children) yield* layers(child);
  };
  return { parameters, trainable, memory, layers: [...layers(root)] };
}
