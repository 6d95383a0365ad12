import * as nn from "../../src/index.ts";
import { float64, type Table, wave } from "./case.ts";

const x = [[3, 4]] as const;

export const activations: Table = {
  relu: { make: () => nn.relu(), inputs: x },
  relu6: { make: () => nn.relu6(), inputs: [wave([3, 4]).mul(5)] },
  sigmoid: { make: () => nn.sigmoid(), inputs: x },
  logSigmoid: { make: () => nn.logSigmoid(), inputs: x },
  tanh: { make: () => nn.tanh(), inputs: x },
  tanhshrink: { make: () => nn.tanhshrink(), inputs: x },
  selu: { make: () => nn.selu(), inputs: x },
  silu: { make: () => nn.silu(), inputs: x },
  mish: { make: () => nn.mish(), inputs: x },
  hardsigmoid: { make: () => nn.hardsigmoid(), inputs: [wave([3, 4]).mul(3)] },
  hardswish: { make: () => nn.hardswish(), inputs: [wave([3, 4]).mul(3)] },
  softsign: { make: () => nn.softsign(), inputs: x },
  leakyRelu: {
    make: () => nn.leakyRelu(0.2),
    inputs: x,
    refuses: [
      [
        () => nn.leakyRelu("0.2" as never),
        'leakyRelu: negativeSlope is "0.2"; it must be a finite number.',
      ],
    ],
  },
  elu: {
    make: () => nn.elu(1.3),
    inputs: x,
    refuses: [[() => nn.elu(Number.NaN), "elu: alpha is NaN; it must be a finite number."]],
  },
  celu: {
    make: () => nn.celu(0.7),
    inputs: x,
    refuses: [[() => nn.celu(0), "celu: alpha is 0; it must be a finite number above 0."]],
  },
  hardshrink: {
    make: () => nn.hardshrink(0.3),
    inputs: x,
    refuses: [
      [
        () => nn.hardshrink(null as never),
        "hardshrink: lambda is null; it must be a finite number.",
      ],
    ],
  },
  softshrink: {
    make: () => nn.softshrink(0.3),
    inputs: x,
    refuses: [
      [
        () => nn.softshrink(-1),
        "softshrink: lambda is -1; it must be a finite number of at least 0.",
      ],
    ],
  },
  gelu: {
    make: () => nn.gelu(),
    inputs: x,
    refuses: [
      [
        () => nn.gelu({ approximate: "fast" as never }),
        'gelu: approximate is "fast"; it must be one of "none", "tanh".',
      ],
    ],
  },
  "gelu by tanh": { make: () => nn.gelu({ approximate: "tanh" }), inputs: x },
  softplus: {
    make: () => nn.softplus({ beta: 2, threshold: 1 }),
    inputs: x,
    refuses: [
      [() => nn.softplus({ beta: 0 }), "softplus: beta is 0; it must be a finite number above 0."],
    ],
  },
  hardtanh: {
    make: () => nn.hardtanh({ min: -0.5, max: 0.8 }),
    inputs: x,
    refuses: [[() => nn.hardtanh({ min: 2 }), "hardtanh: min 2 is above max 1."]],
  },
  threshold: {
    make: () => nn.threshold(0.2, -3),
    inputs: x,
    refuses: [
      [
        () => (nn.threshold as (t: number) => unknown)(0.2),
        "threshold: value is undefined; it must be a finite number.",
      ],
    ],
  },
  prelu: {
    make: () => nn.prelu({ numParameters: 4, ...float64 }),
    inputs: x,
    refuses: [
      [
        () => nn.prelu({ numParameters: 3 })(wave([3, 4])),
        "prelu: weight is [3] and x [3, 4]; the weight must have 1 element or [4], one for each channel.",
      ],
    ],
  },
  "prelu with one slope": { make: () => nn.prelu(float64), inputs: [[2, 3, 2]] },
  rrelu: {
    make: () => nn.rrelu({ lower: 0.1, upper: 0.4 }),
    inputs: x,
    random: true,
    refuses: [[() => nn.rrelu({ lower: 0.5 }), `rrelu: lower 0.5 is above upper ${1 / 3}.`]],
  },
  softmax: {
    make: () => nn.softmax(0),
    inputs: x,
    refuses: [[() => nn.softmax(0.5), "softmax: axis is 0.5; it must be a whole number."]],
  },
  logSoftmax: {
    make: () => nn.logSoftmax(),
    inputs: x,
    refuses: [
      [() => nn.logSoftmax("1" as never), 'logSoftmax: axis is "1"; it must be a whole number.'],
    ],
  },
  softmin: {
    make: () => nn.softmin(1),
    inputs: [[2, 3, 2]],
    refuses: [[() => nn.softmin(NaN), "softmin: axis is NaN; it must be a whole number."]],
  },
  softmax2d: {
    make: () => nn.softmax2d(),
    inputs: [[2, 3, 2, 2]],
    refuses: [
      [
        () => nn.softmax2d()(wave([3, 4])),
        "softmax2d: x is [3, 4]; it must be [N, C, H, W] or [C, H, W].",
      ],
    ],
  },
  glu: {
    make: () => nn.glu(1),
    inputs: [[2, 4, 3]],
    refuses: [
      [
        () => nn.glu()(wave([2, 3])),
        "glu: x is [2, 3], whose axis -1 has 3 elements; an even number is needed for two halves.",
      ],
    ],
  },
  maxout: {
    make: () => nn.maxout(2),
    inputs: [[2, 6, 2]],
    refuses: [
      [
        () => nn.maxout(4)(wave([2, 6])),
        "maxout: x is [2, 6]; its axis 1 must have a multiple of 4 elements.",
      ],
      [() => nn.maxout(0), "maxout: pieces is 0; it must be a whole number of at least 1."],
    ],
  },
  "maxout along the last axis": { make: () => nn.maxout(3, -1), inputs: [[2, 2, 6]] },
};
