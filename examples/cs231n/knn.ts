/**
 * The nearest neighbour classifier, of CS231n's assignment 1: an image gets the class that most of the k training
 * images closest to it have.
 *
 * Notes: https://cs231n.github.io/classification/
 */
import {
  argmax,
  type data,
  matmul,
  oneHot,
  type Tensor,
  take,
  tensor,
  topk,
  train,
} from "tapegrad";
import {
  asRows,
  cifarFolder,
  lesson,
  loadCifar,
  main,
  type Print,
  percent,
  table,
  whole,
} from "./common.ts";

/** L2 distances between all rows of x [N, D] and of known [M, D]: [N, M]. */
type Distances = (x: Tensor, known: Tensor) => Tensor;

/** √Σ(xᵢ − tⱼ)², pair by pair. */
export const twoLoops: Distances = (x, known) => {
  const [images, neighbours] = [x.unbind(), known.unbind()];
  const rows = images.map((a) => neighbours.map((b) => a.sub(b).square().sum().sqrt().item()));
  return tensor(rows, { dtype: x.dtype });
};

/** One image from all training images at once: broadcasting takes [D] from [M, D]. */
export const oneLoop: Distances = (x, known) => {
  const rows = x.unbind().map((a) => known.sub(a).square().sum(1).sqrt().toArray() as number[]);
  return tensor(rows, { dtype: x.dtype });
};

/**
 * ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b: all pairs are one matrix product, which is what a computer does best. Rounding
 * may leave a square a little below 0.
 */
export const noLoops: Distances = (x, known) => {
  const products = matmul(x, known.transpose());
  const squares = x.square().sum(1, { keepdim: true }).add(known.square().sum(1));
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
function compareMethods(x: Tensor, known: Tensor, print: Print) {
  const methods: Record<string, Distances> = {
    "two loops": twoLoops,
    "one loop": oneLoop,
    "no loops": noLoops,
  };
  let first: Tensor | undefined;
  const results = Object.entries(methods).map(([name, method]) => {
    const started = performance.now();
    const distances = method(x, known);
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

const ks = [1, 3, 5, 8, 10, 12, 15, 20, 50, 100];

/** "Cross-validation": each fold in turn is classified by the others. Accuracies by k. */
function crossValidate(images: data.Dataset, folds: number) {
  return train.crossValidate(
    (fold) => {
      const [known, held] = [asRows(fold.train), asRows(fold.validation)];
      const distances = noLoops(held.x, known.x);
      return Object.fromEntries(
        ks
          .filter((k) => k <= known.y.size)
          .map((k) => [`k = ${k}`, accuracy(vote(distances, known.y, k), held.y)]),
      );
    },
    images,
    { k: folds, shuffle: false }, // the files are in random order
  );
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
    const parts = await loadCifar(options.data, { ...options, validation: 0 });
    const [known, test] = [asRows(parts.train), asRows(parts.test)];

    const [few, some] = [options.compareTest, options.compareTrain];
    print(`Distances of ${few} test images to ${some} training images`);
    const methods = compareMethods(test.x.narrow(0, 0, few), known.x.narrow(0, 0, some), print);

    print(`\nAccuracy by k, of ${options.folds} folds of the training images`);
    const { folds, mean, std } = await crossValidate(parts.train, options.folds);
    const names = Object.keys(mean);
    print(
      table([
        ["", ...folds.map((_, i) => `fold ${i + 1}`), "mean", "std"],
        ...names.map((k) => [k, ...[...folds, mean, std].map((scores) => percent(scores[k]))]),
      ]),
    );
    const best = names.reduce((a, b) => (mean[b] > mean[a] ? b : a));
    const bestK = ks.find((k) => best === `k = ${k}`)!;

    const guesses = vote(noLoops(test.x, known.x), known.y, bestK);
    const testAccuracy = accuracy(guesses, test.y);
    print(`\nTest accuracy ${percent(testAccuracy)} with k = ${bestK}, on ${options.test} images`);
    const classifier = new train.KNearestNeighbor().train(known.x, known.y);
    const agreement = accuracy(classifier.predict(test.x, { k: bestK }), guesses);
    print(
      `train.KNearestNeighbor, the library's: the same class for ${percent(agreement)} of them`,
    );
    return { methods, mean, bestK, testAccuracy, agreement };
  },
});

await main(import.meta.url, knn);
