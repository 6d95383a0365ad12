/** The lessons on recurrent networks and the GPT, each shortened to seconds. */
import { describe, expect, it, jest } from "@jest/globals";
import { charGpt } from "../cs231n/char-gpt.ts";
import { readSonnets } from "../cs231n/language.ts";
import { gradientFlow, lstm } from "../cs231n/lstm.ts";
import { rnn } from "../cs231n/rnn.ts";

function paper() {
  const lines: string[] = [];
  return { print: (line: string) => lines.push(line), text: () => lines.join("\n") };
}

/** Seconds on an idle machine; trainings take their time on a busy one. */
jest.setTimeout(300_000);

describe("the text", () => {
  it("is Shakespeare's 154 sonnets, the last ten apart", () => {
    const { tokenizer, training, heldOut } = readSonnets();
    const text = tokenizer.decode(training);
    expect(text.startsWith("From fairest creatures we desire increase,\nThat thereby")).toBe(true);
    expect(text.split("\n\n")).toHaveLength(144);
    expect(tokenizer.decode(heldOut).split("\n\n")).toHaveLength(10);
    expect(training.length).toBeGreaterThan(85_000);
  });
});

describe("language models", () => {
  const short = { sonnets: 30, epochs: 4, hidden: 48, batchSize: 8, length: 40 };
  /** What knowing only how often each letter comes leaves: a little more than this many nats. */
  const letters = 3.05;

  it("a vanilla RNN", async () => {
    const { print, text } = paper();
    const { trained, heldOut, lossHistory } = await rnn.run({ ...short, lr: 0.01 }, print);
    expect(text()).toMatch(
      /^one step of an RNN: relative error .* to the published digits\nword emb/,
    );
    expect(trained).toBeLessThan(2.6);
    expect(heldOut).toBeLessThan(letters);
    expect(lossHistory).toHaveLength(4 * Math.ceil(Math.floor((training(30) - 1) / 8) / 40));
    expect(text()).toContain("\nShall I ");
  });

  it("an LSTM", async () => {
    const { print, text } = paper();
    const { trained, heldOut } = await lstm.run({ ...short, lr: 0.02 }, print);
    expect(text()).toMatch(
      /^one step of an LSTM, hidden: relative error .*\none step of an LSTM, cell/,
    );
    expect(trained).toBeLessThan(2.7);
    expect(heldOut).toBeLessThan(letters);
  });

  it("an LSTM's gradient lasts where an RNN's vanishes", () => {
    const flow = gradientFlow([1, 30]);
    expect(flow.rnn[1]).toBeLessThan(1e-6);
    expect(flow.lstm[1]).toBeGreaterThan(0.1);
    expect(flow.lstm[1]).toBeLessThan(flow.lstm[0]);
  });

  it("a GPT, the same for the same seed", async () => {
    const { print, text } = paper();
    const tiny = {
      sonnets: 30,
      dModel: 32,
      numLayers: 1,
      contextLength: 32,
      batchSize: 8,
      lr: 0.01,
    };
    const first = await charGpt.run({ ...tiny, steps: 120, minutes: 60 }, print);
    expect(first.trained).toBeLessThan(letters);
    expect(first.lossHistory).toHaveLength(120);
    expect(text()).toMatch(
      /nats per character after 120 steps in \d+ s: \d\.\d{3} on the training/,
    );
    const begin = await charGpt.run({ ...tiny, steps: 5, minutes: 60 }, print);
    const again = await charGpt.run({ ...tiny, steps: 5, minutes: 60 }, print);
    expect(again.lossHistory[0]).toBe(begin.lossHistory[0]);
    expect(again.lossHistory[0]).toBe(first.lossHistory[0]);
  });
});

const training = (sonnets: number) => readSonnets({ sonnets }).training.length;
