/** Activations with arguments; the functions, with their gradients at kinks, are core's. */
import {
  celu as celuOf,
  type DType,
  defaultGenerator,
  elu as eluOf,
  full,
  type GeluOptions,
  type Generator,
  gelu as geluOf,
  type HardtanhOptions,
  hardshrink as hardshrinkOf,
  hardtanh as hardtanhOf,
  isFloat,
  leakyRelu as leakyReluOf,
  prelu as preluOf,
  rand,
  type SoftplusOptions,
  softplus as softplusOf,
  softshrink as softshrinkOf,
  type Tensor,
  threshold as thresholdOf,
  ValueError,
  where,
} from "@tapegrad/core";
import { choice, floatType, number, positive, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import { nonNegative } from "./kinds.ts";

/** y = x for positive x, else negativeSlope·x, by default 0.01·x. */
export class LeakyReLU extends Configured {
  static override readonly layer = declareLayer(
    "leakyRelu",
    { negativeSlope: number({ fallback: 0.01 }) },
    ({ negativeSlope }) => new LeakyReLU(negativeSlope),
  );

  declare readonly negativeSlope: number;

  constructor(negativeSlope?: number) {
    super({ negativeSlope });
  }

  forward(x: Tensor): Tensor {
    return leakyReluOf(x, this.negativeSlope);
  }
}

/** See {@link LeakyReLU}. */
export function leakyRelu(negativeSlope?: number): LeakyReLU {
  return new LeakyReLU(negativeSlope);
}

/**
 * y = x for positive x, else alpha·(eˣ − 1). Default alpha 1.
 *
 * Clevert et al., Fast and Accurate Deep Network Learning by Exponential Linear Units, ICLR 2016.
 */
export class ELU extends Configured {
  static override readonly layer = declareLayer(
    "elu",
    { alpha: number({ fallback: 1 }) },
    ({ alpha }) => new ELU(alpha),
  );

  declare readonly alpha: number;

  constructor(alpha?: number) {
    super({ alpha });
  }

  forward(x: Tensor): Tensor {
    return eluOf(x, this.alpha);
  }
}

/** See {@link ELU}. */
export function elu(alpha?: number): ELU {
  return new ELU(alpha);
}

/** y = x for positive x, else alpha·(e^(x/alpha) − 1). Default alpha 1. */
export class CELU extends Configured {
  static override readonly layer = declareLayer(
    "celu",
    { alpha: positive({ fallback: 1 }) },
    ({ alpha }) => new CELU(alpha),
  );

  declare readonly alpha: number;

  constructor(alpha?: number) {
    super({ alpha });
  }

  forward(x: Tensor): Tensor {
    return celuOf(x, this.alpha);
  }
}

/** See {@link CELU}. */
export function celu(alpha?: number): CELU {
  return new CELU(alpha);
}

/** y = x where |x| > lambda, else 0. Default lambda 0.5. */
export class Hardshrink extends Configured {
  static override readonly layer = declareLayer(
    "hardshrink",
    { lambda: number({ fallback: 0.5 }) },
    ({ lambda }) => new Hardshrink(lambda),
  );

  declare readonly lambda: number;

  constructor(lambda?: number) {
    super({ lambda });
  }

  forward(x: Tensor): Tensor {
    return hardshrinkOf(x, this.lambda);
  }
}

/** See {@link Hardshrink}. */
export function hardshrink(lambda?: number): Hardshrink {
  return new Hardshrink(lambda);
}

/** y = x moved towards 0 by lambda, and 0 where |x| ≤ lambda. Default lambda 0.5. */
export class Softshrink extends Configured {
  static override readonly layer = declareLayer(
    "softshrink",
    { lambda: nonNegative({ fallback: 0.5 }) },
    ({ lambda }) => new Softshrink(lambda),
  );

  declare readonly lambda: number;

  constructor(lambda?: number) {
    super({ lambda });
  }

  forward(x: Tensor): Tensor {
    return softshrinkOf(x, this.lambda);
  }
}

/** See {@link Softshrink}. */
export function softshrink(lambda?: number): Softshrink {
  return new Softshrink(lambda);
}

/**
 * y = x·Φ(x), Φ the normal distribution; or its approximation by tanh.
 *
 * Hendrycks and Gimpel, Gaussian Error Linear Units, 2016.
 */
export class GELU extends Configured {
  static override readonly layer = declareLayer(
    "gelu",
    { approximate: choice(["none", "tanh"], { fallback: "none", quiet: true }) },
    (options) => new GELU(options),
  );

  declare readonly approximate: "none" | "tanh";

  constructor(options: GeluOptions = {}) {
    super({ ...options });
  }

  forward(x: Tensor): Tensor {
    return geluOf(x, this);
  }
}

/** See {@link GELU}. */
export function gelu(options?: GeluOptions): GELU {
  return new GELU(options);
}

/** y = ln(1 + e^(beta·x)) / beta, and x where beta·x is above the threshold. */
export class Softplus extends Configured {
  static override readonly layer = declareLayer(
    "softplus",
    { beta: positive({ fallback: 1 }), threshold: number({ fallback: 20 }) },
    (options) => new Softplus(options),
  );

  declare readonly beta: number;
  declare readonly threshold: number;

  constructor(options: SoftplusOptions = {}) {
    super({ ...options });
  }

  forward(x: Tensor): Tensor {
    return softplusOf(x, this);
  }
}

/** See {@link Softplus}. */
export function softplus(options?: SoftplusOptions): Softplus {
  return new Softplus(options);
}

/** y = x held between min and max, by default −1 and 1; the gradient is 0 at the bounds. */
export class Hardtanh extends Configured {
  static override readonly layer = declareLayer(
    "hardtanh",
    { min: number({ fallback: -1 }), max: number({ fallback: 1 }) },
    (options) => new Hardtanh(options),
  );

  declare readonly min: number;
  declare readonly max: number;

  constructor(options: HardtanhOptions = {}) {
    super({ ...options });
    const { min, max } = this;
    if (min > max) throw new ValueError(`hardtanh: min ${min} is above max ${max}.`);
  }

  forward(x: Tensor): Tensor {
    return hardtanhOf(x, this);
  }
}

/** See {@link Hardtanh}. */
export function hardtanh(options?: HardtanhOptions): Hardtanh {
  return new Hardtanh(options);
}

/** y = x where x > threshold, else value. */
export class Threshold extends Configured {
  static override readonly layer = declareLayer(
    "threshold",
    { threshold: number(), value: number() },
    ({ threshold, value }) => new Threshold(threshold, value),
  );

  declare readonly threshold: number;
  declare readonly value: number;

  constructor(threshold: number, value: number) {
    super({ threshold, value });
  }

  forward(x: Tensor): Tensor {
    return thresholdOf(x, this.threshold, this.value);
  }
}

/** See {@link Threshold}. */
export function threshold(threshold: number, value: number): Threshold {
  return new Threshold(threshold, value);
}

/** Options of {@link PReLU}. */
export interface PReLUOptions {
  /** One slope for everything (1, the default) or one per channel. */
  numParameters?: number;
  /** What slopes start from. Default 0.25. */
  init?: number;
  /** dtype of the slopes. Default float32. */
  dtype?: DType;
}

/**
 * y = x for positive x, else weight·x, the slopes being learned.
 *
 * State: weight [numParameters]. Input of any shape with one slope, else [N, C, …].
 *
 * He et al., Delving Deep into Rectifiers, ICCV 2015.
 */
export class PReLU extends Configured {
  static override readonly layer = declareLayer(
    "prelu",
    {
      numParameters: size({ fallback: 1 }),
      init: number({ fallback: 0.25, quiet: true }),
      dtype: floatType,
    },
    (options) => new PReLU(options),
  );

  declare readonly numParameters: number;
  declare readonly init: number;
  weight: Parameter;

  constructor(options: PReLUOptions = {}) {
    super({ ...options });
    const { dtype = "float32" } = options;
    this.weight = new Parameter(full([this.numParameters], this.init, { dtype }));
  }

  forward(x: Tensor): Tensor {
    return preluOf(x, this.weight);
  }
}

/** See {@link PReLU}. */
export function prelu(options?: PReLUOptions): PReLU {
  return new PReLU(options);
}

/** Options of {@link RReLU}. */
export interface RReLUOptions {
  /** Smallest slope. Default 1/8. */
  lower?: number;
  /** Largest slope. Default 1/3. */
  upper?: number;
  /** Where the slopes come from. Default: the shared generator. */
  generator?: Generator;
}

/**
 * y = x for positive x, else a·x, with a drawn for each element from [lower, upper) in training, and their middle in
 * eval mode.
 *
 * Xu et al., Empirical Evaluation of Rectified Activations in Convolutional Network, 2015.
 */
export class RReLU extends Configured {
  static override readonly layer = declareLayer(
    "rrelu",
    { lower: number({ fallback: 1 / 8 }), upper: number({ fallback: 1 / 3 }) },
    (options) => new RReLU(options),
  );

  declare readonly lower: number;
  declare readonly upper: number;
  readonly generator: Generator;

  constructor({ generator = defaultGenerator(), ...options }: RReLUOptions = {}) {
    super(options);
    const { lower, upper } = this;
    if (lower > upper) throw new ValueError(`rrelu: lower ${lower} is above upper ${upper}.`);
    this.generator = generator;
  }

  forward(x: Tensor): Tensor {
    const { lower: low, upper: high, generator, training } = this;
    if (!training) return leakyReluOf(x, (low + high) / 2);
    const dtype = isFloat(x.dtype) ? x.dtype : "float32";
    return where(x.gt(0), x, x.mul(rand(x.shape, { low, high, dtype, generator })));
  }
}

/** See {@link RReLU}. */
export function rrelu(options?: RReLUOptions): RReLU {
  return new RReLU(options);
}
