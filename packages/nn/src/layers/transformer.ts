/** Stacks of transformer layers, and the whole model of both. */
import { defaultGenerator, type Tensor } from "@tapegrad/core";
import { flag, optional, size } from "../fields.ts";
import * as init from "../init.ts";
import { declareLayer } from "../layer.ts";
import { Module } from "../module.ts";
import type { LayerNorm } from "./norm.ts";
import {
  argumentsOf,
  type DecoderLayerInput,
  type EncoderLayerInput,
  type LayerArguments,
  layerFields,
  norm,
  TransformerDecoderLayer,
  TransformerEncoderLayer,
  type TransformerLayerOptions,
} from "./transformer-layers.ts";

/** Options of {@link TransformerEncoder} and {@link TransformerDecoder}, beside those of their layers. */
export interface TransformerStackOptions extends TransformerLayerOptions {
  /** How many layers. Default 6. */
  numLayers?: number;
  /** Whether to normalize what the last layer returns; needed after `normFirst`. Default null: the value of `normFirst`. */
  finalNorm?: boolean | null;
}

const stackFields = {
  ...layerFields,
  numLayers: size({ fallback: 6 }),
  finalNorm: optional(flag(), { quiet: true }),
};

interface StackArguments extends LayerArguments {
  numLayers: number;
  finalNorm: boolean | null;
}

/**
 * {@link TransformerEncoderLayer}s one after the other, each with initial values of its own, and a normalization
 * at the end if asked for. Input, output and what may be given beside the input are those of the layers.
 *
 * State: layers.0.…, layers.1.…, norm.weight and norm.bias.
 */
export class TransformerEncoder extends Module<[x: Tensor, input?: EncoderLayerInput]> {
  static override readonly layer = declareLayer(
    "transformerEncoder",
    stackFields,
    ({ dModel, nhead, ...options }) => new TransformerEncoder(dModel, nhead, options),
  );

  layers: TransformerEncoderLayer[];
  norm: LayerNorm | null;

  constructor(dModel: number, nhead: number, options: TransformerStackOptions = {}) {
    const config = argumentsOf<StackArguments>(new.target.layer, dModel, nhead, options);
    super(config);
    const { generator = defaultGenerator() } = options;
    const { numLayers, finalNorm, ...own } = config;
    this.layers = Array.from(
      { length: numLayers },
      () => new TransformerEncoderLayer(dModel, nhead, { ...own, generator }),
    );
    this.norm = (finalNorm ?? config.normFirst) ? norm(config) : null;
  }

  forward(x: Tensor, input: EncoderLayerInput = {}): Tensor {
    const y = this.layers.reduce((z, layer) => layer(z, input), x);
    return this.norm === null ? y : this.norm(y);
  }
}

/** A transformer's encoder, or a GPT's body with `isCausal`; see {@link TransformerEncoder}. */
export function transformerEncoder(
  dModel: number,
  nhead: number,
  options?: TransformerStackOptions,
): TransformerEncoder {
  return new TransformerEncoder(dModel, nhead, options);
}

/**
 * {@link TransformerDecoderLayer}s one after the other, all with the same memory; otherwise as
 * {@link TransformerEncoder}.
 */
export class TransformerDecoder extends Module<
  [x: Tensor, memory: Tensor, input?: DecoderLayerInput]
> {
  static override readonly layer = declareLayer(
    "transformerDecoder",
    stackFields,
    ({ dModel, nhead, ...options }) => new TransformerDecoder(dModel, nhead, options),
  );

  layers: TransformerDecoderLayer[];
  norm: LayerNorm | null;

  constructor(dModel: number, nhead: number, options: TransformerStackOptions = {}) {
    const config = argumentsOf<StackArguments>(new.target.layer, dModel, nhead, options);
    super(config);
    const { generator = defaultGenerator() } = options;
    const { numLayers, finalNorm, ...own } = config;
    this.layers = Array.from(
      { length: numLayers },
      () => new TransformerDecoderLayer(dModel, nhead, { ...own, generator }),
    );
    this.norm = (finalNorm ?? config.normFirst) ? norm(config) : null;
  }

  forward(x: Tensor, memory: Tensor, input: DecoderLayerInput = {}): Tensor {
    const y = this.layers.reduce((z, layer) => layer(z, memory, input), x);
    return this.norm === null ? y : this.norm(y);
  }
}

