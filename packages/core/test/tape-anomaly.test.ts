import { describe, expect, it } from "@jest/globals";
import {
  AnomalyError,
  concat,
  defineOp,
  detectAnomaly,
  grad,
  noGrad,
  ones,
  setModulePath,
  softmax,
  type Tensor,
  tensor,
  where,
} from "../src/index.ts";

const leaf = (values: Parameters<typeof tensor>[0]) =>
  tensor(values, { dtype: "float64", requiresGrad: true });

/** What it throws, with the place in this file cut down to its name. */
function messageOf(f: () => unknown): string {
  try {
    f();
  } catch (error) {
    expect(error).toBeInstanceOf(AnomalyError);
    return (error as Error).message.replace(/at \S*\/(tape-anomaly\.test\.ts):\d+:\d+$/, "at $1");
  }
  throw new Error("nothing was thrown");
}

/** The line of this file that the message ends with. */
function lineOf(f: () => unknown): number {
  try {
    f();
  } catch (error) {
    return Number(/tape-anomaly\.test\.ts:(\d+):\d+$/.exec((error as Error).message)![1]);
  }
  throw new Error("nothing was thrown");
}

function thisLine(): number {
  return Number(/tape-anomaly\.test\.ts:(\d+):\d+/.exec(new Error().stack!.split("\n")[2]!)![1]);
}

describe("detectAnomaly, forward", () => {
  it("names the op, the element, the inputs' ranges, the module and the line", () => {
    const x = tensor([1, 0, 2]);
    const before = setModulePath("net.0");
    expect(messageOf(() => detectAnomaly(() => x.sub(1).mul(2).log()))).toBe(
      [
        "detectAnomaly: log made -Infinity at [0] of y (float32 [3]).",
        "  x: float32 [3], from -2 to 2",
        "  module: net.0",
        "  called at tape-anomaly.test.ts",
      ].join("\n"),
    );
    setModulePath(before);
    let line = 0;
    const found = lineOf(() =>
      detectAnomaly(() => {
        line = thisLine() + 1;
        return x.sqrt().reciprocal();
      }),
    );
    expect(found).toBe(line);
  });

  it("inspects lone numbers, in-place ops, composed and several-output ops", () => {
    expect(messageOf(() => detectAnomaly(() => tensor(-1).sqrt()))).toBe(
      "detectAnomaly: sqrt made NaN at [] of y (float32 []).\n  x: float32 [], from -1 to -1\n  called at tape-anomaly.test.ts",
    );
    expect(messageOf(() => detectAnomaly(() => ones([2]).div_(0)))).toBe(
      "detectAnomaly: div made Infinity at [0] of y (float32 [2]).\n  a: float32 [2], from 1 to 1\n  b: float32 [], from 0 to 0\n  called at tape-anomaly.test.ts",
    );
    expect(() => detectAnomaly(() => ones([1, 1]).mul(1e30).square().sum())).toThrow(
      /square made Infinity at \[0, 0\]/,
    );
    const twoOutputs = defineOp({
      name: "anomalousPair",
      inputs: ["x"],
      outputs: ["same", "log"],
      shapes: ({ x }) => ({ same: { shape: x.shape }, log: { shape: x.shape } }),
      forwardAll: ({ x }, { same, log }, kernels) => {
        kernels.copy(x, same);
        kernels.unary("log", x, log);
      },
      grad: { x: null },
    });
    expect(() => detectAnomaly(() => twoOutputs(tensor([1, -1])))).toThrow(
      /anomalousPair made NaN at \[1\] of log/,
    );
  });

  it("blames the maker, not those who pass it on", () => {
    const given = tensor([Number.NaN, Infinity, 1]);
    detectAnomaly(() => {
      expect(given.add(1).toArray()).toEqual([Number.NaN, Infinity, 2]);
      expect(concat([given, given]).size).toBe(6);
      const masked = where(given.gt(0), -Infinity, given.mul(0).detach());
      return masked;
    });
    // A NaN out of infinities is made here.
    const infinite = tensor([Infinity]);
    expect(() => detectAnomaly(() => infinite.sub(infinite))).toThrow(/sub made NaN at \[0\] of y/);
    expect(messageOf(() => detectAnomaly(() => tensor([-Infinity, -Infinity]).softmax(0)))).toMatch(
      /softmax made NaN at \[0\].*\n {2}x: float32 \[2\], 2 infinite\n/,
    );
    expect(detectAnomaly(() => softmax(tensor([-Infinity, 0]), 0)).toArray()).toEqual([0, 1]);
  });

  it("ends, also after an error, and refuses a promise", () => {
    expect(() => detectAnomaly(() => tensor(-1).sqrt())).toThrow(AnomalyError);
    expect(tensor(-1).sqrt().item()).toBeNaN();
    expect(detectAnomaly(() => 3)).toBe(3);
    expect(() => detectAnomaly(async () => 1)).toThrow(
      /detectAnomaly: the function returned a promise/,
    );
  });
});

