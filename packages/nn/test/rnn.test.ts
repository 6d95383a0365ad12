import { describe, expect, it } from "@jest/globals";
import {
  concat,
  Generator,
  narrow,
  ones,
  randn,
  select,
  type Tensor,
  tensor,
  zeros,
} from "@tapegrad/core";
import fc from "fast-check";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  relativeError,
  toTensor,
} from "../../core/test/golden.ts";
import {
  type AnyModule,
  fromSpec,
  gru,
  gruCell,
  type LSTM,
  type LSTMCell,
  type LSTMResult,
  linear,
  lstm,
  lstmCell,
  padSequence,
  type RecurrentResult,
  type RNNCell,
  rnn,
  rnnCell,
} from "../src/index.ts";
import { checkGradients, fillWithWaves, waves } from "./waves.ts";

const float64 = { dtype: "float64" } as const;
const makers = { rnn, gru, lstm };
type Kind = keyof typeof makers;
const kinds = Object.keys(makers) as Kind[];

/** Output and states of any kind. */
function results(result: RecurrentResult): Tensor[] {
  const cell = (result as Partial<LSTMResult>).cell;
  return [result.output, result.hidden, ...(cell === undefined ? [] : [cell])];
}

/** Of PyTorch 1.13, packed sequences of lengths 3 and 2; dx is the gradient of Σ output·waves(2). */
const pytorch: Record<Kind, { output: number[]; hidden: number[]; cell?: number[]; dx: number[] }> =
  {
    rnn: {
      output: [
        -0.734626044842, -0.381667670723, -0.0864244895036, -0.0640702803809, -0.833545637691,
        -0.292276914775, -0.099086688442, 0.125819561065, -0.756408920009, -0.0340007456241,
        0.0899812786839, 0.096592082095, -0.595666054423, -0.166808015711, -0.0909606347688,
        0.0224487897611, -0.735843785084, -0.0558184776706, -0.0122720135237, 0.024083103981, 0.0,
        0.0, 0.0, 0.0,
      ],
      hidden: [
        -0.352007955193, -0.306925275835, 0.0706406487109, -0.681974646275, 0.420046123426,
        0.954655957003, 0.657616027674, 0.820882572719, -0.735843785084, -0.0558184776706,
        -0.595666054423, -0.166808015711, -0.0864244895036, -0.0640702803809, -0.099086688442,
        0.125819561065,
      ],
      dx: [
        0.44508762428, 0.258162055146, -0.0228961783296, -0.0488538750911, -0.0806279220391,
        0.367094269294, 0.318496292177, 0.147898847967, -0.206254777018, -0.149496038783, 0.0, 0.0,
      ],
    },
    gru: {
      output: [
        0.0203394601451, -0.0926614410231, 0.0971844835465, 0.643914560201, 0.0590001483613,
        -0.11778568432, 0.101275373209, 0.561886308829, 0.0737417363907, -0.200697872953,
        -0.00107887376587, 0.613024841837, 0.129112898595, -0.222932029012, 0.0867959863931,
        0.406810733852, 0.156414935108, -0.296319755426, 0.0483960966154, 0.409978785908, 0.0, 0.0,
        0.0, 0.0,
      ],
      hidden: [
        0.483335514894, 0.382644537265, 0.336569376898, 0.154593136665, -0.41098331974,
        -0.0268593727002, -0.336940039306, 0.0832779927282, 0.156414935108, -0.296319755426,
        0.129112898595, -0.222932029012, 0.0971844835465, 0.643914560201, 0.101275373209,
        0.561886308829,
      ],
      dx: [
        0.0240278923339, 0.0331380734394, 0.0401566517761, 0.0285342780038, 0.0308578322976,
        0.010388570737, 0.0356543023821, 0.03875325048, -0.0252735387659, -0.0149908529749, 0.0,
        0.0,
      ],
    },
    lstm: {
      output: [
        0.000966975264666, -0.0942236207426, 0.20171100833, 0.145249070359, 0.0058740409583,
        -0.0979236548103, 0.185425660997, 0.133118382656, -0.0117561408898, -0.148338722776,
        0.1811125773, 0.139528888896, 0.0186462374103, -0.184575028499, 0.125990129434,
        0.0943372339689, 0.00699020181972, -0.226358614568, 0.13649465619, 0.0965902603566, 0.0,
        0.0, 0.0, 0.0,
      ],
      hidden: [
        0.235152099973, 0.0970764942276, 0.232158045496, 0.0496883351738, -0.350749710794,
        0.0189218004985, -0.317491247787, 0.0821558653534, 0.00699020181972, -0.226358614568,
        0.0186462374103, -0.184575028499, 0.20171100833, 0.145249070359, 0.185425660997,
        0.133118382656,
      ],
      dx: [
        -0.00123361581515, 0.0133206653097, 0.00628349375586, -0.0102397179099, 0.000815434225556,
        0.00959314339406, -0.00098087711457, -0.00394449950534, -0.00338138426077,
        -0.00892143656085, 0.0, 0.0,
      ],
      cell: [
        0.469214572293, 0.272907916026, 0.385418943036, 0.172002976928, -0.703651527334,
        0.0256797803179, -0.543490769841, 0.126454661364, 0.0205193932578, -0.639514269731,
        0.0536916598646, -0.509832261736, 0.362652073897, 0.361400310953, 0.328414442277,
        0.333372640658,
      ],
    },
  };

