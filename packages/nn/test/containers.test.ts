/** Sequential, residual, parallel, lambda, lists and dictionaries. */
import { describe, expect, it } from "@jest/globals";
import { ones, randn, type Tensor, tensor } from "@tapegrad/core";
import {
  type AnyModule,
  Classifier,
  fromSpec,
  identity,
  lambda,
  linear,
  type Merge,
  Module,
  moduleDict,
  moduleList,
  parallel,
  relu,
  residual,
  sequential,
  sigmoid,
  tanh,
} from "../src/index.ts";

const x = randn([4, 3]);

/** A twin made of the spec, with the same weights, computes the same. */
function expectRoundTrip(model: Module): void {
  const json = JSON.stringify(model.spec);
  const twin = fromSpec(JSON.parse(json));
  expect(JSON.stringify(twin.spec)).toBe(json);
  expect(String(twin)).toBe(String(model));
  twin.loadStateDict(model.stateDict());
  expect(twin(x).toArray()).toEqual(model(x).toArray());
}

describe("sequential", () => {
  const model = sequential({ hidden: linear(3, 4), act: relu(), output: linear(4, 2) });

  it("shows its layers", () => {
    expect([...model].map((layer) => layer.constructor.name)).toEqual(["Linear", "ReLU", "Linear"]);
    expect(model).toHaveLength(3);
    expect([model.at(1), model.at("act"), model.at(-2)].every((one) => one === model.at(1))).toBe(
      true,
    );
    expect(() => model.at("actt")).toThrow(
      'Sequential.at: there is no module "actt"; it has hidden, act, output.',
    );
    expect(() => model.at(3)).toThrow(
      "Sequential.at: there is no module 3; it has hidden, act, output.",
    );
  });

  it("takes pairs with names, and spec keeps them", () => {
    const pairs = sequential([
      ["hidden", linear(3, 4)],
      ["act", relu()],
    ]);
    expect(pairs.spec).toMatchObject({ layers: { hidden: { type: "linear" }, act: {} } });
    expectRoundTrip(pairs);
    expectRoundTrip(model);
  });
});

describe("residual", () => {
  it("adds the input, or a shortcut of it", () => {
    const [body, shortcut] = [linear(3, 3), linear(3, 3)];
    expect(residual(body)(x).toArray()).toEqual(body(x).add(x).toArray());
    const model = residual(body, shortcut);
    expect(model(x).toArray()).toEqual(body(x).add(shortcut(x)).toArray());
    expect([...model.stateDict().keys()]).toEqual([
      "body.weight",
      "body.bias",
      "shortcut.weight",
      "shortcut.bias",
    ]);
    expectRoundTrip(model);
    expectRoundTrip(residual(body));
    expect(residual(body).spec.shortcut).toBeNull();
  });

  it("makes sequentials of lists", () => {
    const model = residual([linear(3, 2), relu(), linear(2, 3)], { proj: linear(3, 3) });
    expect(String(model)).toContain("(body): Sequential(");
    expect(String(model)).toContain("(proj): Linear(");
    expectRoundTrip(model);
  });

  it("keeps up with what takes another's place", () => {
    const model = residual(relu());
    model.body = tanh();
    expect(model.spec.body).toEqual({ type: "tanh" });
    expect(model(ones([1])).item()).toBeCloseTo(1 + Math.tanh(1));
  });

  it("refuses other shapes, also those that would broadcast", () => {
    expect(() => residual(linear(3, 1))(x)).toThrow(
      "residual: body(x) is [4, 1], x is [4, 3]; the shapes must be equal.",
    );
    expect(() => residual(linear(3, 2), linear(3, 1))(x)).toThrow(
      "residual: body(x) is [4, 2], shortcut(x) is [4, 1]; the shapes must be equal.",
    );
    expect(() => residual(3 as never)).toThrow(
      "sequential: got 3; it takes an array of modules, such as [linear(2, 3), relu()], or an object of them by name.",
    );
    expect(() => fromSpec({ type: "residual", body: { type: "relu" }, shortcut: 1 })).toThrow(
      'fromSpec: shortcut is 1; it must be an object with a type, such as { type: "relu" }.',
    );
    expect(() => fromSpec({ type: "residual" })).toThrow(
      "fromSpec: body is undefined; it must be a module, such as linear(2, 3) or relu().",
    );
  });
});

