/**
 * Recurrent networks, of CS231n's lecture on them and its assignment 3: one step with its published numbers, and
 * a network that learns to write, character by character.
 *
 * Notes: https://cs231n.github.io/rnn/ and Karpathy, "The unreasonable effectiveness of recurrent neural
 * networks", https://karpathy.github.io/2015/05/21/rnn-effectiveness/
 */
import { linspace, manualSeed, nn, type Tensor, tensor, zeros } from "tapegrad";
import { expectPublished, lesson, main, number, type Print, whole } from "./common.ts";
import { nats, printSample, readSonnets, spaced, trainOnStreams } from "./language.ts";

const dtype = "float64";

/** rnn_step_forward: tanh(x·Wx + h·Wh + b), [3, 4]. */
const publishedStep = [
  -0.58172089, -0.50182032, -0.41232771, -0.31410098, 0.66854692, 0.79562378, 0.87755553,
  0.92795967, 0.97934501, 0.99144213, 0.99646691, 0.99854353,
];

/** word_embedding_forward: rows of a table, [2, 4, 3]. */
const publishedEmbedding = [
  0, 0.07142857, 0.14285714, 0.64285714, 0.71428571, 0.78571429, 0.21428571, 0.28571429, 0.35714286,
  0.42857143, 0.5, 0.57142857, 0.42857143, 0.5, 0.57142857, 0.21428571, 0.28571429, 0.35714286, 0,
  0.07142857, 0.14285714, 0.64285714, 0.71428571, 0.78571429,
];

/** "Vanilla RNN: step forward" and "Word embedding: forward". CS231n's weights are [in, out], ours [out, in]. */
function checkParts(print: Print): void {
  const cell = nn.rnnCell(10, 4, { dtype });
  cell.loadStateDict({
    weight_ih: spaced(-0.1, 0.9, [10, 4]).transpose(0, 1),
    weight_hh: spaced(-0.3, 0.7, [4, 4]).transpose(0, 1),
    bias_ih: linspace(-0.2, 0.4, 4, { dtype }),
    bias_hh: zeros([4], { dtype }), // the course has one bias
  });
  const next = cell(spaced(-0.4, 0.7, [3, 10]), spaced(-0.2, 0.5, [3, 4]));
  expectPublished(print, "one step of an RNN", next, publishedStep, 1e-8);

  const table = nn.embedding(5, 3, { dtype });
  table.loadStateDict({ weight: spaced(0, 1, [5, 3]) });
  const words = tensor(
    [
      [0, 3, 1, 2],
      [2, 1, 0, 3],
    ],
    { dtype: "int32" },
  );
  expectPublished(print, "word embedding", table(words), publishedEmbedding, 2e-8);
}

interface RnnState {
  hidden: Tensor;
}

/** embedding – RNN – linear: h ← tanh(Wx·x + Wh·h + b), and scores of the next character from each h. */
export class RnnLanguageModel extends nn.LanguageModel<RnnState, RnnState & { logits: Tensor }> {
  readonly vocabSize: number;
  embedding: nn.Embedding;
  rnn: nn.RNN;
  output: nn.Linear;

  constructor(vocabSize: number, hiddenSize: number) {
    super();
    this.vocabSize = vocabSize;
    this.embedding = nn.embedding(vocabSize, 64);
    this.rnn = nn.rnn(64, hiddenSize, { batchFirst: true });
    this.output = nn.linear(hiddenSize, vocabSize);
  }

  forward(tokens: Tensor, state?: RnnState): RnnState & { logits: Tensor } {
    const { output, hidden } = this.rnn(this.embedding(tokens), state);
    return { logits: this.output(output), hidden };
  }

  /** Writing needs the state alone, not all that was written. */
  protected override reader(): (tokens: readonly number[]) => Tensor {
    let state: RnnState | undefined;
    return (tokens) => {
      const { logits, hidden } = this(tensor(Int32Array.from(tokens)).unsqueeze(0), state);
      state = { hidden };
      return logits.select(0, 0).select(0, -1);
    };
  }
}

export const rnn = lesson({
  about: "A vanilla RNN: published numbers, then Shakespeare's sonnets character by character",
  options: {
    sonnets: whole(154, "poems to read, the last ten held out", 20),
    epochs: whole(20, "passes over the text"),
    hidden: whole(192, "size of the state"),
    length: whole(50, "characters that gradients reach back"),
    batchSize: whole(16, "streams side by side"),
    lr: number(3e-3, "learning rate"),
    seed: whole(231, "of weights", 0),
  },
  run({ sonnets, hidden, seed, ...training }, print) {
    checkParts(print);
    const corpus = readSonnets({ sonnets });
    manualSeed(seed);
    const model = new RnnLanguageModel(corpus.tokenizer.size, hidden);
    const lossHistory = trainOnStreams(model, corpus.training, training, print);
    const trained = nats(model, corpus.training, training.length);
    const heldOut = nats(model, corpus.heldOut, training.length);
    printSample(model, corpus, print);
    print(
      `nats per character: ${trained.toFixed(3)} on the training text, ${heldOut.toFixed(3)} on ten sonnets held out`,
    );
    return { lossHistory, trained, heldOut };
  },
});

await main(import.meta.url, rnn);
