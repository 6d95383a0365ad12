import { readFileSync, writeFileSync } from "node:fs";
import { afterAll, describe, expect, it } from "@jest/globals";
import {
  checkedOps,
  checkOp,
  defineOp,
  GradcheckError,
  normal,
  registeredOps,
  scalar,
  type Tensor,
  uniform,
  values,
  whole,
} from "../src/index.ts";
import * as compare from "../src/ops/compare.ts";
import * as elementwise from "../src/ops/elementwise.ts";
import * as indexing from "../src/ops/indexing.ts";
import * as layout from "../src/ops/layout.ts";
import * as products from "../src/ops/matmul.ts";
import * as reduce from "../src/ops/reduce.ts";
import * as softmax from "../src/ops/softmax.ts";
import { CheckOpError } from "../src/testing/check-op.ts";
import { differentiableInputs, localGradientsPage } from "./local-gradients-page.ts";
import { checkElementwise } from "./ops/elementwise.ts";
import { checkLayoutOps } from "./ops/layout.ts";
import { describeLinalg } from "./ops/linalg.ts";
import { neuralTests } from "./ops/neural.ts";
import { describeProducts } from "./ops/products.ts";
import { reduceTests } from "./ops/reduce.ts";
import { opsPage, readFamilies } from "./ops-page.ts";

const positive = (shape: number[]) => uniform(shape, 0.3, 3);
const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

const unary: Record<
  string,
  { f: { op: { name: string } }; reference: (x: number) => number; positive?: true }
> = {
  neg: { f: elementwise.neg, reference: (x) => -x },
  abs: { f: elementwise.abs, reference: Math.abs },
  sign: { f: elementwise.sign, reference: Math.sign },
  square: { f: elementwise.square, reference: (x) => x * x },
  reciprocal: { f: elementwise.reciprocal, reference: (x) => 1 / x, positive: true },
  exp: { f: elementwise.exp, reference: Math.exp },
  log: { f: elementwise.log, reference: Math.log, positive: true },
  sqrt: { f: elementwise.sqrt, reference: Math.sqrt, positive: true },
  sin: { f: elementwise.sin, reference: Math.sin },
  cos: { f: elementwise.cos, reference: Math.cos },
  tanh: { f: elementwise.tanh, reference: Math.tanh },
  sigmoid: { f: elementwise.sigmoid, reference: sigmoid },
  relu: { f: elementwise.relu, reference: (x) => Math.max(x, 0) },
};

const binary: Record<
  string,
  { f: unknown; reference: (a: number, b: number) => number; positive?: true }
> = {
  add: { f: elementwise.add, reference: (a, b) => a + b },
  sub: { f: elementwise.sub, reference: (a, b) => a - b },
  mul: { f: elementwise.mul, reference: (a, b) => a * b },
  div: { f: elementwise.div, reference: (a, b) => a / b, positive: true },
  pow: { f: elementwise.powOp, reference: Math.pow, positive: true },
  maximum: { f: elementwise.maximum, reference: Math.max },
  minimum: { f: elementwise.minimum, reference: Math.min },
  tanhGrad: { f: elementwise.tanhGrad, reference: (dy, y) => dy * (1 - y * y) },
  sigmoidGrad: { f: elementwise.sigmoidGrad, reference: (dy, y) => dy * y * (1 - y) },
  reluGrad: { f: elementwise.reluGrad, reference: (dy, y) => (y > 0 ? dy : 0) },
};

type Checkable = Parameters<typeof checkOp>[0];

describe("elementwise", () => {
  for (const [name, { f, reference, positive: above }] of Object.entries(unary)) {
    it(name, () => {
      const make = above ? positive : uniform;
      checkOp(f as unknown as Checkable, {
        reference,
        cases: [{ x: make([3, 4]) }, { x: make([]) }, { x: make([2, 1, 5]) }, { x: make([67]) }],
      });
    });
  }

  for (const [name, { f, reference, positive: above }] of Object.entries(binary)) {
    it(name, () => {
      const make = above ? positive : uniform;
      const inputs = (f as { op: { inputs: readonly string[] } }).op.inputs;
      const shapes: [number[], number[]][] = [
        [
          [3, 4],
          [3, 4],
        ],
        [[3, 1], [4]],
        [
          [2, 3, 4],
          [3, 1],
        ],
        [[], [5]],
        [[2, 2], []],
        [[], []],
      ];
      checkOp(f as Checkable, {
        reference,
        cases: shapes.map(([a, b]) => ({ [inputs[0]!]: make(a), [inputs[1]!]: make(b) })),
      });
    });
  }

  it("pow of negative bases with whole exponents", () => {
    checkOp(elementwise.powOp, {
      reference: Math.pow,
      cases: [{ a: positive([4]), b: uniform([3, 1]) }],
    });
    const y = elementwise.pow(
      values([-2, -2, 0, 5, -1])("float64", undefined as never),
      values([3, 2, 0, 0, 0.5])("float64", undefined as never),
    );
    expect([...y.data()]).toEqual([-8, 4, 1, 1, Number.NaN]);
  });
});

