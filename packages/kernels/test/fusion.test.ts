import { describe, expect, it } from "@jest/globals";
import { copyOut, wasmKernels } from "../src/index.ts";
import { dense } from "./support.ts";

describe("a", () => {
  it("b", () => {
    const n = 1 << 20;
    const x = dense(new Float32Array(n).map((_, i) => Math.sin(i) * 3), [n]);
    const a = dense(new Float32Array(n).map((_, i) => Math.cos(i) * 3), [n]);
    const y = dense(new Float32Array(n), [n]);
    const chain = { inputs: 2, constants: [0.5], steps: [{ name: "mul", args: [0, 1] }, { name: "add", args: [3, 2] }, { name: "tanh", args: [4] }, { name: "square", args: [5] }], outputs: [5, 6] } as const;
    const z = dense(new Float32Array(n), [n]);
    const k = wasmKernels();
    expect(k.fuse(chain, [x, a], [y, z])).toBe(true);
    console.log(copyOut(y.storage!, 0, 5), copyOut(z.storage!, n - 5, 5), copyOut(x.storage!, n-5,5),  Math.tanh(copyOut(x.storage!, n-5,1)[0]*copyOut(a.storage!, n-5,1)[0]+.5)**2);
    for (let r = 0; r < 8; r++) {
      let t = performance.now();
      for (let i = 0; i < 10; i++) k.fuse(chain, [x, a], [y, z]);
      const f = (performance.now() - t) / 10;
      t = performance.now();
      for (let i = 0; i < 10; i++) { k.binary("mul", x, a, y); k.binary("add", y, {storage: null, value: .5, dtype: "float32", shape: [], strides: [], offset: 0}, y); k.unary("tanh", y, y); k.unary("square", y, z); }
      console.log(f, (performance.now() - t) / 10);
    }
  });
});
