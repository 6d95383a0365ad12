/**
 * µs per op for chains of one op on 32 elements, forward off the tape and forward with backward.
 *
 *   node bench/children/dispatch.mjs ROUNDS
 */
import { noGrad, rand, setThreads, tensor } from "@tapegrad/core";
import { summarize } from "../report.mjs";
import { referenceLoop } from "./reference-loop.mjs";

setThreads(1);
const rounds = Number(process.argv[2]);
const [chain, repeats, warmUp] = [50, 20, 10];

const x = rand([32]).requiresGrad_();
const w = rand([32]).requiresGrad_();
const matrix = rand([4, 8]).requiresGrad_();
const square = rand([8, 8]).requiresGrad_();

const ops = {
  "add [32] [32]": (y) => y.add(w),
  "mul [32] [32]": (y) => y.mul(w),
  "mul [32] number": (y) => y.mul(1.01),
  "relu [32]": (y) => y.relu(),
  "tanh [32]": (y) => y.tanh(),
  "exp, neg [32]": (y, i) => (i % 2 === 0 ? y.neg() : y.exp()),
  "softmax [32]": (y) => y.softmax(0),
  "sum, expand [32]": (y, i) => (i % 2 === 0 ? y.sum() : y.expand([32])),
  "reshape [32]": (y, i) => y.reshape(i % 2 === 0 ? [4, 8] : [32]),
  "matmul [4, 8] [8, 8]": (y) => y.matmul(square),
};

const cases = Object.entries(ops).map(([name, op]) => {
  const start = name.startsWith("matmul") ? matrix : x;
  const run = () => {
    let y = start;
    for (let i = 0; i < chain; i++) y = op(y, i);
    return y;
  };
  const dy = tensor(rand(run().shape));
  const both = () => {
    run().backward(dy);
    for (const leaf of [x, w, matrix, square]) leaf.grad = null;
  };
  return { name, run: () => noGrad(run), both, forward: [], withBackward: [] };
});

function microseconds(f) {
  const started = performance.now();
  for (let i = 0; i < repeats; i++) f();
  return ((performance.now() - started) * 1000) / repeats;
}

const loops = [];
for (let round = -warmUp; round < rounds; round++) {
  const loop = microseconds(referenceLoop);
  if (round >= 0) loops.push(loop);
  for (const { run, both, forward, withBackward } of cases) {
    const [a, b] = [microseconds(run) / chain, microseconds(both) / chain];
    if (round < 0) continue;
    forward.push(a);
    withBackward.push(b);
  }
}
const rows = cases.map(({ name, forward, withBackward }) => ({
  name,
  forward: summarize(forward).median,
  both: summarize(withBackward).median,
}));
console.log(JSON.stringify({ rows, loop: summarize(loops).median }));
