import { describe, expect, it } from "@jest/globals";
import {
  concat,
  equal,
  full,
  Generator,
  narrow,
  noGrad,
  type Tensor,
  tensor,
  where,
  zeros,
} from "@tapegrad/core";
import fc from "fast-check";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  toTensor,
} from "../../core/test/golden.ts";
import {
  fromSpec,
  KeyValueCache,
  type MultiHeadAttention,
  multiHeadAttention,
  paddingMask,
} from "../src/index.ts";
import { checkGradients, fillWithWaves, waves } from "./waves.ts";

const float64 = { dtype: "float64" } as const;
const bool = (rows: readonly (readonly number[])[]) =>
  tensor(
    rows.map((row) => [...row]),
    { dtype: "bool" },
  );

/** Numbers of PyTorch 1.13: attention of waves [3, 1, 4] to itself, causal; dx of Σ output·waves(2). */
const pytorch = {
  output: [
    0.11531524207, -1.05177031389, 0.114746938734, 0.56815610892, 0.00289873754562, -0.913031994624,
    0.0457926085368, 0.519560905778, -0.317940512732, -1.09967553876, 0.610628582811,
    -0.0321984129258,
  ],
  weights: [
    1.0, 0.0, 0.0, 0.793527334632, 0.206472665368, 0.0, 0.30406716353, 0.53673154452,
    0.159201291951,
  ],
  dx: [
    -0.0758684153086, 0.018911131542, 0.096303871266, 0.0851552758761, 0.146630877724,
    0.0196937951421, -0.125349671871, -0.155147228646, -0.0481502468674, -0.0453220276891,
    -0.000824945266629, 0.0444305880295,
  ],
};

