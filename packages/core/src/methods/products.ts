/** Products and linear algebra as methods; see the functions of the same names. */
import {
  cholesky,
  type EighResult,
  eigh,
  qr,
  type SVDResult,
  type SymmetricOptions,
  svd,
} from "../ops/decompositions.ts";
import {
  det,
  matrixExp,
  matrixPower,
  pinv,
  slogdet,
  type ToleranceOptions,
  trace,
} from "../ops/linalg.ts";
import { matmul } from "../ops/matmul.ts";
import {
  type AddProductOptions,
  addmm,
  addmv,
  baddbmm,
  bmm,
  cross,
  dot,
  inner,
  kron,
  mv,
  outer,
} from "../ops/products.ts";
import { inv, solve, type TriangularSolveOptions, triangularSolve } from "../ops/solve.ts";
import type { Tensor } from "../tensor.ts";
import { install } from "./install.ts";
import { replace } from "./replace.ts";

class ProductMethods {
  matmul(this: Tensor, b: Tensor): Tensor {
    return matmul(this, b);
  }

  bmm(this: Tensor, b: Tensor): Tensor {
    return bmm(this, b);
  }

  mv(this: Tensor, b: Tensor): Tensor {
    return mv(this, b);
  }

  dot(this: Tensor, b: Tensor): Tensor {
    return dot(this, b);
  }

  outer(this: Tensor, b: Tensor): Tensor {
    return outer(this, b);
  }

  inner(this: Tensor, b: Tensor): Tensor {
    return inner(this, b);
  }

  kron(this: Tensor, b: Tensor): Tensor {
    return kron(this, b);
  }

  cross(this: Tensor, b: Tensor, options?: { axis?: number }): Tensor {
    return cross(this, b, options);
  }

  addmm(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return addmm(this, a, b, options);
  }

  addmv(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return addmv(this, a, b, options);
  }

  baddbmm(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return baddbmm(this, a, b, options);
  }

  addmm_(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return replace(this, "addmm", (x) => addmm(x, a, b, options));
  }

  addmv_(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return replace(this, "addmv", (x) => addmv(x, a, b, options));
  }

  baddbmm_(this: Tensor, a: Tensor, b: Tensor, options?: AddProductOptions): Tensor {
    return replace(this, "baddbmm", (x) => baddbmm(x, a, b, options));
  }

  inv(this: Tensor): Tensor {
    return inv(this);
  }

  solve(this: Tensor, b: Tensor): Tensor {
    return solve(this, b);
  }

  triangularSolve(this: Tensor, a: Tensor, options?: TriangularSolveOptions): Tensor {
    return triangularSolve(this, a, options);
  }

  det(this: Tensor): Tensor {
    return det(this);
  }

  slogdet(this: Tensor): { sign: Tensor; logabsdet: Tensor } {
    return slogdet(this);
  }

  pinv(this: Tensor, options?: ToleranceOptions): Tensor {
    return pinv(this, options);
  }

  matrixExp(this: Tensor): Tensor {
    return matrixExp(this);
  }

  matrixPower(this: Tensor, n: number): Tensor {
    return matrixPower(this, n);
  }

  trace(this: Tensor): Tensor {
    return trace(this);
  }

  cholesky(this: Tensor, options?: { upper?: boolean }): Tensor {
    return cholesky(this, options);
  }

  qr(this: Tensor, options?: { mode?: "reduced" | "complete" | "r" }): { q: Tensor; r: Tensor } {
    return qr(this, options);
  }

  svd(this: Tensor, options?: { fullMatrices?: boolean }): SVDResult {
    return svd(this, options);
  }

  eigh(this: Tensor, options?: SymmetricOptions): EighResult {
    return eigh(this, options);
  }
}

declare module "../tensor.ts" {
  interface Tensor extends ProductMethods {}
}

install(ProductMethods);
