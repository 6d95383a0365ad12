/** What a model is made of: a tree with output shapes, parameter counts and memory. */
import { formatShape, type Shape, Tensor } from "@tapegrad/core";
import { joinPath } from "./call.ts";
import { dryRun, type InputOptions, inputsOf, type ModelInputs } from "./dry-run.ts";
import { kindOf } from "./layer.ts";
import type { AnyModule } from "./module.ts";

/** One module of the tree. */
export interface ModuleSummary {
  /** Its name in the one above; "" for the model itself. */
  readonly name: string;
  /** Its full name: "encoder.layers.0". */
  readonly path: string;
  /** Its class: "Linear". */
  readonly kind: string;
  /** How often the forward pass called it. */
  readonly calls: number;
  /** Shapes of the tensors that its last call returned; [] if it was not called. */
  readonly outputShapes: readonly Shape[];
  /** Elements of its own parameters, those of modules below left out, and how many of them are trained. */
  readonly parameters: number;
  readonly trainable: number;
  /** The path under which the same module came before, whose parameters are not counted again; else null. */
  readonly sharedWith: string | null;
  readonly children: readonly ModuleSummary[];
}

/** Memory in bytes. */
export interface MemorySummary {
  readonly parameters: number;
  readonly buffers: number;
  /** Outputs of all modules that have none below, in one forward pass; views of inputs not counted. */
  readonly activations: number;
}

export interface SummaryOptions extends InputOptions {
  /** How many levels are printed. Default: all. */
  depth?: number;
}

/** What {@link summary} returns: data that prints as a table. */
export class ModelSummary {
  readonly root: ModuleSummary;
  /** Elements of all parameters, shared ones once. */
  readonly parameters: number;
  readonly trainable: number;
  readonly memory: MemorySummary;
  readonly #depth: number;

  /** @internal */
  constructor(root: ModuleSummary, memory: MemorySummary, depth: number) {
    this.root = root;
    this.memory = memory;
    this.#depth = depth;
    const all = [...everyModule(root)];
    this.parameters = all.reduce((sum, one) => sum + one.parameters, 0);
    this.trainable = all.reduce((sum, one) => sum + one.trainable, 0);
  }

