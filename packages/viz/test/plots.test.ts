/** Training plots. Those of docs/training-plots.md are snapshots, too: `npm run docs:pictures` writes them anew. */
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { beforeAll, describe, expect, it } from "@jest/globals";
import { manualSeed, randn, type Tensor, tensor } from "@tapegrad/core";
import { loadMnist, subset } from "@tapegrad/data";
import { batchNorm1d, dropout, flatten, linear, type Sequential, sequential } from "@tapegrad/nn";
import { SGD } from "@tapegrad/optim";
import { Solver } from "@tapegrad/train";
import fc from "fast-check";
import {
  accuracyCurve,
  activationHistograms,
  type ConfusionCounts,
  confusionMatrix,
  deadUnits,
  decisionBoundary,
  filterImages,
  gradientNorms,
  learningRateCurve,
  lossCurve,
  metricCurve,
  type RunRecord,
  updateRatios,
  weightNorms,
} from "../src/index.ts";
import { points, small, spiralSolver } from "./runs.ts";
import { parsed } from "./xml.ts";

const assets = fileURLToPath(new URL("../../../docs/assets/", import.meta.url));

describe("plots of the docs", () => {
  let model: Sequential;
  let run: RunRecord;
  let slower: RunRecord;
  let digits: Solver;
  beforeAll(async () => {
    const spirals = spiralSolver();
    await spirals.solver.fit();
    model = spirals.model;
    run = { ...spirals.solver.record, name: "lr 0.02" };
    const other = spiralSolver();
    other.solver.learningRate = 0.003;
    await other.solver.fit();
    slower = { ...other.solver.record, name: "lr 0.003" };
    const { train, test } = await loadMnist();
    const some = (count: number) => Array.from({ length: count }, (_, i) => i);
    manualSeed(0);
    const templates = linear(784, 10);
    digits = new Solver({
      model: sequential([flatten(), templates]),
      train: subset(train, some(2000)),
      validation: subset(test, some(500)),
      optimizer: new SGD(templates.parameters(), { lr: 0.02, weightDecay: 0.1 }),
      epochs: 3,
      batchSize: 50,
      seed: 1,
      watch: true,
      progress: "silent",
    });
    await digits.fit();
  });
  const confusion = () => digits.state.metrics.confusion as ConfusionCounts;

  const plots: Record<string, () => Promise<string>> = {
    "plot-loss.svg": () => lossCurve([run, slower], { id: "loss" }),
    "plot-updates.svg": () => updateRatios(run, { id: "updates" }),
    "plot-activations.svg": () => activationHistograms(run, "1", { id: "activations" }),
    "plot-boundary.svg": () => decisionBoundary(model, points, { id: "boundary", resolution: 60 }),
    "plot-confusion.svg": () => confusionMatrix(confusion(), { id: "confusion" }),
    "plot-filters.svg": () => filterImages(digits.record.filters!, { id: "filters" }),
  };
  for (const [name, draw] of Object.entries(plots)) {
    it(`${name} is fresh: run npm run docs:pictures where this fails`, async () => {
      const svg = await draw();
      if (process.env.WRITE_PICTURES === "1") writeFileSync(assets + name, svg);
      expect(existsSync(assets + name)).toBe(true);
      // Not toBe: nobody reads the difference of two texts so long.
      expect(svg === readFileSync(assets + name, "utf8")).toBe(true);
      parsed(svg);
    });
  }
});

const titleOf = (svg: string) => /<title[^>]*>([^<]*)</.exec(svg)![1]!;
const descriptionOf = (svg: string) => /<desc[^>]*>([^<]*)</.exec(svg)![1]!;
/** The lines of the plot itself, in their order: how many points each has. */
const linesOf = (svg: string) =>
  [...svg.matchAll(/aria-label="line"[^>]*>\s*<path d="([^"]*)"/g)].map(
    (match) => match[1]!.split(/[ML]/).length - 1,
  );

