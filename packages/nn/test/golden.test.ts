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
  type Affine,
  crossEntropy,
  dropout,
  flatten,
  fullyConnectedNet,
  linear,
  type Module,
  relu,
  sequential,
  twoLayerNet,
} from "../src/index.ts";

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
      const model = (reg: number) => {
        const [inputDim, hiddenDim] = W1!.shape as [number, number];
        const net = twoLayerNet({ inputDim, hiddenDim, numClasses: b2!.size, reg, ...float64 });
        net.loadStateDict({
          "affine1.weight": W1!.transpose(),
          "affine1.bias": b1!,
          "affine2.weight": W2!.transpose(),
          "affine2.bias": b2!,
        });
        return net;
      };
      const net = model(0);
      if (golden.computed.scores !== undefined) {
        const scores = net(X!);
        expectClose(scores, golden.computed.scores);
        expectPublished(golden, "scores", scores);
        continue;
      }
      const loss = net.loss(X!, y!);
      loss.backward();
      expectClose(loss, golden.computed.loss!);
      expectPublished(golden, "loss", loss);
      const [dW1, db1, dW2, db2] = net.parameters().map((p) => p.grad!);
      expectClose(dW1!.transpose(), golden.computed.dW1!);
      expectClose(db1!, golden.computed.db1!);
      expectClose(dW2!.transpose(), golden.computed.dW2!);
      expectClose(db2!, golden.computed.db2!);
      // The same network with reg = 1: the number that the notebook checks next.
      expect(model(1).loss(X!, y!).item()).toBeCloseTo(26.5948426952, 9);
    }
  });

  it("fcn_plain_reg0: the loss of a fully connected network of three layers", () => {
    const golden = find("fcn_plain_reg0");
    const { X, y, W1, W2, W3 } = golden.inputs as Record<string, Tensor>;
    const model = fullyConnectedNet({
      inputDim: X!.shape[1]!,
      hiddenDims: [W1!.shape[1]!, W2!.shape[1]!],
      numClasses: W3!.shape[1]!,
      ...float64,
    });
    const weights = { "affine1.weight": W1!, "affine2.weight": W2!, "affine3.weight": W3! };
    const state = Object.entries(weights).map(([name, w]) => [name, w.transpose()] as const);
    model.loadStateDict(new Map(state), { strict: false });
    const loss = model.loss(X!, y!);
    loss.backward();
    expectClose(loss, golden.computed.loss!);
    expectPublished(golden, "loss", loss);
    for (const [i, [name]] of state.entries()) {
      const { weight } = model.at(name.replace(".weight", "")) as Affine;
      expectClose(weight.grad!.transpose(), golden.computed[`dW${i + 1}`]!);
    }
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
