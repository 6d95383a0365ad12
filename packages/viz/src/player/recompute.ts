/** A circuit again, with other inputs. The player loads this, and with it the engine, when it is needed. */
import {
  apply,
  type DType,
  registeredOps,
  show,
  type Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";
import { graph } from "../graph.ts";
import type { Graph, GraphEdge, GraphNode, GraphOutput, Summary } from "../schema.ts";

/** A function from named tensors to results, whose circuit is shown. */
export type Build = (
  inputs: Record<string, Tensor>,
) => Tensor | readonly Tensor[] | Record<string, Tensor>;

/** Values of inputs: a number, or an array of equal rows. */
export type Inputs = Readonly<Record<string, number | readonly unknown[]>>;

/** Elements of inputs in row-major order, by the input's name or the node's id. */
export type Changed = ReadonlyMap<string, readonly number[]>;

/**
 * The graph of what the function computes on the inputs, in doubles, with gradients.
 *
 * @param changed  elements by name, in place of those in `inputs`
 */
export function built(build: Build, inputs: Inputs, changed: Changed): Graph {
  const leaves = Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => {
      const given = tensor(value as number, { dtype: "float64" });
      const list = changed.get(name);
      const x =
        list === undefined ? given : tensor(Float64Array.from(list), { shape: given.shape });
      return [name, x.requiresGrad_()];
    }),
  );
  return graph(() => build({ ...leaves }), { names: leaves, gradients: true });
}

/**
 * The same graph with other numbers: its ops run again, in the order in which they stand.
 *
 * @throws ValueError where the JSON doesn't hold enough to run it
 */
export function replayed(original: Graph, changed: Changed): Graph {
  // What can't give its own numbers again (dropout, an option that is no plain data) gives no others.
  const first = run(original, new Map());
  const strange = original.nodes.find(
    (node, i) => node.op !== null && !sameValues(node.outputs, first.nodes[i]!.outputs),
  );
  if (strange !== undefined) {
    throw new ValueError(
      `tapegrad-graph: ${strange.op} (${strange.id}) gives other numbers when it is run again; its inputs can't be changed.`,
    );
  }
  return run(original, changed);
}

function sameValues(before: readonly GraphOutput[], after: readonly GraphOutput[]): boolean {
  const text = (output: GraphOutput | undefined) => JSON.stringify(output?.value?.values);
  return before.every((output, i) => output.value === null || text(output) === text(after[i]));
}

function run(original: Graph, changed: Changed): Graph {
  const { nodes, edges } = original;
  const into = new Map<string, GraphEdge[]>(nodes.map(({ id }) => [id, []]));
  for (const edge of edges) into.get(edge.to)!.push(edge);
  const ends = nodes.filter(({ kind }) => kind === "output").map(({ id }) => into.get(id)![0]!);
  const results = new Map<string, readonly Tensor[]>();
  const at = ({ from, output }: GraphEdge) => results.get(from)![output]!;
  const compute = () => {
    for (const node of nodes) {
      if (node.kind === "output") continue;
      const inputs = into.get(node.id)!.sort((a, b) => a.index - b.index);
      const isGiven = node.op === null;
      results.set(node.id, isGiven ? [source(node, changed)] : computed(node, inputs.map(at)));
    }
    return ends.map(at);
  };
  const dy = ends.map(({ gradient, to }) =>
    gradient === null ? null : filled(gradient, "float64", to),
  );
  const backward = edges.some(({ gradient }) => gradient !== null) ? { gradients: true, dy } : {};
  // Named by their ids, nodes are found again, in whatever order they come.
  const names = () => Object.fromEntries([...results].map(([id, outputs]) => [id, outputs[0]!]));
  return adopted(original, graph(compute, { names, source: false, ...backward }));
}

function source({ id, outputs }: GraphNode, changed: Changed): Tensor {
  const { value, shape, dtype, requiresGrad } = outputs[0]!;
  const list = changed.get(id);
  const summary = list === undefined ? value : { shape: shape ?? [], values: list };
  const x = filled(summary, dtype as DType | null, id);
  return requiresGrad ? x.requiresGrad_() : x;
}

/** @throws ValueError where not all elements are known */
function filled(summary: Summary | null, dtype: DType | null, id: string): Tensor {
  if (summary?.values === undefined || dtype === null) {
    throw new ValueError(
      `tapegrad-graph: the JSON doesn't list the elements of ${id}, so its inputs can't be changed; graph() lists those of tensors of up to maxValues elements.`,
    );
  }
  return tensor(Float64Array.from(summary.values, Number), { shape: summary.shape, dtype });
}

function computed(
  { op: name, attributes }: GraphNode,
  inputs: readonly Tensor[],
): readonly Tensor[] {
  const op = registeredOps().get(name!);
  if (op === undefined) {
    throw new ValueError(
      `tapegrad-graph: ${show(name)} is no op that this page defines, so inputs can't be changed; import the module that defines it.`,
    );
  }
  const y = apply(op, inputs, decoded(attributes) ?? undefined);
  return op.named
    ? op.outputs.map((output) => (y as Record<string, Tensor>)[output]!)
    : [y as Tensor];
}

const words: Readonly<Record<string, number>> = { NaN, Infinity, "-Infinity": -Infinity };

/** Attributes with the numbers that JSON has no word for. */
function decoded(value: unknown): unknown {
  if (typeof value === "string") return Object.hasOwn(words, value) ? words[value] : value;
  if (Array.isArray(value)) return value.map(decoded);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([key, v]) => [key, decoded(v)]));
}

/** The original with the numbers of its second run, whose nodes are named after the original's ids. */
function adopted(original: Graph, fresh: Graph): Graph {
  const ends = original.nodes.filter(({ kind }) => kind === "output");
  let end = 0;
  const ids = new Map(
    fresh.nodes.map(({ id, kind, name }) => [id, kind === "output" ? ends[end++]!.id : name!]),
  );
  const nodes = new Map(fresh.nodes.map((node) => [ids.get(node.id)!, node]));
  const key = (to: string, index: number) => `${to} ${index}`;
  const edges = new Map(fresh.edges.map((edge) => [key(ids.get(edge.to)!, edge.index), edge]));
  return {
    ...original,
    nodes: original.nodes.map((node) => {
      const numbers = nodes.get(node.id)!.outputs;
      const outputs = node.outputs.map((output, slot) => {
        const { value, gradient } = numbers[slot]!;
        return { ...output, value, gradient };
      });
      return { ...node, outputs };
    }),
    edges: original.edges.map((edge) => {
      const { gradient, local } = edges.get(key(edge.to, edge.index))!;
      return { ...edge, gradient, local };
    }),
  };
}
