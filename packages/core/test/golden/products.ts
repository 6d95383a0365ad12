/** Our form of PyTorch's products and linear algebra. */
import { addmm, bmm, det, einsum, inv, outer, solve, type Tensor } from "../../src/index.ts";

export const productCalls: Record<
  string,
  (args: never[], kwargs: Record<string, never>) => Tensor
> = {
  bmm: ([a, b]) => bmm(a!, b!),
  addmm: ([input, a, b], options) => addmm(input!, a!, b!, options),
  outer: ([a, b]) => outer(a!, b!),
  einsum: ([equation, ...operands]) => einsum(equation!, ...operands.flat()),
  "linalg.inv": ([x]) => inv(x!),
  "linalg.solve": ([a, b]) => solve(a!, b!),
  "linalg.det": ([x]) => det(x!),
};
