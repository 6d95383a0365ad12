import { readFileSync } from "node:fs";
import { readdir, writeFile } from "node:fs/promises";
import { dirname } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { root, tapegrad, temporary } from "./cli-helpers.ts";

const path = temporary();
const good = {
  data: { source: "spirals", samples: 20 },
  model: { preset: "fullyConnectedNet", hiddenDims: [8] },
};

/** Writes a config and tries to train with it. */
async function attempt(config: unknown, ...args: string[]) {
  const file = path("config.json");
  await writeFile(file, typeof config === "string" ? config : JSON.stringify(config));
  const out = path("run");
  return tapegrad(["train", file, "--out", out, "--progress", "silent", ...args]);
}

async function mistakesIn(config: unknown, ...args: string[]): Promise<string> {
  const { exitCode, output, errors } = await attempt(config, ...args);
  expect([exitCode, output]).toEqual([2, ""]);
  expect(await readdir(dirname(path("run")))).toEqual(["config.json"]);
  return errors;
}

describe("a config's mistakes", () => {
  it("are all told, each by its place, with the nearest known name", async () => {
    const errors = await mistakesIn({
      data: { source: "mnst" },
      transforms: [{ type: "randomCrop", size: "x" }],
      model: { preset: "fullyConectedNet", hiddenDim: 3 },
      loss: "crossEntropyLos",
      optimizer: { type: "adam", lr: -1, beta: [1, 2] },
      schedule: {
        type: "warmup",
        steps: 3,
        after: { type: "cosineAnnealing", tMax: 0 },
        per: "epocs",
      },
      metrics: ["accurcy", { type: "topK" }],
      monitor: { name: "f1" },
      earlyStopping: {},
      reg: "much",
      search: { space: { "optimizer.lr": [] } },
      epoch: 3,
    });
    expect(errors).toBe(`error: the config has 15 mistakes:
  data.source is "mnst"; did you mean "mnist"?
  transforms[0].size is "x"; it must be a whole number of at least 1, or an array of 2.
  model.preset is "fullyConectedNet"; did you mean "fullyConnectedNet"?
  loss is "crossEntropyLos"; did you mean "crossEntropyLoss"?
  reg is "much"; it must be a finite number of at least 0.
  optimizer.lr is -1; it must be a finite number of at least 0.
  optimizer.beta is no option of "adam"; did you mean "betas"?
  schedule.after.tMax is 0; it must be a whole number of at least 1.
  schedule.per is "epocs"; did you mean "epoch"?
  metrics[0] is "accurcy"; did you mean "accuracy"?
  metrics[1].k is missing; it must be a whole number of at least 1.
  monitor.mode is missing; it must be one of "min", "max".
  earlyStopping.patience is missing; it must be a whole number of at least 1.
  search.space.optimizer.lr is []; it must be an array of at least one value.
  epoch is no option of a config; did you mean "epochs"?
`);
  });

  it.each([
    [{}, 'data is missing; it must be an object such as { "source": "mnist" }.'],
    [7, "the config is 7; it must be an object."],
    [
      { ...good, data: {} },
      'data has no "source"; it must be an object such as { "source": "mnist" }.',
    ],
    [{ ...good, data: 3 }, 'data is 3; it must be an object such as { "source": "mnist" }.'],
    [{ ...good, optimizer: "adamm" }, 'optimizer is "adamm"; did you mean "adam" or "adamW"?'],
    [
      { ...good, model: { type: "linear", inFeatures: 2, outFeatures: 0 } },
      "model.outFeatures is 0; it must be a whole number of at least 1.",
    ],
    [{ ...good, model: { type: "liner" } }, 'model.type is "liner"; did you mean linear?'],
    [
      { ...good, model: { type: "sequential", layers: [{ type: "linear", outFeatures: 3 }, 4] } },
      'model.layers[1] is 4; it must be an object with a type, such as { type: "relu" }.',
    ],
    [
      { ...good, model: 4 },
      'model is 4; it must be { "preset": "twoLayerNet" }, or a spec such as',
    ],
    [
      { ...good, model: { type: "linear", inFeatures: 5, outFeatures: 3 } },
      "model, given a batch of the data: linear: x is [54, 2] and weight is [3, 5];",
    ],
    [{ ...good, model: { type: "linear", outFeatures: 2 } }, "model, given a batch of the data: "],
    [
      { ...good, optimizer: { type: "sgd", nesterov: true } },
      "optimizer: SGD: nesterov with momentum 0",
    ],
    [
      { ...good, optimizer: { type: "adam", groups: [{ match: "(" }] } },
      'optimizer.groups[0].match is "("; it must be a regular expression on the names of parameters',
    ],
    [
      { ...good, optimizer: { type: "adam", groups: [{ match: "conv" }] } },
      'optimizer.groups[0].match is "conv", and no parameter has such a name',
    ],
    [
      { ...good, loss: { type: "huberLoss", delta: 0 } },
      "loss.delta is 0; it must be a finite number above 0.",
    ],
    [
      { ...good, metrics: ["f1"], monitor: { name: "recall", mode: "max" } },
      'monitor.name is "recall"; metrics has f1: add what it is to watch.',
    ],
    [
      { ...good, metrics: [{ type: "topK", k: 4 }] },
      "metrics: topK: k is 4 and there are 3 classes;",
    ],
    [
      { ...good, schedule: "cosineAnnealing", lrDecay: 0.5 },
      "schedule and lrDecay are both given; one of them says the rate",
    ],
    [
      { ...good, data: { ...good.data, validation: 0 }, monitor: "valAcc" },
      'monitor is "valAcc", measured on validation examples; give some as validation.',
    ],
    [
      { ...good, data: { ...good.data, validation: 0.5, test: 0.5 } },
      "data.validation is 0.5 and test 0.5, of 60 examples; some must be left for training.",
    ],
    [
      { ...good, data: { ...good.data, limit: 100 } },
      "data.limit is 100, and there are 60 training examples.",
    ],
    [
      { ...good, data: { source: "cifar10", folder: "nowhere" } },
      "there is no such folder (ENOENT).",
    ],
    [{ ...good, threads: 1_000_000 }, "threads is 1000000; it must be a whole number from 1 to"],
    [{ ...good, name: "../up" }, 'name is "../up"; it must be a name of letters'],
  ])("%j", async (config, message) => {
    expect(await mistakesIn(config)).toContain(message);
  });

  it("in its JSON are told by line and column", async () => {
    const errors = await mistakesIn('{\n  "data": { "source": "mnist" }\n  "epochs": 3\n}');
    expect(errors).toContain(`"${path("config.json")}", line 3, column 3: no JSON (`);
    const missing = await tapegrad(`train ${path("none.json")}`);
    expect([missing.exitCode, missing.errors]).toEqual([
      2,
      expect.stringContaining(`error: can't read "${path("none.json")}": ENOENT`),
    ]);
  });

  it("in overrides, too", async () => {
    const said = async (...sets: string[]) =>
      mistakesIn(good, ...sets.flatMap((one) => ["--set", one]));
    expect(await said("optimizer.lr=x")).toBe(
      'error: optimizer.lr is "x"; it must be a finite number of at least 0.\n',
    );
    expect(await said("model.hiddenDims[3]=4")).toBe(
      "error: --set model.hiddenDims[3]=4: there is no place model.hiddenDims.3; model.hiddenDims is [8].\n",
    );
    expect(await said("lr")).toContain("--set lr: it must be a place and a value");
    expect(await said("data.__proto__.x=1")).toContain("there is no place data.__proto__");
    expect(await said("earlyStopping.patience=0", "model=resNet")).toContain(
      "earlyStopping.patience is 0",
    );
  });
});

