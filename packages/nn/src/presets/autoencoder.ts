/** Autoencoders, plain and variational. */
import {
  binaryCrossEntropyWithLogits,
  formatShape,
  type Generator,
  mseLoss,
  randn,
  ShapeError,
  type Tensor,
  ValueError,
} from "@tapegrad/core";
import { choice, module, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { relu } from "../layers/activations.ts";
import { linear } from "../layers/linear.ts";
import { sequential } from "../layers/sequential.ts";
import { Module } from "../module.ts";
import { type PresetOptions, startOf } from "./options.ts";

/** Dense layers between the given sizes, with relu between them. */
export function dense(
  sizes: readonly (number | null)[],
  options: PresetOptions,
  between: () => Module = relu,
): Module {
  const start = startOf(options);
  const layers = sizes.slice(1).flatMap((to, i): Module[] => {
    const layer = linear(sizes[i]!, to!, start);
    return i === 0 ? [layer] : [between(), layer];
  });
  return sequential(layers);
}

export interface AutoencoderOptions extends PresetOptions {
  /** Elements of one input. */
  inputDim: number;
  /** Elements of its code. Default 32. */
  latentDim?: number;
  /** Hidden layers of the encoder; the decoder has them in the opposite order. Default [128]. */
  hiddenDims?: readonly number[];
}

/** @throws ValueError unless hiddenDims is an array */
function checkHidden(where: string, hiddenDims: unknown): void {
  if (Array.isArray(hiddenDims)) return;
  throw new ValueError(
    `${where}: hiddenDims must be an array of the hidden layers' sizes, such as [128].`,
  );
}

/**
 * y = decoder(encoder(x)), for any two modules. State: encoder.…, decoder.…
 *
 * Hinton and Salakhutdinov, Reducing the dimensionality of data with neural networks, Science 2006.
 */
export class Autoencoder extends Module {
  static override readonly layer = declareLayer(
    "autoencoder",
    { encoder: module(), decoder: module() },
    ({ encoder, decoder }) => new Autoencoder(encoder, decoder),
  );

  encoder: Module;
  decoder: Module;

  constructor(encoder: Module, decoder: Module) {
    super({ encoder, decoder });
    this.encoder = encoder;
    this.decoder = decoder;
  }

  forward(x: Tensor): Tensor {
    return this.decoder(this.encoder(x));
  }

  /** Mean of (decoder(encoder(x)) − x)². */
  loss(x: Tensor): Tensor {
    return mseLoss(this(x), x);
  }
}

/** An autoencoder of dense layers with relu between them, for inputs [N, inputDim]; see {@link Autoencoder}. */
export function autoencoder(options: AutoencoderOptions): Autoencoder {
  const { inputDim, latentDim = 32, hiddenDims = [128] } = options;
  checkHidden("autoencoder", hiddenDims);
  const start = startOf(options);
  return new Autoencoder(
    dense([inputDim, ...hiddenDims, latentDim], start),
    dense([latentDim, ...hiddenDims.toReversed(), inputDim], start),
  );
}

const likelihoods = ["bernoulli", "normal"] as const;

/** What a {@link VAE} returns. */
export interface VAEResult {
  /** The decoder's output for z: logits of the input's elements, or their means. */
  reconstruction: Tensor;
  /** Of the code's distribution, [N, latentDim] each. */
  mean: Tensor;
  logVariance: Tensor;
}

/**
 * A variational autoencoder: the encoder gives [mean μ, log variance ln σ²] of the code, [N, 2·latentDim], the
 * decoder reads z = μ + σ·ε with ε normal, drawn in training only (in eval mode z = μ).
 *
 * `loss(x)` is the negative evidence lower bound, averaged over the batch:
 * −Σ ln p(x|z) + ½·Σ (μ² + σ² − 1 − ln σ²). The likelihood p is Bernoulli's for x in [0, 1], of which the
 * decoder gives logits, or normal with unit variance, without its constant: ½·Σ (x − y)².
 *
 * State: encoder.…, decoder.…
 *
 * Kingma and Welling, Auto-encoding variational Bayes, ICLR 2014, appendix B and C.
 */
export class VAE extends Module<[x: Tensor], VAEResult> {
  static override readonly layer = declareLayer(
    "vae",
    {
      encoder: module(),
      decoder: module(),
      latentDim: size(),
      likelihood: choice(likelihoods, { fallback: "bernoulli" }),
    },
    ({ encoder, decoder, ...options }) => new VAE(encoder, decoder, options),
  );

  encoder: Module;
  decoder: Module;
  readonly latentDim: number;
  readonly likelihood: (typeof likelihoods)[number];
  readonly generator: Generator;

  constructor(
    encoder: Module,
    decoder: Module,
    options: {
      latentDim: number;
      /** Default "bernoulli". */
      likelihood?: (typeof likelihoods)[number];
      /** Of ε. Default: the shared generator. */
      generator?: Generator;
    },
  ) {
    const { latentDim, likelihood = "bernoulli" } = options;
    super({ encoder, decoder, latentDim, likelihood });
    this.encoder = encoder;
    this.decoder = decoder;
    this.latentDim = latentDim;
    this.likelihood = likelihood;
    this.generator = startOf(options).generator;
  }

  forward(x: Tensor): VAEResult {
    const code = this.encoder(x);
    if (code.rank !== 2 || code.shape[1] !== 2 * this.latentDim) {
      throw new ShapeError(
        `vae: the encoder gave ${formatShape(code.shape)}; it must be [N, ${2 * this.latentDim}], mean and log variance of ${this.latentDim} features each.`,
      );
    }
    const mean = code.narrow(1, 0, this.latentDim);
    const logVariance = code.narrow(1, this.latentDim, this.latentDim);
    const { dtype } = code;
    const z = this.training
      ? mean.add(
          logVariance
            .mul(0.5)
            .exp()
            .mul(randn(mean.shape, { dtype, generator: this.generator })),
        )
      : mean;
    return { reconstruction: this.decoder(z), mean, logVariance };
  }

  /** The negative evidence lower bound of x, averaged over the batch. */
  loss(x: Tensor): Tensor {
    const { reconstruction, mean, logVariance } = this(x);
    const misfit =
      this.likelihood === "bernoulli"
        ? binaryCrossEntropyWithLogits(reconstruction, x, { reduction: "sum" })
        : mseLoss(reconstruction, x, { reduction: "sum" }).mul(0.5);
    const divergence = mean.square().add(logVariance.exp()).sub(logVariance).sub(1).sum().mul(0.5);
    return misfit.add(divergence).div(x.shape[0]!);
  }

  /** New inputs: the decoder on `count` codes from the standard normal. Probabilities for "bernoulli". */
  sample(count: number): Tensor {
    const z = randn([count, this.latentDim], { dtype: this.floatType, generator: this.generator });
    const y = this.decoder(z);
    return this.likelihood === "bernoulli" ? y.sigmoid() : y;
  }
}

export interface VAEOptions extends AutoencoderOptions {
  /** Of the inputs: "bernoulli" for values in [0, 1], "normal" for others. Default "bernoulli". */
  likelihood?: "bernoulli" | "normal";
}

/** A variational autoencoder of dense layers with relu between them, for inputs [N, inputDim]; see {@link VAE}. */
export function vae(options: VAEOptions): VAE {
  const { inputDim, latentDim = 32, hiddenDims = [128], likelihood = "bernoulli" } = options;
  checkHidden("vae", hiddenDims);
  const start = startOf(options);
  return new VAE(
    dense([inputDim, ...hiddenDims, 2 * latentDim], start),
    dense([latentDim, ...hiddenDims.toReversed(), inputDim], start),
    { latentDim, likelihood, generator: start.generator },
  );
}
