import { expect, test } from "@jest/globals";
import { check, checkText, ratiosOf } from "./check.mjs";

const run = ({ ours = 2, pytorch = 1, op = 4, loop = 2, figures = [] } = {}) => ({
  workloads: { w1: { results: { tapegrad: { median: ours }, pytorch: { median: pytorch } } } },
  ops: { rows: [{ name: "argmax", forward: op, backward: null }], loop },
  figures,
});

test("ratios are ours by the peer's, and by the loop's where there is no peer", () => {
  expect([...ratiosOf(run())]).toEqual([
    ["w1: tapegrad / pytorch", 2],
    ["ops: argmax, forward", 2],
  ]);
});

test("a machine that is slower in all passes, we alone do not", () => {
  expect(check(run(), run({ ours: 6, pytorch: 3, op: 12, loop: 6 }), 0.25).passed).toBe(true);
  const outcome = check(run(), run({ ours: 2.6 }), 0.25);
  expect(outcome.passed).toBe(false);
  expect(checkText(outcome, 0.25)).toMatch(/w1: tapegrad \/ pytorch +2\.00 +2\.60 +\+30 % +SLOWER/);
  expect(checkText(outcome, 0.25)).toMatch(/check: FAILED$/);
});

test("one op may grow twice as far", () => {
  expect(check(run(), run({ op: 5.9 }), 0.25).passed).toBe(true);
  expect(check(run(), run({ op: 6.1 }), 0.25).passed).toBe(false);
});

test("a loss that disagrees fails, as does a run with nothing to compare", () => {
  const figures = [{ name: "W1, our loss beside PyTorch's", met: false }];
  expect(check(run(), run({ figures }), 0.25).wrong).toEqual(["W1, our loss beside PyTorch's"]);
  expect(check(run(), run({ figures }), 0.25).passed).toBe(false);
  const empty = check(run(), { workloads: {}, figures: [] }, 0.25);
  expect(empty.passed).toBe(false);
  expect(checkText(empty, 0.25)).toMatch(/nothing to compare/);
});
