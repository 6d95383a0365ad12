import { describe, expect, it } from "@jest/globals";
import {
  concat,
  equal,
  Generator,
  narrow,
  noGrad,
  type Tensor,
  tensor,
  zeros,
} from "@tapegrad/core";
import { expectClose } from "../../core/test/golden.ts";
import {
  fromSpec,
  KeyValueCache,
  paddingMask,
  type TransformerDecoder,
  type TransformerEncoder,
  transformer,
  transformerDecoder,
  transformerDecoderLayer,
  transformerEncoder,
  transformerEncoderLayer,
} from "../src/index.ts";
import { checkGradients, fillWithWaves, waves } from "./waves.ts";

const float64 = { dtype: "float64" } as const;
const small = { dimFeedforward: 3, dropout: 0, ...float64 } as const;

/** Numbers of PyTorch 1.13: gelu, waves [2, 1, 4] (memory [3, 1, 4]); dx of Σ output·waves(2). */
const pytorch = {
  encoder: [
    [
      -0.993425841099, 0.295987050184, 0.216916593805, 0.421741075198, -0.977267804571,
      0.124750387602, 0.404645602719, -0.320984835222,
    ],
    [
      0.0102540329759, -0.317776933516, 0.0621216329098, 0.173539235824, 0.0151828860592,
      0.0681318685299, -0.0495994172344, 0.00458925459828,
    ],
  ] as [number[], number[]],
  encoderNormFirst: [
    [
      0.861625931143, 0.167289265749, 0.767607266127, -0.870549055207, -0.571143335613,
      -1.54831487368, 0.385097623638, 0.432760033291,
    ],
    [
      0.886896303999, 0.129847077712, -0.752941837451, -0.929110879346, -0.293213072193,
      0.668696635054, 0.995881530456, 0.407682739069,
    ],
  ] as [number[], number[]],
  decoder: [
    [
      -0.265493974621, 0.426599327221, 0.418196300566, 1.18343577298, -0.27688417029, 0.43830556094,
      0.419474386339, 1.1790652302,
    ],
    [
      -0.0136739119556, 0.036169885869, 0.000907926136936, -0.00932356905927, -0.00546320758728,
      0.00689120114549, -0.0280147789185, 0.0340687636118,
    ],
  ] as [number[], number[]],
  decoderNormFirst: [
    [
      1.45617999941, -0.60022183633, 1.6437913974, -0.00456852239844, -0.0530041622075,
      -2.27051251993, 1.26143411848, 1.25982324661,
    ],
    [
      0.915471046633, 0.16553604677, -0.746229018568, -1.00008740992, -0.266427620308,
      0.645705035924, 0.990915283512, 0.408855133257,
    ],
  ] as [number[], number[]],
};

describe.each([false, true])("layers, normFirst %s", (normFirst) => {
  const options = { ...small, activation: "gelu", normFirst } as const;
  const x = () => waves([2, 1, 4], 0.5).requiresGrad_();
  const check = (input: Tensor, output: Tensor, [y, dx]: readonly [number[], number[]]) => {
    expectClose(output, tensor(y, { shape: [2, 1, 4], ...float64 }));
    output.backward(waves([2, 1, 4], 2));
    expectClose(input.grad!, tensor(dx, { shape: [2, 1, 4], ...float64 }), {
      rtol: 1e-8,
      atol: 1e-10,
    });
  };

  it("encode what PyTorch's encode", () => {
    const layer = fillWithWaves(transformerEncoderLayer(4, 2, options));
    const input = x();
    check(input, layer(input), normFirst ? pytorch.encoderNormFirst : pytorch.encoder);
  });

  it("decode what PyTorch's decode", () => {
    const layer = fillWithWaves(transformerDecoderLayer(4, 2, options));
    const input = x();
    const output = layer(input, waves([3, 1, 4], 1.5));
    check(input, output, normFirst ? pytorch.decoderNormFirst : pytorch.decoder);
  });

  it("have the right gradients", () => {
    const generator = new Generator(1);
    const encoder = transformerEncoderLayer(2, 1, { ...options, generator });
    checkGradients(encoder, [waves([2, 1, 2], 1)], (input) => encoder(input!), { twice: false });
    const decoder = transformerDecoderLayer(2, 1, { ...options, generator });
    checkGradients(
      decoder,
      [waves([2, 1, 2], 1), waves([3, 1, 2], 2)],
      (input, memory) => decoder(input!, memory!, { tgtIsCausal: true }),
      { twice: false },
    );
  });
});

