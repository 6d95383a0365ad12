import { describe, expect, it } from "@jest/globals";
import { noGrad, type Tensor, tensor } from "@tapegrad/core";
import { AveragedWeights } from "../src/index.ts";

const float64 = { dtype: "float64" } as const;
const weight = () => tensor([1, 10], { ...float64, requiresGrad: true });
/** The weights become k·[1, 10]. */
const set = (w: Tensor, k: number) => noGrad(() => w.copy_(tensor([k, 10 * k], float64)));

/** As a model of nn: names, and running statistics with a count. */
function model() {
  const w = weight();
  const mean = tensor([0, 0], float64);
  const count = tensor(new Int32Array([0]));
  return {
    w,
    mean,
    count,
    namedParameters: () => [["layer.weight", w] as [string, Tensor]],
    namedBuffers: () => [
      ["layer.mean", mean] as [string, Tensor],
      ["layer.count", count] as [string, Tensor],
    ],
  };
}

describe("averaged weights", () => {
  it("are the mean of all updates (SWA)", () => {
    const w = weight();
    const average = new AveragedWeights([w]);
    expect(average.averages.get("0")!.toArray()).toEqual([1, 10]);
    for (const k of [2, 4, 9]) {
      set(w, k);
      average.update();
    }
    expect(average.averages.get("0")!.data()[0]).toBeCloseTo(5, 14);
    expect(average.averages.get("0")!.requiresGrad).toBe(false);
    expect(average.updates).toBe(3);
    expect(w.toArray()).toEqual([9, 90]);
  });

  it("move exponentially (EMA), from the first update on", () => {
    const w = weight();
    const average = new AveragedWeights([w], { decay: 0.75 });
    let expected = 2;
    set(w, 2);
    average.update();
    for (const k of [4, 9, 1]) {
      set(w, k);
      average.update();
      expected = 0.75 * expected + 0.25 * k;
    }
    expect(average.averages.get("0")!.data()[0]).toBeCloseTo(expected, 14);
  });

  it("take a decay that grows", () => {
    const w = weight();
    const seen: number[] = [];
    const average = new AveragedWeights([w], {
      decay: (n) => {
        seen.push(n);
        return Math.min(0.5, (1 + n) / (10 + n));
      },
    });
    for (const k of [1, 2, 3]) {
      set(w, k);
      average.update();
    }
    expect(seen).toEqual([1, 2]);
    const second = 1 + (1 - 2 / 11) * (2 - 1);
    expect(average.averages.get("0")!.data()[0]).toBeCloseTo(
      second + (1 - 3 / 12) * (3 - second),
      14,
    );
  });

  it("stand in for the weights, and step back", async () => {
    const net = model();
    const average = new AveragedWeights(net, { decay: 0.5 });
    average.update();
    set(net.w, 3);
    average.update();
    const inside = average.use(() => {
      expect(() => average.update()).toThrow(
        "AveragedWeights.update: the averages are swapped in, in place of the weights; swap() them out first.",
      );
      return net.w.toArray();
    });
    expect(inside).toEqual([2, 20]);
    expect(net.w.toArray()).toEqual([3, 30]);
    expect(() =>
      average.use(() => {
        throw new Error("evaluation failed");
      }),
    ).toThrow("evaluation failed");
    expect(net.w.toArray()).toEqual([3, 30]);
    const later = average.use(async () => {
      await Promise.resolve();
      return net.w.toArray();
    });
    expect(net.w.toArray()).toEqual([2, 20]);
    expect(await later).toEqual([2, 20]);
    expect(net.w.toArray()).toEqual([3, 30]);
  });

  it("go by the model's names, with buffers if asked", () => {
    const net = model();
    expect([...new AveragedWeights(net).averages.keys()]).toEqual(["layer.weight"]);
    const average = new AveragedWeights(net, { buffers: true });
    for (const k of [1, 3]) {
      net.mean.copy_(tensor([k, k], float64));
      net.count.copy_(tensor(new Int32Array([k])));
      average.update();
    }
    expect(average.averages.get("layer.mean")!.toArray()).toEqual([2, 2]);
    expect(average.averages.get("layer.count")!.toArray()).toEqual([3]);
  });

  it("resume exactly", () => {
    const w = weight();
    const [whole, before] = [new AveragedWeights([w]), new AveragedWeights([w])];
    for (const k of [2, 5, 7]) {
      set(w, k);
      whole.update();
      if (k < 7) before.update();
    }
    const after = new AveragedWeights([w]);
    after.loadStateDict(before.stateDict());
    after.update();
    expect(after.averages.get("0")!.toArray()).toEqual(whole.averages.get("0")!.toArray());
    before.update(); // must not reach into the other one
    expect(after.updates).toBe(3);
  });

  it("refuse what they can't average", () => {
    expect(() => new AveragedWeights(3 as never)).toThrow(
      "AveragedWeights: got 3; pass a model with namedParameters(), or an array of tensors.",
    );
    expect(() => new AveragedWeights(["w" as never])).toThrow(
      'AveragedWeights: "0" is "w"; it must be a Tensor.',
    );
    expect(() => new AveragedWeights([weight()], { decay: 1 })).toThrow(
      "AveragedWeights: decay is 1; it must be a number from 0 to below 1, or null.",
    );
    expect(() => new AveragedWeights([weight()], { buffers: true })).toThrow(
      "AveragedWeights: a list of tensors has no buffers; pass the model, or list them among the tensors.",
    );
    const wild = new AveragedWeights([weight()], { decay: () => 2 });
    wild.update();
    expect(() => wild.update()).toThrow(
      "AveragedWeights.update: decay gives 2 for 1 updates; it must give a number from 0 to 1.",
    );
    const average = new AveragedWeights(model());
    const averages = new Map([["layer.bias", tensor([1])]]);
    expect(() => average.loadStateDict({ updates: 1, averages })).toThrow(
      "AveragedWeights.loadStateDict: missing are layer.weight, unexpected layer.bias; the names must be those of the weights.",
    );
    const short = new Map([["layer.weight", tensor([1])]]);
    expect(() => average.loadStateDict({ updates: 1, averages: short })).toThrow(
      'AveragedWeights.loadStateDict: "layer.weight" has shape [1] and the weight [2]; they must be equal.',
    );
    expect(() => average.loadStateDict({ updates: -1, averages: short })).toThrow(
      "AveragedWeights.loadStateDict: got updates = -1 and averages = a Map; it must be what stateDict() gave.",
    );
  });
});
