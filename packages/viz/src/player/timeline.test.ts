import { describe, expect, it } from "@jest/globals";
import { tensor } from "@tapegrad/core";
import fc from "fast-check";
import { neuron, perceptron, residualNet } from "../../test/circuits.ts";
import { graph } from "../graph.ts";
import { foldedAt, viewOf } from "../view.ts";
import { Timeline } from "./timeline.ts";
import { wordsOf } from "./words.ts";

const timelineOf = (g = neuron(), folded = new Set<string>()) => new Timeline(viewOf(g, folded));

describe("a timeline", () => {
  it("goes forward gate by gate, turns, and goes back the other way round", () => {
    const timeline = timelineOf();
    const moments = Array.from({ length: timeline.last + 1 }, (_, i) => timeline.at(i));
    const gates = (phase: string) =>
      moments.filter((moment) => moment.phase === phase).map(({ active }) => active);
    expect(gates("forward")).toEqual(["n2", "n5", "n6", "n8", "n10", "n11", "n13", "n14"]);
    expect(gates("backward")).toEqual(gates("forward").reverse());
    expect(moments.map(({ phase }) => phase).indexOf("turn")).toBe(9);
    expect(Object.keys(moments[0]!.values)).toHaveLength(5);
    expect(moments[0]!.gradients).toEqual({});
  });

  it("keeps what a moment shares with the one before, and changes none", () => {
    const timeline = timelineOf();
    const [third, fourth] = [timeline.at(3), timeline.at(4)];
    expect(fourth.gradients).toBe(third.gradients);
    expect(timeline.at(12).values).toBe(timeline.at(8).values);
    expect(timeline.at(3)).toBe(third);
    expect(() => Object.assign(third.values, { e0: true })).toThrow(TypeError);
  });

  it("knows more with every step, and in the end all", () => {
    for (const g of [neuron(), perceptron(), residualNet()]) {
      const groups = g.groups.map(({ id }) => id);
      fc.assert(
        fc.property(fc.subarray(groups), (folded) => {
          const view = viewOf(g, new Set(folded));
          const timeline = new Timeline(view);
          let known = -1;
          for (let i = 0; i <= timeline.last; i++) {
            const { values, gradients } = timeline.at(i);
            const now = Object.keys(values).length + Object.keys(gradients).length;
            expect(now).toBeGreaterThanOrEqual(known);
            known = now;
          }
          const end = timeline.at(timeline.last);
          expect(Object.keys(end.values).sort()).toEqual(view.wires.map(({ id }) => id).sort());
          const flowing = view.wires.filter(({ gradient }) => gradient !== null);
          expect(Object.keys(end.gradients).sort()).toEqual(flowing.map(({ id }) => id).sort());
        }),
        { seed: 7, numRuns: 20 },
      );
    }
  });

  it("without gradients ends with the last gate", () => {
    const x = tensor(2);
    const timeline = timelineOf(graph(() => x.mul(3).add(1), { names: { x } }));
    expect(timeline.last).toBe(2);
    expect(timeline.at(2)).toMatchObject({ phase: "forward", gradients: {} });
  });

  it("finds its moment again when modules fold and unfold", () => {
    const g = perceptron();
    const groupOf = new Map(g.nodes.map(({ id, group }) => [id, group]));
    const [open, folded] = [timelineOf(g), timelineOf(g, foldedAt(g, 1))];
    const meets = (a: string, b: string) => a === b || groupOf.get(a) === b || groupOf.get(b) === a;
    for (const phase of ["inputs", "forward", "turn", "backward"]) {
      for (let i = 0; i <= open.last; i++) {
        const moment = open.at(i);
        if (moment.phase !== phase) continue;
        const there = folded.at(folded.sameAs(moment, meets));
        expect(there.phase).toBe(phase);
        if (moment.active !== null) expect(meets(there.active!, moment.active)).toBe(true);
      }
    }
    expect(open.sameAs(folded.at(folded.last), meets)).toBe(open.last);
  });
});

describe("a moment in words", () => {
  it("tells what several uses of an input add up to, when the last has brought its share", () => {
    const x = tensor(3, { dtype: "float64" }).requiresGrad_();
    const g = graph(() => x.mul(x).add(x), { names: { x }, gradients: true });
    const timeline = timelineOf(g);
    const words = Array.from({ length: timeline.last + 1 }, (_, i) => wordsOf(g, timeline.at(i)));
    expect(words).toEqual([
      "Inputs: x = 3.",
      "Forward: mul of x = 3 and x = 3 is 9.",
      "Forward: add of 9 and x = 3 is 12.",
      "The turn: the gradient of the result by itself is 1. From here it flows back.",
      "Backward through add: upstream × local = downstream; to a flows 1 × 1 = 1; to x flows 1 × 1 = 1.",
      "Backward through mul: upstream × local = downstream; to x flows 1 × 3 = 3; to x flows 1 × 3 = 3, 7 with all 3 uses added up.",
    ]);
  });

  it("names folded modules", () => {
    const g = perceptron();
    const timeline = timelineOf(g, foldedAt(g, 1));
    const words = Array.from({ length: timeline.last + 1 }, (_, i) => wordsOf(g, timeline.at(i)));
    expect(words).toContain("Forward: 1 · BatchNorm1d has computed its result.");
    expect(words).toContain("Backward: gradients have flowed back through 1 · BatchNorm1d.");
  });
});