describe("comparisons and choice", () => {
  const relations: [typeof compare.eq, (a: number, b: number) => boolean][] = [
    [compare.eq, (a, b) => a === b],
    [compare.ne, (a, b) => a !== b],
    [compare.lt, (a, b) => a < b],
    [compare.le, (a, b) => a <= b],
    [compare.gt, (a, b) => a > b],
    [compare.ge, (a, b) => a >= b],
  ];
  for (const [f, relation] of relations) {
    it(f.op.name, () => {
      checkOp(f, {
        reference: (a, b) => Number(relation(a, b)),
        cases: [
          { a: values([[1, 2, 3]]), b: values([[3], [2]]) },
          { a: scalar(2), b: values([1, 2, 3]) },
          { a: scalar(2), b: scalar(2) },
          { a: whole([2, 3], 3), b: whole([3], 3) },
          { a: whole([4], 2, "bool"), b: whole([4], 2, "bool") },
          { a: uniform([0, 3]), b: uniform([3]) },
        ],
      });
    });
  }

  it("where", () => {
    checkOp(compare.whereOp, {
      cases: [
        { condition: whole([3, 4], 2, "bool"), a: uniform([3, 4]), b: uniform([4]) },
        { condition: whole([4], 2, "bool"), a: uniform([3, 1]), b: uniform([]) },
        { condition: whole([], 2, "bool"), a: uniform([]), b: uniform([]) },
        { condition: whole([0, 3], 2, "bool"), a: uniform([3]), b: uniform([0, 3]) },
      ],
    });
  });
});

describe("reductions", () => {
  const cases = [
    { x: normal([3, 4]), attrs: { axes: [0, 1], keepdim: false } },
    { x: normal([3, 4]), attrs: { axes: [0], keepdim: true } },
    { x: normal([2, 3, 4]), attrs: { axes: [1], keepdim: false } },
    { x: normal([2, 3, 4]), attrs: { axes: [0, 2], keepdim: true } },
    { x: normal([0, 3]), attrs: { axes: [1], keepdim: false } },
    { x: normal([]), attrs: { axes: [], keepdim: false } },
  ];
  const overNone = { x: normal([2, 0, 3]), attrs: { axes: [1], keepdim: false } };
  it("sum", () => checkOp(reduce.sumOp, { cases: [...cases, overNone] }));
  it("amax", () => checkOp(reduce.amaxOp, { cases }));
  it("amin", () => checkOp(reduce.aminOp, { cases }));

  const along = [
    { x: normal([3, 4]), attrs: { axis: 1, keepdim: false } },
    { x: normal([2, 3, 4]), attrs: { axis: 0, keepdim: true } },
    { x: normal([0, 3]), attrs: { axis: 1, keepdim: false } },
  ];
  it("argmax", () => checkOp(reduce.argmaxOp, { cases: along }));
  it("argmin", () => checkOp(reduce.argminOp, { cases: along }));

  const rows = [
    { x: normal([3, 5]), attrs: 1 },
    { x: normal([3, 5]), attrs: 0 },
    { x: normal([2, 3, 4]), attrs: 1 },
    { x: normal([0, 3]), attrs: 1 },
  ];
  it("softmax", () => checkOp(softmax.softmaxOp, { cases: rows }));
  it("logSoftmax", () => checkOp(softmax.logSoftmaxOp, { cases: rows }));
});

describe("products", () => {
  it("matmul", () => {
    checkOp(products.matmulOp, {
      cases: [
        { a: normal([2, 3]), b: normal([3, 4]) },
        { a: normal([3, 3]), b: normal([3, 3]) },
        { a: normal([2, 1, 2, 3]), b: normal([4, 3, 2]) },
        { a: normal([1, 5]), b: normal([5, 1]) },
        { a: normal([2, 0]), b: normal([0, 3]) },
      ],
    });
  });
  it("linearRelu", () => {
    checkOp(products.linearReluOp, {
      cases: [
        { x: normal([3, 4]), weight: normal([5, 4]), bias: normal([5]) },
        { x: normal([0, 4]), weight: normal([5, 4]), bias: normal([5]) },
      ],
    });
  });
  it("linear", () => {
    checkOp(products.linearOp, {
      cases: [
        { x: normal([3, 4]), weight: normal([5, 4]), bias: normal([5]) },
        { x: normal([0, 4]), weight: normal([5, 4]), bias: normal([5]) },
      ],
    });
  });
});

