import {
  binaryCrossEntropyWithLogits,
  type Generator,
  onesLike,
  randn,
  type Tensor,
  zerosLike,
} from "@tapegrad/core";
import { module, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { leakyRelu } from "../layers/tuned-activations.ts";
import { Module } from "../module.ts";
import { dense } from "./autoencoder.ts";
import { type PresetOptions, startOf } from "./options.ts";

/**
 * A generator that makes data from noise, [N, noiseDim], and a discriminator that gives a logit, [N, 1], of its
 * input being real. Each has its own optimizer and its own loss:
 *
 * ```ts
 * gan.discriminatorLoss(real).backward(); // then a step of the discriminator's optimizer
 * gan.generatorLoss(32).backward(); // then a step of the generator's
 * ```
 *
 * Called with a number it gives that many inventions. State: generator.…, discriminator.…
 *
 * Goodfellow et al., Generative adversarial nets, NeurIPS 2014.
 */
export class Gan extends Module<[count: number]> {
  static override readonly layer = declareLayer(
    "gan",
    { generator: module(), discriminator: module(), noiseDim: size() },
    ({ generator, discriminator, noiseDim }) => new Gan(generator, discriminator, { noiseDim }),
  );

  generator: Module;
  discriminator: Module;
  readonly noiseDim: number;
  /** Where the noise comes from. */
  readonly source: Generator;

  constructor(
    generator: Module,
    discriminator: Module,
    options: { noiseDim: number /** Of the noise. Default: the shared one. */; source?: Generator },
  ) {
    const { noiseDim, source } = options;
    super({ generator, discriminator, noiseDim });
    this.generator = generator;
    this.discriminator = discriminator;
    this.noiseDim = noiseDim;
    this.source = startOf(source === undefined ? {} : { generator: source }).generator;
  }

  forward(count: number): Tensor {
    const options = { dtype: this.floatType, generator: this.source };
    return this.generator(randn([count, this.noiseDim], options));
  }

  /** −mean ln D(real) − mean ln(1 − D(G(noise))), with as many inventions as there are real inputs. */
  discriminatorLoss(real: Tensor): Tensor {
    const [yes, no] = [this.discriminator(real), this.discriminator(this(real.shape[0]!).detach())];
    return binaryCrossEntropyWithLogits(yes, onesLike(yes)).add(
      binaryCrossEntropyWithLogits(no, zerosLike(no)),
    );
  }

  /** −mean ln D(G(noise)): the form that does not saturate, section 3 of the paper. */
  generatorLoss(count: number): Tensor {
    const fooled = this.discriminator(this(count));
    return binaryCrossEntropyWithLogits(fooled, onesLike(fooled));
  }
}

export interface GanOptions extends PresetOptions {
  /** Elements of one datum. */
  dataDim: number;
  /** Elements of the noise. Default 16. */
  noiseDim?: number;
  /** Hidden layers of the generator; the discriminator has them in the opposite order. Default [64, 64]. */
  hiddenDims?: readonly number[];
}

/** A small GAN of dense layers, leaky relus (slope 0.2) between them, for data [N, dataDim]; see {@link Gan}. */
export function gan(options: GanOptions): Gan {
  const { dataDim, noiseDim = 16, hiddenDims = [64, 64] } = options;
  const start = startOf(options);
  const between = () => leakyRelu(0.2);
  return new Gan(
    dense([noiseDim, ...hiddenDims, dataDim], start, between),
    dense([dataDim, ...hiddenDims.toReversed(), 1], start, between),
    { noiseDim, source: start.generator },
  );
}
