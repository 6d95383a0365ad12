import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { manualSeed } from "@tapegrad/core";
import { blobs } from "@tapegrad/data";
import { linear } from "@tapegrad/nn";
import { SGD } from "@tapegrad/optim";
import {
  choice,
  DivergedError,
  integer,
  logUniform,
  medianRule,
  type SearchOptions,
  Solver,
  search,
  successiveHalving,
  uniform,
} from "@tapegrad/train";
import fc from "fast-check";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "tapegrad-search-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const space = {
  lr: logUniform(1e-4, 1e-1),
  momentum: uniform(0.5, 1),
  layers: integer(1, 3),
  kind: choice(["sgd", "adam"]),
  hidden: [32, 64],
};

const paramsOf = ({ trials }: { trials: readonly { params: unknown }[] }) =>
  trials.map(({ params }) => params);

describe("spaces", () => {
  it("give values in their ranges, each as likely", () => {
    const dimensions = {
      uniform: [uniform(-1, 3), (x: number) => (x + 1) / 4],
      log: [logUniform(1e-3, 10), (x: number) => Math.log10(x / 1e-3) / 4],
    } as const;
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (u) => {
        // The inverse of the distribution function: u again.
        for (const [dimension, share] of Object.values(dimensions)) {
          expect(share(dimension.at(u))).toBeCloseTo(u, 10);
        }
      }),
      { seed: 1 },
    );
    const count = (dimension: { at(u: number): number | string }) => {
      const counts: Record<string, number> = {};
      for (let i = 0; i < 1200; i++) {
        const value = dimension.at(i / 1200);
        counts[value] = (counts[value] ?? 0) + 1;
      }
      return counts;
    };
    expect(count(integer(2, 4))).toEqual({ 2: 400, 3: 400, 4: 400 });
    expect(count(integer(-1, 1))).toEqual({ "-1": 400, 0: 400, 1: 400 });
    expect(count(choice(["a", "b", "c", "d"]))).toEqual({ a: 300, b: 300, c: 300, d: 300 });
    const logs = count(integer(1, 100, { log: true }));
    expect(Object.keys(logs).map(Number)).toEqual(expect.arrayContaining([1, 2, 10, 100]));
    // 1 has ln(1.5/0.5) of ln(100.5/0.5).
    expect(logs[1] / 1200).toBeCloseTo(Math.log(3) / Math.log(201), 2);
  });

  it("refuse what makes no sense", () => {
    expect(() => uniform(2, 1)).toThrow(
      "uniform: low is 2 and high 1; both must be finite, low below high.",
    );
    expect(() => logUniform(0, 1)).toThrow(
      "logUniform: low is 0 and high 1; both must be finite and above 0, low below high.",
    );
    expect(() => logUniform(1, 2, { points: 1 })).toThrow(
      "logUniform: points is 1; it must be a whole number from 2.",
    );
    expect(() => integer(1, 2.5)).toThrow(
      "integer: low is 1 and high 2.5; both must be whole, low no larger than high.",
    );
    expect(() => choice([])).toThrow(
      "choice: the values are []; they must be an array with at least one.",
    );
  });
});

