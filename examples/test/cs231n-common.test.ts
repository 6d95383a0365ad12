/** What CS231n's lessons share. */
import { resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterEach, describe, expect, it, jest } from "@jest/globals";
import { data, ShapeError, tensor, ValueError } from "tapegrad";
import {
  asRows,
  expectPublished,
  lesson,
  loadCifar,
  lossCurve,
  MismatchError,
  main,
  number,
  range,
  sparkline,
  table,
  text,
  whole,
} from "../cs231n/common.ts";
import { fakeCifar } from "./fake-cifar.ts";

const folder = fakeCifar({ train: 40, test: 20 });

afterEach(() => {
  jest.restoreAllMocks();
});

describe("loadCifar", () => {
  it("cuts the files into training, validation and test images", async () => {
    const parts = await loadCifar(folder, { train: 20, validation: 10, test: 5 });
    const sizes = [parts.train, parts.validation, parts.test].map(({ length }) => length);
    expect(sizes).toEqual([20, 10, 5]);
    expect([...parts.validation.indices]).toEqual(range(20, 30));
    const { x, y } = asRows(parts.test);
    expect([x.shape, [...y.data()]]).toEqual([
      [5, 3 * 32 * 32],
      [0, 1, 2, 3, 4],
    ]);
    const rest = await loadCifar(folder, { validation: 10 });
    expect([rest.train.length, rest.test.length]).toEqual([30, 20]);
  });

  it("gives pixels where asked to", async () => {
    const { train } = await loadCifar(folder, { validation: 0 }, { mean: 0, std: 1 / 255 });
    const pixels = asRows(train).x;
    expect(pixels.max().item()).toBeGreaterThan(200);
    expect(pixels.sub(pixels.round()).abs().max().item()).toBeLessThan(1e-4);
  });

  it("says which images are not there", async () => {
    await expect(loadCifar(folder, { train: 35, validation: 10, test: 20 })).rejects.toThrow(
      new ValueError(
        `${folder} has 40 training and 20 test images; 35 for training, 10 for validation and 20 for the test are not among them.`,
      ),
    );
  });

  it("takes the environment's folder, and says how to download where there is none", async () => {
    const { CIFAR10_DIR: folderBefore } = process.env;
    const before = process.cwd();
    try {
      process.chdir(folder); // nothing is beside it
      process.env.CIFAR10_DIR = folder;
      expect((await loadCifar("", { validation: 10 })).train.length).toBe(30);
      delete process.env.CIFAR10_DIR;
      await expect(loadCifar("")).rejects.toThrow(
        new data.FileError(
          "CIFAR-10 is needed: give its folder with --data FOLDER or CIFAR10_DIR. To download it (170 MB): npx tapegrad data download cifar10 --folder cifar10",
        ),
      );
    } finally {
      process.chdir(before);
      if (folderBefore !== undefined) process.env.CIFAR10_DIR = folderBefore;
    }
  });
});

const doubled = lesson({
  about: "Doubles.",
  options: {
    someNumber: whole(3, "what is doubled"),
    factor: number(2, "by what"),
    name: text("x", "its name"),
  },
  run: ({ someNumber, factor, name }, print) => {
    print(`${name} = ${someNumber * factor}`);
    if (name === "bad") throw new ValueError("no such name");
    return someNumber * factor;
  },
});

describe("lessons", () => {
  it("run with defaults for what is left out", async () => {
    const lines: string[] = [];
    expect(await doubled.run({ someNumber: 5 }, (line) => lines.push(line))).toBe(10);
    expect(lines).toEqual(["x = 10"]);
  });

  const program = fileURLToPath(import.meta.url);
  const asProgram = async (args: string[], path = program) => {
    const argv = process.argv;
    const lines: string[] = [];
    jest.spyOn(console, "log").mockImplementation((line) => lines.push(line));
    jest.spyOn(console, "error").mockImplementation((line) => lines.push(line));
    process.argv = ["node", path, ...args];
    try {
      await main(pathToFileURL(program).href, doubled);
      return { lines, exitCode: process.exitCode };
    } finally {
      process.argv = argv;
      process.exitCode = 0;
    }
  };

  it("are programs with options", async () => {
    const { lines } = await asProgram(["--some-number", "4", "--factor", "1.5", "--name", "y"]);
    expect(lines).toEqual(["y = 6"]);
  });

  it("do nothing when another module is the program", async () => {
    expect((await asProgram([], resolve("other.js"))).lines).toEqual([]);
  });

  it("end with the library's errors as one line", async () => {
    const { lines, exitCode } = await asProgram(["--name", "bad"]);
    expect(lines).toEqual(["bad = 6", "error: no such name"]);
    expect(exitCode).toBe(1);
  });

  it("refuse what is no number", () => {
    const { parse } = whole(1, "");
    expect(() => parse("0")).toThrow("It must be a whole number from 1.");
    expect(() => parse("1.5")).toThrow("It must be a whole number from 1.");
    expect(() => number(1, "").parse("-1")).toThrow("It must be a number from 0.");
    expect(() => number(1, "").parse(" ")).toThrow("It must be a number from 0.");
    expect([parse("12"), number(1, "").parse("1e-3")]).toEqual([12, 1e-3]);
  });
});

describe("expectPublished", () => {
  const digits = tensor([1.001, 2], { dtype: "float64" });

  it("prints the error", () => {
    const lines: string[] = [];
    expectPublished((line) => lines.push(line), "sum", digits, [1, 2], 1e-3);
    expect(lines).toEqual(["sum: relative error 5.0e-4 to the published digits"]);
  });

  it("throws where it is too large, or numbers are missing", () => {
    const check = (published: number[], limit: number) => () =>
      expectPublished(() => {}, "sum", digits, published, limit);
    expect(check([1, 2], 1e-7)).toThrow(MismatchError);
    expect(check([1, 2], 1e-7)).toThrow(/^sum: relative error 0\.0004.*; it must be below 1e-7\.$/);
    expect(check([1.001], 1e-7)).toThrow(ShapeError);
    expect(check([1, Number.NaN], 1)).toThrow(MismatchError);
  });
});

describe("pictures in text", () => {
  it("sparkline: means of equal stretches, from low to high", () => {
    expect(sparkline([0, 1, 2, 3, 4, 5, 6, 7])).toBe("▁▂▃▄▅▆▇█");
    expect(sparkline([7, 7, 0, 0], 2)).toBe("█▁");
    expect(sparkline([3, 3])).toBe("▁▁");
    expect(lossCurve([2.3, 1.15, 0])).toBe("2.30 █▅▁ 0.00");
  });

  it("table: the first column to the left, the others to the right", () => {
    const rows = [
      ["", "time"],
      ["a loop", 5],
    ];
    expect(table(rows)).toBe("        time\na loop     5");
  });
});
