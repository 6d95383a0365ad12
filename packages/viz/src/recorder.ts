/** Drafts of nodes: what an observed run did, and what the tape holds of runs before. */
import {
  currentModulePath,
  type DType,
  GradError,
  grad,
  inspectNode,
  leafAt,
  localGradient,
  type Node,
  type NodeRecord,
  type Op,
  observe,
  type Place,
  peekGrad,
  placeOf,
  retainedTensor,
  sourceLine,
  Tensor,
} from "@tapegrad/core";
import type { Summary } from "./schema.ts";
import { summarize } from "./summary.ts";

/** An output of a draft. */
export interface Ref {
  draft: Draft;
  slot: number;
}

export interface DraftOutput {
  shape: readonly number[] | null;
  dtype: DType | null;
  requiresGrad: boolean;
  value: Summary | null;
  gradient: Summary | null;
}

/** A node in the making. */
export interface Draft {
  /** null for leaves and constants. */
  op: Op | null;
  /** null for ops off the tape, and for constants. */
  node: Node | null;
  /** Of a leaf or constant; null where only the tape knows that there is one. */
  tensor: Tensor | null;
  /** null until the walk has come to a node that was recorded before. */
  inputs: Ref[] | null;
  outputs: DraftOutput[];
  module: string;
  attrs: unknown;
  savedBytes: number;
  source: string | null;
  /** Position in the observed run; −1 for what the tape held before. */
  call: number;
  /** By input: what flowed back, and the local gradient. null before the gradients are captured. */
  flows: { gradient: Summary | null; local: Summary | null }[] | null;
}

const bytesOf: Record<DType, number> = { bool: 1, uint8: 1, int32: 4, float32: 4, float64: 8 };

/**
 * The last two parts of a path: where to look, without telling where on a machine it lies. null where there is no
 * place to tell, as in a program bundled with Tapegrad into one file.
 */
function shortPlace(place: string | undefined): string | null {
  if (place === undefined || !/:\d+:\d+$/.test(place)) return null;
  return place.split(/[\\/]/).slice(-2).join("/");
}

export class Recorder {
  private readonly maxValues: number;
  private readonly source: boolean;
  private readonly byNode = new Map<Node, Draft>();
  /** What made a tensor (or that it is a constant), as long as its version is this one. */
  private readonly byTensor = new Map<Tensor, Ref & { version: number }>();
  private calls = 0;

  constructor(maxValues: number, source: boolean) {
    this.maxValues = maxValues;
    this.source = source;
  }

  /** Runs f and drafts every op that it calls, recorded by the tape or not. */
  run<T>(f: () => T): T {
    const applied = this.applied.bind(this);
    return observe({ applied }, f);
  }

  private applied(
    op: Op,
    inputs: readonly Tensor[],
    outputs: readonly Tensor[],
    attrs: unknown,
    node: Node | null,
  ): void {
    const record = node === null ? null : inspectNode(node);
    const isInPlace = inputs[0] === outputs[0];
    const refs = inputs.map((x, i) => {
      const place = record?.inputs[i] ?? null;
      const isChanged = isInPlace && x === outputs[0];
      if (place !== null) return this.refAt(place, isChanged ? null : x);
      return this.refOf(x, isChanged);
    });
    const draft: Draft = {
      op,
      node,
      tensor: null,
      inputs: refs,
      outputs: outputs.map((y) => ({
        shape: y.shape,
        dtype: y.dtype,
        requiresGrad: node !== null && y.requiresGrad,
        value: this.summary(y),
        gradient: null,
      })),
      module: currentModulePath(),
      attrs,
      savedBytes: record === null ? 0 : savedBytes(record),
      source: this.source ? shortPlace(sourceLine()) : null,
      call: this.calls++,
      flows: null,
    };
    if (node !== null) this.byNode.set(node, draft);
    outputs.forEach((y, slot) => {
      this.byTensor.set(y, { draft, slot, version: y.version });
    });
  }

