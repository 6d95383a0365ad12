/**
 * A layer that is the solution of an equation: z with z = tanh(W·z + x) (Bai, Kolter and Koltun, Deep Equilibrium
 * Models, NeurIPS 2019). However many iterations it takes to find z, its gradient needs none of them: by the
 * implicit function theorem, with J = ∂f/∂z at the solution,
 *
 *     ∂z/∂θ = (I − J)⁻¹·∂f/∂θ,   so   dθ = (∂f/∂θ)ᵀ·u   where   u = dz + Jᵀ·u,
 *
 * another fixed point, found with vector-Jacobian products. `defineOp` makes an op of it: nothing of the iteration
 * is recorded, and the rule is tensor math, so that it can be differentiated again.
 */
import { pathToFileURL } from "node:url";
import {
  defineOp,
  Generator,
  grad,
  matmul,
  noGrad,
  randn,
  relativeError,
  type Tensor,
  vjp,
  zerosLike,
} from "tapegrad";

/** What z is a fixed point of. */
const f = (w: Tensor, x: Tensor, z: Tensor): Tensor => matmul(w, z).add(x).tanh();

const MOST_STEPS = 500;

/** Applies `next` until nothing changes by more than rounding. */
function iterate(start: Tensor, next: (z: Tensor) => Tensor): { z: Tensor; steps: number } {
  const tolerance = start.dtype === "float64" ? 1e-14 : 1e-7;
  let z = start;
  for (let steps = 1; steps <= MOST_STEPS; steps++) {
    const after = next(z);
    const change = noGrad(() => after.sub(z).abs().max().item());
    z = after;
    if (change <= tolerance) return { z, steps };
  }
  throw new Error(`No fixed point within ${MOST_STEPS} steps; make w smaller.`);
}

/** z = tanh(w·z + x) for w [n, n], a contraction, and x [n]. */
export const equilibrium = defineOp({
  name: "equilibrium",
  inputs: ["w", "x"],
  domain: "float",
  shape: ({ x }) => x.shape,
  forward: ({ w, x }, y, kernels) => {
    const { z } = noGrad(() => iterate(zerosLike(x), (before) => f(w, x, before)));
    kernels.copy(z, y);
  },
  saves: ["w", "x", "y"],
  grad: {
    w: (dz, { w, x, y }) => vjp((v: Tensor) => f(v, x, y), w).pullback(adjoint(w, x, y, dz))[0],
    x: (dz, { w, x, y }) => vjp((v: Tensor) => f(w, v, y), x).pullback(adjoint(w, x, y, dz))[0],
  },
  tex: { y: "z = \\tanh(W z + x)", w: "(I - J)^{-1}\\,\\partial f / \\partial W" },
});

/** u = dz + Jᵀ·u */
function adjoint(w: Tensor, x: Tensor, z: Tensor, dz: Tensor): Tensor {
  const { pullback } = vjp((at: Tensor) => f(w, x, at), z);
  return iterate(dz, (u) => dz.add(pullback(u)[0])).z;
}

/** The same solution by as many recorded steps as it takes. */
export function unrolled(w: Tensor, x: Tensor): { z: Tensor; steps: number } {
  return iterate(zerosLike(x), (z) => f(w, x, z));
}

/** A random problem of n unknowns whose map contracts. */
export function problem(n: number, seed = 0) {
  const generator = new Generator(seed);
  const options = { dtype: "float64", generator } as const;
  return {
    w: randn([n, n], options).mul(0.4 / Math.sqrt(n)),
    x: randn([n], options),
    target: randn([n], options),
  };
}

/** The gradients of a loss on the solution, both ways. */
export function compare(n = 20, seed = 0) {
  const { w, x, target } = problem(n, seed);
  const loss = (solve: (w: Tensor, x: Tensor) => Tensor) => (v: Tensor, at: Tensor) =>
    solve(v, at).sub(target).square().sum();
  const both = { argnums: [0, 1] } as const;
  const implicit = grad(loss(equilibrium), both)(w, x);
  const explicit = grad(
    loss((v, at) => unrolled(v, at).z),
    both,
  )(w, x);
  const { z, steps } = unrolled(w, x);
  return {
    steps,
    residual: f(w, x, z).sub(z).abs().max().item(),
    errors: implicit.map((dx, i) => relativeError(dx.data(), explicit[i]!.data())),
  };
}

/** What the program prints. */
export function report(): string {
  const { steps, residual, errors } = compare();
  const worst = Math.max(...errors);
  return [
    `solved in ${steps} steps; z - tanh(W z + x) is at most ${residual.toExponential(0)}`,
    `gradient by the implicit function theorem agrees with unrolling: ${worst < 1e-9 ? "relative error below 1e-9" : `relative error ${worst}`}`,
  ].join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) console.log(report());