describe("docs/cli.md", () => {
  const page = readFileSync(`${root}/docs/cli.md`, "utf8");
  const unknown = "zzzzzzzz";

  /** What a message says to be known. */
  async function knownIn(config: object): Promise<string[]> {
    const errors = await mistakesIn(config);
    const list = errors.match(new RegExp(`${unknown}.*known are (.*)\\.`))?.[1];
    expect([errors, list]).toEqual([errors, expect.any(String)]);
    return list!.split(", ");
  }

  it("names every option of a config, every kind, and the options of each", async () => {
    const search = (one: object) => ({ ...good, search: { space: { lr: one } } });
    const places: Record<string, (one: object) => object> = {
      source: (one) => ({ ...good, data: one }),
      preset: (one) => ({ ...good, model: one }),
      type: (one) => ({ ...good, optimizer: one }),
      "type of a schedule": (one) => ({ ...good, schedule: one }),
      "type of a metric": (one) => ({ ...good, metrics: [one] }),
      "type of a transform": (one) => ({ ...good, transforms: [one] }),
      "type of a dimension": search,
    };
    const names = new Set(await knownIn({ ...good, [unknown]: 1 }));
    const groups = { earlyStopping: {}, reduceOnPlateau: {}, checkpoints: {}, search: {} };
    for (const name of Object.keys(groups)) {
      for (const option of await knownIn({ ...good, [name]: { [unknown]: 1 } })) names.add(option);
    }
    for (const [place, config] of Object.entries(places)) {
      const [key] = place.split(" ");
      for (const kind of await knownIn(config({ [key]: unknown }))) {
        names.add(kind);
        // The options of optimizers are in docs/optim.md.
        if (place === "type") continue;
        for (const option of await knownIn(config({ [key]: kind, [unknown]: 1 })))
          names.add(option);
      }
    }
    const isNamed = (name: string) => new RegExp(`[\`"{ ]${name}[\`"},: ]`).test(page);
    expect([...names].filter((name) => !isNamed(name))).toEqual([]);
    expect(names.size).toBeGreaterThan(100);
  });

  it("shows examples/configs/iris.json as it is, and JSON only", () => {
    const blocks = [...page.matchAll(/^```json\n([\s\S]*?)^```$/gm)].map(([, json]) => json);
    expect(blocks[0]).toBe(readFileSync(`${root}/examples/configs/iris.json`, "utf8"));
    for (const json of blocks) JSON.parse(json);
  });
});

