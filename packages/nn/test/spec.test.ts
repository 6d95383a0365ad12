import { describe, expect, it } from "@jest/globals";
import { defaultGenerator, Generator, randn, type Tensor, ValueError } from "@tapegrad/core";
import {
  type AnyModule,
  CrossEntropyLoss,
  declareLayer,
  dropout,
  fields,
  flatten,
  fromSpec,
  identity,
  type Linear,
  linear,
  logSoftmax,
  Module,
  MSELoss,
  registeredLayers,
  registerLayer,
  relu,
  sequential,
  sigmoid,
  softmax,
  tanh,
} from "../src/index.ts";

class Scale extends Module {
  static override readonly layer = declareLayer(
    "scale",
    { factor: fields.number({ fallback: 2 }) },
    ({ factor }) => new Scale(factor),
  );
  readonly factor: number;

  constructor(factor: number) {
    super({ factor });
    this.factor = factor;
  }

  forward(x: Tensor): Tensor {
    return x.mul(this.factor);
  }
}

const modules: AnyModule[] = [
  linear(3, 2),
  linear(3, 2, { bias: false, dtype: "float64" }),
  relu(),
  sigmoid(),
  tanh(),
  softmax(0),
  logSoftmax(),
  flatten(0, -2),
  identity(),
  dropout(0.25),
  new CrossEntropyLoss({ reduction: "sum", ignoreIndex: 0 }),
  new MSELoss(),
  sequential([linear(4, 3), sequential({ act: relu(), output: linear(3, 1) })]),
  sequential([]),
];

describe("specs", () => {
  it.each(modules.map((module) => [module.spec.type, module] as const))(
    "%s goes round",
    (_, module) => {
      const json = JSON.stringify(module.spec);
      const twin = fromSpec(JSON.parse(json));
      expect(JSON.stringify(twin.spec)).toBe(json);
      expect(String(twin)).toBe(String(module));
      expect(twin.constructor).toBe(module.constructor);
      expect([...twin.stateDict().keys()]).toEqual([...module.stateDict().keys()]);
    },
  );

  it("are plain data", () => {
    expect(sequential([linear(784, 256), relu()]).spec).toEqual({
      type: "sequential",
      layers: [{ type: "linear", inFeatures: 784, outFeatures: 256, bias: true }, { type: "relu" }],
    });
    expect(linear(2, 1, { dtype: "float64" }).spec.dtype).toBe("float64");
  });

  it("build a model that computes what the first did, given its weights", () => {
    const model = sequential([linear(3, 4), tanh(), linear(4, 2)]);
    const twin = fromSpec(model.spec);
    twin.loadStateDict(model.stateDict());
    const x = randn([5, 3], { generator: new Generator(1) });
    expect(twin(x).toArray()).toEqual(model(x).toArray());
  });

  it("may leave out what has a default", () => {
    expect(fromSpec<Linear>({ type: "linear", inFeatures: 2, outFeatures: 1 }).bias).not.toBeNull();
  });

  it.each<[unknown, string]>([
    [
      null,
      'fromSpec: the spec is null; it must be an object with a type, such as { type: "relu" }.',
    ],
    [[], 'fromSpec: the spec is []; it must be an object with a type, such as { type: "relu" }.'],
    [
      { type: "conv9d" },
      'fromSpec: type is "conv9d"; did you mean conv1d, conv2d, conv3d? Make others known with registerLayer.',
    ],
    [{}, "fromSpec: type is undefined; known are "],
    [
      { type: "transmogrifier" },
      `fromSpec: type is "transmogrifier"; known are ${registeredLayers().join(", ")}. Make others known with registerLayer.`,
    ],
    [
      {
        type: "sequential",
        layers: [
          { type: "relu" },
          { type: "tanh" },
          { type: "linear", inFeatures: 2, outFeatures: -1 },
        ],
      },
      "fromSpec: layers[2].outFeatures is -1; it must be a whole number of at least 1.",
    ],
    [
      {
        type: "sequential",
        layers: { head: { type: "sequential", layers: [{ type: "dropout", p: "half" }] } },
      },
      'fromSpec: layers.head.layers[0].p is "half"; it must be a probability from 0 to 1.',
    ],
    [
      { type: "sequential", layers: [{ type: "linear", outFeatures: 2, out: 3 }] },
      "fromSpec: layers[0].out is no argument of linear; it takes inFeatures, outFeatures, bias, activation, dtype.",
    ],
    [
      { type: "linear", inFeatures: 2 },
      "fromSpec: outFeatures is undefined; it must be a whole number of at least 1.",
    ],
    [{ type: "relu", slope: 1 }, "fromSpec: slope is no argument of relu; it takes no arguments."],
    [
      { type: "sequential", layers: 3 },
      "fromSpec: layers is 3; it must be an array of module specs, or an object of them by name.",
    ],
    [
      { type: "sequential", layers: ["relu"] },
      'fromSpec: layers[0] is "relu"; it must be an object with a type, such as { type: "relu" }.',
    ],
  ])("that are wrong are refused with the place: %#", (spec, message) => {
    expect(() => fromSpec(spec)).toThrow(message);
  });
});