describe("parallel", () => {
  const branches = () => [linear(3, 2), sequential([linear(3, 2), tanh()])] as const;

  it.each<[Merge, (a: Tensor, b: Tensor) => Tensor]>([
    ["sum", (a, b) => a.add(b)],
    ["mean", (a, b) => a.add(b).div(2)],
    ["mul", (a, b) => a.mul(b)],
  ])("%s", (merge, expected) => {
    const [a, b] = branches();
    const model = parallel([a, b], { merge });
    expect(model(x).toArray()).toEqual(expected(a(x), b(x)).toArray());
    expectRoundTrip(model);
  });

  it("concat, along any axis", () => {
    const [a, b] = branches();
    expect(parallel([a, b])(x).shape).toEqual([4, 4]);
    expect(parallel([a, b], { axis: 0 })(x).shape).toEqual([8, 2]);
    expect(parallel([a, b], { axis: -1 })(x).toArray()).toEqual(parallel([a, b])(x).toArray());
    expectRoundTrip(parallel({ left: a, right: b, skip: identity() }));
    expect([...parallel({ left: a }).stateDict().keys()]).toEqual(["left.weight", "left.bias"]);
  });

  it("refuses what can't be merged", () => {
    expect(() => parallel([])).toThrow("parallel: there are no branches; it needs at least one.");
    expect(() => parallel([relu()], { merge: "max" as never })).toThrow(
      'parallel: merge is "max"; it must be one of "concat", "sum", "mean", "mul".',
    );
    expect(() => parallel({ a: linear(3, 2), b: relu() }, { merge: "sum" })(x)).toThrow(
      "parallel: branch a is [4, 2], branch b is [4, 3]; the shapes must be equal.",
    );
    expect(() => fromSpec({ type: "parallel", branches: [] })).toThrow(
      "fromSpec: parallel: there are no branches; it needs at least one.",
    );
  });

  it("infers sizes in every branch", () => {
    const model = parallel([linear(null, 2), residual([linear(null, 2), linear(null, 3)])]);
    expect(model.initialize([1, 3])(x).shape).toEqual([4, 5]);
    expectRoundTrip(model);
  });
});

describe("lambda", () => {
  it("is any function, and no data", () => {
    const model = sequential([lambda((v) => v.square()), sigmoid()]);
    expect(model(x).toArray()).toEqual(x.square().sigmoid().toArray());
    const two = lambda((a: Tensor, n: number): [Tensor, number] => [a, n + 1]);
    expect(two(x, 2)[1]).toBe(3);
    expect(String(model)).toContain("(0): Lambda()");
    const advice =
      "write it as a class with a static layer = declareLayer(…) and make that known with registerLayer.";
    expect(() => model.spec).toThrow(`spec: a lambda is code, which a spec can't hold; ${advice}`);
    expect(() => fromSpec({ type: "lambda", f: "x => x" })).toThrow(
      `fromSpec: f would be code, which a spec can't hold; ${advice}`,
    );
    expect(() => lambda(3 as never)).toThrow("lambda: f is 3; it must be a function.");
  });
});

describe("names", () => {
  it.each<[() => unknown, string]>([
    [() => sequential({ at: relu() }), 'sequential: layers has a module named "at"'],
    [() => sequential({ layers: relu() }), 'sequential: layers has a module named "layers"'],
    [() => parallel({ merge: relu() }), 'parallel: branches has a module named "merge"'],
    [() => new Classifier({ loss: relu() }), 'classifier: layers has a module named "loss"'],
    [() => new Classifier({ reg: relu() }), 'classifier: layers has a module named "reg"'],
    [() => moduleDict({ dict: relu() }), 'moduleDict: dict has a module named "dict"'],
    [() => moduleDict({ training: relu() }), 'moduleDict: dict has a module named "training"'],
    [
      () => fromSpec({ type: "moduleDict", dict: { at: { type: "relu" } } }),
      'fromSpec: moduleDict: dict has a module named "at"',
    ],
  ])("that would hide something are refused: %#", (make, message) => {
    expect(make).toThrow(
      `${message}; a name must be a word without dots that no member of modules has.`,
    );
  });
});

describe("lists and dictionaries", () => {
  class Net extends Module {
    steps = moduleList([linear(3, 3), linear(3, 3)]);
    heads = moduleDict({ a: linear(3, 1), b: linear(3, 2) });
    forward(input: Tensor): Tensor {
      let y = input;
      for (const step of this.steps) y = step(y);
      return this.heads.at("b")(y);
    }
  }

  it("register what they hold", () => {
    const net = new Net();
    expect(net(x).shape).toEqual([4, 2]);
    expect(net.namedParameters().map(([name]) => name)).toEqual([
      "steps.0.weight",
      "steps.0.bias",
      "steps.1.weight",
      "steps.1.bias",
      "heads.a.weight",
      "heads.a.bias",
      "heads.b.weight",
      "heads.b.bias",
    ]);
    expect([net.steps.length, net.heads.length]).toEqual([2, 2]);
  });

  it("go through specs", () => {
    for (const model of [moduleList([relu(), tanh()]), moduleDict({ a: relu() })] as AnyModule[]) {
      const json = JSON.stringify(model.spec);
      expect(JSON.stringify(fromSpec<AnyModule>(JSON.parse(json)).spec)).toBe(json);
    }
  });

  it("are not called themselves", () => {
    const call = moduleList([relu()]) as unknown as Module;
    expect(() => call(tensor([1]))).toThrow(
      "moduleList: it has no forward pass of its own; call the modules in it.",
    );
  });
});
