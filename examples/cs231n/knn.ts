/**
 * The nearest neighbour classifier, of CS231n's assignment 1: an image gets the class that most of the k training
 * images closest to it have.
 *
 * Notes: https://cs231n.github.io/classification/
 */
import { argmax, concat, matmul, oneHot, type Tensor, take, tensor, topk } from "tapegrad";
import {
  asRows,
  cifarFolder,
  lesson,
  loadCifar,
  main,
  type Print,
  percent,
  range,
  table,
  whole,
} from "./common.ts";

/** L2 distances between all rows of x [N, D] and of train [M, D]: [N, M]. */
type Distances = (x: Tensor, train: Tensor) => Tensor;

/** √Σ(xᵢ − tⱼ)², pair by pair. */
export const twoLoops: Distances = (x, train) => {
  const [images, neighbours] = [x.unbind(), train.unbind()];
  const rows = images.map((a) => neighbours.map((b) => a.sub(b).square().sum().sqrt().item()));
  return tensor(rows, { dtype: x.dtype });
};

/** One image from all training images at once: broadcasting takes [D] from [M, D]. */
export const oneLoop: Distances = (x, train) => {
  const rows = x.unbind().map((a) => train.sub(a).square().sum(1).sqrt().toArray() as number[]);
  return tensor(rows, { dtype: x.dtype });
};

/**
 * ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b: all pairs are one matrix product, which is what a computer does best. Rounding
 * may leave a square a little below 0.
 */
export const noLoops: Distances = (x, train) => {
  const products = matmul(x, train.transpose());
  const squares = x.square().sum(1, { keepdim: true }).add(train.square().sum(1));
  return squares.sub(products.mul(2)).clamp(0).sqrt();
};

/**
 * The vote of the k nearest; of classes with as many votes the first wins.
 *
 * @param distances  [N, M]
 * @param labels     int32 [M], the training images' classes
 * @returns          int32 [N]
 */
export function vote(distances: Tensor, labels: Tensor, k: number, classes = 10): Tensor {
  const nearest = topk(distances, k, { largest: false }).indices; // [N, k]
  const votes = oneHot(take(labels, nearest), classes).sum(1); // [N, classes]
  return argmax(votes, 1);
}

const accuracy = (guesses: Tensor, y: Tensor) => guesses.eq(y).sum().item() / y.size;

/** Distances by each method, how long each took, and how far it is from the first one's. */
function compareMethods(x: Tensor, train: Tensor, print: Print) {
  const methods: Record<string, Distances> = {
    "two loops": twoLoops,
    "one loop": oneLoop,
    "no loops": noLoops,
  };
  let first: Tensor | undefined;
  const results = Object.entries(methods).map(([name, method]) => {
    const started = performance.now();
    const distances = method(x, train);
    const ms = performance.now() - started;
    first ??= distances;
    // ‖A − B‖/‖A‖, with Frobenius norms
    const difference = distances.sub(first).norm().item() / first.norm().item();
    return { name, ms, difference };
  });
  print(
    table([
      ["", "time", "difference"],
      ...results.map(({ name, ms, difference }) => [
        name,
        `${ms.toFixed(0)} ms`,
        difference.toExponential(1),
      ]),
    ]),
  );
  return results;
}

/**
 * "Cross-validation": each fold in turn is classified by the others.
 *
 * @returns  the folds' accuracies by k
 */
export function crossValidate(
  x: Tensor,
  y: Tensor,
  ks: readonly number[],
  folds: number,
): Map<number, number[]> {
  const [xs, ys] = [x.chunk(folds), y.chunk(folds)];
  const results = new Map(ks.map((k) => [k, [] as number[]]));
  for (const held of range(0, xs.length)) {
    const others = range(0, xs.length).filter((fold) => fold !== held);
    const trainX = others.map((fold) => xs[fold]);
    const trainY = others.map((fold) => ys[fold]);
    const distances = noLoops(xs[held], concat(trainX));
    const labels = concat(trainY);
    for (const [k, accuracies] of results) {
      accuracies.push(accuracy(vote(distances, labels, k), ys[held]));
    }
  }
  return results;
}

export const knn = lesson({
  about: "k nearest neighbours on CIFAR-10: distances in three ways, k by cross-validation.",
  options: {
    data: cifarFolder,
    train: whole(5000, "training images"),
    test: whole(500, "test images"),
    compareTest: whole(50, "test images whose distances are computed in all three ways"),
    compareTrain: whole(1000, "training images of that comparison"),
    folds: whole(5, "folds of the cross-validation", 2),
  },
  async run(options, print) {
    const parts = await loadCifar(options.data, options);
    const [train, test] = [asRows(parts.train), asRows(parts.test)];

    const [few, some] = [options.compareTest, options.compareTrain];
    print(`Distances of ${few} test images to ${some} training images`);
    const methods = compareMethods(test.x.narrow(0, 0, few), train.x.narrow(0, 0, some), print);

    print(`\nAccuracy by k, of ${options.folds} folds of the training images`);
    const validated = crossValidate(
      train.x,
      train.y,
      [1, 3, 5, 8, 10, 12, 15, 20, 50, 100],
      options.folds,
    );
    const mean = (list: readonly number[]) => list.reduce((sum, a) => sum + a, 0) / list.length;
    print(
      table([
        ["k", ...range(0, options.folds).map((fold) => `fold ${fold + 1}`), "mean"],
        ...[...validated].map(([k, list]) => [k, ...list.map(percent), percent(mean(list))]),
      ]),
    );
    const [bestK] = [...validated].reduce((best, one) =>
      mean(one[1]) > mean(best[1]) ? one : best,
    );

    const testAccuracy = accuracy(vote(noLoops(test.x, train.x), train.y, bestK), test.y);
    print(`\nTest accuracy ${percent(testAccuracy)} with k = ${bestK}, on ${options.test} images`);
    return { methods, validated, bestK, testAccuracy };
  },
});

await main(import.meta.url, knn);
