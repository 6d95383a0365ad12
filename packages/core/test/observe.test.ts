import { describe, expect, it } from "@jest/globals";
import {
  detectAnomaly,
  eigh,
  inspectNode,
  leafAt,
  localGradient,
  noGrad,
  type Observer,
  observe,
  placeOf,
  retainedTensor,
  retainGrad,
  type Tensor,
  tensor,
} from "../src/index.ts";

const leaf = (value: number | number[]) => tensor(value, { dtype: "float64" }).requiresGrad_();

/** What an observed run tells, as texts. */
function told(f: () => unknown): string[] {
  const lines: string[] = [];
  const applied: Observer["applied"] = (op, inputs, outputs, _attrs, node) => {
    const [from, to] = [inputs, outputs].map((xs) => xs.map((x) => `[${x.data()}]`).join(" "));
    lines.push(`${op.name}: ${from} -> ${to}${node === null ? "" : " on the tape"}`);
  };
  observe({ applied }, f);
  return lines;
}

describe("observe", () => {
  it("tells of every op, recorded or not, lone numbers and arrays, views and changes in place", () => {
    const [x, v] = [leaf(3), leaf([1, 2])];
    expect(
      told(() => {
        x.mul(2);
        noGrad(() => x.exp());
        v.add(v);
        v.view([2, 1]);
        tensor([5, 6]).sum();
        tensor([1, 2]).add_(1);
        eigh(
          tensor(
            [
              [2, 0],
              [0, 3],
            ],
            { dtype: "float64" },
          ).requiresGrad_(),
        );
      }),
    ).toEqual([
      "mul: [3] [2] -> [6] on the tape",
      `exp: [3] -> [${Math.exp(3)}]`,
      "add: [1,2] [1,2] -> [2,4] on the tape",
      "view: [1,2] -> [1,2] on the tape",
      "sum: [5,6] -> [11]",
      "add: [2,3] [1] -> [2,3]",
      expect.stringMatching(/^eigh: \[2,0,0,3\] -> \[2,3\] \[.*\] on the tape$/),
    ]);
  });

  it("tells nothing after f, also when f throws", () => {
    const calls: string[] = [];
    const observer: Observer = { applied: (op) => void calls.push(op.name) };
    expect(() =>
      observe(observer, () => {
        leaf(1).exp();
        throw new Error("mine");
      }),
    ).toThrow("mine");
    leaf(1).sin();
    expect(calls).toEqual(["exp"]);
  });

  it("refuses a function that goes on after it has returned", () => {
    expect(() => observe({}, async () => {})).toThrow(
      "observe: the function returned a promise; the mode ends at its first await, so wrap the synchronous parts instead.",
    );
  });

  it("tells what arrives and what flows in backward", () => {
    const [x, y] = [leaf(2), leaf(5)];
    const q = x.mul(y);
    const z = q.add(x);
    const lines: string[] = [];
    observe(
      {
        arrived: (node, slot, dy) =>
          lines.push(`${leafAt(node) ? "leaf" : node} ${slot}: ${dy.item()}`),
        flowed: (node, i, dx) => lines.push(`${node} ${i} -> ${dx.item()}`),
      },
      () => z.backward(),
    );
    expect(lines).toEqual([
      "<add> 0: 1",
      "<add> 0 -> 1",
      "<add> 1 -> 1",
      "<mul> 0: 1",
      "<mul> 0 -> 5",
      "<mul> 1 -> 2",
      "leaf 0: 2",
      "leaf 0: 6",
    ]);
  });

  it("leaves gradients of retainGrad alone while somebody looks at what arrives", () => {
    const x = leaf(2);
    const h = retainGrad(x.mul(3));
    const y = h.square();
    observe({ arrived: () => {} }, () => y.backward(null, { retainGraph: true }));
    expect(h.grad).toBeNull();
    y.backward();
    expect(h.grad?.item()).toBe(12);
    expect(retainedTensor(placeOf(h)!)).toBe(h);
    expect(retainedTensor(placeOf(y)!)).toBeNull();
  });
});

describe("inspectNode", () => {
  it("has inputs, outputs, and what is saved", () => {
    const [x, w] = [leaf([1, 2]), leaf([3, 4])];
    const y = x.mul(w);
    const { inputs, outputs, saved, source } = inspectNode(y.gradFn!);
    expect(inputs.map((place) => leafAt(place!.node))).toEqual([x, w]);
    expect(outputs).toEqual([{ shape: [2], dtype: "float64" }]);
    expect(saved).toEqual([
      { name: "a", value: x },
      { name: "b", value: w },
    ]);
    expect(source).toBeUndefined();
    y.sum().backward();
    expect(inspectNode(y.gradFn!).saved.map(({ value }) => value)).toEqual(["freed", "freed"]);
  });

  it("tells values that have changed since, of arrays and of lone numbers", () => {
    for (const x of [leaf([1, 2]), leaf(3)]) {
      const y = x.square();
      noGrad(() => x.add_(1));
      expect(inspectNode(y.gradFn!).saved).toEqual([{ name: "x", value: "changed" }]);
    }
  });

  it("has the line of calls inside detectAnomaly", () => {
    const y = detectAnomaly(() => leaf([1]).exp());
    expect(inspectNode(y.gradFn!).source).toMatch(/observe\.test\.ts:\d+:\d+$/);
  });
});

describe("localGradient", () => {
  const at = (y: Tensor, i: number) => localGradient(y.gradFn!, i)?.toArray();

  it("is the derivative of an elementwise op, element by element", () => {
    const [a, b] = [leaf([1, 2]), leaf([3, 4])];
    expect(at(a.mul(b), 0)).toEqual([3, 4]);
    expect(at(a.mul(b), 1)).toEqual([1, 2]);
    expect(at(leaf(3).square(), 0)).toBe(6);
    expect(at(leaf(2).sub(leaf(1)), 1)).toBe(-1);
  });

  it("is null where the derivative is a matrix", () => {
    expect(localGradient(leaf([1, 2]).sum().gradFn!, 0)).toBeNull();
    expect(localGradient(leaf([1, 2]).softmax(0).gradFn!, 0)).toBeNull();
  });
});