describe.each(kinds)("%s", (kind) => {
  const make = makers[kind];

  it("computes what PyTorch computes, for sequences of different lengths", () => {
    const layer = fillWithWaves(make(2, 2, { numLayers: 2, bidirectional: true, ...float64 }));
    const x = waves([3, 2, 2], 0.5).requiresGrad_();
    const [output, hidden, cell] = results(layer(x, { lengths: [3, 2] }));
    const expected = pytorch[kind];
    expectClose(output!, tensor(expected.output, { shape: [3, 2, 4], ...float64 }));
    expectClose(hidden!, tensor(expected.hidden, { shape: [4, 2, 2], ...float64 }));
    if (expected.cell) expectClose(cell!, tensor(expected.cell, { shape: [4, 2, 2], ...float64 }));
    output!.backward(waves([3, 2, 4], 2));
    expectClose(x.grad!, tensor(expected.dx, { shape: [3, 2, 2], ...float64 }));
  });

  it("has PyTorch's names, order and shapes, and starts uniform in ±1/√H", () => {
    const gates = { rnn: 1, gru: 3, lstm: 4 }[kind];
    const layer = make(3, 25, { numLayers: 2, bidirectional: true, generator: new Generator(5) });
    const shapes = layer.namedParameters().map(([name, p]) => [name, ...p.shape]);
    const of = (suffix: string, inputs: number) => [
      [`weight_ih_${suffix}`, 25 * gates, inputs],
      [`weight_hh_${suffix}`, 25 * gates, 25],
      [`bias_ih_${suffix}`, 25 * gates],
      [`bias_hh_${suffix}`, 25 * gates],
    ];
    expect(shapes).toEqual([
      ...of("l0", 3),
      ...of("l0_reverse", 3),
      ...of("l1", 50),
      ...of("l1_reverse", 50),
    ]);
    const values = layer.parameters().flatMap((p) => [...p.data()]);
    expect(Math.max(...values.map(Math.abs))).toBeLessThanOrEqual(0.2);
    expect(Math.max(...values)).toBeGreaterThan(0.199);
    expect(Math.min(...values)).toBeLessThan(-0.199);
  });

  it.each<[string, { numLayers?: number }]>([
    ["one layer", {}],
    ["two layers, both directions", { numLayers: 2, bidirectional: true } as object],
    ["without biases, batch first", { bias: false, batchFirst: true } as object],
  ])("has the right gradients: %s", (_, options) => {
    const layer = make(2, 2, { ...options, ...float64, generator: new Generator(2) });
    const twice = options.numLayers === undefined;
    checkGradients(layer, [waves([2, 2, 2], 1)], (x) => results(layer(x)), { twice });
  });

  it("has the right gradients in initial states and behind sequences' ends", () => {
    const layer = make(2, 2, { ...float64, bidirectional: true, generator: new Generator(2) });
    const states = kind === "lstm" ? 2 : 1;
    const inputs = [
      waves([3, 2, 2], 1),
      ...[3, 4].slice(0, states).map((p) => waves([2, 2, 2], p)),
    ];
    const run = (x?: Tensor, hidden?: Tensor, cell?: Tensor) =>
      results(layer(x!, { hidden, cell, lengths: [1, 3] } as object));
    checkGradients(layer, inputs, run, { twice: false });
  });

  it("goes round by spec and by state", () => {
    const options = { numLayers: 2, bidirectional: true, dropout: 0.5, batchFirst: true };
    const layer = make(3, 2, options).eval();
    const twin = fromSpec<typeof layer>(JSON.parse(JSON.stringify(layer.spec))).eval();
    expect(twin.spec).toEqual(layer.spec);
    expect(twin.spec).toMatchObject({ type: kind, inputSize: 3, hiddenSize: 2, ...options });
    twin.loadStateDict(layer.stateDict());
    const x = randn([2, 5, 3], { generator: new Generator(1) });
    expect(results(twin(x)).map(String)).toEqual(results(layer(x)).map(String));
  });

  it("takes its input size from the first input, or from a state", () => {
    const layer = make(null, 2);
    expect(() => layer.parameters()).toThrow("inputSize");
    expect(layer(zeros([3, 1, 4])).output.shape).toEqual([3, 1, 2]);
    expect(layer.weight_ih_l0!.shape[1]).toBe(4);
    const other = make(null, 2);
    other.loadStateDict(layer.stateDict());
    expect(other.inputSize).toBe(4);
  });

  it("reads one sequence without an axis for the batch", () => {
    const layer = make(3, 2, { bidirectional: true, ...float64 });
    const x = waves([4, 3], 1);
    const alone = results(layer(x));
    const batch = results(layer(x.reshape([4, 1, 3])));
    expect(alone[0]!.shape).toEqual([4, 4]);
    expect(alone[1]!.shape).toEqual([2, 2]);
    for (const [i, part] of alone.entries()) expect(part.data()).toEqual(batch[i]!.data());
  });

  it("with batchFirst swaps the axes of input and output, not of states", () => {
    const layer = make(3, 2, float64);
    const first = make(3, 2, { batchFirst: true, ...float64 });
    first.loadStateDict(layer.stateDict());
    const x = waves([4, 2, 3], 1);
    const [output, ...states] = results(layer(x));
    const [swapped, ...same] = results(first(x.transpose(0, 1)));
    expectClose(swapped!, output!.transpose(0, 1));
    for (const [i, state] of states.entries()) expectClose(same[i]!, state);
  });

  it("goes on from the result of the call before", () => {
    const layer = make(3, 2, { numLayers: 2, ...float64 });
    const x = waves([6, 2, 3], 1);
    const whole = results(layer(x));
    const first = layer(narrow(x, 0, 0, 4));
    const second = layer(narrow(x, 0, 4, 2), first);
    expectClose(concat([first.output, second.output]), whole[0]!);
    for (const [i, state] of results(second).slice(1).entries()) expectClose(state, whole[i + 1]!);
  });

  it("equals a loop over single sequences, whatever the lengths and what stands behind them", () => {
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 4 }),
        fc.boolean(),
        fc.boolean(),
        fc.constantFrom(0, 7, Number.NaN),
        (lengths, bidirectional, batchFirst, paddingValue) => {
          const options = { numLayers: 2, bidirectional, ...float64, generator: new Generator(4) };
          const layer = make(2, 3, { ...options, batchFirst });
          const sequences = lengths.map((length, i) => waves([length, 2], i));
          const x = padSequence(sequences, { batchFirst, paddingValue }).requiresGrad_();
          const [output, ...states] = results(layer(x, { lengths }));
          output!.sum().backward();
          expect([...x.grad!.data()].every(Number.isFinite)).toBe(true);
          for (const [i, length] of lengths.entries()) {
            const [alone, ...final] = results(layer(sequences[i]!));
            const steps = select(output!, batchFirst ? 0 : 1, i);
            expectClose(narrow(steps, 0, 0, length), alone!);
            const rest = steps.shape[0]! - length;
            expect([...narrow(steps, 0, length, rest).data()].every((y) => y === 0)).toBe(true);
            for (const [k, state] of final.entries()) expectClose(select(states[k]!, 1, i), state);
          }
        },
      ),
      { seed: 231, numRuns: 25 },
    );
  });

  it("takes a batch of no sequences", () => {
    const layer = make(3, 2, { bidirectional: true });
    const shapes = results(layer(zeros([4, 0, 3]), { lengths: [] })).map(({ shape }) => shape);
    expect(shapes.slice(0, 2)).toEqual([
      [4, 0, 4],
      [2, 0, 2],
    ]);
  });

  it("leaves the state alone where a sequence has no step at all", () => {
    const layer = make(2, 2, float64);
    const hidden = waves([1, 2, 2], 3);
    const after = layer(waves([2, 2, 2], 1), {
      hidden,
      lengths: tensor([2, 0], { dtype: "int32" }),
    });
    expect(select(after.hidden, 1, 1).data()).toEqual(select(hidden, 1, 1).data());
  });

  it("drops between layers in training only, from its generator", () => {
    const generator = new Generator();
    const layer = make(3, 8, { numLayers: 2, dropout: 0.5, generator });
    const run = (seed: number) => {
      generator.manualSeed(seed);
      return String(layer(waves([3, 2, 3], 1).to("float32")).output);
    };
    expect(run(1)).toBe(run(1));
    expect(run(1)).not.toBe(run(2));
    layer.eval();
    expect(run(1)).toBe(run(2));
  });

  it.each<[unknown[], string]>([
    [[3, 0], `${kind}: hiddenSize is 0; it must be a whole number of at least 1.`],
    [
      ["3", 2],
      `${kind}: inputSize is "3"; it must be a whole number of at least 1, or null to take it from the first input.`,
    ],
    [
      [3, 2, { layers: 2 }],
      `${kind}: layers is no argument of ${kind}; it takes inputSize, hiddenSize, numLayers,`,
    ],
    [[3, 2, { numLayers: 0 }], `${kind}: numLayers is 0; it must be a whole number of at least 1.`],
    [[3, 2, { dropout: 2 }], `${kind}: dropout is 2; it must be a probability from 0 to 1.`],
  ])("refuses the arguments %j", (args, message) => {
    expect(() => make(...(args as [number, number]))).toThrow(message);
  });

  it.each<[string, (layer: AnyModule) => unknown, string]>([
    [
      "no tensor",
      (layer) => layer(...([[1, 2]] as never[])),
      `${kind}: x is [1, 2]; it must be a Tensor of shape [T, B, 3].`,
    ],
    [
      "other features",
      (layer) => layer(...([zeros([4, 2, 5])] as never[])),
      `${kind}: x is [4, 2, 5]; it must be [T, B, 3], or [T, 3] for one sequence, with at least one step.`,
    ],
    [
      "no step",
      (layer) => layer(...([zeros([0, 2, 3])] as never[])),
      `${kind}: x is [0, 2, 3]; it must be [T, B, 3], or [T, 3] for one sequence, with at least one step.`,
    ],
    [
      "a state of another size",
      (layer) => layer(...([zeros([4, 2, 3]), { hidden: zeros([1, 2, 3]) }] as never[])),
      `${kind}: hidden is [1, 2, 3]; it must be [1, 2, 2], [layers·directions, B, size].`,
    ],
    [
      "too few lengths",
      (layer) => layer(...([zeros([4, 2, 3]), { lengths: [4] }] as never[])),
      `${kind}: lengths is [4]; it must be 2 whole numbers from 0 to 4, one for each sequence.`,
    ],
    [
      "a length beyond the end",
      (layer) => layer(...([zeros([4, 2, 3]), { lengths: [4, 5] }] as never[])),
      `${kind}: lengths is [4, 5]; it must be 2 whole numbers from 0 to 4, one for each sequence.`,
    ],
  ])("refuses %s", (_, run, message) => {
    expect(() => run(make(3, 2))).toThrow(message);
  });
});