  /** What stands at a place of the tape; `x`, if given, has its value. */
  private refAt(place: Place, x: Tensor | null): Ref {
    const { node, slot } = place;
    let draft = this.byNode.get(node);
    if (draft === undefined) {
      const leaf = leafAt(node);
      draft = leaf === null ? this.tapeDraft(node) : this.sourceDraft(leaf, node);
      this.byNode.set(node, draft);
    }
    const output = draft.outputs[slot]!;
    if (output.value === null && x !== null) output.value = this.summary(x);
    output.dtype ??= x?.dtype ?? null;
    return { draft, slot };
  }

  /** What made x. `isChanged`: its value is no longer the one that is meant. */
  private refOf(x: Tensor, isChanged = false): Ref {
    const place = isChanged ? null : placeOf(x);
    if (place !== null) return this.refAt(place, x);
    const known = this.byTensor.get(x);
    if (known !== undefined && (isChanged || known.version === x.version)) return known;
    const draft = this.sourceDraft(x, null);
    if (isChanged) draft.outputs[0]!.value = null;
    else this.byTensor.set(x, { draft, slot: 0, version: x.version });
    return { draft, slot: 0 };
  }

  /** x's place in the graph, if it is there: for names and roots. */
  find(x: Tensor): Ref | null {
    const place = placeOf(x);
    const draft = place === null ? undefined : this.byNode.get(place.node);
    if (place !== null) return draft === undefined ? null : { draft, slot: place.slot };
    return this.byTensor.get(x) ?? null;
  }

  private sourceDraft(x: Tensor | null, node: Node | null): Draft {
    const output: DraftOutput = {
      shape: x?.shape ?? null,
      dtype: x?.dtype ?? null,
      requiresGrad: node !== null,
      value: x === null ? null : this.summary(x),
      gradient: null,
    };
    return {
      op: null,
      node,
      tensor: x,
      inputs: [],
      outputs: [output],
      module: "",
      attrs: undefined,
      savedBytes: 0,
      source: null,
      call: -1,
      flows: null,
    };
  }

  /** A node that was recorded before; its inputs are looked up when the walk comes to it. */
  private tapeDraft(node: Node): Draft {
    const { outputs, attrs, source } = inspectNode(node);
    return {
      op: node.op,
      node,
      tensor: null,
      inputs: null,
      outputs: outputs.map(({ shape, dtype }) => ({
        shape,
        dtype: dtype ?? null,
        requiresGrad: true,
        value: null,
        gradient: null,
      })),
      module: node.module,
      attrs,
      savedBytes: 0,
      source: shortPlace(source),
      call: -1,
      flows: null,
    };
  }

  private expand(draft: Draft): Ref[] {
    if (draft.inputs !== null) return draft.inputs;
    const node = draft.node!;
    const { op } = node;
    const record = inspectNode(node);
    const saved = new Map(record.saved.map(({ name, value }) => [name, value]));
    draft.savedBytes = savedBytes(record);
    draft.inputs = record.inputs.map((place, i) => {
      const value = op.variadic ? undefined : saved.get(op.inputs[i]!);
      const x = value instanceof Tensor ? value : null;
      if (place !== null) return this.refAt(place, x);
      return x === null ? { draft: this.sourceDraft(null, null), slot: 0 } : this.refOf(x);
    });
    draft.outputs.forEach((output, slot) => {
      const value = saved.get(op.outputs[slot]!);
      if (value instanceof Tensor) output.value ??= this.summary(value);
    });
    return draft.inputs;
  }