describe("search", () => {
  it("takes all points of a grid, the last dimension fastest", async () => {
    const grid = { a: [1, 2], b: integer(0, 1), c: logUniform(1, 100, { points: 3 }) };
    const result = await search(({ a, b, c }) => a + b + c, grid, { method: "grid" });
    expect(result.trials).toHaveLength(12);
    expect(paramsOf(result).slice(0, 4)).toEqual([
      { a: 1, b: 0, c: 1 },
      { a: 1, b: 0, c: 10 },
      { a: 1, b: 0, c: 100 },
      { a: 1, b: 1, c: 1 },
    ]);
    expect(result.best?.params).toEqual({ a: 2, b: 1, c: 100 });
    expect((await search(({ a }) => a, grid, { method: "grid", trials: 5 })).trials).toHaveLength(
      5,
    );
    await expect(search(() => 1, { a: uniform(0, 1) }, { method: "grid" })).rejects.toThrow(
      "search: a has no grid; say how many values it takes, such as logUniform(1e-4, 1e-1, { points: 4 }).",
    );
  });

  it("draws the same points for the same seed, however many are asked for", async () => {
    const draw = async (trials: number, seed?: number) =>
      paramsOf(await search(() => 0, space, { trials, ...(seed === undefined ? {} : { seed }) }));
    const ten = await draw(10, 3);
    expect((await draw(20, 3)).slice(0, 10)).toEqual(ten);
    expect(await draw(10, 4)).not.toEqual(ten);
    expect(new Set(ten.map((params) => JSON.stringify(params))).size).toBe(10);
    manualSeed(1);
    const first = await draw(3);
    manualSeed(1);
    expect(await draw(3)).toEqual(first);
    const seeds: number[] = [];
    await search((_, { seed }) => seeds.push(seed), space, { trials: 5, seed: 3 });
    expect(new Set(seeds).size).toBe(5);
  });

  it("finds the best, of equal ones the first, and prints a table", async () => {
    const values = [3, 7, Number.NaN, 7, 5];
    const run = (mode: "max" | "min") =>
      search(
        (_, { number }) => values[number],
        { a: [1], kind: ["x"] },
        { trials: 5, mode, seed: 0 },
      );
    const best = await run("max");
    expect(best.best).toMatchObject({ number: 1, value: 7, status: "finished" });
    expect((await run("min")).best?.number).toBe(0);
    const table = String(best).split("\n");
    expect(table[0].trim().split(/\s+/)).toEqual([
      "trial",
      "value",
      "a",
      "kind",
      "reports",
      "seconds",
    ]);
    expect(table.slice(1).map((line) => line.trim().split(/\s+/).slice(0, 4))).toEqual([
      ["1", "7", "1", "x"],
      ["3", "7", "1", "x"],
      ["4", "5", "1", "x"],
      ["0", "3", "1", "x"],
      ["2", "NaN", "1", "x"],
    ]);
    const none = await search(() => Number.NaN, { a: [1] }, { trials: 2, seed: 0 });
    expect(none.best).toBe(null);
  });

  it("goes on from its file after any number of trials, as if it had never stopped", async () => {
    const value = ({ lr, layers }: { lr: number; layers: number }) => layers - lr;
    const whole = await search(value, space, { trials: 8, seed: 5 });
    const plain = ({ trials }: { trials: readonly { seconds: number }[] }) =>
      trials.map(({ seconds: _, ...rest }) => rest);
    for (const stopAt of [0, 1, 4, 7]) {
      const file = join(folder, `resume-${stopAt}.jsonl`);
      const options = { trials: 8, seed: 5, file };
      const started: number[] = [];
      const killed = search(
        (params, { number }) => {
          if (number === stopAt) throw new Error("killed");
          return value(params);
        },
        space,
        options,
      );
      await expect(killed).rejects.toThrow("killed");
      const resumed = await search(
        (params, { number, report }) => {
          started.push(number);
          report(1);
          return value(params);
        },
        space,
        options,
      );
      expect(started[0]).toBe(stopAt);
      expect(paramsOf(resumed)).toEqual(paramsOf(whole));
      expect(resumed.best?.value).toBe(whole.best?.value);
      const lines = readFileSync(file, "utf8").trimEnd().split("\n");
      expect(lines).toHaveLength(9);
      // Done already: nothing runs, all is there.
      const again = await search(() => expect(null).toBe("never called") as never, space, options);
      expect(plain(again)).toEqual(plain(resumed));
      // More of the same.
      expect((await search(value, space, { ...options, trials: 10 })).trials).toHaveLength(10);
    }
  });

  it("refuses the file of another search, and a damaged one", async () => {
    const file = join(folder, "other.jsonl");
    await search(() => Number.NaN, { a: [1, 2] }, { trials: 2, seed: 5, file });
    await expect(search(() => 1, { a: [1, 2] }, { trials: 2, seed: 6, file })).rejects.toThrow(
      `search: ${file} is of another search: its seed is 5 and this one's 6; name another file, or make them equal.`,
    );
    await expect(search(() => 1, { a: [1, 3] }, { trials: 2, seed: 5, file })).rejects.toThrow(
      `its space is {"a":["choice",[1,2]]} and this one's {"a":["choice",[1,3]]}`,
    );
    const text = readFileSync(file, "utf8");
    const broken = async (changed: string, message: string) => {
      writeFileSync(file, changed);
      const options = { trials: 3, seed: 5, file };
      await expect(search(() => 1, { a: [1, 2] }, options)).rejects.toThrow(message);
      expect(readFileSync(file, "utf8")).toBe(changed);
    };
    await broken(`${text}{"number": 2, "par\n`, `search: ${file}, line 4: `);
    await broken(`${text}${text.split("\n")[1]}\n`, "line 4: number: it is 0, and should be 2.");
    await broken(
      text.replace("finished", "fine"),
      "line 2: status: it must be finished, pruned or diverged.",
    );
    await broken("[1]\n", `search: ${file}, line 1: it is no search's file; name another file.`);
    // Half a line at the end: what a kill of a program that appends leaves. It doesn't count.
    writeFileSync(file, `${text}{"number": 2, "par`);
    const { trials } = await search(() => 9, { a: [1, 2] }, { trials: 3, seed: 5, file });
    expect(trials.map(({ value }) => value)).toEqual([Number.NaN, Number.NaN, 9]);
  });

  it("tells who can't write before the first trial's end is lost silently", async () => {
    const file = join(folder, "missing", "search.jsonl");
    const run = search(() => 1, { a: [1] }, { trials: 1, file });
    await expect(run).rejects.toThrow("doesn't exist (ENOENT)");
  });

  it("stops at the signal, and forgets the trial that ran", async () => {
    const file = join(folder, "aborted.jsonl");
    const controller = new AbortController();
    const options = { trials: 5, seed: 0, file, signal: controller.signal };
    const { trials } = await search(
      (_, { number, signal }) => {
        expect(signal).toBe(controller.signal);
        if (number === 2) controller.abort();
        return number;
      },
      space,
      options,
    );
    expect(trials).toHaveLength(2);
    const { signal: _, ...rest } = options;
    expect((await search((_, { number }) => number, space, rest)).best?.number).toBe(4);
  });

  it("counts divergence as a result, and passes other errors on", async () => {
    const seen: string[] = [];
    const { trials, best } = await search(
      (_, { number }) => {
        if (number === 0) throw new DivergedError("the loss is NaN");
        return 1;
      },
      space,
      { trials: 2, seed: 0, onTrial: ({ status }) => void seen.push(status) },
    );
    expect(trials[0]).toMatchObject({ status: "diverged", value: Number.NaN });
    expect(best?.number).toBe(1);
    expect(seen).toEqual(["diverged", "finished"]);
    const failing = search(() => Promise.reject(new TypeError("a bug")), space, { trials: 2 });
    await expect(failing).rejects.toThrow("a bug");
  });

  it("prunes trials of a real Solver", async () => {
    const data = blobs({ samples: 60, centers: [[-3, 0], [3, 0]] }); // biome-ignore format: pairs
    const result = await search(
      async ({ lr }, trial) => {
        manualSeed(trial.seed);
        const model = linear(2, 2);
        const solver = new Solver({
          model,
          train: data,
          optimizer: new SGD(model.parameters(), { lr }),
          epochs: 5,
          batchSize: 10,
          progress: "silent",
          onEpoch: ({ trainLossHistory }) => trial.report(trainLossHistory.at(-1)!),
        });
        return (await solver.fit()).trainLossHistory.at(-1)!;
      },
      { lr: [1e-1, 1e-9] },
      { method: "random", trials: 12, seed: 1, mode: "min", pruning: successiveHalving() },
    );
    const pruned = result.trials.filter(({ status }) => status === "pruned");
    expect(pruned.length).toBeGreaterThan(0);
    expect(pruned.every(({ reports }) => reports.length < 5)).toBe(true);
    expect(result.best?.params.lr).toBe(0.1);
    expect(result.best?.reports).toHaveLength(5);
  });

  it("refuses what makes no sense", async () => {
    const failing: [object, SearchOptions<never>, string][] = [
      [{}, {}, "search: the space is empty; name what to vary, such as { lr: logUniform(1e-4, 1e-1) }."],
      [{ lr: 3 }, {}, "search: lr is 3; it must be uniform(…), logUniform(…), integer(…), choice([…]) or an array of values."],
      [space, { method: "bayes" as never }, 'search: method is "bayes"; it must be one of random, grid.'],
      [space, { mode: "up" as never }, 'search: mode is "up"; it must be one of max, min.'],
      [space, { trials: 0 }, "search: trials is 0; it must be a whole number from 1."],
      [space, { seed: -1 }, "search: seed is -1; it must be a whole number from 0 to 2^53 - 1."],
      [space, { file: " " }, 'search: file is " "; it must be the path of a file, such as search.jsonl.'],
    ]; // biome-ignore format: a row each
    for (const [given, options, message] of failing) {
      await expect(search(() => 1, given as never, options)).rejects.toThrow(message);
    }
    await expect(search(() => "1" as never, space)).rejects.toThrow(
      'search: the function gave "1"; it must give a number.',
    );
  });
});

