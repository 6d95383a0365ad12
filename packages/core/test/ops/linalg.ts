import { describe, expect, it } from "@jest/globals";
import {
  checkOp,
  cholesky,
  det,
  eigh,
  eigvalsh,
  equal,
  eye,
  Generator,
  GradError,
  grad,
  inv,
  lstsq,
  matmul,
  matrixExp,
  matrixPower,
  matrixRank,
  normal,
  nuclearNorm,
  ones,
  pinv,
  qr,
  rand,
  slogdet,
  solve,
  spectralNorm,
  stack,
  svd,
  svdvals,
  type Tensor,
  tensor,
  trace,
  triangularSolve,
  ValueError,
  zeros,
} from "../../src/index.ts";
import * as decompositions from "../../src/ops/decompositions.ts";
import * as linalg from "../../src/ops/linalg.ts";
import * as solving from "../../src/ops/solve.ts";
import { double, expectDifferentiable, expectNear, f64, leaf } from "./helpers.ts";

/** Far from singular, with different singular values. */
const regular =
  (shape: number[]) =>
  (dtype: "float32" | "float64" | string, generator: Generator): Tensor => {
    const n = shape.at(-1)!;
    const spread = f64(Array.from({ length: n }, (_, i) => 2 + i)).mul(eye(n, double));
    const noise = rand(shape, { ...double, low: -0.5, high: 0.5, generator });
    return tensor(noise.add(spread), { dtype: dtype as "float64" });
  };

const symmetric = (x: Tensor) => x.add(x.transpose()).mul(0.5);
const definite = (x: Tensor) =>
  matmul(x, x.transpose()).add(eye(x.shape.at(-1)!, { dtype: x.dtype as "float64" }));

