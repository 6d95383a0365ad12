/** `graph()`: from a tensor, a function or a model to plain JSON. */
import {
  type DType,
  defaultGenerator,
  Generator,
  noGrad,
  type Op,
  randn,
  show,
  Tensor,
  treeLeaves,
  ValueError,
  zeros,
} from "@tapegrad/core";
import { v7 as uuid } from "uuid";
import { groupsOf, type Item } from "./groups.ts";
import { checkRoots, type Draft, Recorder, type Ref } from "./recorder.ts";
import {
  type Graph,
  type GraphEdge,
  type GraphNode,
  type GraphOp,
  type NodeKind,
  schemaVersion,
} from "./schema.ts";
import { toJson } from "./summary.ts";

type Shape = readonly number[];

/** What `graph()` needs of a model: modules of the package `nn` have it. */
export interface ModelLike {
  // biome-ignore lint/suspicious/noExplicitAny: models take and give whatever they like
  (...inputs: any[]): unknown;
  namedParameters(): Iterable<readonly [name: string, parameter: Tensor]>;
  namedBuffers?(): Iterable<readonly [name: string, buffer: Tensor]>;
  namedModules?(): Iterable<readonly [name: string, module: object]>;
  initialize?(inputs: never): unknown;
}

/** Tensors by name. */
export type Names = Readonly<Record<string, Tensor>>;

/** Options of {@link graph}. */
export interface GraphOptions {
  /** What the picture is called. Default: the model's class, else none. */
  title?: string;
  /** Names for leaves, constants and results in between; a function is called after the run. */
  names?: Names | (() => Names);
  /** The model whose parameters and modules occur in a tensor's or a function's graph. */
  model?: ModelLike;
  /** For a model: its input, or the inputs, each a tensor or a shape (filled with standard normal numbers). */
  input?: Tensor | Shape | readonly (Tensor | Shape)[];
  /** dtype of inputs given as shapes; whole numbers are zeros. Default "float32". */
  dtype?: DType;
  /**
   * Run a backward pass for the picture, which captures the gradient of every node and along every edge and
   * touches no `grad`. Default: whether `dy` is given. Without it, gradients are those that `grad` fields hold.
   */
  gradients?: boolean;
  /** Gradients arriving at the results; needed for those of more than one element. */
  dy?: Tensor | readonly (Tensor | null)[];
  /** Up to how many elements of a tensor are listed one by one. Default 64. */
  maxValues?: number;
  /** Look for the lines that call ops, in a function or model. Default true. */
  source?: boolean;
  /** Id of the graph. Default: a fresh uuid. */
  id?: string;
}

/** What {@link graph} draws. */
export type Drawable =
  | Tensor
  | readonly Tensor[]
  | Names
  | ModelLike
  | (() => Tensor | readonly Tensor[] | Names);

/**
 * The graph of a computation as plain JSON, from which every picture is drawn.
 *
 * - Of a tensor (or several), it is what the tape holds: values are there as far as rules keep them for backward.
 * - Of a function, it is what the function computes when it is run, here and now: every value is there,
 *   constants too.
 * - Of a model, it is a run on `input`; the model's buffers and the default generator are as before.
 *
 * ```ts
 * const picture = graph(() => x.mul(w).add(b).sigmoid(), { names: { x, w, b }, gradients: true });
 * ```
 *
 * @throws ValueError for what can't be drawn, or a name that is not in the graph; GradError if gradients are
 *   wanted and backward can't start
 */
export function graph(what: Drawable, options: GraphOptions = {}): Graph {
  const { maxValues = 64, source = true } = options;
  if (!Number.isSafeInteger(maxValues) || maxValues < 1) {
    throw new ValueError(
      `graph: maxValues is ${show(maxValues)}; it must be a whole number from 1 on.`,
    );
  }
  const recorder = new Recorder(maxValues, source);
  if (isModel(what)) {
    const inputs = inputsOf(what, options);
    const names = inputs.length === 1 ? { input: inputs[0]! } : listed("input", inputs);
    return undisturbed(what, () => {
      const result = recorder.run(() => what(...inputs));
      return drawn(recorder, result, { model: what, ...options }, names);
    });
  }
  if (options.input !== undefined) {
    throw new ValueError(
      `graph: input is for models, which have namedParameters(); got ${show(what)}.`,
    );
  }
  const result = typeof what === "function" ? recorder.run(what) : what;
  return drawn(recorder, result, options, {});
}

function isModel(what: unknown): what is ModelLike {
  return (
    typeof what === "function" && typeof (what as Partial<ModelLike>).namedParameters === "function"
  );
}

