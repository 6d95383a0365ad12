/** PyTorch's names and arguments of the neural primitives and losses as ours. */
import {
  adaptiveAvgPool2d,
  avgPool2d,
  batchNorm,
  binaryCrossEntropyWithLogits,
  conv1d,
  conv2d,
  convTranspose2d,
  crossEntropy,
  groupNorm,
  interpolate,
  klDiv,
  l1Loss,
  layerNorm,
  type MaxPoolOptions,
  maxPool2d,
  nllLoss,
  scaledDotProductAttention,
  smoothL1Loss,
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
  "nn.functional.interpolate": ([x], kwargs) => interpolate(x!, options(kwargs)),
  "nn.functional.l1_loss": ([x, t], kwargs) => l1Loss(x!, t!, options(kwargs)),
  "nn.functional.smooth_l1_loss": ([x, t], kwargs) => smoothL1Loss(x!, t!, options(kwargs)),
  "nn.functional.cross_entropy": ([x, t], kwargs) => crossEntropy(x!, t!, options(kwargs)),
  "nn.functional.nll_loss": ([x, t], kwargs) => nllLoss(x!, t!, options(kwargs)),
  "nn.functional.binary_cross_entropy_with_logits": ([x, t], kwargs) =>
    binaryCrossEntropyWithLogits(x!, t!, options(kwargs)),
  "nn.functional.kl_div": ([x, t], kwargs) => klDiv(x!, t!, options(kwargs)),
  "nn.functional.scaled_dot_product_attention": ([q, k, v], kwargs) =>
    scaledDotProductAttention(q!, k!, v!, options(kwargs)),
};