describe("rnn", () => {
  it("takes relu in place of tanh", () => {
    const layer = fillWithWaves(rnn(2, 2, { nonlinearity: "relu", ...float64 }));
    expect(
      layer(waves([3, 1, 2], 1))
        .output.data()
        .every((y) => y >= 0),
    ).toBe(true);
    expect(layer.spec).toMatchObject({ nonlinearity: "relu" });
    expect(() => rnn(2, 2, { nonlinearity: "gelu" as never })).toThrow(
      'rnn: nonlinearity is "gelu"; it must be one of "tanh", "relu".',
    );
  });
});

describe("lstm with a projection", () => {
  it("has hidden states of the projected size, and the right gradients", () => {
    const layer = lstm(3, 3, {
      projSize: 2,
      numLayers: 2,
      ...float64,
      generator: new Generator(1),
    });
    const { output, hidden, cell } = layer(waves([2, 1, 3], 1));
    expect([output, hidden, cell].map(({ shape }) => shape)).toEqual([
      [2, 1, 2],
      [2, 1, 2],
      [2, 1, 3],
    ]);
    expect(layer.weight_hr_l1!.shape).toEqual([2, 3]);
    const small = lstm(2, 2, { projSize: 1, ...float64, generator: new Generator(1) });
    checkGradients(small, [waves([2, 1, 2], 1)], (x) => results(small(x)));
    expect(fromSpec<LSTM>(layer.spec).spec).toMatchObject({ projSize: 2 });
  });

  it("refuses one that is not smaller", () => {
    expect(() => lstm(3, 4, { projSize: 4 })).toThrow(
      "lstm: projSize is 4; it must be less than hiddenSize (4), or 0 for no projection.",
    );
  });
});

