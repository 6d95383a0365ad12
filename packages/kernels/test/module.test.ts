import { readFileSync } from "node:fs";
import { describe, expect, it } from "@jest/globals";
import { Arena } from "../src/arena.ts";
import * as kernels from "../src/index.ts";
import { loadModule } from "../src/module.ts";

const { exports, byType, bySize } = loadModule(new Arena(16 * 2 ** 20).memory);

/** The names of a union type in interface.ts: what the interface promises is read, not repeated. */
function namesOf(type: string): string[] {
  const source = readFileSync(new URL("../src/interface.ts", import.meta.url), "utf8");
  const code = source.replaceAll(/\/\/.*/g, "");
  const body = code.split(`export type ${type} =`)[1].split(";")[0];
  return [...body.matchAll(/"(\w+)"/g)].map(([, name]) => name);
}

/** Kernels of whole numbers only. */
const whole = ["bitwiseAnd", "bitwiseOr", "bitwiseXor", "shiftLeft", "shiftRight"];

/** What runs through the kernel of another name. */
const derived: Record<string, string> = {
  gt: "lt",
  ge: "le",
  any: "max",
  all: "min",
  amsgrad: "adam",
  rmspropCentered: "rmsprop",
  rmspropMomentum: "rmsprop",
  rmspropCenteredMomentum: "rmsprop",
};

describe("the module has a kernel for every name of the interface", () => {
  const floats = ["float32", "float64"] as const;
  const wholes = ["int32", "uint8"] as const;
  const expected = {
    UnaryName: 41,
    BinaryName: 26,
    CompareName: 6,
    ReduceName: 6,
    ArgReduceName: 2,
    UpdateName: 14,
  };

  it.each(Object.entries(expected))("%s", (type, count) => {
    const names = namesOf(type);
    expect(names.length).toBe(count);
    const missing = names.flatMap((name) =>
      (whole.includes(name) ? wholes : floats)
        .filter((dtype) => !byType[dtype][derived[name] ?? name])
        .map((d) => `${name} ${d}`),
    );
    expect(missing).toEqual([]);
  });

  it("RandomName", () => {
    const names = namesOf("RandomName");
    expect(names).toEqual(["uniform", "normal", "bernoulli", "integers"]);
    for (const dtype of floats) for (const name of names) expect(byType[dtype][name]).toBeDefined();
    for (const dtype of ["int32", "uint8"] as const) {
      expect(byType[dtype].integers).toBeDefined();
      expect(byType[dtype].bernoulli).toBeDefined();
    }
  });

  it("what other types promise", () => {
    for (const name of ["neg", "abs", "sign", "square", "relu"]) {
      expect(byType.int32[name]).toBeDefined();
    }
    for (const dtype of ["int32", "uint8"] as const) {
      for (const name of ["add", "sub", "mul", "maximum", "minimum", "eq", "ne", "lt", "le"]) {
        expect(byType[dtype][name]).toBeDefined();
      }
      for (const name of ["pow", "fmod", "remainder", "floorDivide"]) {
        expect(byType[dtype][name]).toBeDefined();
      }
      for (const name of ["max", "maxColumns", "min", "minColumns", "argmax", "argmin"]) {
        expect(byType[dtype][name]).toBeDefined();
      }
      for (const name of ["scatterAdd", "scatterProd", "scatterMax", "scatterMin"]) {
        expect(byType[dtype][name]).toBeDefined();
      }
    }
    for (const bytes of [1, 4, 8]) {
      for (const name of ["copy", "where", "gather", "scatterSet"])
        expect(bySize[bytes][name]).toBeDefined();
    }
    for (const dtype of floats) {
      for (const name of ["softmax", "logSoftmax"]) expect(byType[dtype][name]).toBeDefined();
    }
  });

  it("every conversion, and every function of one number", () => {
    for (const from of ["f32", "f64", "i32", "u8"]) {
      for (const to of ["f32", "f64", "i32", "u8", "bool"]) {
        if (from !== to) expect(exports[`copy_${from}_${to}`]).toBeDefined();
      }
    }
    for (const name of ["exp", "log", "sin", "cos", "tanh", "sigmoid", "pow"]) {
      for (const type of ["f32", "f64"]) expect(exports[`scalar_${name}_${type}`]).toBeDefined();
    }
  });
});

describe("the backends", () => {
  it("picks WebAssembly where SIMD works, and tells so", () => {
    expect(kernels.defaultKernels()).toBe(kernels.wasmKernels());
    expect(kernels.wasmKernels().name).toBe("wasm");
    expect(kernels.plainKernels().name).toBe("plain");
    expect(kernels.memory().backend).toBe("wasm");
  });
});
