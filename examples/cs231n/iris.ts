/**
 * Fisher's iris flowers by 5-fold cross-validation: 150 flowers are too few to set some aside, so each is tested
 * once, by a network that has seen the other folds only.
 *
 * Notes: https://cs231n.github.io/classification/#val ("Cross-validation")
 */
import { Adam, checkAccuracy, data, manualSeed, nn, Solver, train } from "tapegrad";
import { lesson, main, number, percent, range, whole } from "./common.ts";

export const iris = lesson({
  about: "A small network on Fisher's iris flowers, by stratified cross-validation.",
  options: {
    folds: whole(5, "folds", 2),
    hidden: whole(8, "hidden units"),
    epochs: whole(30, "passes over the training flowers"),
    lr: number(0.02, "learning rate"),
    seed: whole(1, "fixes every random number", 0),
  },
  async run({ folds: k, hidden, epochs, lr, seed }, print) {
    const { dataset, classNames } = await data.loadIris();
    const confusion = train.confusionMatrix({ classNames });
    manualSeed(seed);
    const { folds, mean, std } = await train.crossValidate(
      async (fold) => {
        // Mean and deviation are of the training flowers: the others must not be looked at.
        const standard = data.normalize(await data.fitStatistics(fold.train));
        const [training, held] = [fold.train, fold.validation].map((part) =>
          data.transform(part, standard),
        );
        const model = nn.sequential([
          nn.linear(4, hidden),
          nn.tanh(),
          nn.linear(hidden, classNames.length),
        ]);
        const optimizer = new Adam(model.parameters(), { lr });
        const solver = new Solver({
          model,
          train: training,
          optimizer,
          epochs,
          batchSize: 16,
          progress: "silent",
        });
        await solver.fit();
        const { x, y } = held.batch(Int32Array.from(range(0, held.length)));
        confusion.update(model(x), y);
        const accuracy = await checkAccuracy(model, held);
        print(`fold ${fold.fold + 1}: ${percent(accuracy)} of ${held.length} flowers`);
        return accuracy;
      },
      dataset,
      { k, seed, stratify: dataset.y.data() },
    );
    print(train.formatConfusionMatrix(confusion.compute()));
    print(`Accuracy ${percent(mean)} ± ${percent(std)} over ${k} folds`);
    return { folds, mean, std };
  },
});

await main(import.meta.url, iris);