describe("layout", () => {
  const rows = { whole: [4, 3], shape: [2, 3], strides: [6, 1], offset: 0 };
  const repeated = { whole: [4, 3], shape: [3, 5], strides: [1, 0], offset: 3 };

  it("clone", () =>
    checkOp(layout.cloneOp, {
      cases: [{ x: uniform([2, 3]) }, { x: uniform([]) }, { x: uniform([0, 3]) }],
    }));
  it("copy", () =>
    checkOp(layout.copyOp, {
      cases: [
        { x: uniform([2, 3]), value: uniform([3]) },
        { x: uniform([]), value: uniform([]) },
        { x: uniform([0, 3]), value: uniform([3]) },
      ],
    }));
  it("to", () => {
    // There and back through float32, whose rounding asks for wide differences.
    const call = ([x]: readonly Tensor[]) =>
      x!.to(x!.dtype === "float64" ? "float32" : "float64").to(x!.dtype);
    checkOp(layout.toOp, {
      call,
      eps: 0.1,
      atol: 1e-4,
      cases: [{ x: uniform([2, 3]) }, { x: uniform([]) }, { x: uniform([0, 3]) }],
    });
  });
  it("view", () => {
    const call = ([x]: readonly Tensor[], shape: number[]) => layout.reshape(x!, shape);
    checkOp(layout.viewOp, {
      call,
      cases: [
        { x: uniform([2, 6]), attrs: [3, 4] },
        { x: uniform([4]), attrs: [2, 1, 2] },
        { x: uniform([]), attrs: [1, 1] },
        { x: uniform([0, 3]), attrs: [3, 0] },
      ],
    });
  });
  it("permute", () =>
    checkOp(layout.permuteOp, {
      cases: [
        { x: uniform([2, 3, 4]), attrs: [2, 0, 1] },
        { x: uniform([0, 3]), attrs: [1, 0] },
      ],
    }));
  it("expand", () =>
    checkOp(layout.expandOp, {
      cases: [
        { x: uniform([3, 1]), attrs: [2, 3, 4] },
        { x: uniform([]), attrs: [2, 3] },
        { x: uniform([0, 1]), attrs: [2, 0, 4] },
      ],
    }));
  it("concat", () => {
    checkOp(layout.concatOp, {
      cases: [
        {
          tensors: [uniform([2, 1]), uniform([2, 3])],
          attrs: { axis: 1, starts: [0, 1], lengths: [1, 3] },
        },
        {
          tensors: [uniform([2, 2]), uniform([2, 2])],
          attrs: { axis: 0, starts: [0, 2], lengths: [2, 2] },
        },
        {
          tensors: [uniform([0, 2]), uniform([1, 2])],
          attrs: { axis: 0, starts: [0, 0], lengths: [0, 1] },
        },
      ],
    });
  });
  it("slice", () => {
    const ranges = [
      { start: 1, step: 2, length: 2 },
      { start: 4, step: -2, length: 3 },
    ];
    const none = [{ start: 0, step: 1, length: 0 }];
    checkOp(layout.sliceOp, {
      cases: [
        { x: uniform([4, 5]), attrs: ranges },
        { x: uniform([0]), attrs: none },
      ],
    });
  });
  it("unslice", () => {
    const attrs = { shape: [5], ranges: [{ start: 1, step: 2, length: 2 }] };
    checkOp(layout.unslice, { cases: [{ x: uniform([2]), attrs }] });
  });
  it("takeRegion", () => {
    const call = ([x]: readonly Tensor[], region: never) =>
      layout.takeRegion(layout.contiguous(x!), region);
    checkOp(layout.takeRegion, {
      call,
      cases: [
        { x: uniform([4, 3]), attrs: rows },
        { x: uniform([4, 3]), attrs: repeated },
      ],
    });
  });
  it("putRegion", () => {
    checkOp(layout.putRegion, {
      cases: [{ x: uniform([4, 3]), value: uniform([2, 3]), attrs: rows }],
    });
  });
});

describe("indexing", () => {
  const cases = [
    { x: normal([4, 3]), index: whole([2, 3], 4), attrs: { axis: 0 } },
    { x: normal([4, 3]), index: whole([4, 5], 3), attrs: { axis: 1 } },
    { x: normal([4, 3]), index: whole([0, 3], 4), attrs: { axis: 0 } },
  ];
  it("gather", () => checkOp(indexing.gatherOp, { cases }));
  it("scatterZeros", () => {
    checkOp(indexing.scatterZeros, {
      cases: [
        { source: normal([2, 3]), index: whole([2, 3], 4), attrs: { axis: 0, shape: [4, 3] } },
        { source: normal([0, 3]), index: whole([0, 3], 4), attrs: { axis: 0, shape: [4, 3] } },
      ],
    });
  });
});