describe("multiHeadAttention", () => {
  it("computes what PyTorch computes", () => {
    const layer = fillWithWaves(multiHeadAttention(4, 2, float64));
    const x = waves([3, 1, 4], 0.5).requiresGrad_();
    const { output, weights } = layer(x, x, x, { isCausal: true, needWeights: true });
    expectClose(output, tensor(pytorch.output, { shape: [3, 1, 4], ...float64 }));
    expectClose(weights!, tensor(pytorch.weights, { shape: [1, 3, 3], ...float64 }));
    output.backward(waves([3, 1, 4], 2));
    expectClose(x.grad!, tensor(pytorch.dx, { shape: [3, 1, 4], ...float64 }));
  });

  it("has PyTorch's names and shapes, and its initial values", () => {
    const layer = multiHeadAttention(8, 2, { generator: new Generator(1) });
    expect([...layer.stateDict()].map(([name, x]) => [name, ...x.shape])).toEqual([
      ["in_proj_weight", 24, 8],
      ["in_proj_bias", 24],
      ["out_proj.weight", 8, 8],
      ["out_proj.bias", 8],
    ]);
    const most = (x: Tensor) => Math.max(...x.data().map(Math.abs));
    expect(most(layer.in_proj_weight!)).toBeLessThanOrEqual(Math.sqrt(6 / 32));
    expect(most(layer.in_proj_weight!)).toBeGreaterThan(0.95 * Math.sqrt(6 / 32));
    expect(most(layer.in_proj_bias!) + most(layer.out_proj.bias!)).toBe(0);
    const other = multiHeadAttention(8, 2, { kdim: 5, vdim: 3, bias: false });
    expect([...other.stateDict()].map(([name, x]) => [name, ...x.shape])).toEqual([
      ["q_proj_weight", 8, 8],
      ["k_proj_weight", 8, 5],
      ["v_proj_weight", 8, 3],
      ["out_proj.weight", 8, 8],
    ]);
  });

  it.each<[string, object]>([
    ["plain", {}],
    ["other keys and values", { kdim: 3, vdim: 2 }],
    ["rotary, batch first, without biases", { rotary: true, batchFirst: true, bias: false }],
  ])("has the right gradients: %s", (_, options) => {
    const layer = multiHeadAttention(4, 2, { ...options, ...float64, generator: new Generator(3) });
    const kdim = layer.kdim ?? 4;
    const vdim = layer.vdim ?? 4;
    const inputs = [waves([2, 2, 4], 1), waves([2, 2, kdim], 2), waves([2, 2, vdim], 3)];
    checkGradients(layer, inputs, (query, key, value) => {
      const { output, weights } = layer(query, key, value, { needWeights: true });
      return [output, weights!];
    });
  });

  it("has the right gradients under masks", () => {
    const layer = multiHeadAttention(4, 2, { ...float64, generator: new Generator(3) });
    const keyPaddingMask = paddingMask([2, 1]);
    checkGradients(
      layer,
      [waves([2, 2, 4], 1)],
      (x) => layer(x!, x!, x!, { keyPaddingMask, isCausal: true }).output,
      { twice: false },
    );
  });

  it("goes round by spec and by state", () => {
    const options = { dropout: 0.25, kdim: 3, batchFirst: true, rotary: true };
    const layer = multiHeadAttention(4, 2, options).eval();
    const twin = fromSpec<MultiHeadAttention>(JSON.parse(JSON.stringify(layer.spec))).eval();
    expect(twin.spec).toEqual(layer.spec);
    expect(layer.spec).toMatchObject({ embedDim: 4, numHeads: 2, ...options });
    twin.loadStateDict(layer.stateDict());
    const [q, k, v] = [
      [1, 2, 4],
      [1, 3, 3],
      [1, 3, 4],
    ].map((shape, i) => waves(shape, i));
    expect(String(twin(q!, k, v).output)).toBe(String(layer(q!, k, v).output));
  });

  it("gives the same with and without weights, layouts and the axis of the batch", () => {
    const layer = multiHeadAttention(4, 2, float64);
    const first = multiHeadAttention(4, 2, { batchFirst: true, ...float64 });
    first.loadStateDict(layer.stateDict());
    const x = waves([3, 2, 4], 1);
    const memory = waves([5, 2, 4], 2);
    const { output, weights } = layer(x, memory, memory, { needWeights: true });
    expect(weights!.shape).toEqual([2, 3, 5]);
    expect(layer(x, memory).weights).toBeNull();
    expectClose(layer(x, memory).output, output);
    expectClose(first(x.transpose(0, 1), memory.transpose(0, 1)).output, output.transpose(0, 1));
    const perHead = { needWeights: true, averageAttnWeights: false };
    const heads = layer(x, memory, memory, perHead).weights!;
    expectClose(heads.mean(1), weights!);
    expectClose(weights!.sum(-1), full([2, 3], 1, float64));
    const alone = (t: Tensor) => narrow(t, 1, 0, 1).squeeze(1);
    const single = layer(alone(x), alone(memory), alone(memory), perHead);
    expectClose(single.output, alone(output));
    expectClose(single.weights!, narrow(heads, 0, 0, 1).squeeze(0));
  });

  it("treats bool masks as −∞ added, alone and together", () => {
    const layer = multiHeadAttention(4, 2, float64);
    const x = waves([3, 2, 4], 1);
    const hidden = bool([
      [0, 1, 0],
      [0, 0, 1],
      [0, 1, 0],
    ]);
    const padding = paddingMask([3, 2]);
    const asFloat = (mask: Tensor) => where(mask, -Infinity, zeros(mask.shape, float64));
    const run = (attnMask: Tensor | null, keyPaddingMask: Tensor | null) =>
      layer(x, x, x, { attnMask, keyPaddingMask }).output;
    const all = run(hidden, padding);
    for (const a of [hidden, asFloat(hidden)])
      for (const b of [padding, asFloat(padding)]) expectClose(run(a, b), all);
    const repeated = concat([0, 1, 2, 3].map(() => hidden.reshape([1, 3, 3])));
    expectClose(run(repeated, padding), all);
    expect(equal(run(hidden, null), all)).toBe(false);
    const single = multiHeadAttention(4, 2);
    const y = x.to("float32");
    expect(single(y, y, y, { attnMask: asFloat(hidden) }).output.dtype).toBe("float32");
    // What a bias adds to a score shifts a weight by its exponential.
    const bias = waves([3, 3], 1);
    const plain = layer(x, x, x, { needWeights: true, averageAttnWeights: false }).weights!;
    const shifted = layer(x, x, x, {
      attnMask: bias,
      needWeights: true,
      averageAttnWeights: false,
    });
    const scaled = plain.mul(bias.exp());
    expectClose(shifted.weights!, scaled.div(scaled.sum(-1, { keepdim: true })));
  });

  it("causal: what comes later does not change what was", () => {
    const layer = multiHeadAttention(4, 2, { ...float64, rotary: true });
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.integer({ min: 0, max: 100 }),
        (past, phase) => {
          const before = waves([past, 1, 4], 1);
          const run = (phase: number) => {
            const x = concat([before, waves([6 - past, 1, 4], phase)]);
            return layer(x, x, x, { isCausal: true }).output;
          };
          const [one, other] = [run(2), run(phase + 3)];
          expect(narrow(one, 0, 0, past).data()).toEqual(narrow(other, 0, 0, past).data());
        },
      ),
      { seed: 231, numRuns: 20 },
    );
  });

  it("padding keys are not looked at, and get no gradient", () => {
    const layer = multiHeadAttention(4, 2, float64);
    const memory = waves([3, 2, 4], 1).requiresGrad_();
    const keyPaddingMask = paddingMask([3, 1]);
    layer(waves([2, 2, 4], 2), memory, memory, { keyPaddingMask })
      .output.sum()
      .backward();
    const grad = narrow(narrow(memory.grad!, 1, 1, 1), 0, 1, 2);
    expect([...grad.data()].every((g) => g === 0)).toBe(true);
    expect([...memory.grad!.data()].some((g) => g !== 0)).toBe(true);
  });

  it("takes batches and sequences without elements", () => {
    const layer = multiHeadAttention(4, 2);
    for (const shape of [
      [2, 0, 4],
      [0, 2, 4],
      [0, 4],
    ]) {
      const x = zeros(shape);
      expect(layer(x, x, x, { isCausal: true }).output.shape).toEqual(shape);
    }
  });

  it("gives NaN for a query that may look nowhere, as PyTorch's", () => {
    const layer = multiHeadAttention(4, 2);
    const x = waves([2, 1, 4], 1).to("float32");
    const attnMask = bool([
      [1, 1],
      [0, 0],
    ]);
    const rows = layer(x, x, x, { attnMask }).output.toArray() as number[][][];
    expect(rows[0]![0]!.every(Number.isNaN)).toBe(true);
    expect(rows[1]![0]!.every(Number.isFinite)).toBe(true);
  });

  it("with a cache computes step by step what it computes at once", () => {
    for (const rotary of [false, true]) {
      const layer = multiHeadAttention(4, 2, { rotary, ...float64 });
      const x = waves([5, 2, 4], 1);
      const whole = layer(x, x, x, { isCausal: true }).output;
      const cache = new KeyValueCache();
      const parts = noGrad(() =>
        [
          [0, 2],
          [2, 1],
          [3, 2],
        ].map(([start, length]) => {
          expect(cache.length).toBe(start);
          const step = narrow(x, 0, start!, length!);
          return layer(step, step, step, { isCausal: true, cache }).output;
        }),
      );
      expectClose(concat(parts), whole);
      expect(cache.length).toBe(5);
    }
  });

  it("drops weights in training only, from its generator", () => {
    const generator = new Generator();
    const layer = multiHeadAttention(4, 2, { dropout: 0.5, generator });
    const x = waves([4, 2, 4], 1).to("float32");
    for (const needWeights of [false, true]) {
      const run = (seed: number) => {
        generator.manualSeed(seed);
        return String(layer.train()(x, x, x, { needWeights }).output);
      };
      expect(run(1)).toBe(run(1));
      expect(run(1)).not.toBe(run(2));
      expect(String(layer.eval()(x, x, x, { needWeights }).output)).toBe(String(layer(x).output));
    }
  });

  it.each<[unknown[], string]>([
    [
      [6, 4],
      "multiHeadAttention: embedDim is 6 and numHeads 4; embedDim must be a multiple of numHeads.",
    ],
    [[0, 1], "multiHeadAttention: embedDim is 0; it must be a whole number of at least 1."],
    [
      [4, 2, { kdim: 0 }],
      "multiHeadAttention: kdim is 0; it must be a whole number of at least 1, or null.",
    ],
    [
      [2, 2, { rotary: true }],
      "rotaryPositions: size is 1; it must be even: features come in pairs.",
    ],
  ])("refuses the arguments %j", (args, message) => {
    expect(() => multiHeadAttention(...(args as [number, number]))).toThrow(message);
  });

  it.each<[string, (layer: MultiHeadAttention) => unknown, string]>([
    [
      "no tensor",
      (layer) => layer(1 as never),
      "multiHeadAttention: query is 1; it must be a Tensor.",
    ],
    [
      "features that don't fit",
      (layer) => layer(zeros([2, 3, 5])),
      "multiHeadAttention: query is [2, 3, 5], key [2, 3, 5] and value [2, 3, 5]; they must be [L, B, 4], [S, B, 4] and [S, B, 4], or all without B.",
    ],
    [
      "values for other keys",
      (layer) => layer(zeros([2, 3, 4]), zeros([5, 3, 4]), zeros([6, 3, 4])),
      "multiHeadAttention: query is [2, 3, 4], key [5, 3, 4] and value [6, 3, 4]; they must be [L, B, 4], [S, B, 4] and [S, B, 4], or all without B.",
    ],
    [
      "a mask of another shape",
      (layer) => layer(zeros([2, 3, 4]), undefined, undefined, { attnMask: zeros([3, 3]) }),
      "multiHeadAttention: attnMask is [3, 3]; it must be [2, 2] or [6, 2, 2].",
    ],
    [
      "a mask of another dtype",
      (layer) =>
        layer(zeros([2, 3, 4]), undefined, undefined, {
          keyPaddingMask: zeros([3, 2], { dtype: "int32" }),
        }),
      "multiHeadAttention: keyPaddingMask is int32; it must be bool (true: don't look) or float (added to the scores).",
    ],
    [
      "a mask that is no tensor",
      (layer) => layer(zeros([2, 3, 4]), undefined, undefined, { keyPaddingMask: [1] as never }),
      "multiHeadAttention: keyPaddingMask is [1]; it must be a bool or float Tensor of shape [3, 2].",
    ],
  ])("refuses %s", (_, run, message) => {
    expect(() => run(multiHeadAttention(4, 2))).toThrow(message);
  });
});

