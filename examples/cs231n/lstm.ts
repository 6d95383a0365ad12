/**
 * Long short-term memory, of CS231n's assignment 3: one step with its published numbers, the two cells' gradients
 * over long times, and a network that learns to write.
 *
 * Notes: https://cs231n.github.io/rnn/#lstm
 */
import { cat, Generator, linspace, nn, randn, type Tensor, zeros } from "tapegrad";
import { expectPublished, lesson, main, number, type Print, table, whole } from "./common.ts";
import { nats, printSample, readSonnets, spaced, trainOnStreams } from "./language.ts";

const dtype = "float64";

/** lstm_step_forward: [3, 5] each. */
const published = {
  hidden: [
    0.24635157, 0.28610883, 0.32240467, 0.35525807, 0.38474904, 0.49223563, 0.55611431, 0.61507696,
    0.66844003, 0.7159181, 0.56735664, 0.66310127, 0.74419266, 0.80889665, 0.858299,
  ],
  cell: [
    0.32986176, 0.39145139, 0.451556, 0.51014116, 0.56717407, 0.66382255, 0.76674007, 0.87195994,
    0.97902709, 1.08751345, 0.74192008, 0.90592151, 1.07717006, 1.25120233, 1.42395676,
  ],
};

/** CS231n's columns are input, forget, output and candidate gates; ours (and PyTorch's) are i, f, candidate, o. */
function reordered(columns: Tensor): Tensor {
  const [i, f, o, g] = columns.chunk(4, -1);
  return cat([i, f, g, o], -1);
}

/** "LSTM: step forward". */
function checkStep(print: Print): void {
  const cell = nn.lstmCell(4, 5, { dtype });
  cell.loadStateDict({
    weight_ih: reordered(spaced(-2.1, 1.3, [4, 20])).transpose(0, 1),
    weight_hh: reordered(spaced(-0.7, 2.2, [5, 20])).transpose(0, 1),
    bias_ih: reordered(linspace(0.3, 0.7, 20, { dtype })),
    bias_hh: zeros([20], { dtype }),
  });
  const state = { hidden: spaced(-0.3, 0.7, [3, 5]), cell: spaced(-0.4, 0.9, [3, 5]) };
  const next = cell(spaced(-0.4, 1.2, [3, 4]), state);
  expectPublished(print, "one step of an LSTM, hidden", next.hidden, published.hidden, 1e-8);
  expectPublished(print, "one step of an LSTM, cell", next.cell, published.cell, 1e-8);
}

/**
 * "Vanishing gradients": how much of the gradient at the last step arrives at the first. An RNN multiplies by
 * Whᵀ and tanh' at every step; an LSTM's cell only by its forget gate, which a bias of 3 holds open.
 *
 * @returns  |∂L/∂h₀|, |∂L/∂c₀| per |∂L/∂h_T|, for each number of steps T
 */
export function gradientFlow(times: readonly number[]): { rnn: number[]; lstm: number[] } {
  const [batch, size] = [8, 32];
  const options = { dtype, generator: new Generator(231) } as const;
  const plain = nn.rnnCell(size, size, options);
  const gated = nn.lstmCell(size, size, options);
  const forgetGate = gated.bias_ih!.detach().narrow(0, size, size);
  forgetGate.fill_(3);
  const inputs = randn([Math.max(...times), batch, size], options).unbind(0);
  const dy = randn([batch, size], options);
  const arriving = (first: Tensor, last: Tensor) => {
    last.backward(dy);
    return first.grad!.norm().item() / dy.norm().item();
  };
  return {
    rnn: times.map((time) => {
      const first = zeros([batch, size], { dtype, requiresGrad: true });
      return arriving(
        first,
        inputs.slice(0, time).reduce((hidden, x) => plain(x, hidden), first),
      );
    }),
    lstm: times.map((time) => {
      const first = zeros([batch, size], { dtype, requiresGrad: true });
      const start = { hidden: zeros([batch, size], { dtype }), cell: first };
      return arriving(
        first,
        inputs.slice(0, time).reduce((state, x) => gated(x, state), start).cell,
      );
    }),
  };
}

export const lstm = lesson({
  about: "An LSTM: published numbers, gradients over time, then Shakespeare's sonnets",
  options: {
    sonnets: whole(154, "poems to read, the last ten held out", 20),
    epochs: whole(15, "passes over the text"),
    hidden: whole(160, "size of the state"),
    length: whole(50, "characters that gradients reach back"),
    batchSize: whole(16, "streams side by side"),
    lr: number(5e-3, "learning rate"),
    seed: whole(231, "of weights", 0),
  },
  run({ sonnets, hidden, seed, ...training }, print) {
    checkStep(print);
    const times = [1, 5, 20, 50];
    const flow = gradientFlow(times);
    const row = (name: string, values: number[]) => [
      name,
      ...values.map((v) => v.toExponential(0)),
    ];
    print(
      table([["gradient after steps", ...times], row("RNN", flow.rnn), row("LSTM", flow.lstm)]),
    );

    const corpus = readSonnets({ sonnets });
    const model = nn.lstmLanguageModel({
      vocabSize: corpus.tokenizer.size,
      embeddingDim: 64,
      hiddenSize: hidden,
      numLayers: 1,
      seed,
    });
    const lossHistory = trainOnStreams(model, corpus.training, training, print);
    const trained = nats(model, corpus.training, training.length);
    const heldOut = nats(model, corpus.heldOut, training.length);
    printSample(model, corpus, print);
    print(
      `nats per character: ${trained.toFixed(3)} on the training text, ${heldOut.toFixed(3)} on ten sonnets held out`,
    );
    return { flow, lossHistory, trained, heldOut };
  },
});

await main(import.meta.url, lstm);
