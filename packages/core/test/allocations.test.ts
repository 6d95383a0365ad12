import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { afterEach, describe, expect, it } from "@jest/globals";
import {
  type AllocationTracker,
  rand,
  setModulePath,
  type Tensor,
  tensor,
  trackAllocations,
  zeros,
} from "../src/index.ts";

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

let tracker: AllocationTracker | undefined;
afterEach(() => tracker?.stop());

/** The report with the places in this file cut down to its name. */
const text = (of: AllocationTracker) =>
  String(of.report()).replace(/at \S*\/(allocations\.test\.ts):\d+:\d+$/gm, "at $1");

function thisLine(): number {
  return Number(/allocations\.test\.ts:(\d+):\d+\)?$/.exec(new Error().stack!.split("\n")[2]!)![1]);
}

/** Lets the collector find what is dead, and the tracker hear of it, until the report has the count. */
async function settled(of: AllocationTracker, count: number): Promise<void> {
  for (let tries = 0; tries < 50 && of.report().count !== count; tries++) {
    collectGarbage();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

describe("trackAllocations", () => {
  it("tells which line made what is alive, the largest first", async () => {
    const x = rand([100, 100]); // made before
    tracker = trackAllocations();
    const kept: Tensor[] = [];
    let line = 0;
    (() => {
      for (let i = 0; i < 3; i++) {
        const y = x.mul(2);
        const outer = setModulePath("hidden.act");
        line = thisLine() + 1;
        kept.push(y.exp().reshape([-1]));
        setModulePath(outer);
      }
    })();
    kept.push(zeros([500]), tensor([1, 2], { dtype: "float64" }), tensor(1));
    tracker.stop();
    kept.push(rand([1000])); // made after
    await settled(tracker, 5);
    expect(text(tracker)).toBe(
      [
        "5 tensors, 122016 bytes alive",
        '  3 tensors, 120000 bytes, made by exp in "hidden.act" at allocations.test.ts',
        "  1 tensor, 2000 bytes, made at allocations.test.ts",
        "  1 tensor, 16 bytes, made at allocations.test.ts",
      ].join("\n"),
    );
    const [first] = tracker.report().groups;
    expect(first).toMatchObject({ op: "exp", module: "hidden.act", count: 3, bytes: 120_000 });
    expect(Number(/:(\d+):\d+$/.exec(first!.source)![1])).toBe(line);
    kept.splice(0, 2);
    await settled(tracker, 3);
    expect(tracker.report().groups[0]).toMatchObject({ op: "exp", count: 1, bytes: 40_000 });
    expect(kept.length).toBe(5);
  });

  it("finds the gradients that a loop forgets to drop, and no temporaries", async () => {
    const w = rand([50, 50], { requiresGrad: true });
    const gradients: Tensor[] = [];
    tracker = trackAllocations();
    for (let step = 0; step < 4; step++) {
      w.square().sum().backward();
      gradients.push(w.grad!);
      w.grad = null;
    }
    tracker.stop();
    await settled(tracker, 4);
    expect(text(tracker)).toBe(
      "4 tensors, 40000 bytes alive\n  4 tensors, 40000 bytes, made by mul at allocations.test.ts",
    );
    expect(gradients.length).toBe(4);
  });

  it("knows at once what was given back", () => {
    tracker = trackAllocations();
    const x = rand([100]);
    expect(tracker.report().count).toBe(1);
    const dispose = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("Symbol.dispose");
    (x as unknown as Record<symbol, () => void>)[dispose]!();
    expect(text(tracker)).toBe("0 tensors, 0 bytes alive");
  });

  it("refuses a second tracker, and goes on after stop", () => {
    tracker = trackAllocations();
    expect(() => trackAllocations()).toThrow(
      "trackAllocations: allocations are tracked already; call stop() of the other tracker first.",
    );
    tracker.stop();
    const first = tracker;
    tracker = trackAllocations();
    first.stop(); // of no effect on the second one
    const x = rand([3]);
    expect([tracker.report().count, x.size]).toEqual([1, 3]);
  });
});
