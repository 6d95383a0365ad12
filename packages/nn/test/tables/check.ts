/** What every layer of the tables goes through. */
import { describe, expect, it } from "@jest/globals";
import { type Generator, gradcheck, isFloat, noGrad, Tensor } from "@tapegrad/core";
import { expectClose } from "../../../core/test/golden.ts";
import { type AnyModule, fromSpec, type StateDict, summary } from "../../src/index.ts";
import { cotangent, type LayerCase, type Table, wave } from "./case.ts";
import { references } from "./references.ts";

type Callable = (...inputs: Tensor[]) => Tensor;

function inputsOf({ inputs }: LayerCase): Tensor[] {
  return inputs.map((x, i) => (x instanceof Tensor ? x.clone() : wave(x, 0.5 * i)));
}

function isTrained(x: Tensor): boolean {
  return isFloat(x.dtype) && !x.data().every(Number.isInteger);
}

/** The same parameters as those of the reference, and the same random numbers at each call. */
function prepared({ make }: LayerCase): { layer: AnyModule; run: Callable } {
  const layer = make();
  noGrad(() => {
    for (const [i, p] of layer.parameters().entries()) p.copy_(wave(p.shape, i + 1));
  });
  const random = layer as { generator?: Generator };
  const run: Callable = (...inputs) => {
    random.generator?.manualSeed(5);
    return (layer as unknown as Callable)(...inputs);
  };
  return { layer, run };
}

function sumOf(x: Tensor): number {
  return x.mul(cotangent(x.shape)).sum().item();
}

function copyOf(state: StateDict): StateDict {
  return new Map([...state].map(([name, x]) => [name, x.clone()]));
}

function checkReference(name: string, one: LayerCase): void {
  const reference = references[name]!;
  const { layer, run } = prepared(one);
  expect([...layer.stateDict().keys()]).toEqual(reference.state);
  const inputs = inputsOf(one);
  const leaves = inputs.filter(isTrained).map((x) => x.requiresGrad_());
  const y = run(...inputs);
  expect(y.shape).toEqual(reference.shape);
  y.backward(cotangent(y.shape));
  const gradients = [...leaves, ...layer.parameters()].map((x) => (x.grad ? sumOf(x.grad) : 0));
  const sums = [sumOf(y.detach()), ...gradients];
  expect(sums).toHaveLength(reference.sums.length);
  for (const [i, sum] of sums.entries()) {
    const wanted = reference.sums[i]!;
    expect(Math.abs(sum - wanted)).toBeLessThan(1e-10 + 1e-9 * Math.abs(wanted));
  }
}

/** Gradients of inputs and parameters against central differences. */
function checkGradients(one: LayerCase, training: boolean): void {
  const { layer, run } = prepared(one);
  layer.train(training);
  const fields = layer as unknown as Record<string, Tensor>;
  const parameters = layer.namedParameters();
  const inputs = inputsOf(one).map((x) => (isTrained(x) ? x.requiresGrad_() : x));
  const f = (...all: Tensor[]) => {
    for (const [i, [name]] of parameters.entries()) fields[name] = all[inputs.length + i]!;
    return run(...all.slice(0, inputs.length));
  };
  if (inputs.some((x) => x.requiresGrad) || parameters.length > 0)
    expect(gradcheck(f, [...inputs, ...parameters.map(([, p]) => p)])).toBe(true);
}

function checkSpec(one: LayerCase): void {
  const { layer, run } = prepared(one);
  run(...inputsOf(one));
  layer.eval();
  const json = JSON.stringify(layer.spec);
  const twin = fromSpec<AnyModule>(JSON.parse(json)).eval();
  expect(JSON.stringify(twin.spec)).toBe(json);
  expect(String(twin)).toBe(String(layer));
  expect(twin.constructor).toBe(layer.constructor);
  const state = copyOf(layer.stateDict());
  expect(twin.loadStateDict(state)).toEqual({ missing: [], unexpected: [] });
  expect([...twin.stateDict()].map(([name, x]) => [name, x.toArray()])).toEqual(
    [...state].map(([name, x]) => [name, x.toArray()]),
  );
  expectClose((twin as unknown as Callable)(...inputsOf(one)), run(...inputsOf(one)));
}

function checkModes(one: LayerCase): void {
  const { layer, run } = prepared(one);
  const trained = run(...inputsOf(one));
  layer.eval();
  const tested = run(...inputsOf(one));
  expect(run(...inputsOf(one)).toArray()).toEqual(tested.toArray());
  const same = JSON.stringify(trained.toArray()) === JSON.stringify(tested.toArray());
  expect(same).toBe(!(one.random || one.modal));
  if (!one.random) return;
  const { generator } = layer as unknown as { generator: Generator };
  layer.train();
  expect(run(...inputsOf(one)).toArray()).toEqual(trained.toArray());
  generator.manualSeed(6);
  const other = (layer as unknown as Callable)(...inputsOf(one));
  expect(other.toArray()).not.toEqual(trained.toArray());
}

function checkSummary(one: LayerCase): void {
  const { layer, run } = prepared(one);
  const { shape } = run(...inputsOf(one));
  const { root, parameters } = summary(layer, inputsOf(one));
  expect(root.outputShapes).toEqual([shape]);
  expect(parameters).toBe(layer.parameters().reduce((sum, p) => sum + p.size, 0));
  expect(layer.training).toBe(true);
}

/** Runs a table: each case is named after its layer's type, and may say more behind it. */
export function describeLayers(table: Table): void {
  describe.each(Object.entries(table))("%s", (name, one) => {
    it("is named after its type", () => {
      expect(one.make().spec.type).toBe(name.split(" ")[0]);
    });

    if (one.random) {
      it("draws from its generator in training alone", () => checkModes(one));
    } else {
      it("has PyTorch's values, gradients and state", () => checkReference(name, one));
      it(one.modal ? "has two modes" : "is the same in training and eval mode", () =>
        checkModes(one),
      );
    }

    if (one.otherGradient === undefined) {
      it("has the gradients of its values", () => {
        checkGradients(one, true);
        checkGradients(one, false);
      });
    }

    it("is summed up", () => checkSummary(one));

    it("goes round through its spec and its state", () => checkSpec(one));

    if (one.refuses !== undefined) {
      it.each(one.refuses.map(([f, message]) => [message, f] as const))(
        "refuses: %s",
        (message, f) => {
          expect(f).toThrow(new Error(message));
        },
      );
    }
  });
}
