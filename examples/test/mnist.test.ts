import { access, mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { data, equal, loadSafetensors, nn } from "tapegrad";
import { drawImage, sideBySide } from "../mnist/art.ts";
import { run } from "../mnist/cli.ts";
import { parseOptions } from "../mnist/options.ts";
import { type Surroundings, trainDigits } from "../mnist/train-digits.ts";

let folder = "";
let digits: data.Mnist;

/** The first digits of a set. */
function slice({ images, labels, height, width }: data.ImageDataset, length: number) {
  const pixels = images.subarray(0, length * height * width);
  return new data.ImageDataset(pixels, labels.subarray(0, length), height, width);
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
  const { train, test } = await data.loadMnist();
  digits = { train: slice(train, 2400), test: slice(test, 500) };
});
afterAll(() => rm(folder, { recursive: true }));

class Text {
  text = "";
  write(more: string): void {
    this.text += more;
  }
}

async function start(args: string, around: Partial<Surroundings> = {}) {
  const [output, errors] = [new Text(), new Text()];
  const exitCode = await run(args.split(" "), { output, errors, digits, heldOut: 400, ...around });
  return { exitCode, output: output.text, errors: errors.text };
}

describe("npm start", () => {
  const path = () => join(folder, "weights.safetensors");

  it("trains, shows digits and saves weights that load into the same model", async () => {
    const { exitCode, output, errors } = await start(
      `--epochs 4 --batch-size 50 --hidden 32 --lr 0.003 -p lines --output ${path()}`,
    );
    expect([exitCode, errors]).toEqual([0, ""]);
    expect(output).toContain("Linear(inFeatures=784, outFeatures=32, bias=true)");
    expect(output).toContain(
      "25,450 parameters · 2,000 digits to train on, 400 to choose the best epoch, 500 for the test · adam, learning rate 0.003",
    );
    expect(output).toMatch(/epoch 4\/4 · loss \d\.\d{4} · train \d+\.\d % · validation \d+\.\d %/);
    expect(output).toContain("The first test digits:");
    expect(output).toMatch(/7 \(\d+\.\d %\)/);
    const [, accuracy, hash] = output.match(
      /Test accuracy (\d+\.\d\d) % after 160 steps in \d+\.\d s \(best epoch \d kept\) · weights ([0-9a-f]{12}) saved to /,
    )!;
    expect(Number(accuracy)).toBeGreaterThan(80);
    expect(hash).toHaveLength(12);
    expect(output).toContain("Next: npm start -- ");

    const { tensors, metadata } = await loadSafetensors(path());
    expect([...tensors.keys()]).toEqual(["1.weight", "1.bias", "4.weight", "4.bias"]);
    const model = nn.fromSpec(JSON.parse(metadata.model));
    model.loadStateDict(tensors);
    for (const [name, value] of model.stateDict())
      expect(equal(value, tensors.get(name)!)).toBe(true);
    expect(Number(metadata.testAccuracy)).toBeCloseTo(Number(accuracy) / 100, 6);
  });

  it("gives the same weights for the same seed, with every optimizer", async () => {
    const hashes = new Set<string>();
    const runs = ["sgd", "momentum", "nesterov", "rmsprop", "adam"].map(
      (name) => `-s 3 -o ${name}`,
    );
    for (const options of [...runs, "-s 4 -o adam"]) {
      const args = `${options} --steps 4 --hidden 8,4 --batch-size 20 -q --output ${path()}`;
      const both = [await start(args), await start(args)].map(({ exitCode, output }) => {
        expect(exitCode).toBe(0);
        expect(output.trimEnd().split("\n")).toHaveLength(1);
        return output.match(/weights ([0-9a-f]{12})/)![1];
      });
      expect(both[0]).toBe(both[1]);
      hashes.add(both[0]);
    }
    expect(hashes.size).toBe(6);
  });

  it("stops when interrupted, keeps the best weights and says so", async () => {
    const controller = new AbortController();
    const output = new Text();
    output.write = function (more) {
      this.text += more;
      if (more.startsWith("epoch 2/5")) controller.abort();
    };
    const { exitCode } = await start(
      `--epochs 5 --hidden 8 --batch-size 50 -p lines --output ${path()}`,
      { output, signal: controller.signal },
    );
    expect(exitCode).toBe(130);
    expect(output.text).toMatch(
      /Stopped early\. Test accuracy \d+\.\d\d % after 50 steps in \d+\.\d s \(best epoch 1 kept\)/,
    );
    await access(path());
  });

  it("stops before the first step when interrupted early", async () => {
    const { exitCode, output } = await start(`-q --hidden 8 --output ${path()}`, {
      signal: AbortSignal.abort(),
    });
    expect(exitCode).toBe(130);
    expect(output).toContain("after 0 steps in 0.0 s (no epoch was complete)");
  });
});

