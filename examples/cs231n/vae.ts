/**
 * A variational autoencoder invents digits: generative models, of CS231n's lecture 13, on MNIST.
 *
 * Kingma and Welling, "Auto-encoding variational Bayes", 2014
 */
import { Adam, data, loadMnist, manualSeed, nn, noGrad, Solver, type Tensor } from "tapegrad";
import { drawImage, sideBySide } from "../mnist/art.ts";
import { lesson, lossCurve, main, number, range, whole } from "./common.ts";

const side = 28;

/** Digits as probabilities of ink, [0, 1]: what a Bernoulli likelihood wants. */
function unscaled({ images, labels }: data.ImageDataset, from: number, to: number): data.Dataset {
  const ink = new data.ImageDataset(images, labels, side, side, { mean: 0, std: 1 });
  return data.mapBatches(data.subset(ink, range(from, to)), ({ x, y }) => ({ x: x.flatten(1), y }));
}

/** Rows of [0, 1] as pictures next to each other. */
export function pictures(rows: Tensor): string {
  return sideBySide(
    rows.unbind(0).map((row) => ({
      lines: drawImage(
        Uint8Array.from(row.data(), (ink) => Math.round(255 * ink)),
        side,
        side,
      ),
      caption: "",
    })),
  );
}

export const vae = lesson({
  about: "A variational autoencoder that invents digits",
  options: {
    train: whole(30_000, "digits to train on"),
    validation: whole(1000, "digits that tell how good it is"),
    epochs: whole(6, "passes over the digits"),
    latent: whole(10, "numbers in a digit's code"),
    hidden: whole(256, "size of the hidden layers"),
    lr: number(2e-3, "learning rate"),
    seed: whole(231, "of weights, order and noise", 0),
  },
  async run({ train, validation, epochs, latent, hidden, lr, seed }, print) {
    const mnist = await loadMnist();
    manualSeed(seed);
    const model = nn.vae({ inputDim: side * side, latentDim: latent, hiddenDims: [hidden], seed });
    const unseen = unscaled(mnist.train, train, train + validation);
    const result = await new Solver({
      model,
      train: unscaled(mnist.train, 0, train),
      validation: unseen,
      objective: ({ x }) => model.loss(x),
      optimizer: new Adam(model.parameters(), { lr }),
      lrDecay: 0.8,
      epochs,
      seed,
      progress: "silent",
      onEpoch: ({ epoch, meanLoss, seconds }) =>
        print(
          `epoch ${epoch}/${epochs}: −ELBO ${meanLoss.toFixed(1)} nats per digit, ${seconds.toFixed(0)} s`,
        ),
    }).fit();
    print(`loss ${lossCurve(result.lossHistory)}`);

    model.eval();
    const { x } = unseen.batch(Int32Array.from(range(0, Math.min(4, validation))));
    const again = noGrad(() => model(x).reconstruction.sigmoid());
    print(`\nDigits that it never saw, and what is left of them after ${latent} numbers:`);
    print(`${pictures(x)}\n${pictures(again)}`);
    const samples = noGrad(() => model.sample(8));
    print("\nInvented:");
    print(`${pictures(samples.narrow(0, 0, 4))}\n${pictures(samples.narrow(0, 4, 4))}`);
    return { ...result, samples };
  },
});

await main(import.meta.url, vae);