describe("curves", () => {
  it("say in words what they show", async () => {
    const svg = await lossCurve(small);
    parsed(svg);
    expect(titleOf(svg)).toBe("Loss");
    expect(descriptionOf(svg)).toBe(
      "loss over the updates; faint: each update, bold: means of epochs. training: from 1.5 to 0.75. validation: from 1.25 to 1.",
    );
    expect(titleOf(await lossCurve(small, { title: "How it went" }))).toBe("How it went");
  });

  it("have a line for all that was recorded, without what is no number", async () => {
    // Three of four updates; two epochs of training and of validation.
    expect(linesOf(await lossCurve(small))).toEqual([3, 2, 2]);
    expect(linesOf(await accuracyCurve(small))).toEqual([2, 2]);
    expect(descriptionOf(await accuracyCurve(small))).toContain("validation: from 0.25 to 0.75");
    expect(linesOf(await learningRateCurve(small))).toEqual([4]);
    expect(linesOf(await metricCurve(small, "f1"))).toEqual([2]);
    expect(descriptionOf(await metricCurve(small, "report.macro.f1"))).toContain("0.75 to 0.75");
    expect(descriptionOf(await gradientNorms(small))).toContain("0.weight: from 1 to 1.");
    expect(descriptionOf(await deadUnits(small))).toContain("0: from 0.5 to 0.5.");
  });

  it("compare runs by colour, training and validation by dashes", async () => {
    const svg = await lossCurve([small, { ...small, name: "other" }]);
    expect(linesOf(svg)).toEqual([3, 3, 2, 2, 2, 2]);
    for (const label of ["small, training", "small, validation", "other, training"])
      expect(parsed(svg).texts).toContain(label);
    const strokes = [...svg.matchAll(/stroke="(#\w+)"[^>]*aria-label="line"/g)].map((m) => m[1]);
    expect(new Set(strokes)).toEqual(new Set(["#0072b2", "#d55e00"]));
  });

  it("have the line of healthy updates", async () => {
    const svg = await updateRatios(small);
    expect(svg).toContain('aria-label="rule"');
    expect(parsed(svg).texts).toContain("1e-3, healthy");
  });

  it("keep peaks, however long the run", async () => {
    const lines = Array.from({ length: 20_000 }, (_, i) => ({
      type: "step" as const,
      step: i + 1,
      loss: i === 12_345 ? 100 : 1 + Math.sin(i),
    }));
    const svg = await lossCurve({ name: "long", lines });
    expect(linesOf(svg)[0]).toBe(400);
    expect(parsed(svg).texts).toContain("100");
    expect(svg.length).toBeLessThan(20_000);
  });

  it("leave out what a logarithm can't show", async () => {
    const lines = [1, 0, -1, 2].map((loss, i) => ({ type: "step" as const, step: i + 1, loss }));
    expect(linesOf(await lossCurve({ name: "one", lines }, { scale: "log" }))).toEqual([2]);
    expect(linesOf(await lossCurve({ name: "one", lines }))).toEqual([4]);
  });

  it("draw the weights of large models, some of very large ones", async () => {
    const named = (count: number): RunRecord => ({
      name: "large",
      lines: [1, 2].map((step) => ({
        type: "layers",
        step,
        activations: [],
        parameters: Array.from({ length: count }, (_, i) =>
          ["weight", "bias"].map((kind) => ({
            name: `layers.${i}.${kind}`,
            norm: i + step,
            gradNorm: 1,
            updateRatio: 1e-3,
          })),
        ).flat(),
      })),
    });
    expect(linesOf(await weightNorms(named(4)))).toHaveLength(8);
    expect(linesOf(await weightNorms(named(10)))).toHaveLength(10);
    const svg = await weightNorms(named(100));
    expect(linesOf(svg)).toHaveLength(16);
    expect(parsed(svg).texts).toEqual(
      expect.arrayContaining(["layers.0.weight", "layers.99.weight"]),
    );
  });

  it("draw one update, and one that never changes", async () => {
    const one = { name: "one", lines: [{ type: "step" as const, step: 1, loss: 0 }] };
    parsed(await lossCurve(one));
    const same = {
      name: "same",
      lines: [1, 2].map((step) => ({ type: "step" as const, step, loss: 3 })),
    };
    parsed(await lossCurve(same));
    parsed(await lossCurve(same, { scale: "log" }));
  });

  it("follow the reader's theme unless told, and style nothing but themselves", async () => {
    expect(await lossCurve(small)).toContain("prefers-color-scheme: dark");
    const dark = await lossCurve(small, { theme: "dark", id: "mine" });
    expect(dark).not.toContain("prefers-color-scheme");
    const style = /<style>([\s\S]*?)<\/style>/g;
    const sheets = [...dark.matchAll(style)].map((match) => match[1]!);
    expect(sheets).toHaveLength(1);
    for (const line of sheets[0]!.trim().split("\n")) expect(line).toMatch(/^#mine /);
  });

  it("take the size that they are given", async () => {
    expect(await lossCurve(small, { width: 300, height: 100 })).toMatch(
      /^<svg[^>]* width="300" height="150"/,
    );
  });
});

describe("activationHistograms", () => {
  it("tell the last state in words", async () => {
    const svg = await activationHistograms(small, "0");
    parsed(svg);
    expect(titleOf(svg)).toBe("0 · ReLU");
    expect(descriptionOf(svg)).toContain("mean 1, standard deviation 1, 50 % of the units dead");
  });

  it("draw a layer that gives one number only, and pass over what is not finite", async () => {
    const layer = (step: number, mean: number | null) => ({
      ...small.lines[1]!,
      step,
      activations: [
        { name: "x", kind: "Linear", mean, std: 0, min: 2, max: 2, dead: 0, histogram: [8] },
      ],
    });
    const lines = [layer(1, 2), layer(2, null)] as RunRecord["lines"];
    parsed(await activationHistograms({ name: "one", lines }, "x"));
    await expect(activationHistograms({ name: "one", lines: lines.slice(1) }, "x")).rejects.toThrow(
      'the run "one" has no layer "x"; it has "x".',
    );
  });
});

describe("confusionMatrix", () => {
  it("has names, counts and how many are right", async () => {
    const svg = await confusionMatrix({
      classNames: ["cat", "dog"],
      counts: [
        [3, 1],
        [0, 4],
      ],
    });
    expect(parsed(svg).texts).toEqual(
      expect.arrayContaining(["cat", "dog", "3", "1", "0", "4", "actual", "predicted"]),
    );
    expect(descriptionOf(svg)).toContain("7 of 8 examples are right");
  });

  it("leaves counts out where there is no room, and takes classes without examples", async () => {
    const classNames = Array.from({ length: 40 }, (_, i) => `a long name for class ${i}`);
    const counts = classNames.map((_, i) => classNames.map((_, j) => (i === j && i > 0 ? 777 : 0)));
    const { texts } = parsed(await confusionMatrix({ classNames, counts }));
    expect(texts).not.toContain("777");
    expect(texts).toContain("a long name f…");
  });

  it("refuses what is no matrix", async () => {
    const wanted =
      "confusionMatrix: got an object; it must be { classNames, counts } with counts[actual][predicted] for every pair of classes.";
    await expect(confusionMatrix({ classNames: ["a"], counts: [[1, 2]] })).rejects.toThrow(wanted);
    await expect(confusionMatrix({} as ConfusionCounts)).rejects.toThrow(wanted);
  });
});

describe("filterImages", () => {
  /** Grey or coloured bytes of the PNGs, without header and checksums. */
  const pixelsOf = (svg: string, channels: number, width: number, height: number) =>
    [...svg.matchAll(/base64,([^"]*)"/g)].map((match) => {
      const bytes = Buffer.from(match[1]!, "base64");
      // Signature 8, IHDR 25, length and name 8, zlib 2, block 5.
      const rows = bytes.subarray(48, 48 + height * (width * channels + 1));
      return Array.from({ length: height }, (_, y) => [
        ...rows.subarray(y * (width * channels + 1) + 1, (y + 1) * (width * channels + 1)),
      ]).flat();
    });

  it("spreads each filter from black to white", async () => {
    const svg = await filterImages(small.filters!);
    parsed(svg);
    expect(pixelsOf(svg, 1, 2, 2)).toEqual([
      [0, 85, 170, 255],
      [128, 128, 128, 128],
    ]);
  });

  it("takes a convolution's weight, its channels as colours", async () => {
    const weight = tensor([0, 1, 2, 3, 4, 5]).reshape([1, 3, 1, 2]);
    expect(pixelsOf(await filterImages(weight), 3, 2, 1)).toEqual([[0, 102, 204, 51, 153, 255]]);
  });

  it("refuses other shapes", async () => {
    await expect(filterImages(randn([4, 2, 3, 3]))).rejects.toThrow(
      "filterImages: got [4, 2, 3, 3]; it must be a weight [filters, channels, height, width] of 1 or 3 channels.",
    );
    await expect(filterImages(null as never)).rejects.toThrow("filterImages: got null; it must");
  });
});

describe("decisionBoundary", () => {
  const x = tensor([
    [-1, 0],
    [1, 0],
  ]);
  const y = tensor([0, 1], { dtype: "int32" });
  const boundary = (model: (x: Tensor) => unknown, options = {}) =>
    decisionBoundary(model, { x, y }, { resolution: 2, ...options });
  /** Red, green, blue and opacity of the four points. */
  const pixels = (svg: string) => {
    const bytes = Buffer.from(/base64,([^"]*)"/.exec(svg)![1]!, "base64");
    return [49, 53, 58, 62].map((at) => [...bytes.subarray(at, at + 4)]);
  };
  const [blue, orange] = [
    [0x00, 0x72, 0xb2],
    [0xd5, 0x5e, 0x00],
  ];

  it("colours the plane by the class with the highest score, surer ones stronger", async () => {
    const svg = await boundary((p) =>
      p.matmul(
        tensor([
          [-50, 50],
          [0, 0],
        ]),
      ),
    );
    parsed(svg);
    expect(pixels(svg)).toEqual([
      [...blue, 150],
      [...orange, 150],
      [...blue, 150],
      [...orange, 150],
    ]);
    const unsure = pixels(await boundary((p) => p.mul(0)));
    expect(unsure[0]).toEqual([...blue, 40 + 110 / 2]);
  });

  it("takes one score of two classes", async () => {
    for (const shape of [[-1], [-1, 1]]) {
      const svg = await boundary((p) => p.narrow(1, 1, 1).mul(100).reshape(shape));
      // x2 grows upwards: the first row is the upper one.
      expect(pixels(svg).map(([red]) => red)).toEqual([0xd5, 0xd5, 0x00, 0x00]);
    }
  });

  it("names the classes", async () => {
    const svg = await boundary((p) => p, { classNames: ["<low>", "high"] });
    expect(parsed(svg).texts).toEqual(expect.arrayContaining(["<low>", "high"]));
  });

  it("leaves the model as it was", async () => {
    const model = sequential([linear(2, 4), batchNorm1d(4), dropout(0.5), linear(4, 2)]);
    model.modules()[3]!.training = false;
    const modes = () => model.modules().map(({ training }) => training);
    const before = [modes(), [...model.namedBuffers()].map(([, b]) => [...b.data()])];
    const first = await boundary(model);
    expect([modes(), [...model.namedBuffers()].map(([, b]) => [...b.data()])]).toEqual(before);
    // Without dropout.
    expect(await boundary(model)).toBe(first);
  });

  it("refuses what is no classifier of points", async () => {
    await expect(decisionBoundary((p) => p, { x: randn([3, 4]), y })).rejects.toThrow(
      "decisionBoundary: the data have x [3, 4] and y [2]; they must be tensors, [N, 2] and the classes [N].",
    );
    await expect(boundary((p) => p.sum())).rejects.toThrow("it must give a tensor of scores");
    await expect(boundary((p) => p.reshape([2, 4]))).rejects.toThrow(
      "decisionBoundary: for 4 points the model gave [2, 4]; it must give scores [4, C].",
    );
    await expect(boundary((p) => p, { resolution: 1 })).rejects.toThrow(
      "decisionBoundary: resolution is 1; it must be a whole number from 2 to 1000.",
    );
  });
});

describe("refusals", () => {
  const cases: [string, () => Promise<string>, string][] = [
    [
      "no run",
      () => lossCurve({} as RunRecord),
      "lossCurve: got an object; it must be a run's record, such as solver.record, or an array of these.",
    ],
    [
      "no runs",
      () => lossCurve([]),
      "lossCurve: got []; it must be a run's record, such as solver.record, or an array of these.",
    ],
    [
      "nothing recorded",
      () => lossCurve({ name: "new", lines: [] }),
      'lossCurve: the run "new" has no lines of steps or epochs.',
    ],
    [
      "no layers",
      () => updateRatios({ name: "new", lines: [] }),
      'updateRatios: the run "new" has no lines of layers; train with watch: true.',
    ],
    [
      "no metric",
      () => metricCurve([small, small], "f2"),
      'metricCurve: the runs "small", "small" have no metric "f2"; it has f1, report.macro.f1.',
    ],
    [
      "no layer",
      () => activationHistograms(small, "9"),
      'activationHistograms: the run "small" has no layer "9"; it has "0".',
    ],
    [
      "scale",
      () => lossCurve(small, { scale: "sqrt" as never }),
      'lossCurve: scale is "sqrt"; it must be "linear" or "log".',
    ],
    [
      "theme",
      () => lossCurve(small, { theme: "pink" as never }),
      'lossCurve: theme is "pink"; it must be "auto", "light" or "dark".',
    ],
    [
      "id",
      () => lossCurve(small, { id: "a b" }),
      'lossCurve: id is "a b"; it must be a letter, then letters, digits, "-" and "_".',
    ],
    [
      "width",
      () => lossCurve(small, { width: 10 }),
      "lossCurve: width is 10; it must be a number of pixels from 160 to 4000.",
    ],
  ];
  for (const [name, draw, message] of cases) {
    it(`say what is wrong: ${name}`, async () => {
      await expect(draw()).rejects.toThrow(message);
    });
  }
});

describe("hostile names", () => {
  const texts = fc.oneof(
    fc.string({ unit: "binary", minLength: 1 }),
    fc.constantFrom(
      "</text><script>alert(1)</script>",
      "<!--<script>",
      `" onload="alert(1)`,
      "]]>",
      "&amp;&#0;",
      "\ud800\u0000\u0001",
      "__proto__",
    ),
  );
  const hostile = (name: string): RunRecord =>
    JSON.parse(JSON.stringify(small), (key, value) =>
      ["name", "kind"].includes(key) ? name : value,
    );

  it("are text, and nothing else", async () => {
    const draw = async (name: string) => {
      const run = hostile(name);
      return [
        await lossCurve([run, run], { title: name }),
        await updateRatios(run),
        await activationHistograms(run, name),
        await filterImages(run.filters!),
        await confusionMatrix({
          classNames: [name, "b"],
          counts: [
            [1, 2],
            [3, 4],
          ],
        }),
        await decisionBoundary(
          (x) => x,
          { x: randn([2, 2]), y: tensor([0, 1]) },
          { classNames: [name, name], resolution: 2 },
        ),
      ];
    };
    const elements = (svgs: string[]) => svgs.map((svg) => new Set(parsed(svg).elements));
    const plain = elements(await draw("x"));
    await fc.assert(
      fc.asyncProperty(texts, async (name) => {
        expect(elements(await draw(name))).toEqual(plain);
      }),
      { seed: 6, numRuns: 12 },
    );
  });
});