describe("pruning", () => {
  it("by the median: worse than half of what others had at the step", () => {
    const rule = medianRule({ startup: 3, warmup: 1 });
    const others = [[1, 2, 3], [1, 4, 5], [1, 6]]; // biome-ignore format: rows
    expect(rule([0], others)).toBe(false); // warmup
    expect(rule([0, 3.9], others)).toBe(true); // below 4
    expect(rule([0, 4], others)).toBe(false);
    expect(rule([5, 3], others)).toBe(false); // its best so far counts
    expect(rule([0, 0, 0], others)).toBe(false); // only 2 came that far
    expect(medianRule({ startup: 2, warmup: 0 })([-Infinity], others)).toBe(true); // NaN
    expect(medianRule({ startup: 2 })([0, 0, 3.9], others)).toBe(true); // (3 + 5)/2
    expect(() => medianRule({ startup: 0 })).toThrow(
      "medianRule: startup is 0; it must be a whole number from 1.",
    );
  });

  it("by successive halving: the best third at steps 2, 6, 18, …", () => {
    const rule = successiveHalving({ minSteps: 2, factor: 3 });
    const upTo = (length: number, value: number) => new Array<number>(length).fill(value);
    const others = [1, 2, 3, 4, 5].map((value) => upTo(6, value));
    expect(rule(upTo(2, 0), [])).toBe(false); // the first
    expect(rule(upTo(1, 0), others)).toBe(false); // no rung
    expect(rule(upTo(3, 0), others)).toBe(false);
    // 6 at the rung with this one: the best 2 go on.
    expect(rule(upTo(2, 3.5), others)).toBe(true);
    expect(rule(upTo(2, 4.5), others)).toBe(false);
    expect(rule(upTo(6, 3.5), others)).toBe(true);
    expect(rule(upTo(18, 0), others)).toBe(false);
    expect(() => successiveHalving({ factor: 1 })).toThrow(
      "successiveHalving: factor is 1; it must be a whole number from 2.",
    );
  });
});