it("second derivatives are right, too", () => {
  const layer = transformerEncoderLayer(2, 1, {
    ...small,
    dimFeedforward: 2,
    activation: "gelu",
    normFirst: true,
    generator: new Generator(1),
  });
  checkGradients(layer, [waves([2, 1, 2], 1)], (x) => layer(x!));
});

describe("names", () => {
  const attention = (prefix: string) =>
    ["in_proj_weight", "in_proj_bias", "out_proj.weight", "out_proj.bias"].map((n) => prefix + n);
  const affine = (...names: string[]) =>
    names.flatMap((name) => [`${name}.weight`, `${name}.bias`]);
  const encoderLayer = [
    ...attention("self_attn."),
    ...affine("linear1", "linear2", "norm1", "norm2"),
  ];
  const decoderLayer = [
    ...attention("self_attn."),
    ...attention("multihead_attn."),
    ...affine("linear1", "linear2", "norm1", "norm2", "norm3"),
  ];
  const stack = (prefix: string, layer: string[]) =>
    [0, 1].flatMap((i) => layer.map((name) => `${prefix}layers.${i}.${name}`));

  it("are PyTorch's, in its order", () => {
    const names = (model: { stateDict(): Map<string, Tensor> }) => [...model.stateDict().keys()];
    const options = { ...small, numLayers: 2 };
    expect(names(transformerEncoderLayer(4, 2, small))).toEqual(encoderLayer);
    expect(names(transformerDecoderLayer(4, 2, small))).toEqual(decoderLayer);
    expect(names(transformerEncoder(4, 2, options))).toEqual(stack("", encoderLayer));
    expect(names(transformerDecoder(4, 2, { ...options, finalNorm: true }))).toEqual([
      ...stack("", decoderLayer),
      ...affine("norm"),
    ]);
    const both = transformer(4, 2, { ...small, numEncoderLayers: 2, numDecoderLayers: 2 });
    expect(names(both)).toEqual([
      ...stack("encoder.", encoderLayer),
      ...affine("encoder.norm"),
      ...stack("decoder.", decoderLayer),
      ...affine("decoder.norm"),
    ]);
    expect(both.decoder.layers[0]!.multihead_attn.in_proj_weight!.shape).toEqual([12, 4]);
  });

  it("a stack after normFirst ends with a normalization unless told otherwise", () => {
    const norm = (options: object) =>
      transformerEncoder(4, 2, { ...small, ...options }).norm !== null;
    expect([{}, { normFirst: true }, { normFirst: true, finalNorm: false }].map(norm)).toEqual([
      false,
      true,
      false,
    ]);
  });

  it("each layer of a stack starts with values of its own", () => {
    const { layers } = transformerEncoder(4, 2, { ...small, numLayers: 2 });
    const [a, b] = layers.map((layer) => String(layer.linear1.weight));
    expect(a).not.toBe(b);
  });
});