reduceTests();
checkLayoutOps();
describeProducts();
describeLinalg();
checkElementwise();
neuralTests();

describe("the harness", () => {
  const shape = { x: uniform([3]) };

  it("catches a wrong gradient, with a table", () => {
    const wrong = defineOp({
      name: "wrongSquare",
      inputs: ["x"],
      elementwise: "square",
      saves: ["x"],
      grad: { x: (dy, { x }) => dy.mul(x) },
    });
    expect(() => checkOp(wrong, { cases: [shape] })).toThrow(GradcheckError);
    expect(() => checkOp(wrong, { cases: [shape] })).toThrow(
      /gradcheck: 3 elements disagree.*\n {2}input {2}element {2}analytic {2,}numeric {2,}relative error\n {2}x {6}\[/,
    );
  });

  it("catches a gradient whose own derivative is wrong", () => {
    const wrong = defineOp({
      name: "detachedSquare",
      inputs: ["x"],
      elementwise: "square",
      saves: ["x"],
      grad: { x: (dy, { x }) => dy.mul(x.detach().mul(2)) },
    });
    expect(() => checkOp(wrong, { cases: [shape] })).toThrow(/gradgradcheck: 3 elements disagree/);
  });

  it("catches wrong values", () => {
    expect(() => checkOp(elementwise.exp, { reference: (x) => x, cases: [shape] })).toThrow(
      CheckOpError,
    );
  });

  it("tells what it covered, over all checks of an op", () => {
    checkOp(elementwise.exp, { cases: [shape] });
    checkOp(elementwise.exp, { cases: [shape], secondOrder: false });
    expect(checkedOps().get("exp")).toEqual({
      gradcheck: true,
      gradgradcheck: true,
      dtypes: new Set(["int32", "float32", "float64"]),
      empty: true,
      loneNumbers: true,
    });
  });

  it("catches a kernel that ignores strides", () => {
    const careless = defineOp({
      name: "carelessCopy",
      inputs: ["x"],
      shape: ({ x }) => x.shape,
      forward: ({ x }, y, kernels) => {
        const { dtype, shape, strides } = y;
        kernels.copy({ storage: x.storage, value: x.value, dtype, shape, strides, offset: 0 }, y);
      },
      grad: { x: (dy) => dy },
    });
    expect(() => checkOp(careless, { cases: [{ x: uniform([3, 4]) }] })).toThrow(
      /values differ for a transposedView/,
    );
  });
});

/** Ops that only tests define. */
const ours = new Set(["wrongSquare", "detachedSquare", "carelessCopy"]);

it("every registered op went through checkOp", () => {
  const missing = [...registeredOps().keys()].filter(
    (name) => !ours.has(name) && !checkedOps().has(name),
  );
  expect(missing).toEqual([]);
});

it("every registered op is in one family, under a name of its own, with its formula", async () => {
  const ops = (await readFamilies()).flatMap((family) => family.ops);
  const registered = [...registeredOps()].filter(([name]) => !ours.has(name));
  expect(ops.map(({ name }) => name).sort()).toEqual(registered.map(([name]) => name).sort());
  expect(ops.filter((op) => op.tex.y === undefined)).toEqual([]);
});

it("every op says the local gradient of each input that has one", async () => {
  const ops = (await readFamilies()).flatMap((family) => family.ops);
  const silent = ops.flatMap((op) =>
    differentiableInputs(op)
      .filter((input) => op.tex[input] === undefined)
      .map((input) => `${op.name}: ${input}`),
  );
  expect(silent).toEqual([]);
});

const pages = { "ops.md": opsPage, "local-gradients.md": localGradientsPage };

for (const [name, write] of Object.entries(pages)) {
  it(`docs/${name} tells what the ops say and this run checked; npm run docs:ops writes it anew`, async () => {
    const file = new URL(`../../../docs/${name}`, import.meta.url);
    const page = write(await readFamilies());
    if (process.env.WRITE_OPS_PAGE !== undefined) writeFileSync(file, page);
    expect(readFileSync(file, "utf8")).toBe(page);
  });
}

afterAll(() => {
  const all = [...checkedOps()].filter(([name]) => !ours.has(name));
  const count = (which: "gradcheck" | "gradgradcheck") =>
    all.filter(([, passed]) => passed[which]).length;
  process.stdout.write(
    `checkOp: ${all.length} ops; gradcheck: ${count("gradcheck")}, gradgradcheck: ${count("gradgradcheck")}, without a gradient: ${all.length - count("gradcheck")}\n`,
  );
});