describe("the command line", () => {
  const commands = [
    "train",
    "search",
    "eval",
    "predict",
    "summary",
    "data list",
    "data download",
    "data info",
    "runs list",
    "runs show",
    "runs compare",
  ];
  it.each(commands)("%s --help shows what there is and an example", async (command) => {
    const { exitCode, output, errors } = await tapegrad(`${command} --help`);
    expect([exitCode, errors]).toEqual([0, ""]);
    expect(output).toContain(`Usage: tapegrad ${command}`);
    expect(output).toMatch(new RegExp(`Examples?:\n  \\$ tapegrad ${command} ?`));
    expect(output).toContain("--json");
  });

  it.each([
    ["trian x.json", "error: unknown command 'trian'\n(Did you mean train?)"],
    ["train --epoch 3 x.json", "error: unknown option '--epoch'\n(Did you mean --epochs?)"],
    ["train --epochs 0 x.json", "It must be a whole number from 1."],
    ["train", "error: train needs either a config, or --resume with the folder of a run."],
    ["train x.json --resume runs/x", "error: train needs either a config, or --resume"],
    ["train --resume nowhere", 'error: there is no run in "nowhere"; give the folder'],
    ["train --resume x --seed 3", "--resume goes on with the run's own config;"],
    ["eval nowhere", 'error: there is no run in "nowhere"'],
    ["predict nowhere", 'error: there is no run in "nowhere"'],
    ["predict x --temperature -1", "It must be a number from 0."],
    ["summary x.json --input 3,0", "It must be sizes with commas between them"],
    ["data", "Usage: tapegrad data"],
    ["data download mnist --folder x", 'error: there is no download "mnist", only cifar10;'],
    ["data info nowhere", 'error: there is no "nowhere".'],
    ["runs compare one", "error: compare needs at least two runs."],
    ["runs show nowhere", 'error: there is no run in "nowhere".'],
  ])("%s is refused with exit code 2", async (args, message) => {
    const { exitCode, output, errors } = await tapegrad(args);
    expect([exitCode, output]).toEqual([2, ""]);
    expect(errors).toContain(message);
  });

  it("tells its version", async () => {
    const { exitCode, output } = await tapegrad("--version");
    expect([exitCode, output]).toEqual([0, "0.1.0\n"]);
  });

  it("fails with exit code 1 where the way is wrong, not the arguments", async () => {
    const { exitCode, errors } = await tapegrad(`runs list ${root}/nowhere`);
    expect([exitCode, errors]).toEqual([
      1,
      `error: listRuns: can't read the folder "${root}/nowhere": there is no such folder (ENOENT).\n`,
    ]);
  });
});
