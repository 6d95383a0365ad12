/** Files of a run: what is written when, and what happens to damaged ones. */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import * as promises from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { equal, Generator, manualSeed, randn, TapegradError } from "@tapegrad/core";
import {
  encodeSafetensors,
  FileError,
  FormatError,
  loadSafetensors,
  TensorDataset,
  type WritingFs,
} from "@tapegrad/data";
import { fromSpec, linear, Module, relu, sequential } from "@tapegrad/nn";
import { Adam, SGD } from "@tapegrad/optim";
import {
  type Checkpoint,
  decodeCheckpoint,
  type EpochLine,
  encodeCheckpoint,
  listRuns,
  loadCheckpoint,
  RunFolder,
  Solver,
  type SolverOptions,
  saveCheckpoint,
} from "@tapegrad/train";
import fc from "fast-check";

const root = mkdtempSync(join(tmpdir(), "tapegrad-runs-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let folders = 0;
const fresh = () => join(root, `run-${folders++}`);

const x = randn([40, 3], { generator: new Generator(1) });
const train = new TensorDataset(x, x.sum(1).gt(0).to("int32"));

function solver(options: Partial<SolverOptions> = {}, seed = 1): Solver {
  manualSeed(seed);
  const model = options.model ?? sequential([linear(3, 6), relu(), linear(6, 2)]);
  return new Solver({
    model,
    train,
    validation: train,
    optimizer: new Adam(model.parameters(), { lr: 0.02 }),
    batchSize: 8,
    epochs: 4,
    progress: "silent",
    ...options,
  });
}

class Lines {
  text = "";
  write(more: string): void {
    this.text += more;
  }
}

const files = (folder: string) => readdirSync(join(folder, "checkpoints")).sort();
const names = (...steps: number[]) =>
  steps.map((step) => `step-${String(step).padStart(8, "0")}.safetensors`);

describe("a run folder", () => {
  it("has config, metrics and checkpoints", async () => {
    const runFolder = fresh();
    const config = { data: "points", layers: [6] };
    const one = solver({ runFolder, config, logSteps: 5 });
    const result = await one.fit();
    const run = new RunFolder(runFolder);
    expect(await run.config()).toEqual({
      runId: result.runId,
      created: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      model: one.model.spec,
      optimizer: "Adam",
      epochs: 4,
      batchSize: 8,
      config,
    });
    const lines = await run.metrics();
    const epochs = lines.filter((line): line is EpochLine => line.type === "epoch");
    expect(lines.filter(({ type }) => type === "step").map(({ step }) => step)).toEqual([
      5, 10, 15, 20,
    ]);
    expect(lines.find(({ step }) => step === 10)).toMatchObject({
      epoch: 2,
      loss: result.lossHistory[9],
      learningRate: 0.02,
    });
    expect(
      epochs.map(({ trainAcc, valLoss, valAcc, loss }) => [loss, trainAcc, valLoss, valAcc]),
    ).toEqual(
      epochs.map((_, i) => [
        result.trainLossHistory[i],
        result.trainAccHistory[i],
        result.valLossHistory[i],
        result.valAccHistory[i],
      ]),
    );
    expect(epochs.map(({ epoch, step }) => [epoch, step])).toEqual([
      [1, 5],
      [2, 10],
      [3, 15],
      [4, 20],
    ]);
    // By default after each epoch, the last three kept, and the best one.
    expect(files(runFolder)).toEqual(["best.safetensors", ...names(10, 15, 20)]);
    const best = await loadCheckpoint(run.bestPath);
    expect(best.progress.state.epoch).toBe(result.bestEpoch);
    expect(best.progress.state.best).toBe(result.best);
    for (const [name, value] of one.model.stateDict()) {
      expect(equal(value, best.weights.get(name)!)).toBe(true);
    }
    const { checkpoint } = (await run.latest({ warn: fail }))!;
    expect(checkpoint.lossHistory).toEqual(result.lossHistory);
    expect(await listRuns(root)).toEqual([
      {
        path: runFolder,
        config: await run.config(),
        last: epochs.at(-1),
        losses: result.trainLossHistory,
      },
    ]);
  });

  it("saves every n steps, seconds or epochs, and keeps the last ones", async () => {
    const kept = async (checkpoints: SolverOptions["checkpoints"], more = {}) => {
      const runFolder = fresh();
      await solver({ runFolder, checkpoints: { keepBest: false, ...checkpoints }, ...more }).fit();
      return files(runFolder);
    };
    expect(await kept({ everySteps: 7, keepLast: 9 })).toEqual(names(7, 14, 20));
    expect(await kept({ everyEpochs: 3, keepLast: 9 })).toEqual(names(15, 20));
    expect(await kept({ everySteps: 4, everyEpochs: 2, keepLast: 2 })).toEqual(names(16, 20));
    expect(await kept({ everySeconds: 1e-9, keepLast: 1 })).toEqual(names(20));
    expect(await kept({ everySeconds: 1e9, keepLast: 9 })).toEqual(names(20));
    expect(await kept({ everySteps: 100 }, { maxSteps: 7 })).toEqual(names(7));
  });

  it("is resumed with longer training, its metrics cut where the checkpoint was", async () => {
    const [runFolder, whole] = [fresh(), fresh()];
    const expected = await solver({ runFolder: whole, logSteps: 2 }).fit();
    await solver({ runFolder, logSteps: 2, maxSteps: 12, epochs: 9 }).fit();
    writeFileSync(join(runFolder, "metrics.jsonl"), '{"type":"step","st', { flag: "a" });
    const result = await solver({ runFolder, logSteps: 2, resume: true }, 77).fit();
    expect(result.lossHistory).toEqual(expected.lossHistory);
    expect(result.valAccHistory).toEqual(expected.valAccHistory);
    const plain = async (path: string) =>
      (await new RunFolder(path).metrics()).map((line) => ({ ...line, seconds: 0 }));
    expect(await plain(runFolder)).toEqual(await plain(whole));
    const { runId } = await new RunFolder(runFolder).config();
    expect(runId).toBe(result.runId);
  });

  it("is not used twice, unless to resume", async () => {
    const runFolder = fresh();
    await solver({ runFolder, resume: true, epochs: 1 }).fit(); // nothing there to resume
    await expect(solver({ runFolder }).fit()).rejects.toThrow(
      new FileError(
        `RunFolder: "${runFolder}" holds a run already; resume it, or choose another folder.`,
      ),
    );
    const { steps } = await solver({ runFolder, resume: true, epochs: 1 }).fit();
    expect(steps).toBe(5);
  });

  it("needs a place that can be written, before anything is trained", async () => {
    const file = join(root, "file");
    writeFileSync(file, "");
    let steps = 0;
    const onBatch = () => {
      steps++;
    };
    await expect(solver({ runFolder: join(file, "run"), onBatch }).fit()).rejects.toThrow(
      `RunFolder: can't make the folder "${join(file, "run")}/checkpoints"`,
    );
    const readOnly = failing("EACCES", () => true);
    const runFolder = fresh();
    await expect(
      solver({ runFolder, onBatch, checkpoints: { fs: readOnly } }).fit(),
    ).rejects.toThrow(
      `RunFolder: can't write "${runFolder}/checkpoints/best.safetensors": permission denied (EACCES); choose a place that you may use.`,
    );
    expect(steps).toBe(0);
  });

  it("reads what is no run, and damaged files, with clear errors", async () => {
    const path = fresh();
    const run = new RunFolder(path);
    await expect(run.config()).rejects.toThrow(
      `RunFolder: can't read "${path}/config.json": there is no such file (ENOENT).`,
    );
    expect(await run.exists()).toBe(false);
    await solver({ runFolder: path, epochs: 1 }).fit();
    writeFileSync(run.configPath, "{");
    await expect(run.config()).rejects.toThrow(/^RunFolder: ".*config\.json" is no JSON \(/);
    writeFileSync(run.configPath, "{}");
    await expect(run.config()).rejects.toThrow(
      `RunFolder: "${path}/config.json" has no runId; it must be a run's config.json.`,
    );
    writeFileSync(run.metricsPath, "{}\nnonsense\n{}\n");
    await expect(run.metrics()).rejects.toThrow(/^RunFolder: ".*", line 2 is no JSON \(/);
    rmSync(path, { recursive: true });
  });
});

function fail(message: string): never {
  throw new Error(message);
}

/** A file system whose writes fail in the given way, from the moment that `from` says. */
function failing(code: string, from: () => boolean): WritingFs {
  const broken = () => Promise.reject(Object.assign(new Error(code), { code }));
  return {
    ...promises,
    open: async (path: string, flags: string) => {
      if (code === "EACCES" && from()) return broken();
      const file = await promises.open(path, flags);
      return {
        writeFile: (bytes: Uint8Array) => (from() ? broken() : file.writeFile(bytes)),
        sync: () => file.sync(),
        close: () => file.close(),
      };
    },
  };
}

describe("a checkpoint that can't be written", () => {
  it("is an error; the older ones are as they were, the best weights in the model", async () => {
    const runFolder = fresh();
    let full = false;
    let before: Buffer[] = [];
    const one = solver({
      runFolder,
      checkpoints: { everySteps: 1, keepLast: 2, fs: failing("ENOSPC", () => full) },
      onBatch: ({ step }) => {
        if (step !== 8) return;
        full = true;
        before = files(runFolder).map((name) => readFileSync(join(runFolder, "checkpoints", name)));
      },
    });
    const fit = one.fit();
    await expect(fit).rejects.toThrow(FileError);
    await expect(fit).rejects.toThrow(
      `saveCheckpoint: can't write "${runFolder}/checkpoints/step-00000008.safetensors": the disk is full (ENOSPC); free some space.`,
    );
    expect(files(runFolder)).toEqual(["best.safetensors", ...names(6, 7)]);
    expect(
      files(runFolder).map((name) => readFileSync(join(runFolder, "checkpoints", name))),
    ).toEqual(before);
    expect(() => one.checkpoint()).toThrow(
      "Solver: the run ended by an error, so there is no place to go on from; take an earlier checkpoint.",
    );
    full = false;
    const resumed = await solver({ runFolder, resume: true }, 5).fit();
    expect(resumed.lossHistory).toEqual((await solver().fit()).lossHistory);
  });

  it("since its name is a folder's, is an error", async () => {
    const runFolder = fresh();
    const path = join(runFolder, "checkpoints", ...names(2));
    mkdirSync(path, { recursive: true });
    await expect(solver({ runFolder, checkpoints: { everySteps: 1 } }).fit()).rejects.toThrow(
      `saveCheckpoint: can't write "${path}": it is a folder (EISDIR); name a file in it.`,
    );
    expect((await new RunFolder(runFolder).latest({ warn: fail }))!.path).toBe(
      join(runFolder, "checkpoints", ...names(1)),
    );
  });
});

async function some(): Promise<Checkpoint> {
  const one = solver({ maxSteps: 7 });
  await one.fit();
  return one.checkpoint();
}

describe("checkpoint files", () => {
  it("hold the weights under their own names, for any reader of safetensors", async () => {
    const checkpoint = await some();
    const path = join(root, "one.safetensors");
    await saveCheckpoint(path, checkpoint);
    const { tensors, metadata } = await loadSafetensors(path);
    const own = [...tensors.keys()].filter((name) => !name.startsWith("training."));
    expect(own).toEqual(["0.weight", "0.bias", "2.weight", "2.bias"]);
    expect([...tensors.keys()]).toEqual(
      expect.arrayContaining([
        "training.best.0.weight",
        "training.optimizer.0.expAvg",
        "training.lossHistory",
      ]),
    );
    expect(metadata.format).toBe("pt");
    const model = fromSpec(JSON.parse(metadata.model));
    model.loadStateDict((await loadCheckpoint(path)).weights);
    expect(equal(model.stateDict().get("2.weight")!, tensors.get("2.weight")!)).toBe(true);
  });

  it("bring every bit back", async () => {
    const checkpoint = await some();
    const odd = { ...checkpoint.progress.state, best: -0, bestValAcc: Number.NEGATIVE_INFINITY };
    const bytes = encodeCheckpoint({
      ...checkpoint,
      lossHistory: [0.1, -0, Number.NaN, Number.POSITIVE_INFINITY],
      progress: { ...checkpoint.progress, state: { ...odd, secondsLeft: Number.NaN } },
    });
    const back = decodeCheckpoint(bytes);
    expect(back.lossHistory).toEqual([0.1, -0, Number.NaN, Number.POSITIVE_INFINITY]);
    expect(Object.is(back.progress.state.best, -0)).toBe(true);
    expect(back.progress.state.bestValAcc).toBe(Number.NEGATIVE_INFINITY);
    // The order of keys may differ, so not the bytes.
    expect(decodeCheckpoint(encodeCheckpoint(back))).toEqual(back);
  });

  it("of models that nothing describes have no spec", async () => {
    class Plain extends Module {
      inner = linear(3, 2);
      forward(input: typeof x) {
        return this.inner(input);
      }
    }
    const one = solver({ model: new Plain(), epochs: 1 });
    await one.fit();
    const back = decodeCheckpoint(encodeCheckpoint(one.checkpoint()));
    expect(back.spec).toBeNull();
    expect([...back.weights.keys()]).toEqual(["inner.weight", "inner.bias"]);
  });

  it("that are damaged anywhere are recognised", async () => {
    const bytes = encodeCheckpoint(await some());
    const damage = fc.oneof(
      fc.record({ at: fc.nat(bytes.length - 1), bit: fc.nat(7) }),
      fc.record({ length: fc.nat(bytes.length - 1) }),
      fc.record({
        at: fc.nat(bytes.length - 1),
        bytes: fc.uint8Array({ minLength: 1, maxLength: 40 }),
      }),
    );
    fc.assert(
      fc.property(damage, (how) => {
        let damaged = bytes.slice();
        if ("bit" in how) damaged[how.at] ^= 1 << how.bit;
        else if ("length" in how) damaged = damaged.subarray(0, how.length);
        else damaged.set(how.bytes.subarray(0, bytes.length - how.at), how.at);
        fc.pre(damaged.length !== bytes.length || damaged.some((byte, i) => byte !== bytes[i]));
        try {
          decodeCheckpoint(damaged, "it");
        } catch (error) {
          if (error instanceof FormatError) return;
          throw error;
        }
        throw new Error("the damage was not noticed");
      }),
      { seed: 4, numRuns: 400 },
    );
  });

  it("that say nonsense with a right checksum are clean errors", async () => {
    const checkpoint = await some();
    const state = checkpoint.progress.state;
    const wrong = (progress: object) => () =>
      decodeCheckpoint(
        encodeCheckpoint({
          ...checkpoint,
          progress: { ...checkpoint.progress, ...progress } as Checkpoint["progress"],
        }),
        "x.safetensors",
      );
    expect(wrong({ state: { ...state, step: -1 } })).toThrow(
      new FormatError(
        'decodeCheckpoint: x.safetensors: metadata "training": state.step: it must be a whole number from 0.',
      ),
    );
    expect(wrong({ generators: { default: { seed: 1 } } })).toThrow(
      /generators\.default\.position/,
    );
    expect(wrong({ loader: 3 })).toThrow(/metadata "training": loader/);
    const plain = encodeSafetensors(checkpoint.weights, { format: "pt" });
    expect(() => decodeCheckpoint(plain, "x")).toThrow(
      "decodeCheckpoint: x: there is no training state in it; for weights alone there is loadSafetensors.",
    );
    expect(() => decodeCheckpoint(encodeSafetensors({}, { training: "{}" }), "x")).toThrow(
      "decodeCheckpoint: x: it has no checksum.",
    );
    expect(() => decodeCheckpoint(new Uint8Array(3), "x")).toThrow(FormatError);
  });

  it("that are damaged are passed over, with a warning that names them", async () => {
    const runFolder = fresh();
    const expected = await solver({ runFolder, checkpoints: { everySteps: 1 } }).fit();
    const paths = names(18, 19, 20).map((name) => join(runFolder, "checkpoints", name));
    writeFileSync(paths[2], readFileSync(paths[2]).subarray(0, 900));
    const bytes = readFileSync(paths[1]);
    bytes[bytes.length - 9] ^= 1;
    writeFileSync(paths[1], bytes);
    const output = new Lines();
    const result = await solver({ runFolder, resume: true, output }, 3).fit();
    const lines = output.text.trimEnd().split("\n");
    expect(lines).toHaveLength(2);
    expect(lines[0]).toMatch(
      `warning: skipped the damaged checkpoint "${paths[2]}": decodeSafetensors: ${paths[2]}: `,
    );
    expect(lines[1]).toMatch(
      /^warning: skipped the damaged checkpoint ".*19\.safetensors": decodeCheckpoint: .*19\.safetensors: it is damaged: its checksum is [0-9a-f]{8} and should be [0-9a-f]{8}\.$/,
    );
    expect(result.lossHistory).toEqual(expected.lossHistory);
    for (const name of files(runFolder)) writeFileSync(join(runFolder, "checkpoints", name), "");
    const hopeless = solver({ runFolder, resume: true, output: new Lines() }).fit();
    await expect(hopeless).rejects.toThrow(
      `RunFolder: none of the 3 checkpoints in "${runFolder}/checkpoints" can be read:\n  decodeSafetensors: `,
    );
    await expect(hopeless).rejects.toThrow(FormatError);
  });
});

describe("restore", () => {
  it("refuses checkpoints of other runs, and changes nothing then", async () => {
    const checkpoint = await some();
    const refused = (one: Solver, message: string | RegExp) => {
      const before = encodeCheckpoint(one.checkpoint());
      expect(() => one.restore(checkpoint)).toThrow(message);
      expect(() => one.restore(checkpoint)).toThrow(TapegradError);
      expect(encodeCheckpoint(one.checkpoint())).toEqual(before);
    };
    refused(
      solver({ batchSize: 10, seed: 1 }),
      "Solver: the checkpoint's epochs have 5 batches and this run's 4; give the same data and batch size.",
    );
    refused(
      solver({ schedule: (_, base) => base, seed: 1 }),
      "Solver: the checkpoint is of a run without a schedule, and this one has one; give the same options.",
    );
    refused(
      solver({ generators: [new Generator(4)], seed: 1 }),
      "Solver: the checkpoint has the generators default and this run default, generators.0; build the model the same way.",
    );
    refused(solver({ model: linear(3, 2), seed: 1 }), /loadStateDict/);
    const model = sequential([linear(3, 6), relu(), linear(6, 2)]);
    refused(
      solver({ model, optimizer: new SGD(model.parameters()), seed: 1 }),
      'SGD.loadStateDict: the state is of "Adam"; it must be of "SGD".',
    );
    const running = solver({ seed: 1 });
    const fit = running.fit();
    expect(() => running.restore(checkpoint)).toThrow(
      "Solver: fit is running; stop it before restore.",
    );
    await fit;
  });

  it("from a file", async () => {
    const path = join(root, "two.safetensors");
    await saveCheckpoint(path, await some());
    const one = solver({}, 9);
    await one.restoreFrom(path);
    expect(one.state.step).toBe(7);
    expect((await one.fit()).lossHistory).toEqual((await solver().fit()).lossHistory);
    await expect(one.restoreFrom(join(root, "none"))).rejects.toThrow(
      /^loadCheckpoint: can't read ".*none": there is no such file \(ENOENT\)\.$/,
    );
  });
});
