import { describe, expect, it } from "@jest/globals";
import { Generator, inferenceMode, narrow, ones, type Tensor, tensor, zeros } from "@tapegrad/core";
import fc from "fast-check";
import { expectClose } from "../../core/test/golden.ts";
import {
  type AnyModule,
  fromSpec,
  type LearnedPositions,
  learnedPositions,
  type RotaryPositions,
  rotaryPositions,
  sinusoidalPositions,
} from "../src/index.ts";
import { checkGradients, waves } from "./waves.ts";

const float64 = { dtype: "float64" } as const;

/** The layers that add to x, and what they add: [T, 4]. */
const added = () => {
  const learned = learnedPositions(8, 4, { ...float64, generator: new Generator(1) });
  return { sinusoidal: sinusoidalPositions(4), learned };
};

describe("sinusoidal positions", () => {
  it("add sin(pos / base^(2i/size)) and the cosine, in turns", () => {
    const table = sinusoidalPositions(4)(zeros([3, 4], float64));
    const row = (pos: number) => [
      Math.sin(pos),
      Math.cos(pos),
      Math.sin(pos / 100),
      Math.cos(pos / 100),
    ];
    expectClose(table, tensor([0, 1, 2].map(row), float64));
    const other = sinusoidalPositions(2, { base: 7 })(zeros([2, 2], float64));
    expectClose(
      other,
      tensor(
        [
          [0, 1],
          [Math.sin(1), Math.cos(1)],
        ],
        float64,
      ),
    );
    // The second pair turns slower, by the root of the base.
    const slow = sinusoidalPositions(4, { base: 9 })(zeros([2, 4], float64));
    expect(slow.toArray()).toEqual([
      [0, 1, 0, 1],
      [1, 1 / 3].flatMap((angle) => [
        expect.closeTo(Math.sin(angle), 12),
        expect.closeTo(Math.cos(angle), 12),
      ]),
    ]);
  });

  it("have no parameters, and keep the dtype of x", () => {
    const layer = sinusoidalPositions(4);
    expect(layer.parameters()).toEqual([]);
    expect(layer(zeros([2, 4])).dtype).toBe("float32");
    expect(layer(zeros([2, 4], float64)).dtype).toBe("float64");
  });
});

describe("learned positions", () => {
  it("add rows of a table that starts normal with standard deviation 0.02", () => {
    const layer = learnedPositions(300, 50, { generator: new Generator(2) });
    expect([...layer.stateDict()].map(([name, x]) => [name, ...x.shape])).toEqual([
      ["weight", 300, 50],
    ]);
    const values = [...layer.weight.data()];
    const square = values.reduce((sum, w) => sum + w * w, 0) / values.length;
    expect(Math.abs(Math.sqrt(square) / 0.02 - 1)).toBeLessThan(0.03);
    const rows = layer(zeros([3, 50]), { offset: 2 });
    expect(rows.data()).toEqual(narrow(layer.weight, 0, 2, 3).data());
  });

  it("end where the table ends", () => {
    const layer = learnedPositions(4, 2);
    expect(layer(zeros([1, 2]), { offset: 3 }).shape).toEqual([1, 2]);
    expect(() => layer(zeros([5, 1, 2]))).toThrow(
      "learnedPositions: x has 5 steps from position 0; there are rows for 4 positions.",
    );
    expect(() => layer(zeros([2, 1, 2]), { offset: 3 })).toThrow(
      "learnedPositions: x has 2 steps from position 3; there are rows for 4 positions.",
    );
  });
});

describe.each(["sinusoidal", "learned"] as const)("%s positions", (kind) => {
  const layer = added()[kind];

  it("are the same for every sequence, in both layouts", () => {
    const table = layer(zeros([3, 4], float64));
    const x = waves([3, 2, 4], 1);
    expectClose(layer(x), x.add(table.reshape([3, 1, 4])));
    const first = fromSpec<typeof layer>({ ...layer.spec, batchFirst: true });
    first.loadStateDict(layer.stateDict());
    expectClose(first(x.transpose(0, 1)), layer(x).transpose(0, 1));
  });

  it("go on from an offset", () => {
    const x = waves([5, 2, 4], 1);
    expectClose(layer(narrow(x, 0, 3, 2), { offset: 3 }), narrow(layer(x), 0, 3, 2));
  });
});

