import { describe, expect, it } from "@jest/globals";
import fc from "fast-check";
import {
  addmm,
  addmv,
  baddbmm,
  bilinear,
  bmm,
  cdist,
  cross,
  dot,
  einsum,
  Generator,
  GradError,
  grad,
  gradcheck,
  inner,
  kron,
  matmul,
  multiDot,
  mv,
  ones,
  outer,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  tensordot,
  zeros,
} from "../../src/index.ts";
import { double, expectDifferentiable, expectNear, f64, leaf } from "./helpers.ts";

export function describeProducts(): void {
  describe("products of vectors and matrices", () => {
    const a = leaf([2, 3]);
    const b = leaf([3, 4], 2);
    const u = leaf([3], 3);
    const v = leaf([3], 4);

    it("values", () => {
      const m = f64([
        [1, 2],
        [3, 4],
      ]);
      const x = f64([5, 6]);
      expect(mv(m, x).toArray()).toEqual([17, 39]);
      expect(dot(x, x).item()).toBe(61);
      expect(outer(x, f64([1, 2, 3])).toArray()).toEqual([
        [5, 10, 15],
        [6, 12, 18],
      ]);
      expect(inner(m, x).toArray()).toEqual([17, 39]);
      expect(inner(m, f64(2)).toArray()).toEqual([
        [2, 4],
        [6, 8],
      ]);
      expect(
        kron(
          f64([1, 2]),
          f64([
            [1, 1],
            [0, 3],
          ]),
        ).toArray(),
      ).toEqual([
        [1, 1, 2, 2],
        [0, 3, 0, 6],
      ]);
      expect(cross(f64([1, 0, 0]), f64([0, 1, 0])).toArray()).toEqual([0, 0, 1]);
      expect(
        dot(tensor([1, 2], { dtype: "int32" }), tensor([3, 4], { dtype: "int32" })).item(),
      ).toBe(11);
    });

    it("gradients", () => {
      expectDifferentiable(bmm, leaf([2, 2, 3]), leaf([2, 3, 2], 2));
      expectDifferentiable(mv, a, u);
      expectDifferentiable(dot, u, v);
      expectDifferentiable(outer, u, v);
      expectDifferentiable(inner, a, leaf([2, 3], 5));
      expectDifferentiable(kron, a, u);
      expectDifferentiable((x, y) => cross(x!, y!, { axis: 0 }), leaf([3, 2]), leaf([3, 1], 2));
      expectDifferentiable((x, y) => tensordot(x!, y!), leaf([2, 3, 4]), leaf([3, 4, 2], 2));
    });

    it("a × b is orthogonal to both", () => {
      const [x, y] = [leaf([4, 3]).detach(), leaf([4, 3], 2).detach()];
      const z = cross(x, y);
      expectNear(z.mul(x).sum(1), [0, 0, 0, 0]);
      expectNear(z.mul(y).sum(1), [0, 0, 0, 0]);
    });

    it("tensordot pairs axes", () => {
      const x = leaf([2, 3, 4]).detach();
      const y = leaf([4, 2, 5], 2).detach();
      expectNear(
        tensordot(x, y, [
          [2, 0],
          [0, -2],
        ]),
        einsum("ijk,kil->jl", x, y),
      );
      expectNear(tensordot(x, y, 0), einsum("ijk,abc->ijkabc", x, y));
      expectNear(
        tensordot(x, x.permute([1, 2, 0])),
        einsum("ijk,jkl->il", x, x.permute([1, 2, 0])),
      );
    });

    it("addmm, addmv and baddbmm", () => {
      const options = { beta: 0.5, alpha: -2 };
      const bias = leaf([4], 7);
      expectDifferentiable((i, x, y) => addmm(i!, x!, y!, options), bias, a, b);
      expectDifferentiable((i, x, y) => addmv(i!, x!, y!, options), leaf([2], 7), a, u);
      expectDifferentiable(
        (i, x, y) => baddbmm(i!, x!, y!, options),
        leaf([2, 1, 2], 7),
        leaf([2, 2, 3]),
        leaf([2, 3, 2], 2),
      );
      expect(addmm(f64([Number.NaN]), ones([1, 2]), ones([2, 1]), { beta: 0 }).item()).toBe(2);
    });

    it("in place", () => {
      const options = { beta: 3, alpha: 2 };
      const start = leaf([2, 4], 8);
      const run = (f: (x: Tensor) => Tensor) => grad(f(start.mul(1)).square().sum(), [start, a, b]);
      const expected = run((x) => addmm(x, a, b, options));
      run((x) => x.addmm_(a, b, options)).forEach((g, i) => {
        expectNear(g, expected[i]!);
      });
      const y = zeros([2], double);
      expect(y.addmv_(ones([2, 3], double), ones([3], double))).toBe(y);
      expect(y.toArray()).toEqual([3, 3]);
      const z = zeros([1, 1, 1], double);
      z.baddbmm_(ones([1, 1, 2], double), ones([1, 2, 1], double));
      expect(z.item()).toBe(2);
      expect(() => start.addmm_(a, b)).toThrow(
        new GradError(
          "addmm_: the tensor is a leaf that requires grad, whose value backward needs; change it inside noGrad(() => …), or use addmm, which makes a new tensor.",
        ),
      );
      expect(() => zeros([4]).addmm_(ones([2, 3]), ones([3, 4]))).toThrow(
        new ShapeError(
          "addmm_: the result has shape [2, 4], which doesn't fit into the tensor's [4]; use addmm, which makes a new tensor.",
        ),
      );
    });

    it("bilinear", () => {
      const weight = leaf([2, 3, 4], 9);
      const [x, y, bias] = [leaf([5, 3]), leaf([5, 4], 2), leaf([2], 3)];
      expectDifferentiable((p, q, w, c) => bilinear(p!, q!, w!, { bias: c! }), x, y, weight, bias);
      expectNear(
        bilinear(x, y, weight).narrow(1, 1, 1).squeeze(1),
        matmul(x, weight.index(1)).mul(y).sum(1),
      );
    });

    it("multiDot multiplies in the cheapest order", () => {
      const list = [leaf([6, 2]), leaf([2, 7], 2), leaf([7, 3], 3), leaf([3, 5], 4)];
      const product = list.reduce((x, y) => matmul(x, y));
      expectNear(multiDot(list), product);
      expectNear(multiDot([leaf([6]), ...list]), matmul(leaf([6]), product));
      const column = leaf([5], 6);
      expectNear(
        multiDot([leaf([6]), ...list, column]),
        matmul(leaf([6]), matmul(product, column)),
      );
      expectDifferentiable((...all) => multiDot(all), ...list.slice(1));
      // Left to right this would hold 10⁸ elements.
      expect(multiDot([ones([10000, 2]), ones([2, 10000]), ones([10000])]).shape).toEqual([10000]);
    });
  });

  describe("cdist", () => {
    const a = leaf([2, 3, 4]);
    const b = leaf([5, 4], 2);
    for (const p of [0, 0.5, 1, 1.5, 2, 3, Infinity]) {
      it(`p = ${p}`, () => {
        const y = cdist(a, b, { p });
        expect(y.shape).toEqual([2, 3, 5]);
        const row = a.index(1, 2).sub(b.index(3)).data();
        const sizes = Array.from(row, Math.abs);
        const expected =
          p === 0
            ? 4
            : p === Infinity
              ? Math.max(...sizes)
              : sizes.reduce((sum, x) => sum + x ** p, 0) ** (1 / p);
        expect(y.index(1, 2, 3).item()).toBeCloseTo(expected, 12);
        if (p > 0) expectDifferentiable((x, z) => cdist(x!, z!, { p }), a, b);
      });
    }

    it("equal rows have distance and gradient 0", () => {
      for (const p of [0.5, 1, 1.5, 2, 3, Infinity]) {
        const x = ones([1, 2], { ...double, requiresGrad: true });
        const y = cdist(x, ones([1, 2], double), { p });
        y.sum().backward();
        expect([p, y.item(), x.grad!.toArray()]).toEqual([p, 0, [[0, 0]]]);
      }
    });

    it("every coordinate at the maximum takes the gradient", () => {
      const x = tensor([[3, -3, 1]], { ...double, requiresGrad: true });
      cdist(x, zeros([1, 3], double), { p: Infinity })
        .sum()
        .backward();
      expect(x.grad!.toArray()).toEqual([[1, -1, 0]]);
    });
  });

  describe("einsum", () => {
    const nested = (
      inputs: string[][],
      output: string[],
      operands: Tensor[],
      sizes: Record<string, number>,
    ): Tensor => {
      const labels = [...new Set(inputs.flat())];
      const summed = labels.filter((label) => !output.includes(label));
      const order = [...output, ...summed];
      const result: number[] = new Array(
        output.reduce((total, label) => total * sizes[label]!, 1),
      ).fill(0);
      const at: Record<string, number> = {};
      const data = operands.map((x) => x.data());
      const walk = (depth: number, flat: number): void => {
        if (depth === order.length) {
          result[flat]! += inputs.reduce((value, names, k) => {
            const shape = operands[k]!.shape;
            const i = names.reduce(
              (sum, label, axis) => sum * shape[axis]! + (shape[axis] === 1 ? 0 : at[label]!),
              0,
            );
            return value * data[k]![i]!;
          }, 1);
          return;
        }
        const label = order[depth]!;
        for (let i = 0; i < sizes[label]!; i++) {
          at[label] = i;
          walk(depth + 1, depth < output.length ? flat * sizes[label]! + i : flat);
        }
      };
      walk(0, 0);
      return tensor(Float64Array.from(result), {
        shape: output.map((label) => sizes[label]!),
      });
    };

    it("equals nested loops", () => {
      const label = fc.constantFrom("a", "b", "c", "D");
      const property = fc.property(
        fc.array(fc.array(label, { maxLength: 3 }), { minLength: 1, maxLength: 4 }),
        fc.record({
          a: fc.integer({ min: 0, max: 3 }),
          b: fc.integer({ min: 1, max: 3 }),
          c: fc.integer({ min: 1, max: 4 }),
          D: fc.constant(2),
        }),
        fc.infiniteStream(fc.nat()),
        (inputs, sizes, random) => {
          const pick = () => random.next().value as number;
          // Some axes of size 1, which broadcast (all of one index in an operand alike).
          const operands = inputs.map((names, k) => {
            const one = new Set(names.filter(() => pick() % 5 === 0));
            const shape = names.map((name) => (one.has(name) ? 1 : sizes[name as "a"]));
            return randn(shape, { ...double, generator: new Generator(k) });
          });
          const found: Record<string, number> = {};
          inputs.forEach((names, k) => {
            names.forEach((name, axis) => {
              const size = operands[k]!.shape[axis]!;
              found[name] = (found[name] ?? 1) === 1 ? size : found[name]!;
            });
          });
          const output = [...new Set(inputs.flat())].filter(() => pick() % 2 === 0);
          const terms = inputs.map((names) => names.join("")).join(",");
          expectNear(
            einsum(`${terms}->${output.join("")}`, ...operands),
            nested(inputs, output, operands, found),
          );
          const once = inputs
            .flat()
            .filter((name) => inputs.flat().filter((other) => other === name).length === 1)
            .sort();
          expectNear(einsum(terms, ...operands), nested(inputs, once, operands, found));
        },
      );
      fc.assert(property, { seed: 3, numRuns: 150 });
    });

    it("ellipsis: leading, in the middle, broadcast, summed, in the implicit output", () => {
      const x = leaf([2, 3, 4]).detach();
      const y = leaf([3, 4, 5], 2).detach();
      expectNear(einsum("...ij,...jk->...ik", x, y.narrow(0, 0, 1)), matmul(x, y.index(0)));
      expectNear(einsum("...ij,...jk", x, y.index(0)), matmul(x, y.index(0)));
      expectNear(einsum("i...k->k...i", x), x.permute([2, 1, 0]));
      expectNear(einsum("i...->i", x), x.sum([1, 2]));
      expectNear(einsum("...,...", x, x.index(0)), x.mul(x.index(0)));
      expectNear(einsum("b a", x.index(0)), x.index(0).transpose());
      expectNear(
        einsum("...ii->...i", leaf([2, 3, 3])).index(1, 2),
        leaf([2, 3, 3]).index(1, 2, 2),
      );
      expect(einsum("->", f64(3)).item()).toBe(3);
      expect(
        einsum(
          "ii",
          tensor(
            [
              [1, 2],
              [3, 4],
            ],
            { dtype: "int32" },
          ),
        ).dtype,
      ).toBe("int32");
      expect(
        einsum(
          "i,i",
          tensor([1, 2], { dtype: "int32" }),
          tensor([3, 4], { dtype: "int32" }),
        ).item(),
      ).toBe(11);
    });

    it("gradients", () => {
      expectDifferentiable(
        (x, y) => einsum("bij,bjk->ik", x!, y!),
        leaf([2, 2, 3]),
        leaf([2, 3, 2], 2),
      );
      expectDifferentiable((x) => einsum("iij->j", x!), leaf([2, 2, 3]));
      expectDifferentiable(
        (x, y, z) => einsum("...i,ij,j->...", x!, y!, z!),
        leaf([2, 3]),
        leaf([3, 2], 2),
        leaf([2], 3),
      );
      gradcheck((x) => einsum("ij,jk,kl->il", x!, x!, x!), [leaf([2, 2])]);
    });

    it("keeps intermediate results small", () => {
      // Left to right this would hold 10⁸ elements.
      const [a, b, c] = [ones([100, 1]), ones([1, 1000, 1000]), ones([1000])];
      expect(einsum("ai,ijk,k->aj", a, b, c).shape).toEqual([100, 1000]);
    });

    it("refuses what it can't read", () => {
      const x = zeros([2, 3]);
      const cases: [() => unknown, string][] = [
        [
          () => einsum(x as never),
          'einsum: the equation is a Tensor; it must be a string, such as "ij,jk->ik".',
        ],
        [() => einsum("ij", 3 as never), "einsum: operand 0 is a number; it must be a Tensor."],
        [() => einsum("ij->i->j", x), 'einsum: "ij->i->j" has more than one ->.'],
        [
          () => einsum("i+j", x),
          'einsum: "i+j" has the term "i+j"; a term is made of letters and at most one ellipsis ....',
        ],
        [
          () => einsum("ij,jk", x),
          'einsum: "ij,jk" has 2 terms, and 1 operands were given; one is needed for each.',
        ],
        [
          () => einsum("ijk", x),
          'einsum: "ijk" names 3 axes of operand 0 by "ijk", and its shape is [2, 3]; name each axis, or use an ellipsis.',
        ],
        [
          () => einsum("ij->k", x),
          'einsum: "ij->k" has the index k in its output, which no operand has.',
        ],
        [
          () => einsum("ij->ii", x),
          'einsum: "ij->ii" has the index i twice in its output; name it once.',
        ],
        [
          () => einsum("ii", x),
          "einsum: index i is 2 and 3 in operand 0 ([2, 3]); a repeated index needs equal sizes.",
        ],
        [
          () => einsum("ij,jk", x, x),
          "einsum: index j is 3 in operand 0 ([2, 3]) and 2 in operand 1 ([2, 3]); they must be equal, or one of them 1.",
        ],
        [
          () => einsum("...,...", x, zeros([4])),
          "einsum: an axis of the ellipsis is 3 in operand 0 ([2, 3]) and 4 in operand 1 ([4]); they must be equal, or one of them 1.",
        ],
      ];
      for (const [call, message] of cases) {
        expect(call).toThrow(message);
      }
    });
  });

  describe("refusals", () => {
    const x = zeros([2, 3]);
    const cube = zeros([2, 2, 2]);
    const cases: [string, () => unknown, string, (new (m: string) => Error)?][] = [
      ["bmm rank", () => bmm(x, cube), "bmm: a is [2, 3]; it must be [B, M, K]."],
      [
        "bmm sizes",
        () => bmm(cube, zeros([3, 2, 2])),
        "bmm: a is [2, 2, 2] and b is [3, 2, 2]; they must be [B, M, K] and [B, K, N].",
      ],
      ["mv rank", () => mv(x, x), "mv: b is [2, 3]; it must be a vector [K]."],
      [
        "mv sizes",
        () => mv(x, zeros([2])),
        "mv: a is [2, 3] and b is [2]; a's columns must be as many as b's elements.",
      ],
      ["dot rank", () => dot(x, x), "dot: a is [2, 3]; it must be a vector [N]."],
      [
        "dot sizes",
        () => dot(zeros([2]), zeros([3])),
        "dot: a is [2] and b is [3]; they must be equally long.",
      ],
      ["outer", () => outer(zeros([2]), x), "outer: b is [2, 3]; it must be a vector [N]."],
      [
        "inner",
        () => inner(x, zeros([2])),
        "inner: a is [2, 3] and b is [2]; their last axes must be equal.",
      ],
      [
        "tensordot number",
        () => tensordot(x, x, 3),
        "tensordot: 3 axes are to be summed, and a is [2, 3], b [2, 3]; both need that many.",
      ],
      [
        "tensordot kind",
        () => tensordot(x, x, "x" as never),
        "tensordot: axes is a string; it must be a number, or two arrays such as [[1], [0]].",
      ],
      [
        "tensordot lists",
        () =>
          tensordot(x, x, [
            [0, 0],
            [0, 1],
          ]),
        "tensordot: axes are [0, 0] and [0, 1]; both need equally many, none twice.",
      ],
      [
        "tensordot sizes",
        () => tensordot(x, x, 1),
        "tensordot: axis 1 of a [2, 3] and axis 0 of b [2, 3] are paired; they must be equal.",
      ],
      ["kron", () => kron(x, 2 as never), "kron: b is a number; it must be a Tensor."],
      [
        "cross",
        () => cross(x, zeros([2])),
        "cross: a is [2, 3] and b is [2]; axis -1 must have size 3 in both.",
      ],
      [
        "cdist shapes",
        () => cdist(x, zeros([3])),
        "cdist: a is [2, 3] and b is [3]; they must be [..., M, D] and [..., N, D].",
      ],
      [
        "cdist p",
        () => cdist(x, x, { p: -1 }),
        "cdist: p is -1; it must be 0 or more, or infinite.",
      ],
      [
        "cdist NaN",
        () => cdist(x, x, { p: Number.NaN }),
        "cdist: p is NaN; it must be 0 or more, or infinite.",
      ],
      [
        "addmm sizes",
        () => addmm(x, x, x),
        "addmm: a is [2, 3] and b is [2, 3]; they must be [M, K] and [K, N].",
      ],
      [
        "addmm input",
        () => addmm(zeros([2, 2, 2]), x, x.transpose()),
        "addmm: input is [2, 2, 2] and the product [2, 2]; input must broadcast to it.",
      ],
      [
        "addmm beta",
        () => addmm(x, x, zeros([3, 3]), { beta: "1" as never }),
        "addmm: beta is a string; it must be a number.",
      ],
      [
        "addmv sizes",
        () => addmv(x, x, zeros([2])),
        "addmv: a is [2, 3] and b is [2]; they must be [M, K] and [K].",
      ],
      [
        "baddbmm sizes",
        () => baddbmm(cube, cube, zeros([2, 3, 2])),
        "baddbmm: a is [2, 2, 2] and b is [2, 3, 2]; they must be [B, M, K] and [B, K, N].",
      ],
      [
        "bilinear sizes",
        () => bilinear(x, x, zeros([1, 3, 2])),
        "bilinear: a is [2, 3] and b is [2, 3]; for weight [1, 3, 2] they must be [..., 3] and [..., 2], with equal leading axes.",
      ],
      [
        "bilinear bias",
        () => bilinear(x, x, zeros([1, 3, 3]), { bias: zeros([2]) }),
        "bilinear: bias is [2]; for weight [1, 3, 3] it must be [1].",
      ],
      ["multiDot few", () => multiDot([x]), "multiDot: needs an array of at least two Tensors."],
      [
        "multiDot rank",
        () => multiDot([x, cube]),
        "multiDot: tensor 1 is [2, 2, 2]; it must be a matrix (the first and the last may be vectors).",
      ],
      [
        "multiDot sizes",
        () => multiDot([x, x]),
        "multiDot: tensor 0 is [2, 3] and tensor 1 is [2, 3]; neighbours must meet as in matmul.",
      ],
    ];
    for (const [name, call, message, kind] of cases) {
      it(name, () => {
        expect(call).toThrow(message);
        if (kind !== undefined) expect(call).toThrow(kind);
      });
    }
  });
}
