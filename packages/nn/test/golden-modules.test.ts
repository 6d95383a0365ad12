/** PyTorch's modules: outputs, gradients and what a forward pass changes, with its weights loaded. */
import { expect, it } from "@jest/globals";
import { backward, Tensor } from "@tapegrad/core";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  toTensor,
} from "../../core/test/golden.ts";
import {
  type AnyModule,
  batchNorm2d,
  conv2d,
  gelu,
  layerNorm,
  linear,
  lstm,
  type Module,
  multiHeadAttention,
  sequential,
} from "../src/index.ts";

type Arguments = readonly unknown[];
type Options = Readonly<Record<string, unknown>>;

interface ModuleCase {
  id: string;
  module: string;
  training: boolean;
  constructor: { args: Arguments; kwargs: Options };
  spec?: [name: string, layers: [name: string, args: Arguments, kwargs?: Options][]];
  state_dict: Record<string, GoldenTensor>;
  calls: number;
  inputs: { args: GoldenTensor[] };
  outputs: GoldenTensor[];
  cotangents: (GoldenTensor | null)[];
  grads: { inputs: GoldenTensor[]; params: Record<string, GoldenTensor> };
  state_dict_after: Record<string, GoldenTensor>;
}

/** Our functions for PyTorch's classes: their arguments in its order, and its keywords as options. */
const makers: Record<string, (...args: never[]) => AnyModule> = {
  Linear: linear,
  Conv2d: conv2d,
  BatchNorm2d: batchNorm2d,
  LSTM: lstm,
  MultiheadAttention: multiHeadAttention,
  LayerNorm: layerNorm,
  GELU: gelu,
};

const camelCase = (name: string) => name.replace(/_(\w)/g, (_, letter) => letter.toUpperCase());

function make(name: string, args: Arguments, kwargs: Options, dtype: string): AnyModule {
  const options = Object.fromEntries(
    Object.entries(kwargs).map(([key, value]) => [camelCase(key), value]),
  );
  const all = args.length === 0 ? [] : [...args, { ...options, dtype }];
  return makers[name]!(...(all as never[]));
}

/** The tensors of a result in PyTorch's order. */
function flat(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  return Object.values(result as object).filter((x) => x instanceof Tensor);
}

describeGolden<ModuleCase>("PyTorch's modules", "modules.jsonl", (cases) => {
  it("are all here", () => {
    expect(cases.map(({ id }) => id)).toEqual([
      "linear",
      "conv2d_strided",
      "batchnorm2d_two_training_calls",
      "lstm_two_layers",
      "multihead_attention",
      "mlp_layernorm",
    ]);
  });

  for (const dtype of ["float32", "float64"] as const) {
    it.each(cases.map((golden) => [golden.id, golden] as const))(`%s, ${dtype}`, (_, golden) => {
      const { args, kwargs } = golden.constructor;
      const model =
        golden.spec === undefined
          ? make(golden.module.replace("nn.", ""), args, kwargs, dtype)
          : sequential(
              golden.spec[1].map(
                ([name, given, options = {}]) => make(name, given, options, dtype) as Module,
              ),
            );
      const state = Object.entries(golden.state_dict).map(
        ([name, x]) => [name, toTensor(x)] as const,
      );
      expect([...model.stateDict().keys()]).toEqual(state.map(([name]) => name));
      model.loadStateDict(new Map(state));
      model.train(golden.training);

      const inputs = golden.inputs.args.map((x) => toTensor(x, dtype));
      const extra = golden.module === "nn.MultiheadAttention" ? [{ needWeights: true }] : [];
      const call = model as unknown as (...given: unknown[]) => unknown;
      let outputs: Tensor[] = [];
      for (let i = 0; i < golden.calls; i++) outputs = flat(call(...inputs, ...extra));
      expect(outputs).toHaveLength(golden.outputs.length);
      for (const [i, y] of outputs.entries()) expectClose(y, golden.outputs[i]!);

      const parts = outputs.flatMap((y, i) => {
        const cotangent = golden.cotangents[i];
        return cotangent ? [y.mul(toTensor(cotangent, dtype)).sum()] : [];
      });
      backward(parts.reduce((sum, part) => sum.add(part)));
      const marked = inputs.filter((x) => x.requiresGrad);
      expect(marked).toHaveLength(golden.grads.inputs.length);
      for (const [i, x] of marked.entries()) expectClose(x.grad!, golden.grads.inputs[i]!);
      const names = model.namedParameters().map(([name]) => name);
      expect(names.toSorted()).toEqual(Object.keys(golden.grads.params).toSorted());
      for (const [name, p] of model.namedParameters())
        expectClose(p.grad!, golden.grads.params[name]!);
      const after = model.stateDict();
      for (const [name, x] of Object.entries(golden.state_dict_after))
        expectClose(after.get(name)!, x);
    });
  }
});