const listed = (name: string, xs: readonly Tensor[]): Names =>
  Object.fromEntries(xs.map((x, i) => [`${name}[${i}]`, x]));

/** Tensors to run the model on; sizes that it still has to learn from them are settled. */
function inputsOf(model: ModelLike, { input, dtype = "float32" }: GraphOptions): Tensor[] {
  const isShape = (value: unknown): value is Shape =>
    Array.isArray(value) && value.every((n) => Number.isSafeInteger(n) && n >= 0);
  const list: readonly unknown[] = Array.isArray(input) && !isShape(input) ? input : [input];
  // A generator of its own: a picture changes no one's random numbers.
  const generator = new Generator(0);
  const inputs = list.map((x, i) => {
    if (x instanceof Tensor) return x;
    if (!isShape(x)) {
      throw new ValueError(
        `graph: input ${i} of the model is ${show(x)}; give input: a Tensor, a shape such as [1, 3, 32, 32], or an array of these.`,
      );
    }
    const isFloat = dtype === "float32" || dtype === "float64";
    return isFloat ? randn(x, { dtype, generator }) : zeros(x, { dtype });
  });
  (model.initialize as ((inputs: readonly Tensor[]) => unknown) | undefined)?.call(model, inputs);
  return inputs;
}

/** Runs f, then puts the model's buffers and the default generator back. */
function undisturbed<T>(model: ModelLike, f: () => T): T {
  const { state } = defaultGenerator();
  const buffers = [...(model.namedBuffers?.() ?? [])].map(
    ([, x]) => [x, noGrad(() => x.clone())] as const,
  );
  try {
    return f();
  } finally {
    noGrad(() => {
      for (const [x, before] of buffers) x.copy_(before);
    });
    defaultGenerator().state = state;
  }
}

// ---------------------------------------------------------------------------------------------
// From drafts to JSON

/** What a tensor is called, and what it is in its model. */
interface Named {
  name: string;
  as: "parameter" | "buffer" | "user";
}

function drawn(recorder: Recorder, result: unknown, options: GraphOptions, inputs: Names): Graph {
  const { model, title = model === undefined ? null : className(model), id = uuid() } = options;
  const roots = result instanceof Tensor ? [result] : treeLeaves(result);
  if (roots.length === 0) {
    throw new ValueError(
      `graph: got ${show(result)}, in which there is no Tensor; pass a tensor, a function that returns some, or a model with its input.`,
    );
  }
  const { ends, drafts } = recorder.reach(roots);
  readGradients(recorder, roots, drafts, options);
  const names = namesOf(recorder, options, inputs);
  const endNames =
    result instanceof Tensor || Array.isArray(result) ? [] : Object.keys(result as object);
  const kinds = drafts.map((draft) => kindOf(draft, names.get(draft)));
  const items = drafts.map((draft, i) => itemOf(draft, kinds[i]!, names.get(draft)));
  const types = new Map([...(model?.namedModules?.() ?? [])].map(([p, m]) => [p, className(m)]));
  const { groups, groupOf } = groupsOf(items, (path) => types.get(path) ?? null);
  const ids = new Map(drafts.map((draft, i) => [draft, `n${i}`]));
  const edges: GraphEdge[] = [];
  const connect = (from: Ref, to: string, index: number, input: string, flow?: Flow) => {
    const { gradient = null, local = null } = flow ?? {};
    const [source, edge] = [ids.get(from.draft)!, `e${edges.length}`];
    edges.push({ id: edge, from: source, output: from.slot, to, index, input, gradient, local });
  };
  const nodes = drafts.map((draft, i): GraphNode => {
    draft.inputs!.forEach((from, at) => {
      connect(from, `n${i}`, at, inputName(draft.op!, at), draft.flows?.[at]);
    });
    return {
      id: `n${i}`,
      kind: kinds[i]!,
      op: draft.op?.name ?? null,
      name: names.get(draft)?.name ?? null,
      module: items[i]!.module,
      group: groupOf[i]!,
      outputs: draft.outputs.map((output, slot) => ({
        name: draft.op?.outputs[slot] ?? "y",
        ...output,
      })),
      attributes: plain(draft.attrs, 0),
      savedBytes: draft.savedBytes,
      saves: draft.op?.saves ?? [],
      source: draft.source,
    };
  });
  ends.forEach((from, i) => {
    const output = from.draft.outputs[from.slot]!;
    const end = endOf(`n${nodes.length}`, endNames[i] ?? null, output);
    connect(from, end.id, 0, "y", { gradient: output.gradient, local: null });
    nodes.push(end);
  });
  const ops: Record<string, GraphOp> = {};
  for (const { op } of drafts) if (op !== null) ops[op.name] ??= factsOf(op);
  return { schema: "tapegrad.graph", version: schemaVersion, id, title, ops, nodes, edges, groups };
}

