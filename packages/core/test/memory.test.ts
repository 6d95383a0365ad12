import { describe, expect, it } from "@jest/globals";
import {
  crossEntropy,
  linear,
  memory,
  noGrad,
  randn,
  setMemoryLimit,
  tensor,
} from "../src/index.ts";

describe("nothing to dispose", () => {
  it("a synchronous training loop stays flat, and its numbers survive eviction", () => {
    const limit = memory().softLimitBytes;
    try {
      const run = (bytes: number): { loss: number; wasm: number } => {
        setMemoryLimit(bytes);
        const w = tensor(
          Float32Array.from({ length: 64 * 256 }, (_, i) => Math.sin(i)),
          { shape: [64, 256] },
        ).requiresGrad_();
        const x = tensor(
          Float32Array.from({ length: 128 * 256 }, (_, i) => Math.cos(3 * i)),
          { shape: [128, 256] },
        );
        const y = tensor(Int32Array.from({ length: 128 }, (_, i) => i % 64));
        let loss = 0;
        for (let step = 0; step < 300; step++) {
          const l = crossEntropy(linear(x, w), y);
          l.backward();
          noGrad(() => w.sub_(w.grad!.mul(0.1)));
          w.grad = null;
          loss = l.item();
        }
        return { loss, wasm: memory().wasmBytes };
      };
      const roomy = run(64 * 2 ** 20);
      const tight = run(512 * 2 ** 10);
      expect(tight.loss).toBe(roomy.loss);
      expect(tight.wasm).toBe(roomy.wasm);
      expect(memory().evictedBytes).toBeGreaterThan(0);
    } finally {
      setMemoryLimit(limit);
    }
  });

  it("a gradient that was read survives zeroing; one that was not goes back at once", () => {
    const w = randn([256, 256], { requiresGrad: true });
    const backward = () => w.square().sum().backward();
    backward();
    const held = w.grad!;
    w.grad = null;
    backward();
    expect(held.data().every(Number.isFinite)).toBe(true);
    const before = memory().liveBytes;
    w.grad = null;
    expect(before - memory().liveBytes).toBeGreaterThanOrEqual(256 * 256 * 4);
  });

  it("a released value says so", () => {
    const x = randn([100, 100]);
    const dispose = (Symbol as { dispose?: symbol }).dispose ?? Symbol.for("Symbol.dispose");
    (x as unknown as Record<symbol, () => void>)[dispose]!();
    expect(() => x.add(1)).toThrow(/was released/);
    expect(String(x)).toBe("tensor(released, shape=[100, 100], dtype=float32)");
  });
});
