/** Sizes that are left to the first input. */
import { describe, expect, it } from "@jest/globals";
import {
  defaultGenerator,
  Generator,
  inferenceMode,
  manualSeed,
  ones,
  randn,
  ShapeError,
  type Tensor,
  zeros,
} from "@tapegrad/core";
import {
  conv2d,
  declareLayer,
  dropout,
  embedding,
  fields,
  flatten,
  fromSpec,
  linear,
  Module,
  Parameter,
  registerLayer,
  relu,
  sequential,
} from "../src/index.ts";

const make = () => sequential([linear(null, 4), relu(), sequential({ out: linear(null, 2) })]);
const sized = [linear(3, 4), relu(), sequential({ out: linear(4, 2) })];

/** y = x·w, drawing also in eval mode, as a sampling model does. */
class Noisy extends Module {
  static override readonly layer = declareLayer(
    "noisy",
    { size: fields.inferred({ input: (x) => x.shape[1], state: ({ w }) => w?.shape[0] }) },
    ({ size }) => new Noisy(size),
  );
  size: number | null;
  w!: Parameter;
  constructor(size: number | null, readonlyGenerator = defaultGenerator()) {
    super({ size });
    this.size = size;
    this.#generator = readonlyGenerator;
    if (size !== null) this.build();
  }
  readonly #generator: Generator;
  protected override build(): void {
    this.w = new Parameter(randn([this.size!], { generator: this.#generator }));
  }
  forward(x: Tensor): Tensor {
    return x.mul(this.w).add(randn(x.shape, { generator: this.#generator }));
  }
}
registerLayer(Noisy);

describe("sizes left open", () => {
  it("come from the first input, whatever its mode", () => {
    const model = make();
    expect(model.isInitialized).toBe(false);
    const y = model(randn([5, 3]));
    expect([y.shape, model.isInitialized]).toEqual([[5, 2], true]);
    expect([...model.stateDict()].map(([name, x]) => [name, x.shape])).toEqual([
      ["0.weight", [4, 3]],
      ["0.bias", [4]],
      ["2.out.weight", [2, 4]],
      ["2.out.bias", [2]],
    ]);
    expect(y.requiresGrad && model.parameters().every((p) => p.isLeaf && p.requiresGrad)).toBe(
      true,
    );
    expect(model.spec).toEqual(sequential(sized).spec);
    expect(String(model)).toBe(String(sequential(sized)));
    expect((model.getSubmodule("0") as unknown as { inFeatures: number }).inFeatures).toBe(3);
  });

  it("come from shapes, in sequence or from the start", () => {
    const model = make();
    expect(model.initialize([7, 3])).toBe(model);
    const other = sequential([linear(null, 4), relu(), sequential({ out: linear(null, 2) })], {
      inputShape: [3],
    });
    for (const one of [model, other]) {
      expect(one.spec).toEqual(sequential(sized).spec);
      expect(one.modules().every(({ training }) => training)).toBe(true);
    }
    const weight = model.parameters()[0];
    model.initialize([7, 9]);
    expect(model.parameters()[0]).toBe(weight);
  });

  it("come from shapes of whole numbers, too", () => {
    const model = sequential([embedding(5, 3), flatten(), linear(null, 2)], {
      inputShape: [4],
      inputType: "int32",
    });
    expect(model.at(2).spec.inFeatures).toBe(12);
    expect(() => sequential([linear(null, 2)], { inputShape: 3 as never })).toThrow(
      "sequential: inputShape is 3; it must be the input's shape without the batch axis, such as [3, 32, 32].",
    );
  });

  it("start as those that were given", () => {
    const generator = new Generator(5);
    const given = linear(3, 4, { generator });
    generator.manualSeed(5);
    const open = linear(null, 4, { generator }).initialize([1, 3]);
    expect(open.weight.toArray()).toEqual(given.weight.toArray());
    expect(open.bias!.toArray()).toEqual(given.bias!.toArray());
  });

  it("go through specs, known or not", () => {
    const json = JSON.stringify(make().spec);
    expect(JSON.parse(json).layers[0]).toEqual({
      type: "linear",
      inFeatures: null,
      outFeatures: 4,
      bias: true,
    });
    const twin = fromSpec(JSON.parse(json));
    expect(JSON.stringify(twin.spec)).toBe(json);
    expect(fromSpec({ type: "linear", outFeatures: 4 })(ones([1, 3])).shape).toEqual([1, 4]);
    expect(twin(ones([1, 3])).shape).toEqual([1, 2]);
  });

  it("come from a state, and go again with one that does not fit", () => {
    const trained = sequential(sized);
    const model = make();
    const state = trained.stateDict();
    expect(() => model.loadStateDict(new Map([...state, ["0.bias", zeros([9])] as const]))).toThrow(
      "mismatched: 0.bias is [9] in the state and [4] in the model",
    );
    expect(model.isInitialized).toBe(false);
    expect(() => model.loadStateDict({ "0.weight": zeros([4, 3]) })).toThrow(
      'loadStateDict: nothing in the state tells the inFeatures of linear "2.out"; nothing was loaded.',
    );
    expect(model.isInitialized).toBe(false);
    expect(make().loadStateDict({ "0.weight": zeros([4, 3]) }, { strict: false })).toEqual({
      missing: ["0.bias"],
      unexpected: [],
    });
    model.loadStateDict(state);
    const x = randn([5, 3]);
    expect(model(x).toArray()).toEqual(trained(x).toArray());
    expect(model.spec).toEqual(trained.spec);
  });

  it.each(["parameters", "stateDict", "buffers", "requiresGrad_", "zeroGrad"] as const)(
    "are an error for %s()",
    (method) => {
      const what = method.endsWith("_") || method === "zeroGrad" ? "parameters" : method;
      expect(() => make()[method]()).toThrow(
        `${what}: linear "0" has no parameters before it knows its inFeatures; run the model on an input once, or call initialize(shape), such as model.initialize([1, 3, 32, 32]).`,
      );
    },
  );

  it("can't come from everything", () => {
    expect(() => linear(null, 2)(zeros([]))).toThrow(
      new ShapeError(
        "linear: inFeatures can't be told from an input of shape []; give another input, or the size itself.",
      ),
    );
    expect(() => linear(null, 2)(3 as never)).toThrow("linear: inFeatures can't be told from 3;");
    expect(() => sequential([linear(null, 2)])(zeros([2, 0]))).toThrow(
      'linear: inFeatures can\'t be told from an input of shape [2, 0]; give another input, or the size itself. (in module "0", linear)',
    );
    expect(() => inferenceMode(() => linear(null, 2)(zeros([1, 2])))).toThrow(
      "linear: parameters can't be made inside inferenceMode; call initialize(shape) before it.",
    );
    expect(() => make().initialize("3" as never)).toThrow(
      'initialize: input 0 is "3"; it must be a shape with the batch axis, such as [1, 3, 32, 32], or a Tensor.',
    );
    expect(() => make().initialize([1, 3], { dtype: "float16" as never })).toThrow(
      'initialize: the dtype of input 0 is "float16"; it must be one of',
    );
  });

  it("stay open when the parameters can't be made", () => {
    const layer = conv2d(null, 4, 1, { groups: 2 });
    expect(() => layer(zeros([1, 3, 2, 2]))).toThrow("groups is 2; it must divide inChannels (3)");
    expect(layer.isInitialized).toBe(false);
    expect(layer(zeros([1, 6, 2, 2])).shape).toEqual([1, 4, 2, 2]);
    expect(layer.spec.inChannels).toBe(6);
  });

  it("that no call reaches stay open, and initialize says so", () => {
    class Unused extends Module {
      used = linear(null, 2);
      unused = linear(null, 2);
      forward(x: Tensor): Tensor {
        return this.used(x);
      }
    }
    expect(() => new Unused().initialize([1, 3])).toThrow(
      'initialize: linear "unused" has no parameters before it knows its inFeatures;',
    );
  });
});

describe("initialize", () => {
  it("follows the model's dtype, and takes tensors and several inputs", () => {
    class Two extends Module<[a: Tensor, b: Tensor]> {
      a = linear(null, 2, { dtype: "float64" });
      b = linear(null, 2, { dtype: "float64" });
      seen: string[] = [];
      forward(a: Tensor, b: Tensor): Tensor {
        this.seen.push(a.dtype, b.dtype);
        return this.a(a).add(this.b(b));
      }
    }
    const model = new Two().initialize([[1, 3], ones([1, 4], { dtype: "float64" })]);
    expect(model.seen).toEqual(["float64", "float64"]);
    expect([model.a.inFeatures, model.b.inFeatures]).toEqual([3, 4]);
    const typed = new Two();
    typed.a = linear(null, 2);
    typed.initialize(
      [
        [1, 3],
        [1, 4],
      ],
      { dtype: ["float32", "float64"] },
    );
    expect(typed.seen).toEqual(["float32", "float64"]);
  });

  it("leaves mode, gradients and the numbers that forward draws alone", () => {
    manualSeed(3);
    const given = new Noisy(4);
    const after = randn([2]).toArray();
    manualSeed(3);
    const model = sequential([new Noisy(null), dropout(0.5)]);
    model.eval();
    model.train().getSubmodule("1").eval();
    model.initialize([2, 4]);
    expect(model.modules().map(({ training }) => training)).toEqual([true, true, false]);
    expect(model.parameters()[0]!.toArray()).toEqual(given.w.toArray());
    // Only what made the parameters counts.
    expect(randn([2]).toArray()).toEqual(after);
    expect(model.parameters()[0]!.grad).toBeNull();
  });
});
