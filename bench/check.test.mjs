import assert from "node:assert/strict";
import { test } from "node:test";
import { check, checkText, ratiosOf } from "./check.mjs";

const run = ({ ours = 2, pytorch = 1, op = 4, loop = 2, figures = [] } = {}) => ({
  workloads: { w1: { results: { tapegrad: { median: ours }, pytorch: { median: pytorch } } } },
  ops: { rows: [{ name: "argmax", forward: op, backward: null }], loop },
  figures,
});

test("ratios are ours by the peer's, and by the loop's where there is no peer", () => {
  assert.deepEqual(
    [...ratiosOf(run())],
    [
      ["w1: tapegrad / pytorch", 2],
      ["ops: argmax, forward", 2],
    ],
  );
});

test("a machine that is slower in all passes, we alone do not", () => {
  assert.equal(check(run(), run({ ours: 6, pytorch: 3, op: 12, loop: 6 }), 0.25).passed, true);
  const outcome = check(run(), run({ ours: 2.6 }), 0.25);
  assert.equal(outcome.passed, false);
  assert.match(checkText(outcome, 0.25), /w1: tapegrad \/ pytorch +2\.00 +2\.60 +\+30 % +SLOWER/);
  assert.match(checkText(outcome, 0.25), /check: FAILED$/);
});

test("one op may grow twice as far", () => {
  assert.equal(check(run(), run({ op: 5.9 }), 0.25).passed, true);
  assert.equal(check(run(), run({ op: 6.1 }), 0.25).passed, false);
});

test("a loss that disagrees fails, as does a run with nothing to compare", () => {
  const figures = [{ name: "W1, our loss beside PyTorch's", met: false }];
  assert.deepEqual(check(run(), run({ figures }), 0.25).wrong, ["W1, our loss beside PyTorch's"]);
  assert.equal(check(run(), run({ figures }), 0.25).passed, false);
  const empty = check(run(), { workloads: {}, figures: [] }, 0.25);
  assert.equal(empty.passed, false);
  assert.match(checkText(empty, 0.25), /nothing to compare/);
});