describe("rotary positions", () => {
  /** (a, b) turned by an angle. */
  const turned = (a: number, b: number, angle: number) => [
    a * Math.cos(angle) - b * Math.sin(angle),
    a * Math.sin(angle) + b * Math.cos(angle),
  ];

  it("turn each pair by pos / base^(2i/size)", () => {
    const x = tensor(
      [
        [
          [1, 2, 3, 4],
          [5, 6, 7, 8],
        ],
      ],
      float64,
    );
    const y = rotaryPositions(4)(x);
    const [a, b] = turned(5, 6, 1) as [number, number];
    const [c, d] = turned(7, 8, 1 / 100) as [number, number];
    expectClose(
      y,
      tensor(
        [
          [
            [1, 2, 3, 4],
            [a, b, c, d],
          ],
        ],
        float64,
      ),
    );
    const halves = rotaryPositions(4, { interleaved: false });
    const [e, g] = turned(5, 7, 1) as [number, number];
    const [f, h] = turned(6, 8, 1 / 100) as [number, number];
    expectClose(
      halves(x),
      tensor(
        [
          [
            [1, 2, 3, 4],
            [e, f, g, h],
          ],
        ],
        float64,
      ),
    );
  });

  it("make products of queries and keys depend on their distance only", () => {
    fc.assert(
      fc.property(
        fc.boolean(),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 50 }),
        fc.integer({ min: 0, max: 1000 }),
        (interleaved, m, n, shift) => {
          const layer = rotaryPositions(6, { interleaved });
          const [q, k] = [waves([1, 6], 1), waves([1, 6], 2)];
          const product = (by: number) =>
            layer(q, { offset: m + by })
              .mul(layer(k, { offset: n + by }))
              .sum();
          expectClose(product(shift), product(0), { rtol: 1e-8, atol: 1e-9 });
        },
      ),
      { seed: 231, numRuns: 50 },
    );
    const far = rotaryPositions(6)(waves([1, 6], 1), { offset: 3 })
      .mul(waves([1, 6], 2))
      .sum();
    expect(
      Math.abs(
        far.item() -
          waves([1, 6], 1)
            .mul(waves([1, 6], 2))
            .sum()
            .item(),
      ),
    ).toBeGreaterThan(0.1);
  });

  it("keep lengths, and any leading axes", () => {
    const x = waves([2, 3, 5, 4], 1);
    const y = rotaryPositions(4)(x);
    expectClose(y.square().sum(-1), x.square().sum(-1));
    const [row] = [narrow(narrow(x, 0, 1, 1), 1, 2, 1).reshape([5, 4])];
    expectClose(narrow(narrow(y, 0, 1, 1), 1, 2, 1).reshape([5, 4]), rotaryPositions(4)(row!));
  });
});

describe("all of them", () => {
  const layers = (): Record<
    string,
    AnyModule & ((x: Tensor, input?: { offset: number }) => Tensor)
  > => ({
    sinusoidalPositions: sinusoidalPositions(4, { base: 100 }),
    learnedPositions: learnedPositions(8, 4, { ...float64, generator: new Generator(3) }),
    rotaryPositions: rotaryPositions(4, { interleaved: false }),
  });

  it.each(Object.keys(layers()))("%s: gradients, spec, state, bad input", (name) => {
    const layer = layers()[name]!;
    checkGradients(layer, [waves([3, 2, 4], 1)], (x) => layer(x!, { offset: 1 }));
    const twin = fromSpec<LearnedPositions | RotaryPositions>(
      JSON.parse(JSON.stringify(layer.spec)),
    );
    expect(twin.spec).toEqual(layer.spec);
    expect(layer.spec.type).toBe(name);
    twin.loadStateDict(layer.stateDict());
    const x = waves([3, 2, 4], 1);
    expect(String(twin(x))).toBe(String(layer(x)));
    const wanted =
      name === "rotaryPositions"
        ? "a Tensor of shape [..., T, 4]"
        : "[T, B, 4], or [T, 4] for one sequence";
    expect(() => layer(zeros([3, 2, 5]))).toThrow(`${name}: x is [3, 2, 5]; it must be ${wanted}.`);
    expect(() => layer(3 as never)).toThrow(`${name}: x is 3; it must be a Tensor of shape`);
    expect(() => layer(ones([3, 2, 4], { dtype: "int32" }))).toThrow(
      `${name}: x is int32; it must be float32 or float64.`,
    );
    expect(() => layer(x, { offset: -1 })).toThrow(
      `${name}: offset is -1; it must be a whole number of at least 0.`,
    );
  });

  it("may be used inside inferenceMode first, and trained afterwards", () => {
    for (const layer of Object.values(layers())) {
      const x = waves([3, 2, 4], 1);
      const before = inferenceMode(() => String(layer(x).data()));
      x.requiresGrad_();
      const y = layer(x);
      y.sum().backward();
      expect(String(y.data())).toBe(before);
      expect(x.grad).not.toBeNull();
    }
  });

  it.each<[() => unknown, string]>([
    [
      () => sinusoidalPositions(3),
      "sinusoidalPositions: size is 3; it must be even: features come in pairs.",
    ],
    [
      () => rotaryPositions(5),
      "rotaryPositions: size is 5; it must be even: features come in pairs.",
    ],
    [
      () => rotaryPositions(4, { base: 0 }),
      "rotaryPositions: base is 0; it must be a finite number above 0.",
    ],
    [
      () => learnedPositions(0, 4),
      "learnedPositions: maxLength is 0; it must be a whole number of at least 1.",
    ],
  ])("refuse bad arguments: %#", (make, message) => {
    expect(make).toThrow(message);
  });
});
