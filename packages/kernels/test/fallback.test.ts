import { expect, it } from "@jest/globals";

it("works without WebAssembly SIMD: ordinary arrays and the plain kernels", async () => {
  const { validate } = WebAssembly;
  WebAssembly.validate = () => false;
  try {
    const { alloc, copyOut, defaultKernels, memory, plainKernels, release, wasmKernels } =
      await import("../src/index.ts");
    expect(defaultKernels()).toBe(plainKernels());
    expect(() => wasmKernels()).toThrow(
      "wasmKernels: this JavaScript engine has no WebAssembly SIMD; plainKernels() works everywhere.",
    );
    const storage = alloc("float64", 1000);
    const x = {
      storage,
      value: 0,
      dtype: "float64",
      shape: [1000],
      strides: [1],
      offset: 0,
    } as const;
    defaultKernels().fill(2, x);
    expect(copyOut(storage, 999)[0]).toBe(2);
    release(storage);
    expect(() => copyOut(storage)).toThrow("was released");
    expect(memory()).toMatchObject({ backend: "plain", wasmBytes: 0, liveBytes: 0 });
  } finally {
    WebAssembly.validate = validate;
  }
});