/** A transformer's decoder; see {@link TransformerDecoder}. */
export function transformerDecoder(
  dModel: number,
  nhead: number,
  options?: TransformerStackOptions,
): TransformerDecoder {
  return new TransformerDecoder(dModel, nhead, options);
}

/** Options of {@link Transformer}. */
export interface TransformerOptions extends TransformerLayerOptions {
  /** How many layers read. Default 6. */
  numEncoderLayers?: number;
  /** How many layers write. Default 6. */
  numDecoderLayers?: number;
}

interface TransformerArguments extends LayerArguments {
  numEncoderLayers: number;
  numDecoderLayers: number;
}

/** What a {@link Transformer} may be given beside source and target; see the layers' inputs. */
export interface TransformerInput extends DecoderLayerInput {
  srcMask?: Tensor | null;
  srcKeyPaddingMask?: Tensor | null;
  /** Whether no step of the source looks at later ones. Default false. */
  srcIsCausal?: boolean;
}

/**
 * Encoder and decoder, each with a normalization at its end: y = decoder(target, encoder(source)).
 *
 * Source [S, B, dModel], target and output [T, B, dModel]; [B, S, dModel] and so on with `batchFirst`. State:
 * encoder.layers.0.…, encoder.norm.…, decoder.layers.0.…, decoder.norm.…. As in PyTorch, matrices start as
 * Xavier's uniform. `isCausal` concerns the target, as does `tgtIsCausal` in a call.
 *
 * Vaswani et al., Attention is all you need, NeurIPS 2017.
 */
export class Transformer extends Module<
  [source: Tensor, target: Tensor, input?: TransformerInput]
> {
  static override readonly layer = declareLayer(
    "transformer",
    {
      ...layerFields,
      dModel: size({ fallback: 512 }),
      nhead: size({ fallback: 8 }),
      numEncoderLayers: size({ fallback: 6 }),
      numDecoderLayers: size({ fallback: 6 }),
    },
    ({ dModel, nhead, ...options }) => new Transformer(dModel, nhead, options),
  );

  encoder: TransformerEncoder;
  decoder: TransformerDecoder;

  constructor(dModel = 512, nhead = 8, options: TransformerOptions = {}) {
    const config = argumentsOf<TransformerArguments>(new.target.layer, dModel, nhead, options);
    super(config);
    const { generator = defaultGenerator() } = options;
    const { numEncoderLayers, numDecoderLayers, ...own } = config;
    const parts = { ...own, finalNorm: true, generator };
    const reading = { ...parts, numLayers: numEncoderLayers, isCausal: false };
    this.encoder = new TransformerEncoder(dModel, nhead, reading);
    this.decoder = new TransformerDecoder(dModel, nhead, { ...parts, numLayers: numDecoderLayers });
    for (const parameter of this.parameters())
      if (parameter.rank > 1) init.xavierUniform_(parameter, { generator });
  }

  forward(source: Tensor, target: Tensor, input: TransformerInput = {}): Tensor {
    const { srcMask = null, srcKeyPaddingMask = null, srcIsCausal = false, ...rest } = input;
    const memory = this.encoder(source, { srcMask, srcKeyPaddingMask, isCausal: srcIsCausal });
    return this.decoder(target, memory, rest);
  }
}

/** Encoder and decoder; see {@link Transformer}. */
export function transformer(
  dModel?: number,
  nhead?: number,
  options?: TransformerOptions,
): Transformer {
  return new Transformer(dModel, nhead, options);
}