describe("cells", () => {
  it("are the steps of their layers", () => {
    const x = waves([3, 2, 4], 1);
    const pairs = [
      { layer: rnn(4, 3, float64), cell: rnnCell(4, 3, float64) },
      { layer: gru(4, 3, float64), cell: gruCell(4, 3, float64) },
    ];
    for (const { layer, cell } of pairs) {
      cell.loadStateDict(renamed(layer));
      let h: Tensor | null = null;
      for (let t = 0; t < 3; t++) h = (cell as RNNCell)(select(x, 0, t), h);
      expectClose(h!, select(layer(x).hidden, 0, 0));
    }
    const layer = lstm(4, 3, float64);
    const cell = lstmCell(4, 3, float64);
    cell.loadStateDict(renamed(layer));
    let state: ReturnType<LSTMCell["forward"]> | undefined;
    for (let t = 0; t < 3; t++) state = cell(select(x, 0, t), state);
    expectClose(state!.hidden, select(layer(x).hidden, 0, 0));
    expectClose(state!.cell, select(layer(x).cell, 0, 0));
  });

  const cells = {
    rnnCell: rnnCell(3, 2, { ...float64, generator: new Generator(1) }),
    gruCell: gruCell(3, 2, { ...float64, generator: new Generator(1) }),
    lstmCell: lstmCell(3, 2, { ...float64, generator: new Generator(1) }),
  };

  it.each(Object.entries(cells))("%s: gradients, one vector, spec, state, sizes", (kind, cell) => {
    const run = (x: Tensor, h?: Tensor): Tensor[] => {
      if (cell !== cells.lstmCell) return [(cell as RNNCell)(x, h)];
      const { hidden, cell: c } = cells.lstmCell(x, h && { hidden: h, cell: h.mul(0.5) });
      return [hidden, c];
    };
    checkGradients(cell, [waves([2, 3], 1), waves([2, 2], 2)], run as () => Tensor[]);
    const x = waves([3], 1);
    expect(run(x)[0]!.data()).toEqual(run(x.reshape([1, 3]))[0]!.data());
    expect([...cell.stateDict().keys()]).toEqual(["weight_ih", "weight_hh", "bias_ih", "bias_hh"]);
    const twin = fromSpec<typeof cell>(cell.spec);
    expect(twin.spec).toEqual(cell.spec);
    twin.loadStateDict(cell.stateDict());
    expect(() => run(zeros([2, 4]))).toThrow(`${kind}: x is [2, 4]; it must be [B, 3] or [3].`);
    expect(() => run(zeros([2, 3]), zeros([3, 2]))).toThrow(
      `${kind}: hidden is [3, 2] and x [2, 3]; hidden must be [2, 2].`,
    );
    const open = fromSpec<RNNCell>({ type: kind, hiddenSize: 2 });
    open(ones([1, 5]));
    expect(open.inputSize).toBe(5);
  });
});

