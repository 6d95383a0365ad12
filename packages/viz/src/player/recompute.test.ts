import { describe, expect, it } from "@jest/globals";
import { crossEntropy, defineOp, maximum, randn, tensor, topk } from "@tapegrad/core";
import { batchNorm1d, linear, relu, sequential } from "@tapegrad/nn";
import fc from "fast-check";
import { leaf, neuron } from "../../test/circuits.ts";
import { graph } from "../graph.ts";
import type { Graph } from "../schema.ts";
import { elementsIn } from "./inputs.ts";
import { built, replayed } from "./recompute.ts";

const nothing = new Map<string, number[]>();
const through = (g: Graph): Graph => JSON.parse(JSON.stringify(g)) as Graph;
/** Numbers without the id and the places in this file. */
const numbers = ({ nodes, edges }: Graph) => ({
  nodes: nodes.map(({ id, op, outputs }) => ({ id, op, outputs })),
  edges,
});

describe("a graph that is replayed from its JSON", () => {
  it("is the same with the same inputs, tensors, options and modules included", () => {
    const x = leaf([1, 2, 4, 9]);
    const sorted = () => topk(x.sub(x.mean()), 2).values.square().sum();
    const model = sequential([linear(3, 4), batchNorm1d(4), relu(), linear(4, 2)]);
    const [images, labels] = [randn([5, 3]), tensor([0, 1, 1, 0, 1], { dtype: "int32" })];
    const loss = () => crossEntropy(model(images), labels);
    for (const g of [
      neuron(),
      graph(sorted, { names: { x }, gradients: true }),
      graph(loss, { model, names: { images, labels }, gradients: true }),
    ])
      expect(replayed(through(g), nothing)).toEqual(g);
  });

  it("follows its inputs as the function itself does", () => {
    const number = fc.double({ min: -3, max: 3, noNaN: true });
    fc.assert(
      fc.property(fc.tuple(number, number, number), ([x, y, z]) => {
        const circuit = (values: number[]) => {
          const [a, b, c] = values.map((value) => leaf(value));
          const f = () => maximum(a!.mul(b!), c!).add(a!.sigmoid()).div(2);
          return graph(f, { names: { a: a!, b: b!, c: c! }, gradients: true, id: "g" });
        };
        const g = circuit([0.5, -1, 2]);
        const ids = ["a", "b", "c"].map((name) => g.nodes.find((node) => node.name === name)!.id);
        const changed = new Map(ids.map((id, i) => [id, [[x, y, z][i]!]]));
        expect(numbers(replayed(through(g), changed))).toEqual(numbers(circuit([x, y, z])));
      }),
      { seed: 5, numRuns: 50 },
    );
  });

  it("keeps what backward started from", () => {
    const x = leaf([1, 2]);
    const g = graph(() => x.square(), { names: { x }, dy: tensor([0, 1], { dtype: "float64" }) });
    const { nodes } = replayed(through(g), new Map([["n0", [5, 7]]]));
    expect(nodes[0]!.outputs[0]!.gradient!.values).toEqual([0, 14]);
  });

  it("says why not", () => {
    const x = leaf(1);
    const noisy = defineOp({
      name: "noisyOfThisTest",
      inputs: ["x"],
      elementwise: (value: number) => value + Math.random(),
      grad: { x: (dy) => dy },
    });
    const random = graph(() => noisy(x).mul(2));
    expect(() => replayed(through(random), nothing)).toThrow(
      /^tapegrad-graph: noisyOfThisTest \(n1\) gives other numbers when it is run again; its inputs can't be changed\.$/,
    );
    const large = graph(() => randn([100]).mul(x).sum());
    expect(() => replayed(through(large), nothing)).toThrow(
      /^tapegrad-graph: the JSON doesn't list the elements of n\d+, so its inputs can't be changed; graph\(\) lists those of tensors of up to maxValues elements\.$/,
    );
    const own = defineOp({
      name: "ownOfThisTest",
      inputs: ["x"],
      elementwise: (value: number) => value + 1,
      grad: { x: (dy) => dy },
    });
    const strange = through(graph(() => own(x)));
    const text = JSON.stringify(strange).replaceAll("ownOfThisTest", "nobodyKnows");
    expect(() => replayed(JSON.parse(text) as Graph, nothing)).toThrow(
      'tapegrad-graph: "nobodyKnows" is no op that this page defines, so inputs can\'t be changed; import the module that defines it.',
    );
  });
});

describe("a graph that is built", () => {
  it("has the inputs' names and gradients, and changed inputs in their shapes", () => {
    const build = ({ a, b }: Record<string, ReturnType<typeof leaf>>) => a!.mul(b!).sum();
    const g = built(build, { a: [[1, 2]], b: 3 }, new Map([["a", [4, 5]]]));
    const a = g.nodes.find(({ name }) => name === "a")!.outputs[0]!;
    expect(a).toMatchObject({ shape: [1, 2], dtype: "float64" });
    expect(a.value!.values).toEqual([4, 5]);
    expect(a.gradient!.values).toEqual([3, 3]);
  });
});

it("what is typed becomes numbers, or what is wrong with it", () => {
  expect(elementsIn(" -1.5 ", 1)).toEqual([-1.5]);
  expect(elementsIn("1, 2;3 −4", 4)).toEqual([1, 2, 3, -4]);
  expect(elementsIn("1, two", 2)).toBe("“two” is not a number.");
  expect(elementsIn("", 1)).toBe("One number, please.");
  expect(elementsIn("1 2", 3)).toBe("2 numbers; 3 are needed, separated by commas.");
});
