/** PyTorch's names and arguments of the neural primitives and losses as ours. */
import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm,
  conv1d,
  conv2d,
  convTranspose2d,
  groupNorm,
  layerNorm,
  type MaxPoolOptions,
  maxPool2d,
  type Tensor,
} from "../../src/index.ts";

type Call = (args: never[], kwargs: Record<string, never>) => Tensor | Tensor[];

/** snake_case options in camelCase; `dim` is our `axis`. */
function options(kwargs: Record<string, unknown>): Record<string, never> {
  const camel = (name: string) =>
    name.replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());
  return Object.fromEntries(
    Object.entries(kwargs).map(([name, value]) => [camel(name), value]),
  ) as Record<string, never>;
}

export const neuralCalls: Record<string, Call> = {
  "nn.functional.conv1d": ([x, w, bias], kwargs) => conv1d(x!, w!, { bias, ...options(kwargs) }),
  "nn.functional.conv2d": ([x, w, bias], kwargs) => conv2d(x!, w!, { bias, ...options(kwargs) }),
  "nn.functional.conv_transpose2d": ([x, w, bias], kwargs) =>
    convTranspose2d(x!, w!, { bias, ...options(kwargs) }),
  "nn.functional.max_pool2d": ([x, kernel], kwargs) =>
    maxPool2d(x!, kernel!, options(kwargs) as MaxPoolOptions),
  "nn.functional.avg_pool2d": ([x, kernel], kwargs) => avgPool2d(x!, kernel!, options(kwargs)),
  "nn.functional.layer_norm": ([x, shape, weight, bias], kwargs) =>
    layerNorm(x!, shape!, { weight, bias, ...options(kwargs) }),
  "nn.functional.batch_norm": ([x, runningMean, runningVar, weight, bias], kwargs) =>
    batchNorm(x!, { runningMean, runningVar, weight, bias, ...options(kwargs) }),
  "nn.functional.group_norm": ([x, groups, weight, bias], kwargs) =>
    groupNorm(x!, groups!, { weight, bias, ...options(kwargs) }),
  "nn.functional.adaptive_avg_pool2d": ([x, size]) => adaptiveAvgPool2d(x!, size!),
};
