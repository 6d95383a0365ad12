import { describe, expect, it } from "@jest/globals";
import {
  allclose,
  functionalCall,
  grad,
  linear,
  mseLoss,
  randn,
  stack,
  type Tensor,
  tensor,
  vmap,
} from "@tapegrad/core";

const float64 = { dtype: "float64" } as const;
const at = (values: number[]) => tensor(values, float64);

type Named = [name: string, x: Tensor][];

/** A module as `nn` makes them: callable, with fields. */
function moduleOf<F extends object, Args extends unknown[], R>(
  fields: F,
  forward: (self: F, ...args: Args) => R,
  parameters: (self: F) => Named,
  buffers?: (self: F) => Named,
) {
  const self = (...args: Args): R => forward(self as unknown as F, ...args);
  return Object.assign(self, fields, {
    namedParameters: () => parameters(self as unknown as F),
    ...(buffers === undefined ? {} : { namedBuffers: () => buffers(self as unknown as F) }),
  });
}

const dense = (weight: Tensor) =>
  moduleOf(
    { weight },
    (self, x: Tensor) => linear(x, self.weight),
    (self) => [["weight", self.weight]],
  );

/** Two layers in a list, the second with the first one's weight, and a buffer. */
function tied(weight: Tensor) {
  const blocks = [dense(weight), dense(weight)];
  return moduleOf(
    { blocks, shift: at([10, 20]) },
    (self, x: Tensor) => self.blocks.reduce((y, block) => block(y), x).add(self.shift),
    (self) => [["blocks.0.weight", self.blocks[0]!.weight]],
    (self) => [["shift", self.shift]],
  );
}

describe("functionalCall", () => {
  const weight = tensor(
    [
      [1, 2],
      [3, 4],
    ],
    float64,
  ); // rows: outputs
  const doubled = weight.mul(2);

  it("uses other parameters, at every place that shares one, and puts the own ones back", () => {
    const net = tied(weight);
    const x = at([1, 1]);
    const y = functionalCall(net, { "blocks.0.weight": doubled }, x);
    expect([...y.data()]).toEqual([4 * 17 + 10, 4 * 37 + 20]);
    expect([...net(x).data()]).toEqual([17 + 10, 37 + 20]);
    expect(net.blocks.every((block) => block.weight === weight)).toBe(true);
  });

  it("takes buffers and maps, too", () => {
    const y = functionalCall(tied(weight), new Map([["shift", at([0, 0])]]), at([1, 1]));
    expect([...y.data()]).toEqual([17, 37]);
  });

  it("puts the own ones back after an error", () => {
    const net = dense(weight);
    expect(() => functionalCall(net, { weight: doubled }, at([1, 2, 3]))).toThrow(/^linear: /);
    expect(net.weight).toBe(weight);
  });

  it("composes with grad and vmap: per-sample gradients of a module", () => {
    const net = tied(weight);
    const [x, y] = [randn([5, 2], float64), randn([5, 2], float64)];
    const loss = (p: Record<string, Tensor>, a: Tensor, b: Tensor) =>
      mseLoss(functionalCall(net, p, a), b);
    const parameters = Object.fromEntries(net.namedParameters());
    const all = vmap(grad(loss), { inAxes: [null, 0, 0] })(parameters, x, y);
    const each = [0, 1, 2, 3, 4].map(
      (i) => grad(loss)(parameters, x.select(0, i), y.select(0, i))["blocks.0.weight"]!,
    );
    expect(allclose(all["blocks.0.weight"]!, stack(each))).toBe(true);
    expect(net.blocks[1]!.weight).toBe(weight);
  });

  it("runs an ensemble: one module, many parameters", () => {
    const net = dense(weight);
    const many = randn([3, 2, 2], float64);
    const x = at([1, -1]);
    const y = vmap((w: Tensor) => functionalCall(net, { weight: w }, x))(many);
    const each = [0, 1, 2].map((i) => linear(x, many.select(0, i)));
    expect(allclose(y, stack(each))).toBe(true);
  });

  it.each<[() => unknown, string]>([
    [
      () => functionalCall(tied(weight), { bias: doubled }, at([1, 1])),
      'functionalCall: the module has no parameter "bias"; it has blocks.0.weight, shift.',
    ],
    [
      () => functionalCall(dense(weight), { weight: at([1]) }, at([1, 1])),
      "functionalCall: weight has shape [1]; the module's has [2, 2], and it must be equal.",
    ],
    [
      () => functionalCall(dense(weight), { weight: 3 as never }, at([1, 1])),
      "functionalCall: weight is a number; it must be a Tensor.",
    ],
    [
      () => functionalCall({} as never, {}),
      "functionalCall: the module is a Object; it must be callable and have namedParameters().",
    ],
    [
      () => {
        const secret = { weight };
        const net = moduleOf(
          {},
          () => secret.weight,
          () => [["weight", secret.weight]],
        );
        return functionalCall(net, { weight: doubled });
      },
      'functionalCall: "weight" is in no public field of the module, nor of modules and arrays in its fields, so it can\'t be exchanged.',
    ],
  ])("says what doesn't fit: %#", (f, message) => {
    expect(f).toThrow(message);
  });
});
