import { inspect } from "node:util";
import { describe, expect, it } from "@jest/globals";
import {
  linear as affine,
  currentModulePath,
  Generator,
  GradError,
  ones,
  randn,
  ShapeError,
  type Tensor,
  tensor,
  zeros,
} from "@tapegrad/core";
import {
  type AnyModule,
  dropout,
  type Linear,
  linear,
  Module,
  Parameter,
  relu,
  sequential,
} from "../src/index.ts";

/** A module of modules, with everything that a field can be. */
class Net extends Module {
  scale = new Parameter(ones([2]));
  encoder = sequential({ input: linear(3, 4), act: relu() });
  layers = [linear(4, 2), linear(2, 2)];
  note = "not a tensor";
  /** Fields that a function has, too. */
  override name = "net";
  override length = 7;

  constructor() {
    super();
    this.registerBuffer("mean", zeros([2]));
    this.registerBuffer("scratch", zeros([2]), { persistent: false });
  }

  forward(x: Tensor): Tensor {
    let y = this.encoder(x);
    for (const layer of this.layers) y = layer(y);
    return y.mul(this.scale);
  }
}

const names = [
  "scale",
  "encoder.input.weight",
  "encoder.input.bias",
  "layers.0.weight",
  "layers.0.bias",
  "layers.1.weight",
  "layers.1.bias",
];

describe("Parameter", () => {
  it("is a trainable leaf on the same storage", () => {
    const x = tensor([1, 2]).mul(3);
    const p = new Parameter(x);
    expect([p.requiresGrad, p.isLeaf]).toEqual([true, true]);
    x.mul_(2);
    expect(p.toArray()).toEqual([6, 12]);
    expect(inspect(p)).toBe("tensor([ 6., 12.], shape=[2], dtype=float32, requiresGrad=true)");
    expect(new Parameter(x, { requiresGrad: false }).requiresGrad).toBe(false);
  });

  it("refuses what can't be trained", () => {
    expect(() => new Parameter([1] as never)).toThrow(
      "Parameter: got [1]; it must be a Tensor, such as randn([3, 4]).",
    );
    expect(() => new Parameter(tensor(new Int32Array(2)))).toThrow(GradError);
  });
});

