/** What the browser test runs on both sides: the same seed must give the same bits in Node and in a page. */
import {
  crossEntropy,
  formula,
  manualSeed,
  nn,
  optim,
  rand,
  randint,
  randn,
  tensor,
} from "tapegrad";

/** CS231n's neuron: forward and the gradients of w and x, to two digits. */
export function neuron(): string[] {
  const [w0, w1, w2] = [2, -3, -3].map((w) => tensor(w, { requiresGrad: true }));
  const [x0, x1] = [-1, -2].map((x) => tensor(x, { requiresGrad: true }));
  const f = w0!.mul(x0!).add(w1!.mul(x1!)).add(w2!).neg().exp().add(1).reciprocal();
  f.backward();
  return [f, ...[w0, w1, w2, x0, x1].map((t) => t!.grad!)].map((t) => t.item().toFixed(2));
}

/** Trains a small net with everything that draws or rounds, and hashes its weights to the bit. */
export function train(): { hash: string; first: number; last: number } {
  manualSeed(42);
  const model = nn.sequential([
    nn.linear(20, 33),
    nn.tanh(),
    nn.dropout(0.2),
    nn.linear(33, 17),
    nn.sigmoid(),
    nn.linear(17, 5),
  ]);
  const optimizer = new optim.Adam(model.parameters(), { lr: 0.02, weightDecay: 1e-4 });
  const x = randn([64, 20]).mul(rand([64, 20]).exp());
  const y = randint(0, 5, [64]);
  const losses: number[] = [];
  for (let step = 0; step < 50; step++) {
    optimizer.zeroGrad();
    const loss = crossEntropy(model(x), y);
    loss.backward();
    optimizer.step();
    losses.push(loss.item());
  }
  let hash = 0x811c9dc5;
  for (const parameter of model.parameters()) {
    for (const byte of new Uint8Array(parameter.data().buffer))
      hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  }
  return { hash: hash.toString(16), first: losses[0]!, last: losses[losses.length - 1]! };
}

/** A formula, step by step and, at the second use, as one kernel that the page compiles: the elements that differ, and a few. */
export function fused(): { different: number; some: number[] } {
  manualSeed(3);
  const x = rand([100_000]);
  const f = formula("x * sigmoid(3 * x) + tanh(x)");
  const [first, second] = [f(x).data(), f(x).data()];
  const different = first.filter((value, i) => value !== second[i]).length;
  return { different, some: Array.from(second.subarray(0, 5)) };
}
