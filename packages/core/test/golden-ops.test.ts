/** Values, gradients and edge semantics against PyTorch's: every case of the golden files. */
import { expect, it } from "@jest/globals";
import {
  amax,
  argmax,
  concat,
  expand,
  gather,
  type Index,
  index,
  indexSelect,
  linear,
  logSoftmax,
  matmul,
  max,
  mean,
  min,
  mseLoss,
  permute,
  reshape,
  slice,
  softmax,
  squeeze,
  stack,
  sum,
  type Tensor,
  tensor,
  transpose,
  unsqueeze,
  where,
} from "../src/index.ts";
import * as elementwise from "../src/ops/elementwise.ts";
import { elementwiseCalls, elementwisePrograms } from "./golden/elementwise.ts";
import { layoutCalls } from "./golden/layout.ts";
import { neuralCalls } from "./golden/neural.ts";
import { productCalls } from "./golden/products.ts";
import { reduceCalls, reducePrograms } from "./golden/reduce.ts";
import {
  describeGolden,
  expectClose,
  type GoldenTensor,
  type GoldenValue,
  toTensor,
} from "./golden.ts";

interface OpCase {
  id: string;
  op: string;
  args: unknown[];
  kwargs: Record<string, unknown>;
  outputs: GoldenTensor[];
  cotangents: (GoldenTensor | null)[];
  grads: GoldenTensor[];
  tol?: { rtol: number; atol: number };
}

type Call = (args: never[], kwargs: Record<string, never>) => Tensor | Tensor[];

const keepdim = (kwargs: { keepdim?: boolean }) => ({ keepdim: kwargs.keepdim ?? false });
const axes = (args: unknown[], kwargs: { dim?: number }) =>
  (args[1] ?? kwargs.dim) as number | undefined;

const calls: Record<string, Call> = {
  ...layoutCalls,
  ...productCalls,
  ...Object.fromEntries(
    "abs exp sin cos tanh sigmoid neg square sign log sqrt reciprocal add sub mul div pow maximum minimum"
      .split(" ")
      .map((name) => {
        const f = (elementwise as unknown as Record<string, (...args: unknown[]) => Tensor>)[name]!;
        return [name, (args: never[]) => f(...args)];
      }),
  ),
  "nn.functional.relu": ([x]) => elementwise.relu(x!),
  where: ([condition, a, b]) => where(condition!, a!, b!),
  sum: (args, kwargs) => sum(args[0]!, axes(args, kwargs), keepdim(kwargs)),
  mean: (args, kwargs) => mean(args[0]!, axes(args, kwargs), keepdim(kwargs)),
  amax: (args, kwargs) => amax(args[0]!, axes(args, kwargs), keepdim(kwargs)),
  max: ([x, axis]) => (axis === undefined ? max(x!) : Object.values(max(x!, axis as number))),
  min: ([x, axis]) => (axis === undefined ? min(x!) : Object.values(min(x!, axis as number))),
  argmax: ([x, axis]) => argmax(x!, axis),
  matmul: ([a, b]) => matmul(a!, b!),
  "nn.functional.linear": ([x, w, b]) => linear(x!, w!, b),
  reshape: ([x, shape]) => reshape(x!, shape!),
  transpose: ([x, a, b]) => transpose(x!, a, b),
  permute: ([x, order]) => permute(x!, order!),
  squeeze: ([x, axis]) => squeeze(x!, axis),
  unsqueeze: ([x, axis]) => unsqueeze(x!, axis!),
  expand: ([x, shape]) => expand(x!, shape!),
  cat: ([list, axis]) => concat(list!, axis),
  stack: ([list, axis]) => stack(list!, axis),
  __getitem__: ([x, parts]) => index(x!, ...(parts as unknown as unknown[]).map(indexPart)),
  gather: ([x, axis, at]) => gather(x!, axis!, at!),
  index_select: ([x, axis, at]) => indexSelect(x!, axis!, at!),
  softmax: ([x, axis]) => softmax(x!, axis),
  log_softmax: ([x, axis]) => logSoftmax(x!, axis),
  "nn.functional.mse_loss": ([a, b], options) => mseLoss(a!, b!, options),
  ...neuralCalls,
  gt: ([a, b]) => (a as Tensor).gt(b!),
  eq: ([a, b]) => (a as Tensor).eq(b!),
  ...reduceCalls,
  ...elementwiseCalls,
};

function indexPart(part: unknown): Index {
  const { slice: range, ellipsis } = (part ?? {}) as {
    slice?: [number | null, number | null, number | null];
    ellipsis?: true;
  };
  if (range) return slice(range[0], range[1], range[2] ?? 1);
  return ellipsis ? "..." : (part as Index);
}

/** The tensors in an argument, made; those that require grad are collected in order. */
function build(value: unknown, dtype: "float32" | "float64", leaves: Tensor[]): unknown {
  if (Array.isArray(value)) return value.map((part) => build(part, dtype, leaves));
  if (value === null || typeof value !== "object" || !("shape" in value)) return value;
  const x = toTensor(value as GoldenValue, dtype);
  if (x.requiresGrad) leaves.push(x);
  return x;
}