describe("what is inside", () => {
  it("is found in fields, under PyTorch's names and in its order", () => {
    const net = new Net();
    expect(net.namedParameters().map(([name]) => name)).toEqual(names);
    expect(net.parameters()).toHaveLength(names.length);
    expect(net.namedModules().map(([name]) => name)).toEqual([
      "",
      "encoder",
      "encoder.input",
      "encoder.act",
      "layers.0",
      "layers.1",
    ]);
    expect(net.namedChildren().map(([name]) => name)).toEqual(["encoder", "layers.0", "layers.1"]);
    expect(net.namedBuffers().map(([name]) => name)).toEqual(["mean", "scratch"]);
    expect([...net.stateDict().keys()]).toEqual(["scale", "mean", ...names.slice(1)]);
    expect([net.name, net.length]).toEqual(["net", 7]);
  });

  it("may be listed without what is below", () => {
    const net = new Net();
    const own = { recurse: false };
    expect(net.namedParameters(own).map(([name]) => name)).toEqual(["scale"]);
    expect(net.parameters(own)).toEqual([net.scale]);
    expect(net.buffers(own)).toHaveLength(2);
    expect(
      sequential([net])
        .namedBuffers()
        .map(([name]) => name),
    ).toEqual(["0.mean", "0.scratch"]);
    expect(sequential([net]).namedBuffers(own)).toEqual([]);
  });

  it("names a sequential's layers by their places", () => {
    const model = sequential([linear(2, 3), relu(), sequential([linear(3, 1, { bias: false })])]);
    expect([...model.stateDict().keys()]).toEqual(["0.weight", "0.bias", "2.0.weight"]);
  });

  it("counts what is shared once, and saves it under each name", () => {
    const shared = linear(2, 2);
    const model = sequential([shared, relu(), shared]);
    expect(model.namedParameters().map(([name]) => name)).toEqual(["0.weight", "0.bias"]);
    expect(model.children()).toHaveLength(2);
    expect([...model.stateDict().keys()]).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
  });

  it("can't contain itself", () => {
    class Child extends Module {
      parent: AnyModule | null = null;
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Parent extends Child {
      child = new Child();
    }
    const parent = new Parent();
    parent.child.parent = parent;
    expect(() => parent.parameters()).toThrow(
      'Parent: "child.parent" is a module that contains itself; keep references to parents in a #private field.',
    );
  });

  it("refuses buffers that would hide something", () => {
    const net = new Net();
    expect(() => net.registerBuffer("a.b", zeros([1]))).toThrow(
      'Net.registerBuffer: the name is "a.b"; it must be a word without dots.',
    );
    expect(() => net.registerBuffer("forward", zeros([1]))).toThrow(
      'Net.registerBuffer: "forward" is already a member of the module; use another name.',
    );
    expect(() => net.registerBuffer("count", 3 as never)).toThrow(
      'Net.registerBuffer: "count" is 3; it must be a Tensor.',
    );
  });
});

describe("calls", () => {
  it("mark the tape's nodes with the module's path", () => {
    const net = new Net();
    const y = net(randn([5, 3]));
    const paths: string[] = [];
    let node = y.gradFn;
    while (node !== null) {
      paths.push(`${node.name} ${node.module}`);
      node = node.nextFunctions[0] ?? null;
    }
    expect(paths).toEqual([
      "mul ",
      "linear layers.1",
      "linear layers.0",
      "relu encoder.act",
      "linear encoder.input",
    ]);
    expect(currentModulePath()).toBe("");
  });

  it("follow a module that was added later, and one that is called past its parent", () => {
    class Outer extends Module {
      body: Linear[] = [linear(2, 2)];
      inner = sequential([linear(2, 2)]);
      forward(x: Tensor): Tensor {
        const last = this.inner.namedChildren()[0]![1] as Linear;
        return last(this.body[this.body.length - 1]!(x));
      }
    }
    const outer = new Outer();
    const run = () => {
      const node = sequential({ outer })(randn([1, 2])).gradFn!;
      return node.module;
    };
    expect(run()).toBe("outer.inner.0");
    outer.body.push(linear(2, 2));
    const probe: string[] = [];
    outer.body[1]!.forward = (x) => {
      probe.push(currentModulePath());
      return x;
    };
    run();
    expect(probe).toEqual(["outer.body.1"]);
  });

  it("put the path back after an error, and say where it was, once", () => {
    const model = sequential({ body: sequential([linear(4, 3), relu(), linear(5, 2)]) });
    let error: unknown;
    try {
      model(zeros([1, 4]));
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(ShapeError);
    const { message, stack } = error as ShapeError;
    expect(message).toBe(
      'linear: x is [1, 3] and weight is [2, 5]; weight is [out, in], and x\'s last axis must be in. (in module "body.2", linear)',
    );
    expect(stack).toContain('(in module "body.2", linear)\n');
    expect(currentModulePath()).toBe("");
  });

  it("take and return what forward does", () => {
    class Bilinear extends Module<[a: Tensor, b: Tensor, scale: number], [Tensor, number]> {
      weight = new Parameter(ones([2, 2]));
      forward(a: Tensor, b: Tensor, scale: number): [Tensor, number] {
        return [affine(a, this.weight).mul(b), scale];
      }
    }
    const [y, scale] = new Bilinear()(ones([1, 2]), ones([1, 2]), 3);
    expect(y.toArray()).toEqual([[2, 2]]);
    expect(scale).toBe(3);
  });
});

describe("state", () => {
  it("goes round, by map and by plain object", () => {
    const a = new Net();
    for (const form of [a.stateDict(), Object.fromEntries(a.stateDict())]) {
      const b = new Net();
      b.loadStateDict(form);
      const x = randn([4, 3]);
      expect(b(x).toArray()).toEqual(a(x).toArray());
      expect(b.parameters().every((p) => p.requiresGrad && p.isLeaf)).toBe(true);
    }
  });

  it("is off the tape and follows the model", () => {
    const model = linear(2, 2);
    const weight = model.stateDict().get("weight")!;
    expect(weight.requiresGrad).toBe(false);
    model.loadStateDict({ weight: ones([2, 2]), bias: ones([2]) });
    expect(weight.toArray()).toEqual([
      [1, 1],
      [1, 1],
    ]);
  });

  it("converts floats to the model's dtype", () => {
    const model = linear(1, 1);
    model.loadStateDict(linear(1, 1, { dtype: "float64" }).stateDict());
    expect(model.weight.dtype).toBe("float32");
  });

  it("is checked whole before anything is written", () => {
    const model = sequential([linear(2, 3), linear(3, 1)]);
    const before = model.parameters().map((p) => p.toArray());
    expect(() =>
      model.loadStateDict({
        "0.weight": ones([3, 2]),
        "0.bias": ones([4]),
        "1.weight": 7 as never,
        "2.weight": ones([1]),
      }),
    ).toThrow(
      [
        "loadStateDict: the state does not fit Sequential; nothing was loaded.",
        "  missing: 1.bias [1]",
        "  unexpected: 2.weight [1]",
        "  mismatched: 0.bias is [4] in the state and [3] in the model",
        "  mismatched: 1.weight is 7 in the state and must be a Tensor",
      ].join("\n"),
    );
    expect(model.parameters().map((p) => p.toArray())).toEqual(before);
  });

  it("may be loaded in part", () => {
    const model = linear(2, 1);
    expect(() => model.loadStateDict({ bias: ones([1]) })).toThrow(
      "loadStateDict: the state does not fit Linear; nothing was loaded.\n  missing: weight [1, 2]\nPass { strict: false } to load what fits.",
    );
    expect(model.loadStateDict({ bias: ones([1]), extra: ones([1]) }, { strict: false })).toEqual({
      missing: ["weight"],
      unexpected: ["extra"],
    });
    expect(model.bias!.toArray()).toEqual([1]);
  });

  it("that does not fit is told apart readably", () => {
    const model = sequential({ head: linear(1, 1) });
    const x = ones([1]);
    const load = (state: Record<string, Tensor>) => () => model.loadStateDict(state);
    expect(load({ "head.wieght": ones([1, 1]), "head.bias": x })).toThrow(
      "  missing: head.weight [1, 1]\n  unexpected: head.wieght [1, 1]; did you mean head.weight?\nPass",
    );
    expect(load({ "module.head.weight": ones([1, 1]), "module.head.bias": x })).toThrow(
      '  unexpected: module.head.bias [1]\n  the unexpected names fit without their prefix "module."\nPass',
    );
    expect(load({ weight: ones([1, 1]), bias: x })).toThrow(
      '  unexpected: bias [1]\n  the unexpected names fit with the prefix "head."\nPass',
    );
    const many = Array.from({ length: 25 }, (_, i): [string, Tensor] => [`extra${i}`, x]);
    expect(load({ ...Object.fromEntries(model.stateDict()), ...Object.fromEntries(many) })).toThrow(
      "  unexpected: extra19 [1]\n  unexpected: and 5 more\nPass",
    );
  });
});

describe("to", () => {
  it("changes parameters, buffers, gradients and specs in place", () => {
    const net = new Net();
    const held = net.parameters();
    net.registerBuffer("steps", tensor(new Int32Array([3])));
    net(randn([2, 3]))
      .sum()
      .backward();
    const [before, grad] = [held[1]!.toArray(), held[1]!.grad!.toArray()];
    expect(net.to("float64")).toBe(net);
    expect(net.parameters()).toEqual(held);
    expect(new Set(held.map((p) => p.dtype))).toEqual(new Set(["float64"]));
    expect(held.every((p) => p.isLeaf && p.requiresGrad)).toBe(true);
    expect(held[1]!.toArray()).toEqual(before);
    expect(held[1]!.grad!.dtype).toBe("float64");
    expect(held[1]!.grad!.toArray()).toEqual(grad);
    expect(net.buffers().map((x) => x.dtype)).toEqual(["float64", "float64", "int32"]);
    expect(net.encoder.spec).toMatchObject({ layers: { input: { dtype: "float64" } } });
    net.zeroGrad();
    const y = net(randn([2, 3], { dtype: "float64" }));
    expect(y.dtype).toBe("float64");
    y.sum().backward();
    expect(held[1]!.grad!.dtype).toBe("float64");
  });

  it("is noticed by graphs that were recorded before", () => {
    class Scale extends Module {
      factor = new Parameter(tensor(3));
      forward(x: Tensor): Tensor {
        return x.mul(this.factor);
      }
    }
    for (const [model, x] of [
      [linear(2, 2), randn([1, 2])],
      [new Scale(), tensor(2)],
    ] as const) {
      const loss = model(x.requiresGrad_()).sum();
      model.to("float64");
      expect(() => loss.backward()).toThrow(GradError);
    }
  });

  it("refuses what parameters can't be", () => {
    expect(() => linear(1, 1).to("int32")).toThrow(
      'to: the dtype is "int32"; parameters can be float32 or float64.',
    );
  });
});

describe("getSubmodule", () => {
  it("finds by path, or says what there is", () => {
    const net = new Net();
    expect(net.getSubmodule("encoder.input")).toBe(net.encoder.namedChildren()[0]![1]);
    expect(net.getSubmodule("")).toBe(net);
    expect(() => net.getSubmodule("encoder.inputs")).toThrow(
      'getSubmodule: Net has no module "encoder.inputs"; did you mean encoder.input?',
    );
    expect(() => net.getSubmodule("head")).toThrow(
      'getSubmodule: Net has no module "head"; it has encoder, encoder.input, encoder.act, layers.0, layers.1.',
    );
  });
});

describe("registerParameter", () => {
  it("makes a field of a made-up name", () => {
    const net = new Net();
    net.registerParameter("weight_l0", new Parameter(ones([2])));
    expect(net.namedParameters().map(([name]) => name)).toContain("weight_l0");
    expect(() => net.registerParameter("scale", new Parameter(ones([2])))).toThrow(
      'Net.registerParameter: "scale" is already a member of the module; use another name.',
    );
    expect(() => net.registerParameter("other", ones([2]) as never)).toThrow(
      'Net.registerParameter: "other" is a Tensor; it must be a Parameter.',
    );
  });
});

describe("modes", () => {
  it("train and eval reach every module", () => {
    const model = sequential([dropout(), sequential([dropout()])]);
    expect(model.eval()).toBe(model);
    expect(model.modules().map((module) => module.training)).toEqual([false, false, false, false]);
    model.train();
    expect(model.modules().every((module) => module.training)).toBe(true);
  });

  it("zeroGrad and requiresGrad_ reach every parameter", () => {
    const model = sequential([linear(2, 2), linear(2, 2)]);
    model(randn([3, 2]))
      .sum()
      .backward();
    expect(model.parameters().every((p) => p.grad !== null)).toBe(true);
    model.zeroGrad();
    expect(model.parameters().every((p) => p.grad === null)).toBe(true);
    model.requiresGrad_(false);
    expect(model(randn([3, 2])).requiresGrad).toBe(false);
  });

  it("apply goes from the inside out", () => {
    const seen: string[] = [];
    sequential([linear(1, 1), sequential([relu()])]).apply((module) => {
      seen.push(module.constructor.name);
    });
    expect(seen).toEqual(["Linear", "ReLU", "Sequential", "Sequential"]);
  });
});

describe("printing", () => {
  it("reads like PyTorch's", () => {
    const model = sequential([
      linear(784, 256, { bias: false }),
      relu(),
      sequential({ drop: dropout(0.2), output: linear(256, 10, { dtype: "float64" }) }),
    ]);
    const text = `Sequential(
  (0): Linear(inFeatures=784, outFeatures=256, bias=false)
  (1): ReLU()
  (2): Sequential(
    (drop): Dropout(p=0.2)
    (output): Linear(inFeatures=256, outFeatures=10, bias=true, dtype="float64")
  )
)`;
    expect(String(model)).toBe(text);
    expect(inspect(model)).toBe(text);
    expect(String(sequential([new Net()]))).toContain("(0): Net(\n    (encoder): Sequential(");
    expect(String(sequential([]))).toBe("Sequential()");
  });
});

it("initialises alike from the same seed", () => {
  const make = () => linear(5, 4, { generator: new Generator(3) });
  expect(make().weight.toArray()).toEqual(make().weight.toArray());
});