type Flow = Pick<GraphEdge, "gradient" | "local">;

function readGradients(
  recorder: Recorder,
  roots: readonly Tensor[],
  drafts: readonly Draft[],
  { dy, gradients = dy !== undefined }: GraphOptions,
): void {
  if (!gradients) {
    recorder.readGradients(drafts);
    return;
  }
  const given = dy === undefined ? [] : dy instanceof Tensor ? [dy] : dy;
  const dys = roots.map((_, i) => given[i] ?? null);
  checkRoots(roots, dys);
  recorder.captureGradients(roots, dys, drafts);
}

/** @throws ValueError for a user's name of what is not in the graph */
function namesOf(
  recorder: Recorder,
  { model, names: given = {} }: GraphOptions,
  inputs: Names,
): Map<Draft, Named> {
  const names = new Map<Draft, Named>();
  const add = (name: string, x: Tensor, as: Named["as"]): boolean => {
    const ref = x instanceof Tensor ? recorder.find(x) : null;
    if (ref !== null) names.set(ref.draft, { name, as });
    return ref !== null;
  };
  for (const [name, x] of model?.namedBuffers?.() ?? []) add(name, x, "buffer");
  for (const [name, x] of model?.namedParameters() ?? []) add(name, x, "parameter");
  for (const [name, x] of Object.entries(inputs)) add(name, x, "user");
  for (const [name, x] of Object.entries(typeof given === "function" ? given() : given)) {
    if (add(name, x, "user")) continue;
    throw new ValueError(
      `graph: names.${name} is ${x instanceof Tensor ? "not in the graph: the result doesn't depend on it, or the tape kept no trace of it (of a function, every value is kept: graph(() => …))" : `${show(x)}; it must be a Tensor`}.`,
    );
  }
  return names;
}

function kindOf({ op, node, tensor }: Draft, named: Named | undefined): NodeKind {
  if (op !== null) return "op";
  if (named?.as === "parameter") return "parameter";
  // Parameters of modules are a class of their own.
  if (node !== null) return tensor!.constructor === Tensor ? "leaf" : "parameter";
  return named?.as === "user" ? "leaf" : "constant";
}

function itemOf({ op, module, outputs }: Draft, kind: NodeKind, named: Named | undefined): Item {
  if (op !== null) return { module, isOp: true, joins: "user", parameters: 0 };
  const size = (outputs[0]!.shape ?? []).reduce((product, n) => product * n, 1);
  const parameters = kind === "parameter" ? size : 0;
  if (named !== undefined && named.as !== "user") {
    const path = named.name.slice(0, Math.max(0, named.name.lastIndexOf(".")));
    return { module: path, isOp: false, joins: "module", parameters };
  }
  const isSmall = kind === "constant" && size === 1;
  const joins = isSmall || kind === "parameter" ? "user" : "top";
  return { module: "", isOp: false, joins, parameters };
}

function inputName(op: Op, index: number): string {
  return op.variadic ? `${op.inputs[0]}[${index}]` : op.inputs[index]!;
}

function factsOf({ symbol, inputs, outputs, tex, kinks, variadic }: Op): GraphOp {
  return { symbol, inputs, outputs, tex, kinks, variadic };
}

/** The end of a wire. */
function endOf(id: string, name: string | null, from: Draft["outputs"][number]): GraphNode {
  return {
    id,
    kind: "output",
    op: null,
    name,
    module: "",
    group: null,
    outputs: [{ name: "y", ...from }],
    attributes: null,
    savedBytes: 0,
    saves: [],
    source: null,
  };
}

/** The class of a module, without the underscores that bundlers put before names. */
function className(module: object): string {
  return module.constructor.name.replace(/^_+/, "");
}

/** Longer lists, and what is nested deeper, say little in a picture. */
const [mostListed, deepest] = [32, 4];

/** Attributes as JSON: numbers, texts, booleans, lists and plain objects of these; null for the rest. */
function plain(value: unknown, depth: number): unknown {
  if (typeof value === "number") return toJson(value);
  if (typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value !== "object" || value === null || depth > deepest) return null;
  if (Array.isArray(value)) return value.slice(0, mostListed).map((v) => plain(v, depth + 1));
  if (Object.getPrototypeOf(value) !== Object.prototype) return null;
  const entries = Object.entries(value).filter(([, v]) => v !== undefined);
  return Object.fromEntries(entries.map(([key, v]) => [key, plain(v, depth + 1)]));
}