export function describeLinalg(): void {
  describe("linear systems", () => {
    it("inv", () => {
      checkOp(solving.invOp, {
        cases: [{ x: regular([3, 3]) }, { x: regular([2, 1, 2, 2]) }, { x: normal([0, 0]) }],
      });
    });
    it("solve", () => {
      checkOp(solving.solveOp, {
        cases: [
          { a: regular([3, 3]), b: normal([3, 2]) },
          { a: regular([2, 2, 2]), b: normal([2, 2, 2]) },
          { a: regular([3, 3]), b: normal([3, 0]) },
        ],
      });
    });
    it("triangularSolve", () => {
      const cases = [true, false].flatMap((upper) =>
        [true, false].map((unitriangular) => ({
          a: regular([2, 3, 3]),
          b: normal([2, 3, 2]),
          attrs: { upper, unitriangular },
        })),
      );
      const none = {
        a: normal([0, 0]),
        b: normal([0, 2]),
        attrs: { upper: true, unitriangular: false },
      };
      checkOp(solving.triangularSolveOp, { cases: [...cases, none] });
    });

    it("solve takes vectors, and broadcasts", () => {
      const a = regular([2, 3, 3])("float64", new Generator(1));
      const v = leaf([3]).detach();
      expectNear(matmul(a, solve(a, v).unsqueeze(-1)).squeeze(-1), stack([v, v]));
      const vs = leaf([2, 3]).detach();
      expectNear(matmul(a, solve(a, vs).unsqueeze(-1)).squeeze(-1), vs);
      const b = leaf([4, 1, 3, 2]).detach();
      expect(solve(a, b).shape).toEqual([4, 2, 3, 2]);
      expectNear(matmul(a, solve(a, b)), b.expand([4, 2, 3, 2]));
      expectDifferentiable(solve, leaf([2, 3, 3]), leaf([3, 1], 2));
    });

    it("triangularSolve transposes, and reads one triangle only", () => {
      const a = regular([3, 3])("float64", new Generator(1));
      const b = leaf([3, 2]).detach();
      const upper = f64([
        [1, 1, 1],
        [0, 1, 1],
        [0, 0, 1],
      ]).mul(a);
      expectNear(matmul(upper, triangularSolve(b, a)), b);
      expectNear(matmul(upper.transpose(), b.triangularSolve(a, { transpose: true })), b);
    });

    it("a Hilbert matrix loses only the digits that its condition costs", () => {
      const hilbert = f64(
        Array.from({ length: 6 }, (_, i) => Array.from({ length: 6 }, (_, j) => 1 / (i + j + 1))),
      );
      expectNear(solve(hilbert, hilbert.sum(1)), ones([6], double), 1e-9);
      expectNear(matmul(hilbert, inv(hilbert)), eye(6, double), 1e-9);
    });

    it("empty matrices", () => {
      expect(inv(zeros([0, 0])).shape).toEqual([0, 0]);
      expect(solve(zeros([3, 0, 0]), zeros([3, 0, 2])).shape).toEqual([3, 0, 2]);
      expect(det(zeros([0, 0])).item()).toBe(1);
      expect(det(zeros([0, 2, 2])).shape).toEqual([0]);
    });

    it("integers become float32", () => {
      expect(inv(tensor([[2]], { dtype: "int32" })).dtype).toBe("float32");
      expect(matrixPower(tensor([[2]], { dtype: "int32" }), 3).item()).toBe(8);
    });
  });

  describe("determinants", () => {
    it("det", () => {
      checkOp(linalg.detOp, {
        cases: [{ x: regular([3, 3]) }, { x: regular([2, 2, 2]) }, { x: normal([0, 2, 2]) }],
      });
    });
    it("slogdet", () => {
      checkOp(linalg.slogdetOp, {
        cases: [{ x: regular([3, 3]) }, { x: regular([2, 2, 2]) }, { x: normal([0, 2, 2]) }],
      });
    });

    it("a singular matrix has the gradient of its cofactors", () => {
      const x = tensor(
        [
          [1, 2],
          [2, 4],
        ],
        { ...double, requiresGrad: true },
      );
      expect(det(x).item()).toBeCloseTo(0, 15);
      expectNear(grad(det(x), [x])[0]!, [
        [4, -2],
        [-2, 1],
      ]);
      expectDifferentiable(det, x);
    });

    it("slogdet doesn't overflow, and tells sign and singularity", () => {
      const { sign, logabsdet } = slogdet(eye(200, double).mul(-1e5));
      expect([sign.item(), logabsdet.item()]).toEqual([1, expect.closeTo(200 * Math.log(1e5), 8)]);
      expect(slogdet(f64([[-3]])).sign.item()).toBe(-1);
      const singular = slogdet(zeros([2, 2]));
      expect([singular.sign.item(), singular.logabsdet.item()]).toEqual([0, -Infinity]);
      expect(slogdet(leaf([2, 2])).sign.requiresGrad).toBe(false);
    });
  });

  describe("decompositions", () => {
    it("cholesky", () => {
      checkOp(decompositions.choleskyOp, {
        call: ([x]) => decompositions.choleskyOp(definite(x!)),
        cases: [{ x: normal([3, 3]) }, { x: normal([2, 2, 2]) }, { x: normal([0, 0]) }],
      });
    });
    it("qr", () => {
      checkOp(decompositions.qrOp, {
        cases: [{ x: regular([3, 3]) }, { x: normal([2, 4, 2]) }, { x: normal([0, 3, 2]) }],
      });
    });
    it("orthogonalComplement", () => {
      checkOp(decompositions.complementOp, {
        call: ([x]) => decompositions.complementOp(qr(x!.detach()).q),
        cases: [{ q: normal([2, 4, 2]) }],
      });
    });
    it("svd", () => {
      checkOp(decompositions.svdOp, {
        cases: [
          { x: regular([3, 3]) },
          { x: normal([2, 4, 2]) },
          { x: normal([2, 3]) },
          { x: normal([0, 3, 2]) },
        ],
      });
    });
    it("svdvals", () => {
      checkOp(decompositions.svdvalsOp, {
        cases: [{ x: regular([3, 3]) }, { x: normal([2, 2, 4]) }, { x: normal([0, 3]) }],
      });
    });
    it("eigh", () => {
      const first = ([x]: readonly Tensor[]) => {
        const { eigenvalues, eigenvectors } = decompositions.eighOp(symmetric(x!));
        return eigenvectors!.mul(eigenvalues!.unsqueeze(-2)).add(eigenvectors!.square());
      };
      checkOp(decompositions.eighOp, {
        call: first,
        cases: [{ x: regular([3, 3]) }, { x: regular([2, 2, 2]) }, { x: normal([0, 2, 2]) }],
      });
    });
    it("eigvalsh", () => {
      checkOp(decompositions.eigvalshOp, {
        call: ([x]) => decompositions.eigvalshOp(symmetric(x!)),
        cases: [{ x: regular([3, 3]) }, { x: regular([2, 2, 2]) }, { x: normal([0, 2, 2]) }],
      });
    });

    const shapes = [
      [1, 1],
      [4, 4],
      [6, 3],
      [3, 6],
      [2, 5, 3],
      [2, 3, 5],
      [3, 0],
      [0, 3],
      [40, 30],
    ];
    for (const shape of shapes) {
      it(`factors of [${shape.join(", ")}] multiply back, orthonormal`, () => {
        const x = leaf(shape).detach();
        const [m, n] = shape.slice(-2) as [number, number];
        const k = Math.min(m, n);
        const gram = (q: Tensor) => matmul(q.transpose(), q);
        const one = (size: number) => eye(size, double).expand([...shape.slice(0, -2), size, size]);
        const reduced = svd(x, { fullMatrices: false });
        expectNear(matmul(reduced.u.mul(reduced.s.unsqueeze(-2)), reduced.vh), x);
        expectNear(gram(reduced.u), one(k));
        const full = x.svd();
        expectNear(gram(full.u), one(m));
        expectNear(gram(full.vh), one(n));
        expect(equal(full.u.narrow(-1, 0, k), reduced.u)).toBe(true);
        const s = reduced.s.data();
        expect(s.every((value, i) => i % k === 0 || value <= s[i - 1]!)).toBe(true);
        for (const mode of ["reduced", "complete"] as const) {
          const { q, r } = qr(x, { mode });
          expectNear(matmul(q, r), x);
          expectNear(gram(q), one(mode === "complete" ? m : k));
          expect(r.shape.slice(-2)).toEqual([mode === "complete" ? m : k, n]);
        }
        expect(equal(qr(x, { mode: "r" }).r, qr(x).r)).toBe(true);
      });
    }

    it("eigh reads one triangle, sorts, and multiplies back", () => {
      const x = leaf([20, 20]).detach();
      for (const uplo of ["L", "U"] as const) {
        const { eigenvalues, eigenvectors } = eigh(x, { uplo });
        const rows = x.toArray() as number[][];
        const both = f64(
          rows.map((row, i) =>
            row.map((_, j) => ((uplo === "L") === i >= j ? rows[i]![j]! : rows[j]![i]!)),
          ),
        );
        expectNear(
          matmul(eigenvectors.mul(eigenvalues.unsqueeze(-2)), eigenvectors.transpose()),
          both,
        );
        expectNear(matmul(eigenvectors.transpose(), eigenvectors), eye(20, double));
        expect([...eigenvalues.data()]).toEqual([...eigenvalues.data()].sort((a, b) => a - b));
        expectNear(eigvalsh(x, { uplo }), eigenvalues);
      }
    });

    it("small singular values keep their digits", () => {
      const s = svdvals(
        f64([
          [1, 1],
          [0, 1e-10],
          [0, 0],
        ]),
      ).data();
      expect(s[0]! * s[1]!).toBeCloseTo(1e-10, 22);
      expect(
        svdvals(
          f64([
            [3, 0],
            [0, 1e-100],
          ]),
        ).toArray(),
      ).toEqual([3, 1e-100]);
      expect(
        svdvals(
          f64([
            [1e200, 0],
            [0, -2e200],
          ]),
        ).toArray(),
      ).toEqual([2e200, 1e200]);
    });

    it("what is not finite gives NaN, and zero has an orthonormal basis", () => {
      expect(svdvals(f64([[Number.NaN, 1]])).toArray()).toEqual([Number.NaN]);
      expect(eigvalsh(f64([[Infinity]])).toArray()).toEqual([Number.NaN]);
      expect(matrixExp(f64([[Number.NaN]])).item()).toBeNaN();
      expect(svd(zeros([2, 2], double)).u.toArray()).toEqual([
        [1, 0],
        [0, 1],
      ]);
    });

    it("cholesky of the upper triangle; gradients are symmetric", () => {
      const x = definite(leaf([3, 3]).detach()).requiresGrad_();
      const upper = cholesky(x, { upper: true });
      expectNear(matmul(upper.transpose(), upper), x);
      const g = grad(cholesky(x).sum(), [x])[0]!;
      expectNear(g, g.transpose());
    });

    it("qr of a wide matrix, and complete where it exists, has gradients", () => {
      expectDifferentiable((x) => Object.values(qr(x!)), leaf([2, 4]));
      expectDifferentiable((x) => Object.values(qr(x!, { mode: "complete" })), leaf([2, 3]));
    });
  });

  describe("functions of matrices", () => {
    it("pinv", () => {
      checkOp(linalg.pinvOp, {
        cases: [
          { x: normal([4, 2]), attrs: {} },
          { x: normal([2, 2, 3]), attrs: {} },
          { x: regular([2, 2]), attrs: { rtol: 1e-3 } },
        ],
      });
    });
    it("matrixExp", () => {
      checkOp(linalg.matrixExpOp, {
        cases: [{ x: normal([3, 3]) }, { x: normal([2, 2, 2]) }, { x: normal([0, 0]) }],
      });
    });

    it("pinv fulfils the conditions of Penrose, for any rank", () => {
      const x = matmul(leaf([5, 2]), leaf([2, 4], 2)).detach();
      const p = pinv(x);
      expectNear(matmul(matmul(x, p), x), x);
      expectNear(matmul(matmul(p, x), p), p);
      expectNear(matmul(x, p), matmul(x, p).transpose());
      expectNear(matmul(p, x), matmul(p, x).transpose());
      expect(pinv(zeros([2, 3])).toArray()).toEqual([
        [0, 0],
        [0, 0],
        [0, 0],
      ]);
      expect(pinv(zeros([0, 3])).shape).toEqual([3, 0]);
    });

    it("pinv of constant rank below full has gradients", () => {
      expectDifferentiable((a, b) => pinv(matmul(a!, b!)), leaf([4, 2]), leaf([2, 3], 2));
    });

    it("matrixRank", () => {
      const x = matmul(leaf([5, 2]), leaf([2, 4], 2)).detach();
      expect(matrixRank(x).item()).toBe(2);
      expect(matrixRank(stack([eye(3), zeros([3, 3])])).toArray()).toEqual([3, 0]);
      expect(
        matrixRank(
          f64([
            [1, 0],
            [0, 1e-3],
          ]),
          { rtol: 1e-2 },
        ).item(),
      ).toBe(1);
      expect(
        matrixRank(
          f64([
            [1, 0],
            [0, 1e-3],
          ]),
          { atol: 1e-4 },
        ).item(),
      ).toBe(2);
      expect(matrixRank(eye(2)).dtype).toBe("int32");
    });

    it("lstsq: tall, wide, of lower rank, broadcast", () => {
      const cases: [Tensor, Tensor][] = [
        [leaf([5, 3]), leaf([5, 2], 2)],
        [leaf([3, 5]), leaf([3, 2], 2)],
        [matmul(leaf([5, 2]), leaf([2, 3], 4)), leaf([5, 2], 2)],
        [leaf([4, 1, 3, 2]), leaf([2, 3, 1], 2)],
      ];
      for (const [a, b] of cases) {
        const { solution, rank } = lstsq(a, b);
        expectNear(solution, matmul(pinv(a), b), 1e-10);
        expectNear(rank, matrixRank(a).expand(rank.shape));
      }
      const [a, b] = cases[0]!;
      const { solution, residuals } = lstsq(a, b);
      expectNear(residuals, matmul(a, solution).sub(b).square().sum(0));
      expect(lstsq(...cases[1]!).residuals.shape).toEqual([0]);
      expect(lstsq(leaf([5, 3]), leaf([5], 2)).solution.shape).toEqual([3]);
      for (const [x, y] of cases.slice(0, 2)) {
        expectDifferentiable((p, q) => lstsq(p!, q!).solution, x, y);
      }
    });

    it("matrixExp: known values, large norms, inverse", () => {
      const turn = matrixExp(
        f64([
          [0, -100],
          [100, 0],
        ]),
      );
      expectNear(
        turn,
        [
          [Math.cos(100), -Math.sin(100)],
          [Math.sin(100), Math.cos(100)],
        ],
        1e-12,
      );
      expectNear(
        matrixExp(
          f64([
            [0, 1],
            [0, 0],
          ]),
        ),
        [
          [1, 1],
          [0, 1],
        ],
      );
      expectNear(matrixExp(zeros([2, 2], double)), eye(2, double));
      const x = leaf([4, 4]).detach();
      expectNear(matmul(matrixExp(x), matrixExp(x.neg())), eye(4, double));
      expectNear(det(matrixExp(x)), trace(x).exp());
    });

    it("matrixPower and trace", () => {
      const x = regular([2, 3, 3])("float64", new Generator(1)).requiresGrad_();
      expectNear(matrixPower(x, 5), matmul(matmul(matmul(x, x), matmul(x, x)), x));
      expectNear(matmul(matrixPower(x, -2), matmul(x, x)), eye(3, double).expand([2, 3, 3]));
      expect(equal(matrixPower(x, 0), eye(3, double).expand([2, 3, 3]))).toBe(true);
      expectDifferentiable((a) => matrixPower(a!, 3), x);
      expectDifferentiable((a) => matrixPower(a!, -1), x);
      expectDifferentiable(trace, leaf([2, 3, 2]));
      expect(
        trace(
          f64([
            [1, 2],
            [3, 4],
          ]),
        ).item(),
      ).toBe(5);
      expect(
        trace(
          tensor(
            [
              [1, 2],
              [3, 4],
            ],
            { dtype: "int32" },
          ),
        ).item(),
      ).toBe(5);
    });

    it("nuclear and spectral norms", () => {
      const x = leaf([2, 3, 4]);
      expectNear(nuclearNorm(x), svdvals(x).sum(-1));
      expect(nuclearNorm(x, { keepdim: true }).shape).toEqual([2, 1, 1]);
      expectNear(spectralNorm(x).square(), eigvalsh(matmul(x, x.transpose())).amax(-1));
      expectDifferentiable((a) => nuclearNorm(a!), x);
      expectDifferentiable((a) => spectralNorm(a!), x);
      // Equal singular values: the norms still have gradients.
      const one = eye(2, { ...double, requiresGrad: true });
      expectNear(grad(nuclearNorm(one), [one])[0]!, eye(2, double));
    });
  });

  describe("refusals of linear algebra", () => {
    const x = zeros([2, 3]);
    const cases: [string, () => unknown, string, (new (m: string) => Error)?][] = [
      ["inv kind", () => inv(3 as never), "inv: x is a number; it must be a Tensor."],
      [
        "inv shape",
        () => inv(x),
        "inv: x is [2, 3]; its last two axes must be equal: [..., N, N].",
      ],
      [
        "svd shape",
        () => svd(zeros([2])),
        "svd: x is [2]; it must be a matrix, or several: [..., M, N].",
      ],
      [
        "inv singular",
        () => inv(ones([2, 2])),
        "inv: the matrix is singular (pivot 1 is 0); use pinv or lstsq where that may happen.",
        ValueError,
      ],
      [
        "solve singular",
        () => solve(stack([eye(2), zeros([2, 2])]), zeros([2])),
        "solve: matrix 1 of [2, 2, 2] is singular (pivot 0 is 0); use pinv or lstsq where that may happen.",
        ValueError,
      ],
      [
        "solve sizes",
        () => solve(eye(2), zeros([3, 2])),
        "solve: a is [2, 2] and b is [3, 2]; b needs as many rows as a, 2.",
      ],
      [
        "cholesky",
        () =>
          cholesky(
            f64([
              [1, 2],
              [2, 1],
            ]),
          ),
        "cholesky: the matrix is not positive definite: pivot 1 is not above 0; add a small multiple of the identity.",
        ValueError,
      ],
      [
        "qr mode",
        () => qr(x, { mode: "full" as never }),
        'qr: unknown mode "full"; known are reduced, complete and r.',
      ],
      [
        "qr complete",
        () => qr(leaf([3, 2]), { mode: "complete" }),
        'qr: mode "complete" has no gradient for [3, 2], which has more rows than columns; use mode "reduced", or detach().',
        GradError,
      ],
      [
        "eigh uplo",
        () => eigh(eye(2), { uplo: "l" as never }),
        'eigh: unknown uplo "l"; it names the triangle to read: L or U.',
      ],
      [
        "matrixRank",
        () => matrixRank(x, { atol: -1 }),
        "matrixRank: atol is -1; it must be a finite number of at least 0.",
      ],
      [
        "lstsq rows",
        () => lstsq(x, zeros([3, 1])),
        "lstsq: a is [2, 3] and b is [3, 1]; both need as many rows.",
      ],
      [
        "matrixPower",
        () => matrixPower(eye(2), 0.5),
        "matrixPower: the exponent is 0.5; it must be a whole number.",
      ],
      [
        "spectralNorm",
        () => spectralNorm(zeros([0, 2])),
        "spectralNorm: x is [0, 2]; a matrix without elements has no largest singular value.",
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
