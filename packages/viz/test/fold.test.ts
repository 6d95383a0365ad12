import { describe, expect, it } from "@jest/globals";
import type { Tensor } from "@tapegrad/core";
import { linear, Module, Sequential } from "@tapegrad/nn";
import fc from "fast-check";
import { groupsOf, type Item } from "../src/groups.ts";
import { graph, toSVG } from "../src/index.ts";
import { foldedAt, foldedByDefault, foldedPaths, type View, viewOf } from "../src/view.ts";
import { leaf, perceptron, residualNet } from "./circuits.ts";

const labels = (view: View) => view.atoms.map(({ label }) => label);

function isAcyclic({ atoms, wires }: View): boolean {
  const waiting = new Map(atoms.map(({ id }) => [id, wires.filter(({ to }) => to === id).length]));
  const ready = atoms.map(({ id }) => id).filter((id) => waiting.get(id) === 0);
  for (const id of ready) {
    for (const { from, to } of wires) {
      if (from !== id) continue;
      waiting.set(to, waiting.get(to)! - 1);
      if (waiting.get(to) === 0) ready.push(to);
    }
  }
  return ready.length === atoms.length;
}

describe("folding", () => {
  it("draws modules as boxes, with what goes in and out", () => {
    const g = perceptron();
    const view = viewOf(g, foldedAt(g, 1));
    expect(labels(view).slice(0, 7)).toEqual([
      "x",
      "0 · Linear",
      "1 · BatchNorm1d",
      "2 · ReLU",
      "3 · Linear",
      "labels",
      "crossEntropy",
    ]);
    expect(view.clusters).toEqual([]);
    expect(view.wires.slice(0, 4).map(({ from, to }) => `${from} ${to}`)).toEqual([
      "n0 g0",
      "g0 g1",
      "g1 g2",
      "g2 g3",
    ]);
  });

  it("goes as deep as it is told, or folds the modules it is told", () => {
    const g = residualNet();
    expect(labels(viewOf(g, foldedAt(g, 1)))).toContain("1 · Residual");
    const two = viewOf(g, foldedAt(g, 2));
    expect(labels(two)).toContain("1.body · Sequential");
    expect(two.clusters.map(({ path }) => path)).toEqual(["0", "1", "2", "3"]);
    const one = viewOf(g, foldedPaths(g, new Set(["1.body"])));
    expect(labels(one)).toContain("1.body · Sequential");
    expect(labels(one)).toContain("weight");
    expect(viewOf(g, new Set()).clusters).toHaveLength(g.groups.length);
  });

  it("sums up what several edges bring back only if they are all", () => {
    const g = residualNet();
    const { wires } = viewOf(g, foldedAt(g, 1));
    // Into the residual block the input goes twice: through the layers and around them.
    const into = wires.find(({ edges }) => edges.length === 2)!;
    expect(into.gradient).toBe(into.output.gradient);
    expect(into.gradient).not.toBeNull();
  });

  it("shows each call of a module by itself", () => {
    class Twice extends Module {
      cell = linear(2, 2);
      forward(x: Tensor): Tensor {
        return this.cell(this.cell(x).relu());
      }
    }
    const g = graph(new Twice(), { input: [1, 2] });
    const view = viewOf(g, foldedAt(g, 1));
    expect(labels(view)).toEqual(["input", "cell · Linear", "relu", "cell (2) · Linear", ""]);
    expect(isAcyclic(view)).toBe(true);
  });

  it("writes a number into its gate, and a name used often beside each use", () => {
    const w = leaf(2);
    const g = graph(
      () => {
        let y = w.add(1);
        for (let i = 0; i < 8; i++) y = y.mul(w);
        return y;
      },
      { names: { w } },
    );
    const view = viewOf(g, new Set());
    expect(labels(view)).toContain("+ 1");
    expect(labels(view).filter((label) => label === "w")).toHaveLength(9);
    expect(
      view.wires.every(
        ({ from, to }) =>
          view.atoms.some(({ id }) => id === from) && view.atoms.some(({ id }) => id === to),
      ),
    ).toBe(true);
  });

  it("folds 10,000 gates without modules into runs, and lays them out", () => {
    const [w, b] = [leaf(0.9), leaf(0.1)];
    let y = leaf(1);
    for (let i = 0; i < 5000; i++) y = (i % 2 === 0 ? y.mul(w) : y.add(b)).tanh();
    const g = graph(y);
    expect(g.nodes.length).toBeGreaterThan(10_000);
    const view = viewOf(g, foldedByDefault(g));
    // The parts, the first input and the end; no name beside every part.
    expect(view.atoms.length).toBeLessThanOrEqual(102);
    expect(isAcyclic(view)).toBe(true);
    expect(g.groups.every(({ kind }) => kind === "run")).toBe(true);
    const top = g.groups.filter(({ parent }) => parent === null);
    expect(top.reduce((sum, { ops }) => sum + ops, 0)).toBe(10_000);
    expect(toSVG(g).length).toBeLessThan(400_000);
  });

  it("folds a deep model by default, to the level that fits", () => {
    const block = () =>
      new Sequential([linear(2, 2), new Sequential([linear(2, 2), linear(2, 2)])]);
    const g = graph(new Sequential(Array.from({ length: 40 }, block)), { input: [1, 2] });
    const view = viewOf(g, foldedByDefault(g));
    expect(view.atoms.every(({ group }) => group === null || /^\d+$/.test(group.path))).toBe(true);
    expect(view.atoms.length).toBeLessThanOrEqual(60 + 2);
  });

  it("has no cycles, whatever the modules do", () => {
    const path = fc.constantFrom("", "a", "a.b", "a.c", "b", "b.a.a");
    const item = fc.record({
      module: path,
      isOp: fc.boolean(),
      joins: fc.constantFrom("module", "user", "top"),
      parameters: fc.constant(1),
    });
    fc.assert(
      fc.property(fc.array(item as fc.Arbitrary<Item>, { maxLength: 400 }), (items) => {
        const { groups, groupOf } = groupsOf(items, () => null);
        const parents = new Map(groups.map(({ id, parent }) => [id, parent]));
        const chain = (i: number) => {
          const list: string[] = [];
          for (let id = groupOf[i] ?? null; id !== null; id = parents.get(id)!) list.push(id);
          return list;
        };
        // The ops of a group are neighbours: between two of them is no op outside of it.
        const ops = items.flatMap(({ isOp }, i) => (isOp ? [i] : []));
        for (const { id, ops: count } of groups) {
          const at = ops.flatMap((i, position) => (chain(i).includes(id) ? [position] : []));
          expect(at).toHaveLength(count);
          if (count > 0) expect(at.at(-1)! - at[0]! + 1).toBe(count);
        }
        const neighbours = new Map<string | null, number>();
        for (const id of [...groupOf, ...groups.map(({ parent }) => parent)])
          neighbours.set(id, (neighbours.get(id) ?? 0) + 1);
        for (const count of neighbours.values()) expect(count).toBeLessThanOrEqual(100);
      }),
      { seed: 11, numRuns: 60 },
    );
  });
});
