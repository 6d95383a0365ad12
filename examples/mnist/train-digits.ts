/** The MNIST example: declare a model, train it, test it, save it. */
import { createHash } from "node:crypto";
import {
  data,
  loadMnist,
  type Module,
  manualSeed,
  max,
  nn,
  noGrad,
  Solver,
  saveSafetensors,
  softmax,
  type train,
} from "tapegrad";
import { drawImage, sideBySide } from "./art.ts";
import { type Options, optimizers } from "./options.ts";

const classes = 10;

/** flatten – (linear – relu – dropout) × hidden layers – linear */
export function buildModel(inputs: number, hidden: readonly number[], p: number): Module {
  const sizes = [inputs, ...hidden];
  return nn.sequential([
    nn.flatten(),
    ...hidden.flatMap((size, i) => [nn.linear(sizes[i], size), nn.relu(), nn.dropout(p)]),
    nn.linear(sizes.at(-1)!, classes),
  ]);
}

export interface Surroundings {
  output: train.Output;
  signal?: AbortSignal;
  /** The digits; by default all of MNIST. */
  digits?: data.Mnist;
  /** How many training digits are held out to choose the best epoch. */
  heldOut?: number;
}

export interface Summary extends train.TrainingResult {
  testAccuracy: number;
  /** Of the final weights: equal for equal weights. */
  hash: string;
}

export async function trainDigits(options: Options, around: Surroundings): Promise<Summary> {
  const { epochs, batchSize, lrDecay, hidden, seed, quiet } = options;
  const { output, heldOut = 5000 } = around;
  const print = (text: string) => output.write(`${text}\n`);
  const say = quiet ? () => {} : print;
  manualSeed(seed);
  const mnist = around.digits ?? (await loadMnist());
  const [training, validation] = data.split(mnist.train, [mnist.train.length - heldOut, heldOut]);
  const model = buildModel(mnist.train.height * mnist.train.width, hidden, options.dropout);
  const { lr, make } = optimizers[options.optimizer];
  const optimizer = make(model.parameters(), options.lr ?? lr);
  const parameters = model.parameters().reduce((sum, { size }) => sum + size, 0);
  say(`${model}`);
  say(
    `${count(parameters)} parameters · ${count(training.length)} digits to train on, ${count(heldOut)} to choose the best epoch, ${count(mnist.test.length)} for the test · ${options.optimizer}, learning rate ${optimizer.lr}\n`,
  );

  const solver = new Solver({
    model,
    train: training,
    validation,
    optimizer,
    epochs,
    batchSize,
    lrDecay,
    output,
    progress: quiet ? "silent" : options.progress,
    ...(options.steps === undefined ? {} : { maxSteps: options.steps }),
    ...(around.signal === undefined ? {} : { signal: around.signal }),
  });
  const result = await solver.fit();

  const guesses = await classify(model, mnist.test);
  const testAccuracy = guesses.filter(({ right }) => right).length / guesses.length;
  say(gallery(mnist.test, guesses));
  const state = model.stateDict();
  await saveSafetensors(options.output, state, {
    format: "pt",
    model: JSON.stringify(model.spec),
    testAccuracy: String(testAccuracy),
  });
  const hash = createHash("sha256")
    .update(data.encodeSafetensors(state))
    .digest("hex")
    .slice(0, 12);
  const kept =
    result.bestEpoch === 0 ? "no epoch was complete" : `best epoch ${result.bestEpoch} kept`;
  print(
    `${result.stopped === "aborted" ? "Stopped early. " : ""}Test accuracy ${(100 * testAccuracy).toFixed(2)} % after ${count(result.steps)} steps in ${result.seconds.toFixed(1)} s (${kept}) · weights ${hash} saved to ${options.output}`,
  );
  say(
    [
      "",
      "Next: npm start -- --hidden 512,256 --epochs 10    a larger network, for longer",
      "      npm start -- --optimizer nesterov --lr 0.1    another way downhill",
      "      npm start -- --help                           all options",
    ].join("\n"),
  );
  return { ...result, testAccuracy, hash };
}

const count = (n: number) => n.toLocaleString("en-US");

interface Guess {
  index: number;
  label: number;
  guess: number;
  /** The probability that the model gives its guess. */
  confidence: number;
  right: boolean;
}

/** What the model thinks of every digit. */
async function classify(model: Module, digits: data.ImageDataset): Promise<Guess[]> {
  const guesses: Guess[] = [];
  model.eval();
  for await (const { x, y } of new data.DataLoader(digits, { batchSize: 256 })) {
    const { values, indices } = noGrad(() => max(softmax(model(x)), 1));
    const [confidence, guess, label] = [values.data(), indices.data(), y.data()];
    for (let i = 0; i < label.length; i++) {
      guesses.push({
        index: guesses.length,
        label: label[i],
        guess: guess[i],
        confidence: confidence[i],
        right: guess[i] === label[i],
      });
    }
  }
  return guesses;
}

const perRow = 3;

/** The first test digits, and those that the model gets wrong with most confidence. */
function gallery(digits: data.ImageDataset, guesses: readonly Guess[]): string {
  const wrong = guesses
    .filter(({ right }) => !right)
    .sort((a, b) => b.confidence - a.confidence)
    .slice(0, perRow);
  const show = (row: readonly Guess[]) =>
    sideBySide(
      row.map(({ index, label, guess, confidence, right }) => ({
        lines: drawImage(digits.pixels(index), digits.height, digits.width),
        caption: `${guess} (${(100 * confidence).toFixed(1)} %)${right ? "" : `, is ${label}`}`,
      })),
    );
  const mistakes = wrong.length === 0 ? [] : ["\nIts surest mistakes:", show(wrong)];
  return ["\nThe first test digits:", show(guesses.slice(0, perRow)), ...mistakes, ""].join("\n");
}
