/** Training on a few thousand digits: the same code in the page's worker and, in the tests, in Node. */
import { crossEntropy, data, manualSeed, nn, noGrad, optim, softmax, tensor } from "tapegrad";

const [batchSize, epochs, seed] = [50, 12, 0];

export interface Progress {
  step: number;
  steps: number;
  /** Mean over the steps since the last report. */
  loss: number;
  /** Of the test digits; null between epochs. */
  accuracy: number | null;
}

/** flatten – linear 784→128 – relu – linear 128→10 */
export function makeModel(): nn.Module {
  manualSeed(seed);
  return nn.sequential([nn.flatten(), nn.linear(784, 128), nn.relu(), nn.linear(128, 10)]);
}

/**
 * Trains in slices: yields after every report, so that its caller can draw, predict or stop. Equal for
 * equal digits, to the bit, wherever it runs.
 */
export function* train(
  model: nn.Module,
  training: data.ImageDataset,
  test: data.ImageDataset,
): Generator<Progress, void> {
  const optimizer = new optim.AdamW(model.parameters(), { lr: 2e-3, weightDecay: 0.02 });
  const perEpoch = Math.floor(training.length / batchSize);
  const steps = epochs * perEpoch;
  const scheduler = new optim.Scheduler(optimizer, optim.cosineAnnealing(steps));
  const random = numbers(seed + 1);
  const order = Int32Array.from({ length: training.length }, (_, i) => i);
  let digits = training;
  const every = 10;
  let sum = 0;
  for (let step = 0; step < steps; step++) {
    const at = step % perEpoch;
    if (at === 0) {
      shuffle(order, random);
      digits = shifted(training, random);
    }
    const { x, y } = digits.batch(order.slice(at * batchSize, (at + 1) * batchSize));
    optimizer.zeroGrad();
    const loss = crossEntropy(model(x!), y!);
    loss.backward();
    optimizer.step();
    scheduler.step();
    sum += loss.item();
    const epochEnds = at === perEpoch - 1;
    if ((step + 1) % every === 0) {
      const accuracy = epochEnds ? measure(model, test) : null;
      yield { step: step + 1, steps, loss: sum / every, accuracy };
      sum = 0;
    }
  }
}

/** The share of digits that the model knows. */
export function measure(model: nn.Module, digits: data.ImageDataset): number {
  const { x, y } = digits.batch(Int32Array.from({ length: digits.length }, (_, i) => i));
  return noGrad(() => model(x!).argmax(1).eq(y!).to("float32").mean().item());
}

/** Probabilities of the ten digits, for pixels from 0 to 255 in 28 rows of 28. */
export function predict(model: nn.Module, pixels: ArrayLike<number>): number[] {
  const x = tensor(Float32Array.from(pixels), { shape: [1, 1, 28, 28] })
    .div(255)
    .sub(0.1307)
    .div(0.3081);
  return [...noGrad(() => softmax(model(x), 1)).data()];
}

/**
 * Every digit moved by up to `most` pixels each way, anew for each epoch: few digits teach more, and those
 * that a hand draws are not centred.
 */
function shifted(digits: data.ImageDataset, random: () => number): data.ImageDataset {
  const most = 2;
  const { images, labels, width, height, length } = digits;
  const moved = new Uint8Array(images.length);
  const draw = () => Math.floor(random() * (2 * most + 1)) - most;
  for (let image = 0; image < length; image++) {
    const [right, down] = [draw(), draw()];
    for (let row = Math.max(0, down); row < Math.min(height, height + down); row++) {
      const from = (image * height + row - down) * width;
      const kept = images.subarray(from + Math.max(0, -right), from + width - Math.max(0, right));
      moved.set(kept, (image * height + row) * width + Math.max(0, right));
    }
  }
  return new data.ImageDataset(moved, labels, height, width);
}

/** Mulberry32: numbers in [0, 1). */
function numbers(start: number): () => number {
  let state = start;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

function shuffle(order: Int32Array, random: () => number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}
