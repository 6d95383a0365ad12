import { expect, it } from "@jest/globals";
import { Generator, randn, type Tensor, tensor } from "@tapegrad/core";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  relativeError,
  toTensor,
} from "../../core/test/golden.ts";
import {
  crossEntropy,
  dropout,
  flatten,
  linear,
  type Module,
  relu,
  sequential,
} from "../src/index.ts";

interface ModuleCase {
  id: string;
  constructor: { args: number[] };
  state_dict: Record<string, GoldenTensor>;
  inputs: { args: GoldenTensor[] };
  outputs: GoldenTensor[];
  cotangents: GoldenTensor[];
  grads: { inputs: GoldenTensor[]; params: Record<string, GoldenTensor> };
}

// The other modules of the file are not layers yet.
describeGolden<ModuleCase>("PyTorch's modules", "modules.jsonl", (cases) => {
  const golden = cases.find(({ id }) => id === "linear")!;

  it.each(["float32", "float64"] as const)("linear, %s", (dtype) => {
    const [inFeatures, outFeatures] = golden.constructor.args as [number, number];
    const layer = linear(inFeatures, outFeatures, { dtype });
    const state = Object.entries(golden.state_dict).map(
      ([name, x]) => [name, toTensor(x)] as const,
    );
    expect([...layer.stateDict().keys()]).toEqual(state.map(([name]) => name));
    layer.loadStateDict(new Map(state));
    const x = toTensor(golden.inputs.args[0]!, dtype);
    const y = layer(x);
    expectClose(y, golden.outputs[0]!);
    y.backward(toTensor(golden.cotangents[0]!, dtype));
    expectClose(x.grad!, golden.grads.inputs[0]!);
    for (const [name, p] of layer.namedParameters())
      expectClose(p.grad!, golden.grads.params[name]!);
  });
});

interface CS231n {
  id: string;
  inputs: Record<string, GoldenValue>;
  params: {
    keep_probabilities: number[];
    mean_abs_tolerance: number;
    fraction_abs_tolerance: number;
  };
  published: Record<string, GoldenValue>;
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

const float64 = { dtype: "float64" } as const;

/** A layer with the weights of CS231n, which multiply from the right: [in, out]. */
function affine(w: Tensor, b: Tensor | null): Module {
  const [inFeatures, outFeatures] = w.shape as [number, number];
  const layer = linear(inFeatures, outFeatures, float64);
  const bias = b ?? tensor(new Float64Array(outFeatures));
  layer.loadStateDict({ weight: w.transpose(), bias });
  return layer;
}

describeGolden<CS231n>("CS231n's notebooks", "cs231n.json", (cases) => {
  const find = (id: string) => {
    const golden = cases.find((one) => one.id === id)!;
    const inputs = Object.fromEntries(
      Object.entries(golden.inputs).map(([name, value]) => [name, toTensor(value)]),
    ) as Record<string, Tensor>;
    return { ...golden, inputs };
  };
  const expectPublished = (
    golden: { published: Record<string, GoldenValue>; rel_error_limit_for_published: number },
    name: string,
    got: Tensor,
  ) =>
    expect(relativeError(got, toTensor(golden.published[name]!))).toBeLessThan(
      golden.rel_error_limit_for_published,
    );

  it("affine_forward", () => {
    const golden = find("affine_forward");
    const { x, w, b } = golden.inputs as { x: Tensor; w: Tensor; b: Tensor };
    const out = sequential([flatten(), affine(w, b)])(x);
    expectClose(out, golden.computed.out!);
    expectPublished(golden, "out", out);
  });

  it("relu_forward", () => {
    const golden = find("relu_forward");
    const out = relu()(golden.inputs.x!);
    expectClose(out, golden.computed.out!);
    expectPublished(golden, "out", out);
  });

  it("affine_relu", () => {
    const { inputs, computed } = find("affine_relu");
    const { x, w, b, dout } = inputs as { x: Tensor; w: Tensor; b: Tensor; dout: Tensor };
    x.requiresGrad_();
    const model = sequential({ flat: flatten(), affine: affine(w, b), act: relu() });
    const out = model(x);
    out.backward(dout);
    const [weight, bias] = model.parameters();
    expectClose(out, computed.out!);
    expectClose(x.grad!, computed.dx!);
    expectClose(weight!.grad!.transpose(), computed.dw!);
    expectClose(bias!.grad!, computed.db!);
  });

  it("softmax_loss", () => {
    const golden = find("softmax_loss");
    const { x, y } = golden.inputs as { x: Tensor; y: Tensor };
    const loss = crossEntropy(x.requiresGrad_(), y);
    loss.backward();
    expectClose(loss, golden.computed.loss!);
    expectClose(x.grad!, golden.computed.dx!);
    expectPublished(golden, "loss", loss);
  });

  it("two_layer_net: scores, loss and gradients", () => {
    for (const id of ["two_layer_net_scores", "two_layer_net_loss"]) {
      const golden = find(id);
      const { X, W1, b1, W2, b2, y } = golden.inputs as Record<string, Tensor>;
      const model = sequential([affine(W1!, b1!), relu(), affine(W2!, b2!)]);
      const scores = model(X!);
      if (golden.computed.scores !== undefined) {
        expectClose(scores, golden.computed.scores);
        expectPublished(golden, "scores", scores);
        continue;
      }
      const loss = crossEntropy(scores, y!);
      loss.backward();
      expectClose(loss, golden.computed.loss!);
      expectPublished(golden, "loss", loss);
      const [dW1, db1, dW2, db2] = model.parameters().map((p) => p.grad!);
      expectClose(dW1!.transpose(), golden.computed.dW1!);
      expectClose(db1!, golden.computed.db1!);
      expectClose(dW2!.transpose(), golden.computed.dW2!);
      expectClose(db2!, golden.computed.db2!);
    }
  });

  it("fcn_plain_reg0: three layers", () => {
    const golden = find("fcn_plain_reg0");
    const { X, y, W1, W2, W3 } = golden.inputs as Record<string, Tensor>;
    const layers = [W1!, W2!, W3!].map((w) => affine(w, null));
    const model = sequential([layers[0]!, relu(), layers[1]!, relu(), layers[2]!]);
    const loss = crossEntropy(model(X!), y!);
    loss.backward();
    expectClose(loss, golden.computed.loss!);
    expectPublished(golden, "loss", loss);
    const weights = model.parameters().filter((p) => p.rank === 2);
    for (const [i, weight] of weights.entries())
      expectClose(weight.grad!.transpose(), golden.computed[`dW${i + 1}`]!);
  });

  it("dropout_statistics", () => {
    const { params } = find("dropout_statistics");
    const generator = new Generator(231);
    const x = randn([500, 500], { mean: 10, std: 1, generator });
    for (const keep of params.keep_probabilities) {
      const layer = dropout(1 - keep, { generator });
      const y = layer(x);
      const zeros = y.eq(0).to("float64").mean().item();
      expect(Math.abs(y.mean().item() - x.mean().item())).toBeLessThan(params.mean_abs_tolerance);
      expect(Math.abs(zeros - (1 - keep))).toBeLessThan(params.fraction_abs_tolerance);
      expect(layer.eval()(x)).toBe(x);
    }
  });
});