/** A layer's state under the names of a cell's. */
function renamed(layer: AnyModule): Map<string, Tensor> {
  return new Map([...layer.stateDict()].map(([name, x]) => [name.replace("_l0", ""), x]));
}

it("a sequence model is an ordinary module", () => {
  const body = lstm(null, 4);
  const head = linear(4, 2);
  const scores = head(body(randn([5, 3, 6])).output);
  scores.sum().backward();
  expect(scores.shape).toEqual([5, 3, 2]);
  expect(body.parameters().every((p) => p.grad !== null)).toBe(true);
  expect(String(lstm(3, 4, { numLayers: 2 }))).toBe(
    "LSTM(inputSize=3, hiddenSize=4, numLayers=2, bias=true, batchFirst=false, dropout=0, bidirectional=false)",
  );
});

interface ModuleCase {
  id: string;
  state_dict: Record<string, GoldenTensor>;
  inputs: { args: GoldenTensor[] };
  outputs: GoldenTensor[];
  cotangents: (GoldenTensor | null)[];
  grads: { inputs: GoldenTensor[]; params: Record<string, GoldenTensor> };
}

describeGolden<ModuleCase>("PyTorch's LSTM of two layers", "modules.jsonl", (cases) => {
  const golden = cases.find(({ id }) => id === "lstm_two_layers")!;

  it.each(["float32", "float64"] as const)("%s", (dtype) => {
    const layer = lstm(3, 4, { numLayers: 2, batchFirst: true, dtype });
    const state = Object.entries(golden.state_dict).map(
      ([name, x]) => [name, toTensor(x)] as const,
    );
    expect([...layer.stateDict().keys()]).toEqual(state.map(([name]) => name));
    layer.loadStateDict(new Map(state));
    const x = toTensor(golden.inputs.args[0]!, dtype);
    const got = results(layer(x));
    for (const [i, part] of got.entries()) expectClose(part, golden.outputs[i]!);
    const cotangents = golden.cotangents.map((dy) => (dy === null ? null : toTensor(dy, dtype)));
    const loss = got
      .flatMap((part, i) => (cotangents[i] === null ? [] : [part.mul(cotangents[i]!).sum()]))
      .reduce((a, b) => a.add(b));
    loss.backward();
    expectClose(x.grad!, golden.grads.inputs[0]!);
    for (const [name, p] of layer.namedParameters())
      expectClose(p.grad!, golden.grads.params[name]!);
  });
});