  /**
   * All that the roots are made from, in an order in which it can be computed; leaves and constants right
   * before their first use. Walks with a list, not by recursion: chains may be long.
   */
  reach(roots: readonly Tensor[]): { ends: Ref[]; drafts: Draft[] } {
    const ends = roots.map((y) => this.refOf(y));
    const seen = new Set(ends.map(({ draft }) => draft));
    // A set iterates over what is added meanwhile.
    for (const draft of seen) for (const input of this.expand(draft)) seen.add(input.draft);
    const ops = [...seen].filter(({ op }) => op !== null);
    const before = ops.filter(({ call }) => call < 0);
    before.sort((a, b) => a.node!.sequence - b.node!.sequence);
    const observed = ops.filter(({ call }) => call >= 0);
    observed.sort((a, b) => a.call - b.call);
    const drafts = new Set<Draft>();
    for (const draft of [...before, ...observed]) {
      for (const input of draft.inputs!) if (input.draft.op === null) drafts.add(input.draft);
      drafts.add(draft);
      // A gate on lone numbers computes in its inputs' dtype, which it may not have kept.
      for (const output of draft.outputs) {
        for (const { draft: from, slot } of draft.inputs!)
          output.dtype ??= from.outputs[slot]!.dtype;
      }
    }
    for (const { draft } of ends) drafts.add(draft);
    return { ends, drafts: [...drafts] };
  }

  /**
   * A backward pass of the picture's own: what arrives at every node and flows along every edge. Hooks run;
   * no `grad` is touched, of leaves or retained, and the tape stays as it is.
   */
  captureGradients(
    roots: readonly Tensor[],
    dys: readonly (Tensor | null)[],
    drafts: readonly Draft[],
  ): void {
    const leaves = drafts.flatMap(({ op, node, tensor }) =>
      op === null && node !== null ? [tensor!] : [],
    );
    const arrived = (node: Node, slot: number, dy: Tensor) => {
      const draft = this.byNode.get(node);
      if (draft !== undefined) draft.outputs[slot]!.gradient = this.summary(dy);
    };
    const flowed = (node: Node, i: number, dx: Tensor) => {
      const draft = this.byNode.get(node);
      if (draft === undefined) return;
      draft.flows ??= draft.inputs!.map(() => ({ gradient: null, local: null }));
      draft.flows[i] = { gradient: this.summary(dx), local: this.local(draft, i) };
    };
    observe({ arrived, flowed }, () =>
      grad(roots, leaves, { gradOutputs: dys, retainGraph: true, allowUnused: true }),
    );
  }

  /** The local gradient of an elementwise op, where it has few elements. */
  private local(draft: Draft, i: number): Summary | null {
    const size = draft.outputs[0]!.shape!.reduce((product, n) => product * n, 1);
    if (size > this.maxValues) return null;
    const local = localGradient(draft.node!, i);
    return local === null ? null : this.summary(local);
  }

  /** Gradients that are there already: those of leaves, and those given to retainGrad. */
  readGradients(drafts: readonly Draft[]): void {
    for (const { op, node, outputs } of drafts) {
      if (node === null) continue;
      outputs.forEach((output, slot) => {
        const holder = op === null ? leafAt(node) : retainedTensor({ node, slot });
        const gradient = holder === null ? null : peekGrad(holder);
        if (gradient !== null) output.gradient = this.summary(gradient);
        if (holder !== null && output.value === null) output.value = this.summary(holder);
      });
    }
  }

  private summary(x: Tensor): Summary {
    return summarize(x, this.maxValues);
  }
}

function savedBytes({ saved }: NodeRecord): number {
  let bytes = 0;
  for (const { value } of saved)
    if (value instanceof Tensor) bytes += value.size * bytesOf[value.dtype];
  return bytes;
}

/** @throws GradError unless backward can start from the roots */
export function checkRoots(roots: readonly Tensor[], dys: readonly (Tensor | null)[]): void {
  roots.forEach((y, i) => {
    const where = roots.length === 1 ? "the result" : `result ${i}`;
    if (placeOf(y) === null) {
      throw new GradError(
        `graph: ${where} (shape [${y.shape.join(", ")}]) is not on the tape, so no gradient flows; call requiresGrad_() on the inputs first, or leave gradients out.`,
      );
    }
    if (y.size !== 1 && dys[i] === null) {
      throw new GradError(
        `graph: ${where} has shape [${y.shape.join(", ")}]; only one element has an implied gradient of 1. Pass dy of that shape, or reduce first: sum() or mean().`,
      );
    }
  });
}
