import { describe, expect, it } from "@jest/globals";
import { learnToLearn, report } from "../maml.ts";

describe("learning to learn", () => {
  it("makes one step on ten points enough for a new sine wave", () => {
    const { untrained, trained } = learnToLearn({ steps: 100 });
    // One step hardly helps weights that were not meta-trained; those that were come four times as close.
    expect(untrained.after).toBeGreaterThan(untrained.before * 0.8);
    expect(trained.after).toBeLessThan(trained.before / 2.5);
    expect(trained.after).toBeLessThan(untrained.after / 3);
  }, 60_000);

  it("prints the errors", () => {
    expect(report({ steps: 1 })).toMatch(
      /^untrained {3}: mean squared error on new waves \d\.\d\d, after one step on 10 points \d\.\d\d\nmeta-trained: mean/,
    );
  });
});