describe("detectAnomaly, backward", () => {
  it("names the rule, what arrived, what was saved, and the line of the forward call", () => {
    const x = leaf([4, 0]);
    let line = 0;
    const run = () => {
      x.grad = null;
      detectAnomaly(() => {
        line = thisLine() + 1;
        const y = x.sqrt();
        y.mul(3).sum().backward();
      });
    };
    expect(messageOf(run)).toBe(
      [
        "detectAnomaly: backward of sqrt made Infinity at [1] of the gradient of x (float64 [2]).",
        "  dy: float64 [2], from 3 to 3",
        "  y: float64 [2], from 0 to 2",
        "  sqrt was called at tape-anomaly.test.ts",
      ].join("\n"),
    );
    expect(lineOf(run)).toBe(line);
  });

  it("finds 0 · ∞ behind a mask", () => {
    const x = leaf([1, 0]);
    expect(messageOf(() => detectAnomaly(() => where(x.gt(0), x.sqrt(), 0).sum().backward()))).toBe(
      [
        "detectAnomaly: backward of sqrt made NaN at [1] of the gradient of x (float64 [2]).",
        "  dy: float64 [2], from 0 to 1",
        "  y: float64 [2], from 0 to 1",
        "  sqrt was called at tape-anomaly.test.ts",
      ].join("\n"),
    );
  });

  it("works for lone numbers, several outputs, and a forward pass outside", () => {
    const x = leaf(0);
    expect(messageOf(() => detectAnomaly(() => x.sqrt().backward()))).toMatch(
      /^detectAnomaly: backward of sqrt made Infinity at \[\] of the gradient of x \(float64 \[\]\)\.\n {2}dy: float64 \[\], from 1 to 1\n/,
    );
    const y = leaf([0]).sqrt();
    const outside = () => detectAnomaly(() => y.sum().backward());
    expect(messageOf(outside)).toMatch(
      /sqrt was called outside of detectAnomaly; run the forward pass inside, too, to see the line$/,
    );
  });

  it("finds gradients that overflow where they meet", () => {
    const x = tensor([0.1, 0.2], { requiresGrad: true });
    const twice = (y: Tensor) => y.mul(2e38).sum().add(y.mul(3e38).sum()).backward();
    expect(messageOf(() => detectAnomaly(() => twice(x)))).toBe(
      [
        "detectAnomaly: gradients that meet at a leaf add up to Infinity at [0].",
        "  so far: float32 [2], from 3e+38 to 3e+38",
        "  added: float32 [2], from 2e+38 to 2e+38",
      ].join("\n"),
    );
    expect(messageOf(() => detectAnomaly(() => twice(x.mul(1e-38))))).toMatch(
      /^detectAnomaly: gradients that meet at the output of mul add up to Infinity at \[0\]\.\n[\s\S]*\n {2}mul was called at/,
    );
  });

  it("leaves what rules do on the way, and gradients that are right, alone", () => {
    const x = leaf([0, 2]);
    // pow's rule computes log(0) and masks it.
    const b = leaf([2, 3]);
    detectAnomaly(() => x.pow(b).sum().backward());
    expect(b.grad!.toArray()).toEqual([0, 8 * Math.log(2)]);
    const g = detectAnomaly(() =>
      grad(grad(x.pow(3).sum(), [x], { createGraph: true })[0]!.sum(), [x]),
    );
    expect(g[0]!.toArray()).toEqual([0, 12]);
  });

  it("the tape is usable afterwards", () => {
    const x = leaf([0, 4]);
    expect(() => detectAnomaly(() => x.sqrt().sum().backward())).toThrow(AnomalyError);
    const steps: Tensor[] = [];
    x.square().sum().backward();
    noGrad(() => steps.push(x.grad!.clone()));
    expect(steps[0]!.toArray()).toEqual([0, 8]);
  });
});