describe("shared parts", () => {
  const refused =
    "spec: a linear shares parameters with another module, which a spec can't say; write a layer that holds both and make it known with registerLayer.";

  it("are refused where they would come back apart", () => {
    const shared = linear(2, 2);
    expect(() => sequential([shared, relu(), shared]).spec).toThrow(refused);
    const tied = linear(2, 2);
    tied.weight = shared.weight;
    expect(() => sequential([shared, sequential([tied])]).spec).toThrow(refused);
    // The next spec starts afresh.
    expect(sequential([shared]).spec).toEqual(sequential([shared]).spec);
  });

  it("are fine without parameters, and inside of a layer that makes them so", () => {
    const act = relu();
    expect(sequential([act, act]).spec.layers).toHaveLength(2);
    class Tied extends Module {
      static override readonly layer = declareLayer("tied", {}, () => new Tied());
      first = linear(2, 2);
      second = this.first;
      forward(x: Tensor): Tensor {
        return this.second(this.first(x));
      }
    }
    registerLayer(Tied);
    expect(fromSpec(sequential([new Tied(), new Tied()]).spec).parameters()).toHaveLength(4);
  });
});

describe("specs from anywhere", () => {
  const nested = (depth: number) => {
    let spec: object = { type: "relu" };
    for (let i = 0; i < depth; i++) spec = { type: "sequential", layers: [spec] };
    return spec;
  };

  it("may be deep, but not bottomless", () => {
    const depth = "fromSpec: the spec is nested more than 200 levels deep";
    expect(fromSpec(nested(90)).modules()).toHaveLength(91);
    expect(() => fromSpec(nested(20_000))).toThrow(depth);
    const loop: { type: string; layers: unknown[] } = { type: "sequential", layers: [] };
    loop.layers.push(loop);
    expect(() => fromSpec(loop)).toThrow(depth);
  });

  it("may be large, but not boundless", () => {
    const layers = new Array(60_000).fill({ type: "linear", inFeatures: 1, outFeatures: 1 });
    expect(() => fromSpec({ type: "sequential", layers })).toThrow(
      "fromSpec: the spec has more than 200000 values.",
    );
    expect(() => fromSpec({ type: "linear", inFeatures: 2 ** 40, outFeatures: 2 ** 40 })).toThrow(
      "fromSpec: ",
    );
  });

  it("may cost no more than the limits allow", () => {
    const layers = new Array(5).fill({ type: "linear", inFeatures: 3, outFeatures: 4 });
    const spec = { type: "sequential", layers };
    expect(fromSpec(spec, { maxModules: 6, maxParameters: 80 }).parameters()).toHaveLength(10);
    expect(() => fromSpec(spec, { maxModules: 5 })).toThrow(
      "fromSpec: the spec makes too many modules; pass { maxModules } to fromSpec to allow more.",
    );
    expect(() => fromSpec(spec, { maxParameters: 79 })).toThrow(
      "fromSpec: layers[4]: the spec makes too many elements of parameters; pass { maxParameters } to fromSpec to allow more.",
    );
    const tall = { type: "transformerEncoder", dModel: 2, nhead: 1, numLayers: 1e9 };
    expect(() => fromSpec(tall, { maxModules: 100 })).toThrow("too many modules");
    // Limits end with the build.
    expect(sequential([linear(3, 4)]).parameters()).toHaveLength(2);
  });

  it("have all their mistakes listed, before anything is built", () => {
    const generator = defaultGenerator();
    const { position } = generator.state;
    const spec = {
      type: "sequential",
      layers: [
        { type: "linear", inFeatures: 2, outFeatures: 3 },
        { type: "linear", inFeatures: 0, outFeatures: 1.5 },
        { type: "dropout", p: 2, q: 1 },
      ],
    };
    expect(() => fromSpec(spec)).toThrow(
      [
        "fromSpec:",
        "  layers[1].inFeatures is 0; it must be a whole number of at least 1, or null to take it from the first input.",
        "  layers[1].outFeatures is 1.5; it must be a whole number of at least 1.",
        "  layers[2].p is 2; it must be a probability from 0 to 1.",
        "  layers[2].q is no argument of dropout; it takes p.",
      ].join("\n"),
    );
    expect(generator.state.position).toBe(position);
  });

  it("don't reach into prototypes", () => {
    const spec = JSON.parse('{"type": "sequential", "layers": {"__proto__": {"type": "relu"}}}');
    expect(() => fromSpec(spec)).toThrow(/__proto__/);
    expect(() => fromSpec({ type: "constructor" })).toThrow('type is "constructor"; known are');
  });

  it("name the layer whose constructor refuses them", () => {
    class Even extends Module {
      static override readonly layer = declareLayer(
        "even",
        { n: fields.integer() },
        ({ n }) => new Even(n),
      );
      constructor(n: number) {
        super({ n });
        if (n % 2 !== 0) throw new ValueError(`even: n is ${n}; it must be even.`);
      }
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    registerLayer(Even);
    const spec = {
      type: "sequential",
      layers: { body: { type: "sequential", layers: [{ type: "even", n: 3 }] } },
    };
    expect(() => fromSpec(spec)).toThrow(
      "fromSpec: layers.body.layers[0]: even: n is 3; it must be even.",
    );
  });
});

describe("layers of one's own", () => {
  it("become known by registering", () => {
    expect(() => fromSpec({ type: "scale" })).toThrow('type is "scale"; known are');
    registerLayer(Scale);
    registerLayer(Scale);
    const spec = { type: "sequential", layers: [{ type: "scale", factor: 3 }, { type: "scale" }] };
    expect(fromSpec(spec).spec).toEqual({
      type: "sequential",
      layers: [
        { type: "scale", factor: 3 },
        { type: "scale", factor: 2 },
      ],
    });
    expect(() => new Scale(Number.NaN)).toThrow(
      "scale: factor is NaN; it must be a finite number.",
    );
  });

  it("need a declaration and a type of their own", () => {
    class Plain extends Module {
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    class Other extends Module {
      static override readonly layer = declareLayer("relu", {}, () => new Other());
      forward(x: Tensor): Tensor {
        return x;
      }
    }
    expect(() => new Plain().spec).toThrow(
      'spec: Plain declares no layer; give the class a static layer = declareLayer("plain", …).',
    );
    expect(() => registerLayer(Plain as never)).toThrow(
      "registerLayer: a function declares no layer; give the class a static layer = declareLayer(…).",
    );
    expect(() => registerLayer(Other)).toThrow(
      'registerLayer: the type "relu" of Other already belongs to ReLU; use another one.',
    );
  });
});