describe("stacks", () => {
  const options = { ...small, numLayers: 2, normFirst: true, batchFirst: true };

  it("go round by spec and by state", () => {
    const settings = { ...options, rotary: true, isCausal: true, activation: "gelu" as const };
    const encoder = transformerEncoder(4, 2, settings);
    const twin = fromSpec<TransformerEncoder>(JSON.parse(JSON.stringify(encoder.spec)));
    expect(twin.spec).toEqual(encoder.spec);
    expect(encoder.spec).toMatchObject({ dModel: 4, nhead: 2, ...settings });
    twin.loadStateDict(encoder.stateDict());
    const x = waves([1, 3, 4], 1);
    expect(String(twin(x))).toBe(String(encoder(x)));
    const decoder = transformerDecoder(4, 2, options);
    const other = fromSpec<TransformerDecoder>(decoder.spec);
    other.loadStateDict(decoder.stateDict());
    expect(String(other(x, x))).toBe(String(decoder(x, x)));
    const whole = transformer(4, 2, { ...small, numEncoderLayers: 1, numDecoderLayers: 1 });
    expect(fromSpec(whole.spec).spec).toEqual(whole.spec);
    for (const layer of [
      transformerEncoderLayer(4, 2, small),
      transformerDecoderLayer(4, 2, small),
    ])
      expect(fromSpec(layer.spec).spec).toEqual(layer.spec);
  });

  it("made causal are causal, unless a call says otherwise", () => {
    const gpt = transformerEncoder(4, 2, { ...options, isCausal: true });
    const run = (last: number, input = {}) => {
      const x = concat([waves([1, 3, 4], 1), waves([1, 1, 4], last)], 1);
      return String(narrow(gpt(x, input), 1, 0, 3));
    };
    expect(run(2)).toBe(run(3));
    expect(run(2, { isCausal: false })).not.toBe(run(3, { isCausal: false }));
  });

  it("do not look at padding", () => {
    const encoder = transformerEncoder(4, 2, options);
    const srcKeyPaddingMask = paddingMask([4, 2]);
    const run = (phase: number) => {
      const row = concat([waves([1, 2, 4], 1), waves([1, 2, 4], phase)], 1);
      const y = encoder(concat([waves([1, 4, 4], 3), row]), { srcKeyPaddingMask });
      return String(narrow(narrow(y, 0, 1, 1), 1, 0, 2));
    };
    expect(run(2)).toBe(run(7));
  });

  it("with a cache generate step by step what they compute at once", () => {
    const settings = { ...options, isCausal: true, rotary: true };
    const x = waves([2, 5, 4], 1);
    const gpt = transformerEncoder(4, 2, settings).eval();
    const memory = waves([2, 3, 4], 2);
    const decoder = transformerDecoder(4, 2, settings).eval();
    const stepByStep = (run: (step: Tensor, cache: KeyValueCache) => Tensor) => {
      const cache = new KeyValueCache();
      const steps = Array.from({ length: 5 }, (_, t) => narrow(x, 1, t, 1));
      return noGrad(() =>
        concat(
          steps.map((step) => run(step, cache)),
          1,
        ),
      );
    };
    expectClose(
      stepByStep((step, cache) => gpt(step, { cache })),
      gpt(x),
    );
    expectClose(
      stepByStep((step, cache) => decoder(step, memory, { cache })),
      decoder(x, memory),
    );
  });

  it("drop in training only, from one generator", () => {
    const generator = new Generator();
    const encoder = transformerEncoder(4, 2, { ...options, dropout: 0.5, generator });
    const x = waves([1, 3, 4], 1);
    const run = (seed: number) => {
      generator.manualSeed(seed);
      return String(encoder(x));
    };
    expect(run(1)).toBe(run(1));
    expect(run(1)).not.toBe(run(2));
    encoder.eval();
    expect(run(1)).toBe(run(2));
  });
});

describe("transformer", () => {
  it("decodes with the encoder's output as memory", () => {
    const model = transformer(4, 2, {
      ...small,
      numEncoderLayers: 1,
      numDecoderLayers: 1,
      generator: new Generator(1),
    });
    const [source, target] = [waves([3, 2, 4], 1), waves([2, 2, 4], 2)];
    const expected = model.decoder(target, model.encoder(source), { tgtIsCausal: true });
    expectClose(model(source, target, { tgtIsCausal: true }), expected);
    const causal = fromSpec<typeof model>({ ...model.spec, isCausal: true });
    causal.loadStateDict(model.stateDict());
    expectClose(causal(source, target), expected);
    expect(equal(model(source, target), expected)).toBe(false);
    const bound = Math.sqrt(6 / (4 + 3));
    const most = Math.max(...model.encoder.layers[0]!.linear1.weight.data().map(Math.abs));
    expect(most).toBeGreaterThan(0.5);
    expect(most).toBeLessThanOrEqual(bound);
  });
});

describe("bad input", () => {
  it.each<[() => unknown, string]>([
    [
      () => transformerEncoderLayer(6, 4),
      "multiHeadAttention: embedDim is 6 and numHeads 4; embedDim must be a multiple of numHeads.",
    ],
    [
      () => transformerEncoderLayer(4, 2, { activation: "tanh" as never }),
      'transformerEncoderLayer: activation is "tanh"; it must be one of "relu", "gelu".',
    ],
    [
      () => transformer(4, 2, { numLayers: 2 } as object),
      "transformer: numLayers is no argument of transformer; it takes dModel, nhead, dimFeedforward,",
    ],
    [
      () => transformerDecoder(4, 2, { numLayers: 0 }),
      "transformerDecoder: numLayers is 0; it must be a whole number of at least 1.",
    ],
    [
      () => transformerEncoder(4, 2, { numLayers: 1 })(zeros([3, 2, 5])),
      'multiHeadAttention: query is [3, 2, 5], key [3, 2, 5] and value [3, 2, 5]; they must be [L, B, 4], [S, B, 4] and [S, B, 4], or all without B. (in module "layers.0.self_attn", multiHeadAttention)',
    ],
  ])("is refused: %#", (run, message) => {
    expect(run).toThrow(message);
  });
});
