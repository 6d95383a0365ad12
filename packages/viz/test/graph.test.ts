import { describe, expect, it } from "@jest/globals";
import {
  cat,
  checkpoint,
  crossEntropy,
  defaultGenerator,
  detectAnomaly,
  eigh,
  grad,
  manualSeed,
  noGrad,
  randn,
  retainGrad,
  type Tensor,
  tensor,
  vmap,
} from "@tapegrad/core";
import { batchNorm1d, dropout, linear, relu, sequential } from "@tapegrad/nn";
import fc from "fast-check";
import { type Graph, type GraphNode, graph } from "../src/index.ts";
import { leaf, neuron } from "./circuits.ts";

const named = (g: Graph, name: string): GraphNode => g.nodes.find((node) => node.name === name)!;
const opNode = (g: Graph, op: string): GraphNode => g.nodes.find((node) => node.op === op)!;
const valuesOf = (node: GraphNode) => node.outputs[0]!.value?.values;
const gradientOf = (node: GraphNode) => node.outputs[0]!.gradient?.values;

describe("a function's graph", () => {
  const g = neuron();

  it("has the published numbers of CS231n's sigmoid neuron", () => {
    const round = (xs: readonly unknown[] | undefined) => Number(xs![0]).toFixed(2);
    const end = g.nodes.at(-1)!;
    expect([end.kind, round(valuesOf(end)), round(gradientOf(end))]).toEqual([
      "output",
      "0.73",
      "1.00",
    ]);
    expect(["w0", "x0", "w1", "x1", "w2"].map((name) => round(gradientOf(named(g, name))))).toEqual(
      ["-0.20", "0.39", "-0.39", "-0.59", "0.20"],
    );
  });

  it("says upstream, local and downstream on every edge", () => {
    for (const edge of g.edges) {
      const to = g.nodes.find(({ id }) => id === edge.to)!;
      if (to.kind !== "op" || edge.gradient === null) continue;
      const [up, local, down] = [gradientOf(to)!, edge.local!.values!, edge.gradient.values!];
      expect(Number(up[0]) * Number(local[0])).toBeCloseTo(Number(down[0]), 12);
    }
    const square = graph(() => leaf(3).square(), { gradients: true });
    expect(square.edges[0]).toMatchObject({
      from: "n0",
      to: "n1",
      input: "x",
      gradient: { shape: [], values: [6] },
      local: { shape: [], values: [6] },
    });
  });

  it("lists nodes in an order of computation, constants where they are used, and facts of ops once", () => {
    const at = new Map(g.nodes.map(({ id }, i) => [id, i]));
    for (const { from, to } of g.edges) expect(at.get(from)!).toBeLessThan(at.get(to)!);
    expect(g.nodes.map(({ op, name, kind }) => op ?? name ?? kind)).toEqual([
      "w0", "x0", "mul", "w1", "x1", "mul", "add", "w2", "add", "constant", "mul", "exp", "constant", "add", "reciprocal", "output",
    ]); // biome-ignore format: one line
    expect(Object.keys(g.ops)).toEqual(["mul", "add", "exp", "reciprocal"]);
    expect(g.ops.mul).toEqual({
      symbol: "×",
      inputs: ["a", "b"],
      outputs: ["y"],
      tex: { y: "a \\cdot b", a: "b", b: "a" },
      kinks: "",
      variadic: false,
    });
  });

  it("is plain JSON with a version and an id", () => {
    expect(JSON.parse(JSON.stringify(g))).toEqual(g);
    expect([g.schema, g.version]).toEqual(["tapegrad.graph", 1]);
    expect(graph(leaf(1)).id).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  it("keeps the format that docs/pictures.md describes", () => {
    const shapeOf = (value: unknown): unknown =>
      typeof value !== "object" || value === null ? "" : Object.keys(value).join(" ");
    expect(shapeOf(g)).toBe("schema version id title ops nodes edges groups");
    expect(shapeOf(opNode(g, "mul"))).toBe(
      "id kind op name module group outputs attributes savedBytes saves source",
    );
    expect(shapeOf(opNode(g, "mul").outputs[0])).toBe(
      "name shape dtype requiresGrad value gradient",
    );
    expect(shapeOf(g.edges[0])).toBe("id from output to index input gradient local");
    const folding = graph(sequential([linear(2, 2)]), { input: [1, 2] });
    expect(shapeOf(folding.groups[0])).toBe("id parent kind path call type ops parameters");
  });

  it("tells the line of a call, and what the op keeps", () => {
    const x = leaf([1, 2]);
    const node = opNode(
      graph(() => x.exp()),
      "exp",
    );
    expect(node.source).toMatch(/^test\/graph\.test\.ts:\d+:\d+$/);
    expect([node.saves, node.savedBytes]).toEqual([["y"], 16]);
    expect(
      opNode(
        graph(() => x.exp(), { source: false }),
        "exp",
      ).source,
    ).toBeNull();
  });

  it("has values of what the tape doesn't follow", () => {
    const x = tensor([1, 2, 3]);
    const g = graph(() => ({ total: x.mul(2).sum(), x }));
    expect(valuesOf(opNode(g, "mul"))).toEqual([2, 4, 6]);
    expect(named(g, "total").outputs[0]).toMatchObject({
      requiresGrad: false,
      value: { values: [12] },
    });
    const quiet = graph(() => noGrad(() => leaf(2).exp()));
    expect(quiet.nodes.map(({ kind }) => kind)).toEqual(["leaf", "op", "output"]);
  });

  it("shows values as they were, whatever changes them later", () => {
    const x = tensor([1, 2]);
    const g = graph(() => {
      const doubled = x.mul(2);
      const before = doubled.exp();
      doubled.add_(1);
      return before.add(doubled);
    });
    expect(g.nodes.map(({ op, outputs }) => [op, outputs[0]!.value?.values])).toEqual([
      [null, [1, 2]],
      [null, [2]],
      ["mul", [2, 4]],
      [
        "exp",
        [Math.fround(Math.exp(2)), Math.fround(Math.exp(4))].map((v) => expect.closeTo(v, 4)),
      ],
      [null, [1]],
      ["add", [3, 5]],
      ["add", expect.anything()],
      [null, expect.anything()],
    ]);
    // The last sum reads the changed tensor.
    const into = g.edges.filter(({ to }) => to === "n6").map(({ from }) => from);
    expect(into).toEqual(["n3", "n5"]);
  });

  it("draws several outputs, lists of inputs, and views that a change in place has moved on", () => {
    const x = leaf([3, 1, 2]);
    const square = tensor([
      [2, 0],
      [0, 3],
    ]).requiresGrad_();
    const values = graph(() => eigh(square).eigenvalues.sum(), { gradients: true });
    expect(opNode(values, "eigh").outputs.map(({ name, shape }) => [name, shape])).toEqual([
      ["eigenvalues", [2]],
      ["eigenvectors", [2, 2]],
    ]);
    expect(opNode(values, "eigh").outputs.map(({ gradient }) => gradient?.values)).toEqual([
      [1, 1],
      undefined,
    ]);
    expect(gradientOf(values.nodes[0]!)).toEqual([1, 0, 0, 1]);
    const joined = graph(() => cat([x, x.mul(2)]).sum(), { gradients: true });
    expect(joined.edges.filter(({ to }) => to === "n3").map(({ input }) => input)).toEqual([
      "tensors[0]",
      "tensors[1]",
    ]);
    const g = graph(
      () => {
        const base = x.mul(1);
        const row = base.narrow(0, 0, 2);
        base.mul_(2);
        return row.sum();
      },
      { gradients: true },
    );
    expect(gradientOf(g.nodes[0]!)).toEqual([2, 2, 0]);
    const given = graph(() => x.mul(2), { dy: tensor([1, 2, 3], { dtype: "float64" }) });
    expect(gradientOf(given.nodes[0]!)).toEqual([2, 4, 6]);
  });

  it("follows checkpoints and vmap", () => {
    const w = leaf(2);
    const kept = graph(() => checkpoint((x: Tensor) => x.mul(w).exp(), leaf(1)), {
      gradients: true,
    });
    expect(gradientOf(kept.nodes[1]!)).toEqual([expect.closeTo(Math.exp(2), 10)]);
    const g = graph(() => vmap((x: Tensor) => x.mul(w))(tensor([1, 2, 3])).sum(), {
      gradients: true,
    });
    expect(g.nodes.filter(({ kind }) => kind === "leaf").map(gradientOf)).toEqual([[6]]);
  });
});

describe("a tensor's graph", () => {
  it("is what the tape holds: values that rules keep, leaves, constants they read", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = x.mul(w).add(1).square().sum();
    const g = graph(y, { names: { x, w, y } });
    expect(
      g.nodes.map(({ op, name, kind, outputs }) => [op ?? name ?? kind, outputs[0]!.value?.values]),
    ).toEqual([
      ["x", [1, 2]],
      ["w", [3, 4]],
      ["mul", undefined],
      ["constant", undefined],
      ["add", [4, 9]],
      ["square", undefined],
      ["sum", [97]],
      ["output", [97]],
    ]);
    expect(g.nodes.every(({ outputs }) => outputs[0]!.gradient === null)).toBe(true);
    expect(named(g, "y").op).toBe("sum");
  });

  it("has the gradients that are there: of leaves, and those given to retainGrad", () => {
    const x = leaf([1, 2]);
    const h = retainGrad(x.mul(3));
    const y = h.square().sum();
    y.backward();
    const g = graph(y);
    expect(gradientOf(g.nodes[0]!)).toEqual([18, 36]);
    expect(gradientOf(opNode(g, "mul"))).toEqual([6, 12]);
    expect(valuesOf(opNode(g, "mul"))).toEqual([3, 6]);
    expect(gradientOf(opNode(g, "square"))).toBeUndefined();
  });

  it("captures every gradient without touching one", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    x.grad = tensor([7, 7], { dtype: "float64" });
    const h = retainGrad(x.mul(w));
    const y = h.square().sum();
    const g = graph(y, { gradients: true });
    expect(gradientOf(opNode(g, "square"))).toEqual([1, 1]);
    expect(gradientOf(opNode(g, "mul"))).toEqual([6, 16]);
    expect([x.grad.toArray(), w.grad, h.grad]).toEqual([[7, 7], null, null]);
    // The tape is as it was: backward still runs.
    y.backward();
    expect([x.grad.toArray(), w.grad!.toArray(), h.grad!.toArray()]).toEqual([
      [25, 71],
      [6, 32],
      [6, 16],
    ]);
  });

  it("equals autograd on random circuits, edges adding up to nodes", () => {
    const step = fc.tuple(
      fc.nat(),
      fc.nat(),
      fc.constantFrom("mul", "add", "sub", "tanh", "sigmoid"),
    );
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 12 }), (steps) => {
        const leaves = [leaf([0.5, -1]), leaf([2, 0.3])];
        const tensors: Tensor[] = [...leaves];
        for (const [i, j, op] of steps) {
          const [a, b] = [tensors[i % tensors.length]!, tensors[j % tensors.length]!];
          tensors.push(op === "tanh" || op === "sigmoid" ? a[op]() : a[op as "mul"](b));
        }
        const y = tensors.at(-1)!.sum();
        const all = tensors.filter((x) => x !== y);
        const expected = grad(y, all, { retainGraph: true, allowUnused: true });
        const g = graph(() => y, { gradients: true });
        const byFunction = graph(y, { gradients: true, id: g.id });
        expect(byFunction).toEqual(g);
        leaves.forEach((x, i) => {
          const node = g.nodes.find(
            ({ kind, outputs }) => kind === "leaf" && outputs[0]!.value!.values![0] === x.data()[0],
          );
          if (expected[i] === null) expect(node).toBeUndefined();
          else expect(gradientOf(node!)).toEqual([...expected[i]!.data()]);
        });
        for (const node of g.nodes) {
          const uses = g.edges.filter(
            ({ from, gradient }) => from === node.id && gradient !== null,
          );
          if (uses.length === 0 || node.outputs[0]!.gradient === null) continue;
          const sum = (at: number) =>
            uses.reduce((s, { gradient }) => s + Number(gradient!.values![at]), 0);
          gradientOf(node)!.forEach((v, at) => {
            expect(sum(at)).toBeCloseTo(Number(v), 10);
          });
        }
      }),
      { seed: 7, numRuns: 60 },
    );
  });

  it("tells lines that detectAnomaly noted, and frees nothing", () => {
    const y = detectAnomaly(() => leaf([1]).exp());
    expect(opNode(graph(y), "exp").source).toMatch(/^test\/graph\.test\.ts:\d+:\d+$/);
    expect(opNode(graph(y), "exp").savedBytes).toBe(8);
  });

  it("walks a chain far longer than the stack is deep", () => {
    let y = leaf(1);
    for (let i = 0; i < 1e5; i++) y = y.neg();
    const g = graph(y);
    expect(g.nodes).toHaveLength(1e5 + 2);
    expect(g.nodes.at(-2)).toMatchObject({ op: "neg", outputs: [{ dtype: "float64" }] });
    const children = new Map<string | null, number>();
    for (const { group } of g.nodes) children.set(group, (children.get(group) ?? 0) + 1);
    expect(Math.max(...children.values())).toBeLessThanOrEqual(100);
  }, 300_000);
});