describe("the command line", () => {
  it("lists its options", async () => {
    const { exitCode, output } = await start("--help");
    expect(exitCode).toBe(0);
    for (const name of [
      "epochs",
      "batch-size",
      "lr",
      "lr-decay",
      "hidden",
      "optimizer",
      "dropout",
      "seed",
      "output",
      "progress",
      "quiet",
    ]) {
      expect(output).toContain(`--${name}`);
    }
    expect(output).toMatch(/^Usage: npm start -- \[options\]/);
  });

  it("has the documented defaults", () => {
    expect(parseOptions([])).toMatchObject({
      epochs: 6,
      batchSize: 128,
      lrDecay: 0.7,
      hidden: [256, 128],
      optimizer: "adam",
      dropout: 0.1,
      seed: 1,
      output: "mnist-mlp.safetensors",
      progress: "auto",
      quiet: false,
    });
  });

  it.each([
    [
      "--epochs 0",
      "error: option '-e, --epochs <n>' argument '0' is invalid. It must be a whole number from 1.",
    ],
    [
      "--epochs 1e3",
      "error: option '-e, --epochs <n>' argument '1e3' is invalid. It must be a whole number from 1.",
    ],
    [
      "--batch-size x",
      "error: option '-b, --batch-size <n>' argument 'x' is invalid. It must be a whole number from 1.",
    ],
    [
      "--lr 0",
      "error: option '-l, --lr <rate>' argument '0' is invalid. It must be a number above 0.",
    ],
    [
      "--lr-decay 2",
      "error: option '--lr-decay <factor>' argument '2' is invalid. It must be a number above 0, up to 1.",
    ],
    [
      "--hidden 256,",
      "error: option '-H, --hidden <sizes>' argument '256,' is invalid. It must be sizes from 1 to 16384 with commas between them, such as 256,128.",
    ],
    [
      "--dropout 1",
      "error: option '-d, --dropout <p>' argument '1' is invalid. It must be a number from 0, below 1.",
    ],
    [
      "--seed -1",
      "error: option '-s, --seed <n>' argument '-1' is invalid. It must be a whole number from 0.",
    ],
    [
      "-o adamm",
      "error: option '-o, --optimizer <name>' argument 'adamm' is invalid. Allowed choices are sgd, momentum, nesterov, rmsprop, adam.",
    ],
    [
      "-p loud",
      "error: option '-p, --progress <mode>' argument 'loud' is invalid. Allowed choices are auto, bar, lines, silent.",
    ],
    ["--epoch 3", "error: unknown option '--epoch' (Did you mean --epochs?)"],
    ["--output", "error: option '--output <file>' argument missing"],
    ["more", "error: too many arguments. Expected 0 arguments but got 1."],
  ])("%s", async (args, message) => {
    const { exitCode, output, errors } = await start(args);
    expect([exitCode, output, errors]).toEqual([2, "", `${message} See npm start -- --help.\n`]);
  });

  it("refuses an output that can't be written, before any work", async () => {
    const before = await readdir(folder);
    const path = join(folder, "absent", "w.safetensors");
    const { exitCode, output, errors } = await start(`--output ${path}`);
    expect([exitCode, output]).toEqual([2, ""]);
    expect(errors).toBe(
      `error: --output: can't write "${path}": the folder "${join(folder, "absent")}" doesn't exist (ENOENT); create it first.\n`,
    );
    expect((await start(`--output ${folder}`)).errors).toBe(
      `error: --output: can't write "${folder}": it is a folder (EISDIR); name a file in it.\n`,
    );
    expect(await readdir(folder)).toEqual(before);
  });

  it("reports a training that diverges in one line", async () => {
    const { exitCode, errors } = await start(
      `-q -o sgd --lr 1e30 --hidden 8 --output ${join(folder, "diverged.safetensors")}`,
    );
    expect(exitCode).toBe(1);
    expect(errors).toMatch(/^error: Solver: the loss is (NaN|Infinity) at step \d+ .*\n$/);
    expect(await readdir(folder)).not.toContain("diverged.safetensors");
  });
});

describe("art", () => {
  it("draws two rows of pixels per line, the margin left out", () => {
    const pixels = new Uint8Array(36);
    pixels[2 * 6 + 2] = 255; // upper left of the middle
    pixels[3 * 6 + 2] = 255;
    pixels[3 * 6 + 3] = 90; // lower right
    expect(drawImage(pixels, 6, 6)).toEqual(["█▄"]);
  });

  it("puts blocks side by side", () => {
    const blocks = [
      { lines: ["█▄", "▀ "], caption: "one" },
      { lines: ["  "], caption: "2" },
    ];
    expect(sideBySide(blocks)).toBe("█▄\n▀\none  2");
  });
});

it("needs no more than a dataset and options", async () => {
  const options = parseOptions(["--steps", "2", "--output", join(folder, "w")]);
  if ("exitCode" in options) throw new Error(options.text);
  const { steps, lossHistory } = await trainDigits(options, {
    output: new Text(),
    digits,
    heldOut: 400,
  });
  expect([steps, lossHistory.length]).toEqual([2, 2]);
});
