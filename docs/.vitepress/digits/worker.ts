/** Loads the digits, trains and predicts, away from the page. */
import { data, threads } from "tapegrad";
import type { News, Order } from "./protocol.ts";
import { makeModel, measure, predict, train } from "./train.ts";

const tell = (news: News) => self.postMessage(news);

async function file(name: string): Promise<Uint8Array> {
  const address = `${import.meta.env.BASE_URL}digits/${name}.gz`;
  const response = await fetch(address);
  if (!response.ok) throw new Error(`${address}: ${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  // Some servers say that a .gz file is a text in transit, and the browser has unpacked it.
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

async function digits(set: string): Promise<data.ImageDataset> {
  const [images, labels] = await Promise.all([
    file(`${set}-images-idx3`),
    file(`${set}-labels-idx1`),
  ]);
  return data.readMnist(images!, labels!);
}

const loading = Promise.all([digits("train"), digits("t10k")]);
let model = makeModel();
/** Counts the runs, so that one that was stopped knows. */
let current = 0;

/** Lets messages in: the worker's queue has them before the next turn of the loop. */
const turn = () =>
  new Promise<void>((done) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      done();
    };
    port2.postMessage(null);
  });

async function fit(): Promise<void> {
  const run = ++current;
  const [training, test] = await loading;
  model = makeModel();
  const started = performance.now();
  const seconds = () => (performance.now() - started) / 1000;
  for (const progress of train(model, training!, test!)) {
    tell({ type: "progress", progress, seconds: seconds() });
    await turn();
    if (run !== current) return;
  }
  tell({
    type: "trained",
    accuracy: measure(model, test!),
    seconds: seconds(),
    threads: threads(),
  });
}

self.addEventListener("message", ({ data: order }: MessageEvent<Order>) => {
  if (order.type === "predict") {
    tell({ type: "prediction", probabilities: predict(model, order.pixels) });
  } else if (order.type === "stop") {
    current += 1;
    tell({ type: "stopped" });
  } else fit().catch(fail);
});

const fail = (error: unknown) =>
  tell({ type: "error", text: error instanceof Error ? error.message : String(error) });

loading.then(([training, test]) => {
  tell({ type: "loaded", training: training!.length, test: test!.length });
}, fail);
