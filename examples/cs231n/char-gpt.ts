/**
 * A GPT that learns Shakespeare's sonnets character by character in ten minutes: transformers, of CS231n's lecture
 * on attention and its assignment 3, at the size of a lesson.
 *
 * Vaswani et al., "Attention is all you need", 2017; Radford et al. (GPT-2), 2019.
 */
import { AdamW, data, nn, optim } from "tapegrad";
import { lesson, lossCurve, main, number, whole } from "./common.ts";
import { nats, printSample, readSonnets } from "./language.ts";

/** Between two lines that say how it goes. */
const reportSeconds = 30;

export const charGpt = lesson({
  about: "A GPT for characters: Shakespeare's sonnets in ten minutes",
  options: {
    minutes: number(10, "time to train"),
    steps: whole(1_000_000, "at most so many steps"),
    sonnets: whole(154, "poems to read, the last ten held out", 20),
    contextLength: whole(64, "characters that the model sees"),
    dModel: whole(128, "features of a character"),
    numLayers: whole(3, "transformer layers"),
    batchSize: whole(16, "windows per step"),
    lr: number(4e-3, "highest learning rate"),
    seed: whole(231, "of weights and order", 0),
  },
  run({ minutes, steps, sonnets, contextLength, dModel, numLayers, batchSize, lr, seed }, print) {
    const corpus = readSonnets({ sonnets });
    const vocabSize = corpus.tokenizer.size;
    const model = nn.charGpt({ vocabSize, contextLength, dModel, numLayers, nhead: 4, seed });
    const parameters = model.parameters();
    const count = parameters.reduce((sum, { size }) => sum + size, 0);
    print(
      `${count.toLocaleString("en-US")} parameters, ${corpus.training.length.toLocaleString("en-US")} characters to learn, ${vocabSize} different ones (ln ${vocabSize} = ${Math.log(vocabSize).toFixed(2)} nats)`,
    );
    const optimizer = new AdamW(parameters, { lr, betas: [0.9, 0.98], weightDecay: 0.05 });
    const windows = data.sequenceWindows(corpus.training, { length: contextLength, stride: 1 });
    const loader = new data.DataLoader(windows, { batchSize, shuffle: true, seed });
    const lossHistory: number[] = [];
    const started = performance.now();
    const secondsSince = () => (performance.now() - started) / 1000;
    let reported = 0;
    // How much of the training is over decides the rate: a warm-up, then half a cosine down to nothing.
    const over = () => Math.max(secondsSince() / (60 * minutes), lossHistory.length / steps);
    for (let progress = over(); progress < 1; ) {
      for (const { x, y } of loader) {
        optimizer.lr = lr * Math.min(1, progress / 0.03) * 0.5 * (1 + Math.cos(Math.PI * progress));
        optimizer.zeroGrad();
        const loss = model.loss(x, y);
        loss.backward();
        optim.clipGradNorm_(parameters, 1);
        optimizer.step();
        lossHistory.push(loss.item());
        if (secondsSince() > reported + reportSeconds) {
          reported = secondsSince();
          const recent = lossHistory.slice(-20);
          const mean = recent.reduce((sum, value) => sum + value, 0) / recent.length;
          print(`${reported.toFixed(0)} s, step ${lossHistory.length}: ${mean.toFixed(3)} nats`);
        }
        progress = over();
        if (progress >= 1) break;
      }
    }
    const seconds = secondsSince();
    print(`loss ${lossCurve(lossHistory)}`);
    printSample(model, corpus, print);
    const trained = nats(model, corpus.training, contextLength);
    const heldOut = nats(model, corpus.heldOut, contextLength);
    print(
      `nats per character after ${lossHistory.length} steps in ${seconds.toFixed(0)} s: ${trained.toFixed(3)} on the training text, ${heldOut.toFixed(3)} on ten sonnets held out`,
    );
    return { lossHistory, trained, heldOut };
  },
});

await main(import.meta.url, charGpt);