  toString(): string {
    const rows = [["Layer", "Output shape", "Parameters"], ...rowsOf(this.root, this.#depth)];
    const widths = [0, 1, 2].map((i) => Math.max(...rows.map((row) => row[i]!.length)));
    const lines = rows.map(([layer, shape, count]) =>
      [layer!.padEnd(widths[0]!), shape!.padEnd(widths[1]!), count!.padStart(widths[2]!)]
        .join("  ")
        .trimEnd(),
    );
    const rule = "─".repeat(Math.max(...lines.map((line) => line.length)));
    const { parameters, buffers, activations } = this.memory;
    const trained =
      this.trainable === this.parameters ? "all trainable" : `${grouped(this.trainable)} trainable`;
    return [
      lines[0]!,
      rule,
      ...lines.slice(1),
      rule,
      `Parameters: ${grouped(this.parameters)}, ${trained}`,
      `Memory: parameters ${bytesText(parameters)}, buffers ${bytesText(buffers)}, activations ${bytesText(activations)}`,
    ].join("\n");
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }
}

function* everyModule(root: ModuleSummary): Generator<ModuleSummary> {
  yield root;
  for (const child of root.children) yield* everyModule(child);
}

/** 1234567 as "1,234,567", alike in every locale. */
function grouped(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

function bytesText(bytes: number): string {
  const units = ["B", "KB", "MB", "GB", "TB"];
  const power = bytes === 0 ? 0 : Math.min(Math.floor(Math.log(bytes) / Math.log(1024)), 4);
  return `${power === 0 ? bytes : (bytes / 1024 ** power).toFixed(1)} ${units[power]}`;
}

/** The cells of the tree's lines. */
function rowsOf(one: ModuleSummary, depth: number, lead = "", branch = ""): string[][] {
  const { name, kind, calls, outputShapes, parameters, sharedWith, children } = one;
  const times = calls > 1 ? ` ×${calls}` : "";
  const shapes = calls === 0 ? "not called" : outputShapes.map(formatShape).join(", ");
  const isFrame = parameters === 0 && children.length > 0;
  const count =
    sharedWith !== null ? `as ${sharedWith || "the model"}` : isFrame ? "" : grouped(parameters);
  const row = [`${lead}${branch}${name === "" ? "" : `${name}: `}${kind}${times}`, shapes, count];
  if (depth === 0) return [row];
  const inner = lead + (branch === "" ? "" : branch === "└─ " ? "   " : "│  ");
  return [
    row,
    ...children.flatMap((child, i) =>
      rowsOf(child, depth - 1, inner, i === children.length - 1 ? "└─ " : "├─ "),
    ),
  ];
}

/** The tensors in a value: itself, or those in arrays and plain objects. */
function tensorsIn(value: unknown): Tensor[] {
  if (value instanceof Tensor) return [value];
  if (typeof value !== "object" || value === null) return [];
  if (!Array.isArray(value) && Object.getPrototypeOf(value) !== Object.prototype) return [];
  return Object.values(value).flatMap(tensorsIn);
}

const byteCounts = { float64: 8, float32: 4, int32: 4, uint8: 1, bool: 1 } as const;

function bytesOf(x: Tensor): number {
  return x.size * byteCounts[x.dtype];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, n) => total + n, 0);
}

/**
 * The tree of a model's modules with output shapes, parameter counts and memory, from one forward pass on
 * zeros: off the tape, in eval mode, and with the model's mode, statistics and generators as they were.
 * A model whose sizes were left open is initialized by it.
 *
 * ```ts
 * console.log(String(summary(model, [1, 3, 32, 32])));
 * const { parameters, memory } = summary(model, [1, 12], { dtype: "int32" });
 * ```
 *
 * @param inputs  the shape of the input with its batch axis, or the input itself, or an array of these
 */
export function summary(
  model: AnyModule,
  inputs: ModelInputs,
  { depth = Number.POSITIVE_INFINITY, ...options }: SummaryOptions = {},
): ModelSummary {
  const given = inputsOf("summary", inputs, options, model.floatType);
  model.initialize(given);
  const calls = new Map<AnyModule, { count: number; shapes: Shape[] }>();
  let activations = 0;
  const removals = model.modules().map((module) => {
    const isLeaf = module.children().length === 0;
    return module.registerForwardHook((_, args: unknown[], output: unknown) => {
      const tensors = tensorsIn(output);
      const count = (calls.get(module)?.count ?? 0) + 1;
      calls.set(module, { count, shapes: tensors.map(({ shape }) => shape) });
      const seen = new Set(tensorsIn(args).map(({ storage }) => storage));
      if (isLeaf)
        activations += sum(tensors.filter(({ storage }) => !seen.has(storage)).map(bytesOf));
    });
  });
  try {
    dryRun(model, given);
  } finally {
    for (const remove of removals) remove();
  }

  const paths = new Map<AnyModule, string>();
  const counted = new Set<Tensor>();
  const describe = (module: AnyModule, name: string, path: string): ModuleSummary => {
    const sharedWith = paths.get(module) ?? null;
    if (sharedWith === null) paths.set(module, path);
    const own = module.parameters({ recurse: false }).filter((p) => !counted.has(p));
    for (const p of own) counted.add(p);
    const { count = 0, shapes = [] } = calls.get(module) ?? {};
    return {
      name,
      path,
      kind: kindOf(module),
      calls: count,
      outputShapes: shapes,
      parameters: sum(own.map(({ size }) => size)),
      trainable: sum(own.filter((p) => p.requiresGrad).map(({ size }) => size)),
      sharedWith,
      children:
        sharedWith === null
          ? module.namedChildren().map(([key, child]) => describe(child, key, joinPath(path, key)))
          : [],
    };
  };
  const root = describe(model, "", "");
  const memory = {
    parameters: sum(model.parameters().map(bytesOf)),
    buffers: sum(model.buffers().map(bytesOf)),
    activations,
  };
  return new ModelSummary(root, memory, depth);
}
