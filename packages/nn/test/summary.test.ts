import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import { defaultGenerator, ones, type Tensor } from "@tapegrad/core";
import {
  batchNorm2d,
  conv2d,
  dropout,
  embedding,
  flatten,
  lambda,
  linear,
  lstm,
  Module,
  maxPool2d,
  relu,
  sequential,
  summary,
} from "../src/index.ts";

const convNet = () =>
  sequential({
    features: sequential([
      conv2d(null, 8, 3, { padding: 1 }),
      batchNorm2d(null),
      relu(),
      maxPool2d(2),
    ]),
    flat: flatten(),
    drop: dropout(0.5),
    head: linear(null, 10),
  });

describe("summary", () => {
  it("prints a tree", () => {
    const model = convNet();
    const table = summary(model, [4, 3, 8, 8]);
    expect(String(table)).toBe(
      [
        "Layer                    Output shape  Parameters",
        "─────────────────────────────────────────────────",
        "Sequential               [4, 10]",
        "├─ features: Sequential  [4, 8, 4, 4]",
        "│  ├─ 0: Conv2d          [4, 8, 8, 8]         224",
        "│  ├─ 1: BatchNorm2d     [4, 8, 8, 8]          16",
        "│  ├─ 2: ReLU            [4, 8, 8, 8]           0",
        "│  └─ 3: MaxPool2d       [4, 8, 4, 4]           0",
        "├─ flat: Flatten         [4, 128]               0",
        "├─ drop: Dropout         [4, 128]               0",
        "└─ head: Linear          [4, 10]            1,290",
        "─────────────────────────────────────────────────",
        "Parameters: 1,530, all trainable",
        "Memory: parameters 6.0 KB, buffers 68 B, activations 26.2 KB",
      ].join("\n"),
    );
    expect(inspect(table)).toBe(String(table));
    expect(String(summary(model, [4, 3, 8, 8], { depth: 1 }))).not.toContain("Conv2d");
  });

  it("is data", () => {
    const table = summary(convNet(), [4, 3, 8, 8]);
    expect([table.parameters, table.trainable]).toEqual([1530, 1530]);
    // Two floats for each of 8 channels, and the count of batches; conv, norm, relu, pool and head.
    expect(table.memory).toEqual({
      parameters: 4 * 1530,
      buffers: 4 * (8 + 8 + 1),
      activations: 4 * 4 * (3 * 8 * 8 * 8 + 8 * 4 * 4 + 10),
    });
    expect(table.root.children[0]!.children[0]).toEqual({
      name: "0",
      path: "features.0",
      kind: "Conv2d",
      calls: 1,
      outputShapes: [[4, 8, 8, 8]],
      parameters: 224,
      trainable: 224,
      sharedWith: null,
      children: [],
    });
    expect(JSON.parse(JSON.stringify(table)).root.kind).toBe("Sequential");
  });

  it("changes nothing", () => {
    const model = convNet().initialize([1, 3, 8, 8]);
    model(ones([2, 3, 8, 8]))
      .sum()
      .backward();
    model.getSubmodule("drop").eval();
    const before = [...model.stateDict()].map(([name, x]) => [name, x.toArray()]);
    const modes = model.modules().map(({ training }) => training);
    const grads = model.parameters().map((p) => p.grad);
    const { position } = defaultGenerator().state;
    summary(model, [4, 3, 8, 8]);
    expect([...model.stateDict()].map(([name, x]) => [name, x.toArray()])).toEqual(before);
    expect(model.modules().map(({ training }) => training)).toEqual(modes);
    expect(model.parameters().map((p) => p.grad)).toEqual(grads);
    expect(defaultGenerator().state.position).toBe(position);
  });

  it("knows shared, frozen, unused and repeated modules, and several outputs", () => {
    class Net extends Module<[tokens: Tensor, extra: Tensor]> {
      embed = embedding(10, 4);
      body = lstm(4, 6, { batchFirst: true });
      twice = linear(6, 6);
      again = this.twice;
      unused = linear(1, 1);
      act = lambda((x: Tensor) => x.tanh());
      forward(tokens: Tensor, extra: Tensor): Tensor {
        const { output } = this.body(this.embed(tokens));
        return this.act(this.twice(this.again(output)).add(extra));
      }
    }
    const model = new Net();
    model.embed.requiresGrad_(false);
    const table = summary(model, [[2, 5], ones([6])], { dtype: ["int32", "float32"] });
    expect(String(table)).toBe(
      [
        "Layer                Output shape                     Parameters",
        "────────────────────────────────────────────────────────────────",
        "Net                  [2, 5, 6]",
        "├─ embed: Embedding  [2, 5, 4]                                40",
        "├─ body: LSTM        [2, 5, 6], [1, 2, 6], [1, 2, 6]         288",
        "├─ twice: Linear ×2  [2, 5, 6]                                42",
        "├─ again: Linear ×2  [2, 5, 6]                          as twice",
        "├─ unused: Linear    not called                                2",
        "└─ act: Lambda       [2, 5, 6]                                 0",
        "────────────────────────────────────────────────────────────────",
        "Parameters: 372, 332 trainable",
        "Memory: parameters 1.5 KB, buffers 0 B, activations 1.2 KB",
      ].join("\n"),
    );
  });

  it("says what is wrong with inputs", () => {
    expect(() => summary(linear(2, 2), 3 as never)).toThrow(
      "summary: input 0 is 3; it must be a shape with the batch axis, such as [1, 3, 32, 32], or a Tensor.",
    );
    expect(() => summary(sequential([linear(2, 2)]), [1, 3])).toThrow('(in module "0", linear)');
    expect(() => summary(embedding(3, 2), [1, 3])).toThrow(/int32/);
  });
});
