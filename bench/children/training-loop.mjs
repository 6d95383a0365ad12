/**
 * Trains an MLP 784-256-10 at batch 64 without any dispose, on fresh tensors at each step, and prints
 * resident memory along the way.
 *
 *   node bench/children/training-loop.mjs sync|async STEPS EVERY
 *
 * "sync" never turns the event loop; "async" awaits a turn of it after each step.
 */
import { memory, tensor } from "@tapegrad/core";
import { crossEntropy, linear, relu, sequential } from "@tapegrad/nn";
import { SGD } from "@tapegrad/optim";

const [mode, steps, every] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const [pixels, classes, batch, examples] = [784, 10, 64, 6000];

// Any bytes do; a label that depends on them gives the network something to learn.
const images = new Uint8Array(examples * pixels);
for (let i = 0, state = 1; i < images.length; i++) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  images[i] = state >>> 24;
}
const labels = Int32Array.from({ length: examples }, (_, i) => images[i * pixels] % classes);

const model = sequential([linear(pixels, 256), relu(), linear(256, classes)]);
const optimizer = new SGD(model.parameters(), { lr: 0.1, momentum: 0.9 });

function step(i) {
  const start = (i * batch) % (examples - batch);
  const bytes = images.subarray(start * pixels, (start + batch) * pixels);
  const x = tensor(bytes, { shape: [batch, pixels], dtype: "float32" }).div(255);
  const y = tensor(labels.subarray(start, start + batch));
  optimizer.zeroGrad();
  const loss = crossEntropy(model(x), y);
  loss.backward();
  optimizer.step();
  return loss.item();
}

const points = [];
const started = performance.now();
let loss = Number.NaN;
for (let i = 1; i <= steps; i++) {
  loss = step(i);
  if (mode === "async") await new Promise((resolve) => setImmediate(resolve));
  if (i % every === 0) points.push({ step: i, rss: process.memoryUsage.rss() });
}
const msPerStep = (performance.now() - started) / steps;
console.log(JSON.stringify({ mode, points, loss, msPerStep, memory: memory() }));
