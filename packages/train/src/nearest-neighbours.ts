import {
  DTypeError,
  formatShape,
  isFloat,
  noGrad,
  ShapeError,
  show,
  stack,
  Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";

/** The k nearest training examples of each row, nearest first. */
export interface Neighbors {
  /** int32 [N, k] */
  readonly indices: Tensor;
  /** float64 [N, k] */
  readonly distances: Tensor;
}

/** How distances are computed: example by example, row by row, or all at once. */
export type DistanceLoops = 0 | 1 | 2;

/** Rows, each the flattened example. */
function asRows(where: string, x: Tensor): Tensor {
  if (!(x instanceof Tensor) || x.rank < 2) {
    throw new ShapeError(
      `${where}: X is ${x instanceof Tensor ? formatShape(x.shape) : show(x)}; it must be [N, D] (further axes are flattened): one row per example.`,
    );
  }
  const [count, ...each] = x.shape;
  return x.detach().reshape([count, each.reduce((size, n) => size * n, 1)]);
}

/**
 * k-nearest-neighbour classifier with Euclidean distances, as in CS231n's first assignment
 * (https://cs231n.github.io/classification/#knn). Distances are float64 whatever the examples' dtype.
 *
 * ```ts
 * const knn = new KNearestNeighbor();
 * knn.train(Xtrain, ytrain);
 * const classes = knn.predict(Xtest, { k: 5 });
 * ```
 */
export class KNearestNeighbor {
  readonly #blockBytes: number;
  #x: Tensor | null = null;
  #classes: Int32Array = new Int32Array(0);

  /** @param options.blockBytes  about how much memory `predict` takes for distances at a time. Default 64 MiB */
  constructor({ blockBytes = 64 * 2 ** 20 }: { blockBytes?: number } = {}) {
    if (!(Number.isFinite(blockBytes) && blockBytes > 0)) {
      throw new ValueError(
        `KNearestNeighbor: blockBytes is ${show(blockBytes)}; it must be a finite number above 0.`,
      );
    }
    this.#blockBytes = blockBytes;
  }

  /**
   * Remembers the examples; there is nothing to learn. Changing them in place later changes the answers.
   *
   * @param X  [M, D]; further axes are flattened
   * @param y  int32 or uint8 classes [M], from 0
   */
  train(X: Tensor, y: Tensor): this {
    const where = "KNearestNeighbor.train";
    const rows = asRows(where, X);
    if (!(y instanceof Tensor) || y.rank !== 1 || y.shape[0] !== rows.shape[0]) {
      throw new ShapeError(
        `${where}: X is ${formatShape(X.shape)} and y ${y instanceof Tensor ? formatShape(y.shape) : show(y)}; y must be [${rows.shape[0]}], a class per row.`,
      );
    }
    if (isFloat(y.dtype)) {
      throw new DTypeError(`${where}: y is ${y.dtype}; it must be int32 or uint8: classes.`);
    }
    if (rows.shape[0] === 0) throw new ShapeError(`${where}: there are no examples to remember.`);
    const classes = Int32Array.from(y.data());
    const wrong = classes.findIndex((c) => c < 0);
    if (wrong >= 0) {
      throw new ValueError(
        `${where}: class ${classes[wrong]} of row ${wrong} is negative; classes count from 0.`,
      );
    }
    this.#x = rows;
    this.#classes = classes;
    return this;
  }

  /** The remembered examples, and those asked about as rows of the same length. */
  #operands(where: string, X: Tensor): [Tensor, Tensor] {
    if (this.#x === null) {
      throw new ValueError(`${where}: there are no examples yet; call train(X, y) before.`);
    }
    const rows = asRows(where, X);
    if (rows.shape[1] !== this.#x.shape[1]) {
      throw new ShapeError(
        `${where}: X has rows of ${rows.shape[1]} numbers and the training examples of ${this.#x.shape[1]}; they must be equal.`,
      );
    }
    return [rows, this.#x];
  }

  /** √Σ(a − b)² for each pair in two loops: slow, and what the other forms are checked against. [N, M] */
  computeDistancesTwoLoops(X: Tensor): Tensor {
    const [rows, known] = this.#operands("computeDistancesTwoLoops", X);
    const [a, b] = [rows.to("float64"), known.to("float64")];
    const distances = new Float64Array(a.shape[0] * b.shape[0]);
    noGrad(() => {
      for (let i = 0; i < a.shape[0]; i++) {
        for (let j = 0; j < b.shape[0]; j++) {
          const difference = a.select(0, i).sub(b.select(0, j));
          distances[i * b.shape[0] + j] = difference.square().sum().sqrt().item();
        }
      }
    });
    return tensor(distances, { shape: [a.shape[0], b.shape[0]], dtype: "float64" });
  }

  /** √Σ(a − b)² for one row and all training examples at a time. [N, M] */
  computeDistancesOneLoop(X: Tensor): Tensor {
    const [rows, known] = this.#operands("computeDistancesOneLoop", X);
    const [a, b] = [rows.to("float64"), known.to("float64")];
    if (a.shape[0] === 0) return tensor(new Float64Array(0), { shape: [0, b.shape[0]] });
    return noGrad(() =>
      stack(
        Array.from({ length: a.shape[0] }, (_, i) => b.sub(a.select(0, i)).square().sum(1).sqrt()),
      ),
    );
  }

  /**
   * √(‖a‖² + ‖b‖² − 2ab) for all pairs: a matrix product. [N, M]
   *
   * For examples that are nearly equal the sum cancels: of distances below about 1e-8 · ‖a‖ no digit is
   * right. It is never taken of a negative number.
   */
  computeDistancesNoLoops(X: Tensor): Tensor {
    const [rows, known] = this.#operands("computeDistancesNoLoops", X);
    return noGrad(() => distances(rows, known, this.#rowsFor(known.shape[1])));
  }

  /** How many rows of so many numbers make a block. */
  #rowsFor(columns: number): number {
    return Math.max(1, Math.floor(this.#blockBytes / (8 * Math.max(1, columns))));
  }

  /**
   * Classes by majority of the k nearest; of classes that are as frequent, the smallest. Of training
   * examples as near, the first are taken.
   *
   * @param distances  [N, M], of each row to each training example
   * @returns  int32 [N]
   */
  predictLabels(distances: Tensor, { k = 1 }: { k?: number } = {}): Tensor {
    const where = "predictLabels";
    if (this.#x === null) {
      throw new ValueError(`${where}: there are no examples yet; call train(X, y) before.`);
    }
    const known = this.#classes.length;
    if (distances.rank !== 2 || distances.shape[1] !== known) {
      throw new ShapeError(
        `${where}: distances are ${formatShape(distances.shape)}; they must be [N, ${known}], one to each training example.`,
      );
    }
    return this.#vote(nearest(distances, this.#checkK(where, k)).indices, k);
  }

  /**
   * The k nearest training examples. Distances are computed in blocks of rows, so that memory stays
   * bounded for any number of rows.
   */
  neighbors(
    X: Tensor,
    { k = 1, loops = 0 }: { k?: number; loops?: DistanceLoops } = {},
  ): Neighbors {
    const where = "KNearestNeighbor.neighbors";
    const [rows, known] = this.#operands(where, X);
    this.#checkK(where, k);
    const compute = {
      0: (x: Tensor) => this.computeDistancesNoLoops(x),
      1: (x: Tensor) => this.computeDistancesOneLoop(x),
      2: (x: Tensor) => this.computeDistancesTwoLoops(x),
    }[loops];
    if (compute === undefined) {
      throw new ValueError(`${where}: loops is ${show(loops)}; it must be 0, 1 or 2.`);
    }
    const count = rows.shape[0];
    const indices = new Int32Array(count * k);
    const near = new Float64Array(count * k);
    const size = this.#rowsFor(known.shape[0]);
    for (let start = 0; start < count; start += size) {
      const block = rows.narrow(0, start, Math.min(size, count - start));
      const found = nearest(compute(block), k);
      indices.set(found.indices, start * k);
      near.set(found.distances, start * k);
    }
    return {
      indices: tensor(indices, { shape: [count, k] }),
      distances: tensor(near, { shape: [count, k], dtype: "float64" }),
    };
  }

  /**
   * Classes of the rows, as {@link predictLabels} decides.
   *
   * @param X  [N, D]; further axes are flattened
   * @returns  int32 [N]
   */
  predict(X: Tensor, options: { k?: number; loops?: DistanceLoops } = {}): Tensor {
    const { indices } = this.neighbors(X, options);
    return this.#vote(indices.data(), options.k ?? 1);
  }

  #checkK(where: string, k: number): number {
    const known = this.#classes.length;
    if (Number.isSafeInteger(k) && k >= 1 && k <= known) return k;
    throw new ValueError(
      `${where}: k is ${show(k)}; it must be a whole number from 1 to the ${known} training examples.`,
    );
  }

  /** The most frequent class among each k neighbours. */
  #vote(indices: ArrayLike<number>, k: number): Tensor {
    const classes = this.#classes.reduce((most, c) => Math.max(most, c), 0) + 1;
    const votes = new Int32Array(classes);
    return tensor(
      Int32Array.from({ length: indices.length / k }, (_, row) => {
        votes.fill(0);
        for (let i = row * k; i < (row + 1) * k; i++) votes[this.#classes[indices[i]]]++;
        return votes.indexOf(votes.reduce((most, n) => Math.max(most, n), 0));
      }),
    );
  }
}

/** All distances, the training examples in blocks: only so many are in float64 at a time. */
function distances(x: Tensor, known: Tensor, blockRows: number): Tensor {
  const a = x.to("float64");
  const squares = a.square().sum(1, { keepdim: true });
  const result = tensor(new Float64Array(x.shape[0] * known.shape[0]), {
    shape: [x.shape[0], known.shape[0]],
    dtype: "float64",
  });
  for (let start = 0; start < known.shape[0]; start += blockRows) {
    const size = Math.min(blockRows, known.shape[0] - start);
    const b = known.narrow(0, start, size).to("float64");
    const products = a.matmul(b.transpose(0, 1));
    const block = squares.add(b.square().sum(1)).sub(products.mul_(2));
    result.narrow(1, start, size).copy_(block.clamp(0).sqrt());
  }
  return result;
}

/** The k smallest of each row in ascending order, of equal ones the first; NaN is farther than all else. */
function nearest(distances: Tensor, k: number): { indices: Int32Array; distances: Float64Array } {
  const [count, known] = distances.shape;
  const all = distances.data();
  const indices = new Int32Array(count * k);
  const near = new Float64Array(count * k);
  for (let row = 0; row < count; row++) {
    const first = row * k;
    let found = 0;
    for (let j = 0; j < known; j++) {
      const d = all[row * known + j];
      const key = Number.isNaN(d) ? Number.POSITIVE_INFINITY : d;
      if (found === k && key >= near[first + k - 1]) continue;
      // Sorts it in among those found, behind equals.
      let at = first + Math.min(found, k - 1);
      for (; at > first && near[at - 1] > key; at--) {
        near[at] = near[at - 1];
        indices[at] = indices[at - 1];
      }
      near[at] = key;
      indices[at] = j;
      if (found < k) found++;
    }
  }
  return { indices, distances: near };
}
