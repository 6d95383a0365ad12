/** Golden cases of reductions, scans and sorting: how each of PyTorch's calls is written with ours. */
import {
  cumprod,
  cumsum,
  logsumexp,
  matmul,
  max,
  mean,
  norm,
  normalize,
  prod,
  sort,
  std,
  sum,
  type Tensor,
  topk,
  var as variance,
  zeros,
} from "../../src/index.ts";

type Call = (args: never[], kwargs: Record<string, never>) => Tensor | Tensor[];

export const reduceCalls: Record<string, Call> = {
  prod: ([x, axis]) => prod(x!, axis),
  var: ([x, axes], options) => variance(x!, axes, options),
  std: ([x, axes], options) => std(x!, axes, options),
  norm: ([x], { p, dim }) => norm(x!, p, dim === undefined ? {} : { axis: dim }),
  logsumexp: ([x, axes], options) => logsumexp(x!, axes, options),
  cumsum: ([x, axis]) => cumsum(x!, axis!),
  cumprod: ([x, axis]) => cumprod(x!, axis!),
  sort: ([x], { dim, descending = false }) => Object.values(sort(x!, dim, { descending })),
  topk: ([x, k], options) => Object.values(topk(x!, k!, options)),
  "nn.functional.normalize": ([x], { dim }) => normalize(x!, { axis: dim! }),
};

type Program = (inputs: Record<string, Tensor>) => Record<string, Tensor | (() => unknown)>;

export const reducePrograms: Record<string, Program> = {
  empty_tensors: () => {
    const e = zeros([2, 0], { dtype: "float64" });
    return {
      sum: sum(e),
      sum1: sum(e, 1),
      prod1: prod(e, 1),
      mean: mean(e),
      max: () => max(e),
      matmul: matmul(e, zeros([0, 3], { dtype: "float64" })),
    };
  },
};