describe("a model's graph", () => {
  it("names parameters and modules, and leaves the model as it was", () => {
    manualSeed(3);
    const model = sequential([linear(4, 3), batchNorm1d(3), relu(), dropout(0.5)]);
    const before = new Map([...model.stateDict()].map(([name, x]) => [name, x.toArray()]));
    const dy = randn([2, 3]);
    const { position } = defaultGenerator().state;
    const g = graph(model, { input: [2, 4], dy });
    expect(new Map([...model.stateDict()].map(([name, x]) => [name, x.toArray()]))).toEqual(before);
    expect(defaultGenerator().state.position).toBe(position);
    expect(model.parameters().map((p) => p.grad)).toEqual([null, null, null, null]);
    expect(g.title).toBe("Sequential");
    expect(
      g.groups.map(({ path, type, call, parameters }) => [path, type, call, parameters]),
    ).toEqual([
      ["0", "Linear", 1, 15],
      ["1", "BatchNorm1d", 1, 6],
      ["2", "ReLU", 1, 0],
      ["3", "Dropout", 1, 0],
    ]);
    const parameters = g.nodes.filter(({ kind }) => kind === "parameter").map(({ name }) => name);
    expect(parameters).toEqual(["0.weight", "0.bias", "1.weight", "1.bias"]);
    expect(named(g, "input")).toMatchObject({ kind: "leaf", module: "", group: null });
  });

  it("disturbs no tape that the user holds", () => {
    const model = sequential([linear(2, 2), batchNorm1d(2)]).eval();
    const loss = model(randn([3, 2])).sum();
    graph(model, { input: [3, 2] });
    loss.backward();
    expect(model.parameters().every(({ grad: dx }) => dx !== null)).toBe(true);
  });

  it("takes several inputs, tensors and shapes, and settles open sizes", () => {
    const lazy = sequential([linear(null, 2)]);
    expect(
      named(graph(lazy, { input: tensor([[1, 2, 3]]) }), "0.weight").outputs[0]!.shape,
    ).toEqual([2, 3]);
    const pair = Object.assign((a: Tensor, b: Tensor) => a.add(b), { namedParameters: () => [] });
    const g = graph(pair, { input: [[2], tensor([1, 2], { dtype: "int32" })] });
    const names = g.nodes.filter(({ kind }) => kind === "leaf").map(({ name }) => name);
    expect(names.sort()).toEqual(["input[0]", "input[1]"]);
    const whole = graph(pair, { input: [[2], [2]], dtype: "int32" });
    expect(valuesOf(whole.nodes[0]!)).toEqual([0, 0]);
  });

  it("counts the calls of a module that runs more than once", () => {
    const cell = linear(2, 2);
    const model = Object.assign((x: Tensor) => cell(cell(x).relu()).relu(), {
      namedParameters: () => cell.namedParameters().map(([n, p]) => [`cell.${n}`, p] as const),
    });
    const g = graph(() => model(tensor([[1, 2]])), { model });
    expect(g.nodes.filter(({ kind }) => kind === "parameter").map(({ name }) => name)).toEqual([
      "cell.weight",
      "cell.bias",
    ]);
  });

  it("knows parameters by their class where no model is given", () => {
    const model = sequential([linear(4, 3)]);
    const loss = crossEntropy(model(randn([2, 4])), tensor([0, 1], { dtype: "int32" }));
    expect(graph(loss).nodes.filter(({ kind }) => kind === "parameter")).toHaveLength(2);
    expect(graph(loss, { model }).nodes.filter(({ name }) => name === "0.weight")).toHaveLength(1);
  });
});

