import {
  DTypeError,
  embedding as embeddingOf,
  formatShape,
  Generator,
  isFloat,
  noGrad,
  norm,
  randn,
  ShapeError,
  type Tensor,
  ValueError,
  where,
} from "@tapegrad/core";
import { floatType, integer, optional, positive, size } from "../fields.ts";
import { declareLayer } from "../layer.ts";
import { Parameter } from "../parameter.ts";
import { Configured } from "./configured.ts";
import type { StartOptions } from "./start.ts";

/** Options of {@link Embedding}. */
export interface EmbeddingOptions extends StartOptions {
  /** A row (negative: from the end) that starts as zeros and is not trained. Default null: none. */
  paddingIdx?: number | null;
  /** Rows longer than this are shortened to it, in place, when they are looked up. Default null: none are. */
  maxNorm?: number | null;
  /** p of the norm that maxNorm bounds. Default 2. */
  normType?: number;
}

/** As PyTorch's: keeps a row of zeros from 0/0. */
const LEAST_NORM = 1e-7;

/**
 * Rows of a table: y = weight[index].
 *
 * State: weight [rows, D], which starts standard normal. Input int32 of any shape S, output [...S, D].
 */
export class Embedding extends Configured<[index: Tensor]> {
  static override readonly layer = declareLayer(
    "embedding",
    {
      numEmbeddings: size(),
      embeddingDim: size(),
      paddingIdx: optional(integer(), { quiet: true }),
      maxNorm: optional(positive(), { quiet: true }),
      normType: positive({ fallback: 2, quiet: true }),
      dtype: floatType,
    },
    ({ numEmbeddings, embeddingDim, ...options }) =>
      new Embedding(numEmbeddings, embeddingDim, options),
  );

  declare readonly numEmbeddings: number;
  declare readonly embeddingDim: number;
  declare readonly paddingIdx: number | null;
  declare readonly maxNorm: number | null;
  declare readonly normType: number;
  weight: Parameter;

  constructor(numEmbeddings: number, embeddingDim: number, options: EmbeddingOptions = {}) {
    const { generator, ...given } = options;
    super({ ...given, numEmbeddings, embeddingDim });
    const { paddingIdx } = this;
    if (paddingIdx !== null && (paddingIdx < -numEmbeddings || paddingIdx >= numEmbeddings)) {
      throw new ValueError(
        `embedding: paddingIdx is ${paddingIdx}; it must be a row, ${-numEmbeddings} to ${numEmbeddings - 1}, or null.`,
      );
    }
    const { dtype = "float32" } = given;
    const start = generator === undefined ? { dtype } : { dtype, generator };
    this.weight = new Parameter(randn([numEmbeddings, embeddingDim], start));
    if (paddingIdx !== null) noGrad(() => this.weight.select(0, paddingIdx).zero_());
  }

  /**
   * A layer with the rows of a given table, which it shares.
   *
   * @param weight          float, [rows, D]
   * @param options.freeze  whether the table stays as it is in training. Default true.
   */
  static fromPretrained(
    weight: Tensor,
    {
      freeze = true,
      ...options
    }: Omit<EmbeddingOptions, keyof StartOptions> & { freeze?: boolean } = {},
  ): Embedding {
    if (weight.rank !== 2) {
      throw new ShapeError(
        `embedding: the table is ${formatShape(weight.shape)}; it must be [rows, D].`,
      );
    }
    if (!isFloat(weight.dtype)) {
      throw new DTypeError(
        `embedding: the table is ${weight.dtype}; it must be float32 or float64.`,
      );
    }
    const [rows, width] = weight.shape as [number, number];
    // The values that it starts from are not used, so the shared generator must not feel them.
    const start = { dtype: weight.dtype, generator: new Generator() };
    const layer = new Embedding(rows, width, { ...options, ...start });
    layer.weight = new Parameter(weight, { requiresGrad: !freeze });
    return layer;
  }

  forward(index: Tensor): Tensor {
    const { weight, paddingIdx, maxNorm } = this;
    if (maxNorm !== null) noGrad(() => this.#shorten(index.reshape([index.size]), maxNorm));
    return embeddingOf(index, weight, paddingIdx === null ? {} : { paddingIdx });
  }

  /** Scales the rows at the index that are longer than `most` to that length. */
  #shorten(index: Tensor, most: number): void {
    const rows = embeddingOf(index, this.weight);
    const length = norm(rows, this.normType, { axis: 1, keepdim: true });
    const scale = where(length.gt(most), length.add(LEAST_NORM).reciprocal().mul(most), 1);
    this.weight.indexCopy_(0, index, rows.mul(scale));
  }
}

/** A table of vectors; see {@link Embedding}. */
export function embedding(
  numEmbeddings: number,
  embeddingDim: number,
  options?: EmbeddingOptions,
): Embedding {
  return new Embedding(numEmbeddings, embeddingDim, options);
}