interface CS231n {
  id: string;
  inputs: Record<string, GoldenValue>;
  published: Record<string, GoldenValue>;
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

describeGolden<CS231n>("CS231n's notebooks", "cs231n.json", (cases) => {
  const read = (id: string) => {
    const golden = cases.find((one) => one.id === id)!;
    const inputs = Object.fromEntries(
      Object.entries(golden.inputs).map(([name, value]) => [name, toTensor(value)]),
    ) as Record<string, Tensor>;
    const check = (name: string, got: Tensor) => {
      expectClose(got, golden.computed[name]!);
      expect(relativeError(got, toTensor(golden.published[name]!))).toBeLessThan(
        golden.rel_error_limit_for_published,
      );
    };
    return { inputs, check };
  };
  /** CS231n has one bias; ours has two. */
  const state = (Wx: Tensor, Wh: Tensor, b: Tensor, order: (x: Tensor) => Tensor) => ({
    weight_ih: order(Wx.transpose()),
    weight_hh: order(Wh.transpose()),
    bias_ih: order(b),
    bias_hh: zeros(b.shape, float64),
  });

  it("rnn_step, and a layer's first step", () => {
    const { inputs, check } = read("rnn_step");
    const { x, prev_h, Wx, Wh, b } = inputs as Record<string, Tensor>;
    const entries = state(Wx!, Wh!, b!, (part) => part);
    const cell = rnnCell(10, 4, float64);
    cell.loadStateDict(entries);
    check("next_h", cell(x!, prev_h!));
    const layer = rnn(10, 4, float64);
    layer.loadStateDict(
      new Map(Object.entries(entries).map(([name, part]) => [`${name}_l0`, part] as const)),
    );
    const { hidden } = layer(x!.reshape([1, 3, 10]), { hidden: prev_h!.reshape([1, 3, 4]) });
    check("next_h", select(hidden, 0, 0));
  });

  it("lstm_step: gates i, f, o, g there, i, f, g, o here", () => {
    const { inputs, check } = read("lstm_step");
    const { x, prev_h, prev_c, Wx, Wh, b } = inputs as Record<string, Tensor>;
    const cell = lstmCell(4, 5, float64);
    const order = (part: Tensor) =>
      concat([narrow(part, 0, 0, 10), narrow(part, 0, 15, 5), narrow(part, 0, 10, 5)]);
    cell.loadStateDict(state(Wx!, Wh!, b!, order));
    const next = cell(x!, { hidden: prev_h!, cell: prev_c! });
    check("next_h", next.hidden);
    check("next_c", next.cell);
  });
});
