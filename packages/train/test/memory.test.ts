import { describe, expect, it } from "@jest/globals";
import { crossEntropy, memory, rand, tensor } from "@tapegrad/core";
import { batchNorm1d, charGpt, linear, relu, sequential } from "@tapegrad/nn";
import { Adam, SGD } from "@tapegrad/optim";

/** In the arena, and copied out of it: what a loop leaves behind, for however long. */
const left = () => memory().liveBytes + memory().evictedBytes;

const labels = (count: number) => tensor(new Int32Array(count));

function mlp(): () => void {
  const model = sequential([linear(100, 80), batchNorm1d(80), relu(), linear(80, 10)]);
  const optimizer = new SGD(model.parameters(), { lr: 0.01, momentum: 0.9 });
  const [x, y] = [rand([64, 100]), labels(64)];
  return () => {
    optimizer.zeroGrad();
    crossEntropy(model(x), y).backward();
    optimizer.step();
  };
}

function gpt(): () => void {
  const model = charGpt({ vocabSize: 10, contextLength: 16, dModel: 32, nhead: 2, numLayers: 2 });
  const optimizer = new Adam(model.parameters());
  const [tokens, y] = [tensor(new Int32Array(64), { shape: [4, 16] }), labels(64)];
  return () => {
    optimizer.zeroGrad();
    crossEntropy(model(tokens).logits.reshape([-1, 10]), y).backward();
    optimizer.step();
  };
}

describe("a training loop leaves nothing behind", () => {
  // The scores, which the loop is given, are small enough to be ordinary arrays.
  it.each([
    ["an MLP", mlp, 300],
    ["a GPT", gpt, 40],
  ] as const)("%s", async (_, make, steps) => {
    const step = make();
    for (let i = 0; i < 3; i++) step();
    const before = left();
    for (let i = 0; i < steps; i++) step();
    expect(left()).toBe(before);
    for (let i = 0; i < steps; i++) {
      step();
      if (i % 10 === 0) await new Promise((resolve) => setTimeout(resolve));
    }
    expect(left()).toBeLessThanOrEqual(before); // what waited for the collector may be gone
  });
});
