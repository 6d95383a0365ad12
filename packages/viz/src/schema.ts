/** The JSON of a graph: what `graph()` makes and every picture is drawn from. Documented in docs/pictures.md. */

/** Changes with every change that a reader of version n would misread; additions leave it. */
export const schemaVersion = 1;

/** JSON has no NaN and no infinities: they are these words. */
export type JsonNumber = number | "NaN" | "Infinity" | "-Infinity";

/** The whole graph. Plain data: `JSON.stringify` and back changes nothing. */
export interface Graph {
  readonly schema: "tapegrad.graph";
  readonly version: typeof schemaVersion;
  /** A uuid. */
  readonly id: string;
  readonly title: string | null;
  /** Every op's facts once, by name. */
  readonly ops: Readonly<Record<string, GraphOp>>;
  /** In an order in which they can be computed; backward goes the other way round. */
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  /** What folds: calls of modules, and runs of ops where there are many side by side. Parents first. */
  readonly groups: readonly GraphGroup[];
}

/** What all nodes of an op share. */
export interface GraphOp {
  /** What stands in the gate. */
  readonly symbol: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  /** TeX of the formula under "y" and of each input's local gradient under its name; {} where not known. */
  readonly tex: Readonly<Record<string, string>>;
  /** What the gradient is where the formula has no derivative. */
  readonly kinks: string;
  /** Whether the one input is a list, whose edges are called `xs[0]`, `xs[1]`, … */
  readonly variadic: boolean;
}

/**
 * "op"; "parameter" and "leaf", which gradients reach ("leaf" is also an input that was given a name);
 * "constant", which they don't; "output", the end of a wire.
 */
export type NodeKind = "op" | "parameter" | "leaf" | "constant" | "output";

export interface GraphNode {
  /** "n0", "n1", … in the order of `nodes`. */
  readonly id: string;
  readonly kind: NodeKind;
  /** Key in `ops`; null unless an op. */
  readonly op: string | null;
  /** As the options or the model's parameters name it. */
  readonly name: string | null;
  /** Path of the module: "layers.0"; "" outside of any. */
  readonly module: string;
  /** Id of the innermost group; null at the top. */
  readonly group: string | null;
  /** One per output of the op; others have one. */
  readonly outputs: readonly GraphOutput[];
  /** What the op was called with beside tensors, where it is plain data. */
  readonly attributes: unknown;
  /** Bytes of the tensors that the op keeps for backward; 0 once they are freed. */
  readonly savedBytes: number;
  /** Their names among the op's inputs and outputs. */
  readonly saves: readonly string[];
  /** "folder/file:line:column" of the call; null where it was not looked for. */
  readonly source: string | null;
}

export interface GraphOutput {
  readonly name: string;
  /** null where the tape doesn't know: a constant that no rule needs. */
  readonly shape: readonly number[] | null;
  readonly dtype: string | null;
  readonly requiresGrad: boolean;
  readonly value: Summary | null;
  /** ∂(what backward started from) / ∂(this output), all contributions added up. */
  readonly gradient: Summary | null;
}

/** A wire from an output to an input. */
export interface GraphEdge {
  /** "e0", "e1", … */
  readonly id: string;
  /** Id of the node whose output it is. */
  readonly from: string;
  /** Which output. */
  readonly output: number;
  readonly to: string;
  /** Which input, by position and by name. */
  readonly index: number;
  readonly input: string;
  /** What flows back along this wire: downstream = upstream × local. Outputs of many uses add theirs up. */
  readonly gradient: Summary | null;
  /** ∂y/∂input of an elementwise op, element by element; null where that is a matrix. */
  readonly local: Summary | null;
}

/** What folds into one box. Its nodes are neighbours in the order of `nodes` but for inputs from outside. */
export interface GraphGroup {
  /** "g0", "g1", … */
  readonly id: string;
  readonly parent: string | null;
  /** "module": one call of a module. "run": ops side by side, too many for one picture. */
  readonly kind: "module" | "run";
  /** Of the module, or of the one around the run. */
  readonly path: string;
  /** Which call of this module it is, from 1. */
  readonly call: number;
  /** The module's class, where a model was given: "Linear". */
  readonly type: string | null;
  /** Ops inside, those in inner groups included. */
  readonly ops: number;
  /** Elements of the parameters inside, tied ones where they are used first. */
  readonly parameters: number;
}

/** The elements of a tensor, or what they are like. */
export interface Summary {
  readonly shape: readonly number[];
  /** All elements in row-major order, where there are few; then the rest may be left out. */
  readonly values?: readonly JsonNumber[];
  /** Of the finite elements; absent if there are none, or one element. */
  readonly min?: number;
  readonly max?: number;
  readonly mean?: number;
  /** With n in the denominator. */
  readonly std?: number;
  /** Number of NaNs and infinities; absent if 0. */
  readonly nonFinite?: number;
  /** Counts of the finite elements in bins of equal width from min to max. */
  readonly histogram?: readonly number[];
  /** Means over blocks of the tensor seen as a matrix (first axes by the last one), row by row. */
  readonly heatmap?: {
    readonly rows: number;
    readonly columns: number;
    readonly values: readonly JsonNumber[];
  };
}