for (const dtype of ["float64", "float32"] as const) {
  describeGolden<OpCase>(`golden ops in ${dtype}`, "ops.jsonl", (cases) => {
    for (const c of cases) {
      it(c.id, () => {
        const call = calls[c.op];
        if (call === undefined) throw new Error(`no entry for ${c.op} in the calls`);
        const leaves: Tensor[] = [];
        const args = build(c.args, dtype, leaves) as never[];
        const kwargs = Object.entries(c.kwargs).map(([name, x]) => [name, build(x, dtype, leaves)]);
        const result = call(args, Object.fromEntries(kwargs) as Record<string, never>);
        const outputs = Array.isArray(result) ? result : [result];
        outputs.forEach((y, i) => {
          expectClose(y, c.outputs[i]!, c.tol);
        });
        const total = outputs
          .flatMap((y, i) =>
            c.cotangents[i] ? [y.mul(toTensor(c.cotangents[i]!, dtype)).sum()] : [],
          )
          .reduce<Tensor | null>((a, b) => (a === null ? b : a.add(b)), null);
        if (leaves.length > 0) total!.backward();
        leaves.forEach((x, i) => {
          expectClose(x.grad!, c.grads[i]!, c.tol);
        });
        expect(outputs.length).toBe(c.outputs.length);
        expect(leaves.length).toBe(c.grads.length);
      });
    }
  });
}

interface EdgeCase {
  name: string;
  inputs: Record<string, GoldenTensor>;
  expected: Record<string, GoldenTensor | { raises: string | null }>;
}

type Inputs = Record<string, Tensor>;

/** Our form of each program; what it returns is compared by name. */
const programs: Record<string, (inputs: Inputs) => Record<string, Tensor | (() => unknown)>> = {
  max_min_ties: ({ x, w }) => {
    const out: Record<string, Tensor> = {};
    const take = (name: string) => {
      out[name] = x!.grad!.clone();
      x!.grad = null;
    };
    x!.max().backward();
    take("max_all");
    x!.amax(1).mul(w!).sum().backward();
    take("amax_dim");
    const { values, indices } = x!.max(1);
    values.mul(w!).sum().backward();
    take("max_dim");
    return { ...out, max_dim_index: indices };
  },
  accumulate_and_reset: ({ x }) => {
    x!.mul(x!).sum().backward();
    const after_one = x!.grad!.clone();
    x!.mul(4).sum().backward();
    const after_two = x!.grad!.clone();
    x!.grad = null;
    x!.mul(4).sum().backward();
    return { after_one, after_two, after_reset: x!.grad! };
  },
  backward_needs_scalar_or_gradient: ({ x }) => {
    const y = x!.pow(3);
    const without = () => y.backward();
    expect(without).toThrow(/only a tensor of one element has an implied gradient/);
    y.backward(tensor([1, -2], { dtype: "float64" }));
    return { without, with: x!.grad! };
  },
  second_backward: ({ x }) => {
    const first = x!.mul(x!).sum();
    first.backward();
    x!.grad = null;
    const y = x!.mul(x!).sum();
    y.backward(null, { retainGraph: true });
    y.backward();
    return { again: () => first.backward(), retained: x!.grad! };
  },
  broadcast_sum_back: ({ a, b, w }) => {
    a!.add(b!).mul(w!).sum().backward();
    return { ga: a!.grad!, gb: b!.grad! };
  },
  softmax_with_masked_entries: ({ x, w }) => {
    const y = softmax(x!, 1);
    y.mul(w!).sum().backward();
    return { y: y.detach(), grad: x!.grad! };
  },
  inplace_rules: ({ x, v, w }) => {
    const z = x!.mul(1).exp();
    z.add_(1);
    const y = x!.mul(2);
    y.index(0).copy_(v!);
    y.mul(w!).sum().backward();
    return {
      leaf: () => x!.add_(1),
      saved_output: () => z.sum().backward(),
      y: y.detach(),
      gx: x!.grad!,
      gv: v!.grad!,
    };
  },
  ...reducePrograms,
  ...elementwisePrograms,
};

describeGolden<EdgeCase>("golden edge semantics", "edge.jsonl", (cases) => {
  for (const c of cases) {
    it(c.name, () => {
      const program = programs[c.name];
      if (program === undefined) throw new Error(`no program called ${c.name}`);
      const inputs = Object.fromEntries(
        Object.entries(c.inputs).map(([name, x]) => [name, toTensor(x)]),
      );
      const out = program(inputs);
      for (const [name, expected] of Object.entries(c.expected)) {
        const got = out[name]!;
        if ("raises" in expected) expect(got).toThrow();
        else expectClose(got as Tensor, expected);
      }
      expect(Object.keys(out).sort()).toEqual(Object.keys(c.expected).sort());
    });
  }
});