interface ModuleCase {
  id: string;
  state_dict: Record<string, GoldenTensor>;
  inputs: { args: GoldenTensor[]; kwargs: Record<string, GoldenTensor | boolean | null> };
  outputs: GoldenTensor[];
  cotangents: (GoldenTensor | null)[];
  grads: { inputs: GoldenTensor[]; params: Record<string, GoldenTensor> };
}

describeGolden<ModuleCase>("PyTorch's MultiheadAttention", "modules.jsonl", (cases) => {
  const golden = cases.find(({ id }) => id === "multihead_attention")!;

  it.each(["float32", "float64"] as const)("%s", (dtype) => {
    const layer = multiHeadAttention(6, 2, { batchFirst: true, dtype });
    const state = Object.entries(golden.state_dict).map(
      ([name, x]) => [name, toTensor(x)] as const,
    );
    expect([...layer.stateDict().keys()]).toEqual(state.map(([name]) => name));
    layer.loadStateDict(new Map(state));
    const inputs = golden.inputs.args.map((x) => toTensor(x, dtype));
    expect(golden.inputs.kwargs).toEqual({});
    const { output, weights } = layer(inputs[0]!, inputs[1], inputs[2], { needWeights: true });
    const got = [output, weights!];
    for (const [i, part] of got.entries()) expectClose(part, golden.outputs[i]!);
    got
      .flatMap((part, i) => {
        const dy = golden.cotangents[i]!;
        return dy === null ? [] : [part.mul(toTensor(dy, dtype)).sum()];
      })
      .reduce((a, b) => a.add(b))
      .backward();
    const leaves = inputs.filter((x) => x.requiresGrad);
    for (const [i, x] of leaves.entries()) expectClose(x.grad!, golden.grads.inputs[i]!);
    for (const [name, p] of layer.namedParameters())
      expectClose(p.grad!, golden.grads.params[name]!);
  });
});
