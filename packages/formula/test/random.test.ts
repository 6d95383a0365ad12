/** Random formulas against finite differences, against the same formula in tensor ops, and read back. */
import { expect, it } from "@jest/globals";
import { grad, gradcheck, type Tensor, tensor, where } from "@tapegrad/core";
import fc from "fast-check";
import { formula } from "../src/index.ts";

/** A formula as text and as tensor ops, made side by side. */
interface Both {
  text: string;
  of: (x: Tensor, z: Tensor) => Tensor;
}

const leaf = fc.oneof(
  fc.constant<Both>({ text: "x", of: (x) => x }),
  fc.constant<Both>({ text: "z", of: (_, z) => z }),
  fc.integer({ min: 1, max: 9 }).map<Both>((n) => ({
    text: `${n / 4}`,
    of: (x) => x.mul(0).add(n / 4),
  })),
);

const unaries: readonly (readonly [name: string, f: (u: Tensor) => Tensor])[] = [
  ["sin", (u) => u.sin()],
  ["cos", (u) => u.cos()],
  ["tanh", (u) => u.tanh()],
  ["sigmoid", (u) => u.sigmoid()],
  ["atan", (u) => u.atan()],
  ["erf", (u) => u.erf()],
  ["asinh", (u) => u.asinh()],
  ["-", (u) => u.neg()],
  ["softplus", (u) => u.softplus()],
  ["silu", (u) => u.mul(u.sigmoid())],
];
const binaries: readonly (readonly [sign: string, f: (u: Tensor, v: Tensor) => Tensor])[] = [
  ["+", (u, v) => u.add(v)],
  ["-", (u, v) => u.sub(v)],
  ["*", (u, v) => u.mul(v)],
];

const { both } = fc.letrec<{ both: Both }>((tie) => ({
  both: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    leaf,
    fc.tuple(fc.constantFrom(...unaries), tie("both")).map(([[name, f], u]) => ({
      text: `${name}(${u.text})`,
      of: (x: Tensor, z: Tensor) => f(u.of(x, z)),
    })),
    fc.tuple(fc.constantFrom(...binaries), tie("both"), tie("both")).map(([[sign, f], u, v]) => ({
      text: `(${u.text}) ${sign} (${v.text})`,
      of: (x: Tensor, z: Tensor) => f(u.of(x, z), v.of(x, z)),
    })),
    // Denominators away from 0, powers of small whole exponents.
    fc.tuple(tie("both"), tie("both")).map(([u, v]) => ({
      text: `(${u.text}) / (2 + sin(${v.text}))`,
      of: (x: Tensor, z: Tensor) => u.of(x, z).div(v.of(x, z).sin().add(2)),
    })),
    fc.tuple(tie("both"), fc.integer({ min: 2, max: 4 })).map(([u, n]) => ({
      text: `tanh(${u.text}) ^ ${n}`,
      of: (x: Tensor, z: Tensor) => u.of(x, z).tanh().pow(n),
    })),
    fc.tuple(tie("both"), tie("both"), tie("both")).map(([u, v, w]) => ({
      text: `(${u.text} > 0.3 ? ${v.text} : ${w.text})`,
      of: (x: Tensor, z: Tensor) => where(u.of(x, z).gt(0.3), v.of(x, z), w.of(x, z)),
    })),
  ),
}));

const inputs = () => [
  tensor([0.31, -0.72, 1.13, -1.57], { dtype: "float64", requiresGrad: true }),
  tensor([0.87, 0.44, -0.95, -0.23], { dtype: "float64", requiresGrad: true }),
];

const settings = { seed: 20, numRuns: 120 };

/** |a − b| within 1e-9 of their size. */
function expectNear(got: Tensor, expected: Tensor): void {
  const b = expected.data();
  got.data().forEach((v, i) => {
    expect(Math.abs(v - b[i]!)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(b[i]!)));
  });
}

it("values, gradients and second derivatives are those of the tensor ops", () => {
  fc.assert(
    fc.property(both, ({ text, of }) => {
      const f = formula(`${text} + x ^ 2 * z ^ 2`, { inputs: ["x", "z"] });
      const [x, z] = inputs() as [Tensor, Tensor];
      const [ours, theirs] = [f(x, z), of(x, z).add(x.square().mul(z.square()))];
      expectNear(ours, theirs);
      const options = { createGraph: true };
      const first = grad([ours.sum()], [x, z], options);
      const reference = grad([theirs.sum()], [x, z], options);
      first.forEach((dx, i) => {
        expectNear(dx!, reference[i]!);
        const second = grad([dx!.square().sum()], [x, z], { retainGraph: true });
        const other = grad([reference[i]!.square().sum()], [x, z], { retainGraph: true });
        second.forEach((ddx, k) => {
          expectNear(ddx!, other[k]!);
        });
      });
    }),
    settings,
  );
});

it("gradients are those of finite differences", () => {
  fc.assert(
    fc.property(both, ({ text }) => {
      const f = formula(`${text} + x ^ 2 * z ^ 2`, { inputs: ["x", "z"] });
      // A condition may lie within a step of its boundary; differences say nothing there.
      fc.pre(!text.includes("?"));
      gradcheck((x: Tensor, z: Tensor) => f(x, z), inputs(), { atol: 1e-5, rtol: 1e-4 });
    }),
    settings,
  );
});

it("the text reads back as the same formula, and so does its gradient's", () => {
  fc.assert(
    fc.property(both, ({ text }) => {
      const f = formula(`${text} + x ^ 2 * z ^ 2`, { inputs: ["x", "z"] });
      for (const g of [f, f.gradient("x")]) {
        const again = formula(String(g), { inputs: ["x", "z"] });
        const [x, z] = inputs() as [Tensor, Tensor];
        expectNear(again(x, z), g(x, z));
      }
    }),
    settings,
  );
});
