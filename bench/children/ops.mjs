/**
 * Milliseconds of every op, forward off the tape and backward alone, on one thread.
 *
 *   node bench/children/ops.mjs MS    about MS milliseconds for each direction of each op
 */
import { noGrad, ones, registeredOps, setThreads, Tensor } from "@tapegrad/core";
import { computed } from "../computed.mjs";
import { families } from "../op-cases.mjs";
import { summarize } from "../report.mjs";
import { referenceLoop } from "./reference-loop.mjs";

setThreads(1);
const ms = Number(process.argv[2]);
const seen = new Set();

/** Median of what `f` says that it took, over about `ms` milliseconds; the first time only if it took so long. */
function median(f) {
  const first = f();
  if (first > ms) return first;
  const times = [];
  const started = performance.now();
  while (performance.now() - started < ms) times.push(f());
  return summarize(times).median;
}

function timed(f) {
  const started = performance.now();
  f();
  return performance.now() - started;
}

/** The outputs that a gradient can go into. */
function differentiable(y) {
  const outputs = y instanceof Tensor ? [y] : Object.values(y);
  return outputs.filter((output) => output instanceof Tensor && output.requiresGrad);
}

/** Remembers the names of all ops from a node on backwards. */
function visit(start) {
  const done = new Set();
  const open = [start];
  while (open.length > 0) {
    const node = open.pop();
    if (node === null || done.has(node)) continue;
    done.add(node);
    seen.add(node.name);
    open.push(...node.nextFunctions);
  }
}

/** Which ops one call and its gradient use. */
function explore(call, inputs) {
  for (const y of differentiable(call())) {
    y.backward(ones(y.shape, { dtype: y.dtype }), { createGraph: true, retainGraph: true });
    visit(y.gradFn);
  }
  for (const x of inputs) {
    if (!(x instanceof Tensor) || x.grad === null) continue;
    if (x.grad.gradFn !== null) visit(x.grad.gradFn);
    x.grad = null;
  }
}

function measure(name, make) {
  const [f, ...inputs] = make();
  const call = () => computed(f(...inputs));
  seen.add(name.split(/[, ]/)[0]);
  try {
    explore(call, inputs);
  } catch (error) {
    // Not every rule can be differentiated again; the timing below needs only the first derivative.
    if (!/can't be differentiated|no derivative/.test(error.message)) throw error;
  }
  const forward = median(() => timed(() => noGrad(call)));
  if (differentiable(call()).length === 0) return { name, forward, backward: null };
  const backward = median(() => {
    const outputs = differentiable(call());
    const dys = outputs.map((y) => ones(y.shape, { dtype: y.dtype }));
    const time = timed(() => {
      outputs.forEach((y, i) => {
        y.backward(dys[i], { retainGraph: i < outputs.length - 1 });
      });
    });
    for (const x of inputs) if (x instanceof Tensor) x.grad = null;
    return time;
  });
  return { name, forward, backward };
}

const loops = [];
const rows = [];
for (const [family, cases] of Object.entries(families)) {
  for (const [name, make] of Object.entries(cases)) {
    loops.push(timed(referenceLoop));
    try {
      rows.push({ family, ...measure(name, make) });
    } catch (error) {
      throw new Error(`bench: ${name}: ${error.message}`, { cause: error });
    }
  }
}
const unseen = [...registeredOps().keys()].filter((name) => !seen.has(name));
console.log(JSON.stringify({ rows, loop: summarize(loops).median, unseen }));
