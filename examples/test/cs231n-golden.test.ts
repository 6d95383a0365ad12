/** The lessons' own functions against CS231n's published and recomputed values. */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "@jest/globals";
import { crossEntropy, grad, type Tensor } from "tapegrad";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  relativeError,
  toTensor,
} from "../../packages/core/test/golden.ts";
import {
  affineBackward,
  affineForward,
  affineReluBackward,
  affineReluForward,
  modularLayers,
  reluForward,
  softmaxLoss,
  svmLoss,
} from "../cs231n/modular-layers.ts";
import { momentum, optimizers } from "../cs231n/optimizers.ts";
import { scores } from "../cs231n/two-layer-net.ts";

interface Case {
  id: string;
  inputs: Record<string, GoldenValue>;
  params: { lr: number; momentum: number };
  published: Record<string, GoldenValue>;
  computed: Record<string, GoldenTensor>;
  rel_error_limit_for_published: number;
}

describeGolden<Case>("CS231n's lessons, golden", "cs231n.json", (cases) => {
  const find = (id: string) => {
    const golden = cases.find((one) => one.id === id)!;
    const inputs = Object.fromEntries(
      Object.entries(golden.inputs).map(([name, value]) => [name, toTensor(value)]),
    ) as Record<string, Tensor>;
    return { ...golden, inputs };
  };
  /** Against the full numbers, and the digits where they are published. */
  const expectGolden = (
    { computed, published, rel_error_limit_for_published: limit }: Omit<Case, "inputs">,
    got: Record<string, Tensor>,
  ) => {
    for (const [name, value] of Object.entries(got)) {
      expectClose(value, computed[name]);
      if (published[name] === undefined) continue;
      expect(relativeError(value, toTensor(published[name]))).toBeLessThan(limit);
    }
  };

  it("affine_forward", () => {
    const golden = find("affine_forward");
    const { x, w, b } = golden.inputs;
    expectGolden(golden, { out: affineForward(x, w, b).out });
  });

  it("relu_forward", () => {
    const golden = find("relu_forward");
    expectGolden(golden, { out: reluForward(golden.inputs.x).out });
  });

  it("affine_relu, forward and backward", () => {
    const golden = find("affine_relu");
    const { x, w, b, dout } = golden.inputs;
    const { out, cache } = affineReluForward(x, w, b);
    expectGolden(golden, { out, ...affineReluBackward(dout, cache) });
  });

  it("softmax_loss; the support vector machine's on the same scores is near 9", () => {
    const golden = find("softmax_loss");
    const { x, y } = golden.inputs;
    const { loss, dx } = softmaxLoss(x, y);
    expectGolden(golden, { loss, dx });
    expect(svmLoss(x, y).loss.item()).toBeCloseTo(8.999602749096233, 12); // NumPy's
  });

  it("two_layer_net_scores, two_layer_net_loss", () => {
    for (const id of ["two_layer_net_scores", "two_layer_net_loss"]) {
      const golden = find(id);
      const { X, W1, b1, W2, b2, y } = golden.inputs;
      const leaves = [W1, b1, W2, b2].map((p) => p.requiresGrad_());
      const out = scores(X, W1, b1, W2, b2);
      const loss = crossEntropy(out, y);
      const [dW1, db1, dW2, db2] = grad(loss, leaves);
      const all: Record<string, Tensor> = { scores: out, loss, dW1, db1, dW2, db2 };
      const names = Object.keys(golden.computed);
      expect(names.every((name) => name in all)).toBe(true);
      expectGolden(golden, Object.fromEntries(names.map((name) => [name, all[name]])));
    }
  });

  it("sgd_momentum", () => {
    const golden = find("sgd_momentum");
    const { w, dw, velocity } = golden.inputs;
    const next = momentum(w, dw, { ...golden.params, velocity });
    expectGolden(golden, { next_w: next.w, velocity: next.memory.velocity });
  });

  it("fcn_plain_reg0, of the lesson's layers", () => {
    const golden = find("fcn_plain_reg0");
    const { X, y, W1, W2, W3 } = golden.inputs;
    const zeros = (w: Tensor) => w.sum(0).mul(0);
    const first = affineReluForward(X, W1, zeros(W1));
    const second = affineReluForward(first.out, W2, zeros(W2));
    const third = affineForward(second.out, W3, zeros(W3));
    const { loss, dx } = softmaxLoss(third.out, y);
    const back3 = affineBackward(dx, third.cache);
    const back2 = affineReluBackward(back3.dx, second.cache);
    const back1 = affineReluBackward(back2.dx, first.cache);
    expectGolden(golden, { loss, dW1: back1.dw, dW2: back2.dw, dW3: back3.dw });
  });

  it("every case is used by a test of this repository", () => {
    const root = join(dirname(fileURLToPath(import.meta.url)), "../..");
    const texts = ["packages", "examples"]
      .flatMap((folder) =>
        readdirSync(join(root, folder), { recursive: true, encoding: "utf8" }).map((name) =>
          join(root, folder, name),
        ),
      )
      .filter((path) => /[/\\]test[/\\][^.]*\.test\.ts$/.test(path))
      .map((path) => readFileSync(path, "utf8"))
      .filter((text) => text.includes('"cs231n.json"'));
    const unused = cases.filter(({ id }) => !texts.some((text) => text.includes(`"${id}"`)));
    expect(unused.map(({ id }) => id)).toEqual([]);
  });
});

describe("modular layers", () => {
  it("have the published digits, and gradients that agree with differences and the tape", async () => {
    const lines: string[] = [];
    const errors = await modularLayers.run({}, (line) => lines.push(line));
    expect(errors.map(({ layer, input }) => `${layer} ${input}`)).toEqual(
      "affine dx,affine dw,affine db,relu dx,affine-relu dx,affine-relu dw,affine-relu db,svm dx,softmax dx".split(
        ",",
      ),
    );
    for (const { numeric, tape } of errors) {
      expect(numeric).toBeLessThan(1e-7);
      expect(tape).toBeLessThan(1e-12);
    }
    expect(lines[0]).toMatch(/^affine, forward: relative error 9\.8e-10 to the published digits$/);
  });
});

describe("the race of optimizers", () => {
  it("has the published digits, and a picture of each surface", async () => {
    const lines: string[] = [];
    const { finals } = await optimizers.run({}, (text) => lines.push(...text.split("\n")));
    expect(lines.filter((line) => line.endsWith("to the published digits"))).toHaveLength(7);
    expect(Object.keys(finals)).toEqual(["ravine", "saddle", "beale"]);
    // Plain descent stays on the ridge, at height 1 above the minima; the others leave it.
    const { sgd, ...others } = finals.saddle;
    expect(sgd).toBeGreaterThan(0.9);
    for (const height of Object.values(others)) expect(height).toBeLessThan(1e-2);
    for (const surface of Object.values(finals)) {
      for (const height of Object.values(surface)) {
        expect(height).toBeGreaterThanOrEqual(0);
        expect(height).toBeLessThan(2);
      }
    }
    const picture = lines
      .slice(lines.findIndex((line) => line.startsWith("ravine")) + 1)
      .slice(0, 22);
    expect(new Set(picture.map((line) => line.length))).toEqual(new Set([72]));
    for (const letter of "snmarA") expect(picture.join("")).toContain(letter);
  });
});