describe("what can't be drawn", () => {
  const x = leaf([1, 2]);
  const refused: [string, () => unknown, string][] = [
    [
      "a number",
      () => graph(3 as never),
      "graph: got 3, in which there is no Tensor; pass a tensor, a function that returns some, or a model with its input.",
    ],
    [
      "a name of what is elsewhere",
      () => graph(x.exp(), { names: { other: leaf(1) } }),
      "graph: names.other is not in the graph: the result doesn't depend on it, or the tape kept no trace of it (of a function, every value is kept: graph(() => …)).",
    ],
    [
      "a name of no tensor",
      () => graph(x.exp(), { names: { n: 4 as never } }),
      "graph: names.n is 4; it must be a Tensor.",
    ],
    [
      "gradients of what is off the tape",
      () => graph(tensor([1]), { gradients: true }),
      "graph: the result (shape [1]) is not on the tape, so no gradient flows; call requiresGrad_() on the inputs first, or leave gradients out.",
    ],
    [
      "gradients of many elements without dy",
      () => graph([x.exp(), x.sum()], { gradients: true }),
      "graph: result 0 has shape [2]; only one element has an implied gradient of 1. Pass dy of that shape, or reduce first: sum() or mean().",
    ],
    [
      "a model without an input",
      () => graph(linear(2, 2)),
      "graph: input 0 of the model is undefined; give input: a Tensor, a shape such as [1, 3, 32, 32], or an array of these.",
    ],
    [
      "an input without a model",
      () => graph(() => x.exp(), { input: [2] }),
      "graph: input is for models, which have namedParameters(); got a function.",
    ],
    [
      "a list of no length",
      () => graph(x, { maxValues: 0 }),
      "graph: maxValues is 0; it must be a whole number from 1 on.",
    ],
  ];
  for (const [what, f, message] of refused) {
    it(`is ${what}`, () => {
      expect(f).toThrow(new Error(message));
    });
  }
});

