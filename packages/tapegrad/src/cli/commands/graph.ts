/** `tapegrad graph`: a picture of what a model computes. */
import { extname } from "node:path";
import { zeros } from "@tapegrad/core";
import { type Batch, writeFileAtomic } from "@tapegrad/data";
import { type AnyModule, LanguageModel } from "@tapegrad/nn";
import {
  type Graph,
  graph as graphOf,
  toDOT,
  toHTML,
  toMermaid,
  toPng,
  toSVG,
} from "@tapegrad/viz";
import { type Config, readConfig, settle } from "../config.ts";
import { type Learned, makeLearner, openParts } from "../experiment.ts";
import { exitCodes, type Io, report, UsageError } from "../io.ts";
import { openTrained } from "../runs.ts";
import { inPlace } from "../schema.ts";
import { inputShape, type Task, taskOf } from "../task.ts";
import { describe, shapeOf } from "./summary.ts";

export interface GraphCommandOptions {
  readonly output: string;
  readonly set: readonly string[];
  /** Shape of one input, without the batch axis. */
  readonly input?: readonly number[];
  readonly batch: number;
  readonly loss: boolean;
  readonly backward: boolean;
  readonly fold?: number;
  readonly unfold: boolean;
  readonly json: boolean;
}

type Fold = number | false;
type Writer = (graph: Graph, fold: Fold) => string | Uint8Array | Promise<Uint8Array>;

const writers: Readonly<Record<string, Writer>> = {
  ".svg": (graph, fold) => toSVG(graph, { fold }),
  ".html": (graph, fold) => toHTML(graph, { fold }),
  ".dot": (graph, fold) => toDOT(graph, { fold }),
  ".mmd": (graph, fold) => toMermaid(graph, { fold }),
  ".json": (graph) => `${JSON.stringify(graph)}\n`,
  ".png": (graph, fold) => toPng(toSVG(graph, { fold })),
};

export const endings = Object.keys(writers);

export async function graph(path: string, options: GraphCommandOptions, io: Io): Promise<number> {
  const { output, unfold } = options;
  const write = writers[extname(output).toLowerCase()];
  if (write === undefined) {
    throw new UsageError(
      `-o ${output}: its ending says no format; there are ${endings.join(", ")}.`,
    );
  }
  if (unfold && options.fold !== undefined) {
    throw new UsageError("--fold and --unfold are both given; one of them says what is drawn.");
  }
  const drawn =
    options.loss || options.backward ? await withLoss(path, options) : await forward(path, options);
  const fold = unfold ? false : (options.fold ?? telling(drawn));
  const content = await write(drawn, fold);
  const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
  await writeFileAtomic("tapegrad graph", output, bytes);
  const ops = drawn.nodes.filter(({ kind }) => kind === "op").length;
  const modules = drawn.groups.filter(({ kind }) => kind === "module").length;
  report(
    io,
    options.json,
    { file: output, bytes: bytes.length, ops, modules, fold },
    `${output}: ${ops} operations, ${modules} calls of modules`,
  );
  return exitCodes.done;
}

/** Of zeros in the shape of the model's inputs. */
async function forward(path: string, options: GraphCommandOptions): Promise<Graph> {
  const { model, facts } = await describe(path, options);
  const shape = [options.batch, ...inputShape(model, shapeOf(options, facts))];
  const dtype = model instanceof LanguageModel ? "int32" : "float32";
  model.eval();
  return inPlace("model", () => graphOf(model, { input: zeros(shape, { dtype }), source: false }));
}

/** Of the first examples and their loss, as training computes it. */
async function withLoss(
  path: string,
  { set, batch: rows, backward, input }: GraphCommandOptions,
): Promise<Graph> {
  if (input !== undefined) {
    throw new UsageError("--input is for pictures of zeros; with a loss, the data say the shape.");
  }
  const { model, task, batch } = await prepared(path, set, rows);
  model.train();
  return inPlace("model, given examples of the data", () =>
    graphOf(() => ({ loss: task.outcome(batch).loss }), {
      model,
      names: { x: batch.x, ...(task.hasScores && { y: batch.y }) },
      title: `${model.constructor.name} and its loss`,
      gradients: backward,
      source: false,
    }),
  );
}

interface Prepared {
  readonly model: AnyModule;
  readonly task: Task;
  readonly batch: Batch;
}

async function prepared(path: string, set: readonly string[], rows: number): Promise<Prepared> {
  const take = async (config: Config, known: Learned | null) => {
    const parts = await openParts(config, known);
    const some = Int32Array.from({ length: Math.min(rows, parts.train.length) }, (_, i) => i);
    return { parts, batch: await parts.train.batch(some) };
  };
  if (!path.endsWith(".json")) {
    if (set.length > 0) throw new UsageError("--set changes configs and specs only.");
    const { model, config, facts, fitted } = await openTrained(path, { warn: () => {} });
    const { batch } = await take(config, { facts, fitted });
    return { model, task: taskOf(model, config.loss, facts), batch };
  }
  const json = await readConfig(path, set);
  if (typeof json === "object" && json !== null && "type" in json) {
    throw new UsageError(
      `"${path}" is a spec, without data and so without a loss; give a config or a run, or leave --loss and --backward out.`,
    );
  }
  const config = settle(json);
  const { parts, batch } = await take(config, null);
  return { ...(await makeLearner(config, parts)), batch };
}

/** The least depth at which there are some boxes to see: what is outermost may be one box around all. */
function telling({ groups }: Graph): Fold {
  const parents = new Map(groups.map(({ id, parent }) => [id, parent]));
  const depthOf = (id: string): number => {
    const parent = parents.get(id) ?? null;
    return parent === null ? 1 : 1 + depthOf(parent);
  };
  const depths = groups.filter(({ kind }) => kind === "module").map(({ id }) => depthOf(id));
  if (depths.length === 0) return false;
  for (let depth = 1; depth < Math.max(...depths); depth++) {
    if (depths.filter((one) => one === depth).length > 2) return depth;
  }
  return Math.max(...depths);
}