describe("summaries", () => {
  const summaryOf = (x: Tensor, maxValues = 64) =>
    graph(x, { maxValues }).nodes[0]!.outputs[0]!.value!;

  it("list few elements, and describe many", () => {
    expect(summaryOf(tensor(0.1))).toEqual({ shape: [], values: [0.1] });
    expect(summaryOf(tensor([1, 2, 3, 4]), 3)).toEqual({
      shape: [4],
      min: 1,
      max: 4,
      mean: 2.5,
      std: Number(Math.sqrt(1.25).toPrecision(6)),
      histogram: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1],
    });
    expect(
      summaryOf(
        tensor([
          [1, 2],
          [3, 4],
        ]),
      ).heatmap,
    ).toEqual({ rows: 2, columns: 2, values: [1, 2, 3, 4] });
    const means = summaryOf(tensor(Array.from({ length: 12 }, (_, i) => [i, i])), 1).heatmap!;
    expect(means).toMatchObject({ rows: 6, columns: 2 });
    expect(means.values.slice(0, 4)).toEqual([0.5, 0.5, 2.5, 2.5]);
  });

  it("hold what JSON can't", () => {
    const s = summaryOf(tensor([Number.NaN, Infinity, -Infinity, 1]));
    expect(s).toMatchObject({
      values: ["NaN", "Infinity", "-Infinity", 1],
      nonFinite: 3,
      min: 1,
      max: 1,
    });
    expect(JSON.parse(JSON.stringify(s))).toEqual(s);
    expect(summaryOf(tensor([Number.NaN, Number.NaN]))).toEqual({
      shape: [2],
      values: ["NaN", "NaN"],
      nonFinite: 2,
    });
    expect(summaryOf(tensor([]))).toEqual({ shape: [0], values: [] });
  });
});
