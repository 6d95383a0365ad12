import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "@jest/globals";
import { Generator, manualSeed } from "@tapegrad/core";
import {
  blobs,
  charTokenizer,
  circles,
  csvDataset,
  DataLoader,
  FormatError,
  loadCsv,
  loadIris,
  moons,
  parseCsv,
  sequenceStreams,
  sequenceWindows,
  spirals,
  type TensorDataset,
} from "@tapegrad/data";
import fc from "fast-check";

const points = ({ x, y }: TensorDataset) => {
  const labels = y.data();
  return (x.toArray() as number[][]).map((point, i) => ({ point, label: labels[i] }));
};
const exact = { dtype: "float64", shuffle: false } as const;

describe("synthetic sets", () => {
  it("spirals follow CS231n's formula", () => {
    const data = spirals({ samples: 5, classes: 2, noise: 0, ...exact });
    expect([data.length, data.x.dtype, data.y.dtype]).toEqual([10, "float64", "int32"]);
    points(data).forEach(({ point, label }, i) => {
      expect(label).toBe(Math.floor(i / 5));
      const [r, t] = [(i % 5) / 4, 4 * label + (i % 5)];
      expect(point[0]).toBeCloseTo(r * Math.sin(t), 12);
      expect(point[1]).toBeCloseTo(r * Math.cos(t), 12);
    });
    // Noise is in the angle: radii stay.
    for (const { point } of points(spirals({ samples: 3, classes: 1, noise: 1, ...exact }))) {
      expect([0, 0.5, 1].some((r) => Math.abs(Math.hypot(...point) - r) < 1e-12)).toBe(true);
    }
  });

  it("moons and circles are scikit-learn's", () => {
    // make_moons(5, shuffle=False), make_circles(5, shuffle=False, factor=0.5) of scikit-learn 1.2.
    const s = Math.sqrt(0.5) ** 2; // ½
    const moon = points(moons({ samples: 5, ...exact }));
    const expected = [[1, 0], [-1, 0], [0, s], [1, -s], [2, s]]; // biome-ignore format: one line
    expect(moon.map(({ label }) => label)).toEqual([0, 0, 1, 1, 1]);
    const h = Math.sqrt(3) / 4;
    const circle = points(circles({ samples: 5, factor: 0.5, ...exact }));
    const around = [[1, 0], [-1, 0], [0.5, 0], [-0.25, h], [-0.25, -h]]; // biome-ignore format: one line
    expect(circle.map(({ label }) => label)).toEqual([0, 0, 1, 1, 1]);
    for (let i = 0; i < 5; i++) {
      for (const axis of [0, 1]) {
        expect(moon[i].point[axis]).toBeCloseTo(expected[i][axis], 12);
        expect(circle[i].point[axis]).toBeCloseTo(around[i][axis], 12);
      }
    }
  });

  it("blobs have their centres and spread", () => {
    const centers = [[-5, 0, 1], [5, 2, 3]]; // biome-ignore format: one line
    const data = blobs({ samples: 4001, centers, std: 0.5, generator: new Generator(2) });
    for (const label of [0, 1]) {
      const own = points(data).filter((p) => p.label === label);
      expect(own.length).toBe(2001 - label);
      for (const axis of [0, 1, 2]) {
        const values = own.map(({ point }) => point[axis]);
        const mean = values.reduce((a, b) => a + b) / values.length;
        const square = values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length;
        expect(Math.abs(mean - centers[label][axis])).toBeLessThan(0.05);
        expect(Math.abs(Math.sqrt(square) - 0.5)).toBeLessThan(0.03);
      }
    }
    const drawn = blobs({ samples: 7, centers: 3, features: 4, std: 0 });
    expect(drawn.x.shape).toEqual([7, 4]);
    expect(points(drawn).map(({ label }) => label).sort()).toEqual([0, 0, 0, 1, 1, 2, 2]); // biome-ignore format: one line
    expect(Math.max(...drawn.x.data().map(Math.abs))).toBeLessThan(10);
  });

  it("are the same for the same seed, and shuffled", () => {
    for (const make of [spirals, moons, circles, blobs]) {
      const draw = () => points(make({ samples: 30, generator: new Generator(8) }));
      expect(draw()).toEqual(draw());
      manualSeed(1);
      const labels = points(make({ samples: 30 })).map(({ label }) => label);
      expect(labels).not.toEqual([...labels].sort());
    }
  });

  it("refuse nonsense", () => {
    expect(() => spirals({ samples: 0 })).toThrow(
      "spirals: samples is 0; it must be a whole number from 1.",
    );
    expect(() => moons({ noise: -1 })).toThrow(
      "moons: noise is -1; it must be finite and at least 0.",
    );
    expect(() => circles({ factor: 2 })).toThrow("circles: factor is 2; it must be from 0 to 1.");
    expect(() => blobs({ centers: [] })).toThrow(
      "blobs: the number of centers is 0; it must be a whole number from 1.",
    );
    expect(() => blobs({ centers: [[0, 1], [2]] })).toThrow(
      "blobs: center 1 has 1 axes and center 0 has 2; all need as many.",
    );
  });
});

describe("loadIris", () => {
  it("has Fisher's 150 flowers", async () => {
    const { dataset, featureNames, classNames } = await loadIris();
    expect(dataset.x.shape).toEqual([150, 4]);
    expect(classNames).toEqual(["setosa", "versicolor", "virginica"]);
    expect(featureNames).toHaveLength(4);
    const { x, y } = dataset.batch(Int32Array.of(0, 50, 149));
    expect([y.dtype, y.toArray()]).toEqual(["int32", [0, 1, 2]]);
    [5.1, 3.5, 1.4, 0.2].forEach((value, i) => {
      expect(x.data()[i]).toBeCloseTo(value, 6);
    });
  });
});

describe("charTokenizer", () => {
  it("numbers characters in Unicode's order, and back", () => {
    const tokenizer = charTokenizer("hello wörld 🙂");
    expect(tokenizer.vocabulary).toEqual([" ", "d", "e", "h", "l", "o", "r", "w", "ö", "🙂"]);
    expect([...tokenizer.encode("lö🙂")]).toEqual([4, 8, 9]);
    expect(tokenizer.decode([9, 0, 3])).toBe("🙂 h");
    const again = charTokenizer(JSON.parse(JSON.stringify(tokenizer.vocabulary)));
    expect([...again.encode("world")]).toEqual([...tokenizer.encode("world")]);
  });

  it("brings any text back", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const tokenizer = charTokenizer(text);
        expect(tokenizer.decode(tokenizer.encode(text))).toBe(text);
        expect(tokenizer.size).toBe(new Set(text).size);
      }),
      { seed: 1, numRuns: 200 },
    );
  });

  it("knows what to do with other characters", () => {
    const tokenizer = charTokenizer("abc");
    expect(() => tokenizer.encode("ab?")).toThrow(
      'charTokenizer: character 2 of the text is "?", which is not among the 3 of the vocabulary; name one for such as the option unknown.',
    );
    expect(charTokenizer("abc", { unknown: "□" }).decode(charTokenizer("abc", { unknown: "□" }).encode("a?c"))).toBe("a□c"); // biome-ignore format: one line
    expect(() => tokenizer.decode([0, 3])).toThrow(
      "charTokenizer: number 1 is 3; the vocabulary has 0 to 2.",
    );
    expect(() => charTokenizer(["a", "bc"])).toThrow(
      'charTokenizer: entry 1 of the vocabulary is "bc"; it needs single characters, each once.',
    );
    expect(() => charTokenizer(["a", "a"])).toThrow("the vocabulary has a character twice");
    expect(() => charTokenizer(["a"], { unknown: "b" })).toThrow(
      'charTokenizer: the unknown character "b" is not in the vocabulary; add it there.',
    );
  });
});

describe("sequences", () => {
  const ids = Int32Array.from({ length: 11 }, (_, i) => 10 * i);

  it("windows have what comes next as targets", () => {
    const windows = sequenceWindows(ids, { length: 3 });
    expect(windows.length).toBe(3);
    const { x, y } = windows.batch(Int32Array.of(0, 2));
    expect(x.toArray()).toEqual([[0, 10, 20], [60, 70, 80]]); // biome-ignore format: one line
    expect(y.toArray()).toEqual([[10, 20, 30], [70, 80, 90]]); // biome-ignore format: one line
    expect(sequenceWindows(ids, { length: 3, stride: 1 }).length).toBe(8);
    const last = sequenceWindows(ids, { length: 3, stride: 1 }).batch(Int32Array.of(7));
    expect(last.y.toArray()).toEqual([[80, 90, 100]]);
    expect(() => sequenceWindows(ids, { length: 11 })).toThrow(
      "sequenceWindows: the sequence has 11 numbers; with these options it needs at least 12.",
    );
  });

  it("streams go on from batch to batch", () => {
    const loader = new DataLoader(sequenceStreams(ids, { batchSize: 2, length: 2 }));
    const seen = [...loader].map(({ x, y }) => [x.toArray(), y.toArray()]);
    expect(seen).toEqual([
      [[[0, 10], [50, 60]], [[10, 20], [60, 70]]],
      [[[20, 30], [70, 80]], [[30, 40], [80, 90]]],
      [[[40], [90]], [[50], [100]]],
    ]); // biome-ignore format: nested lists
    const parts = sequenceStreams(ids, { batchSize: 2, length: 2 });
    expect(() => parts.batch(Int32Array.of(0, 1))).toThrow(
      "sequenceStreams: 2 parts were asked for at once; each is a whole batch, so the loader's batchSize must be 1.",
    );
    expect(() => sequenceStreams(ids, { batchSize: 11, length: 2 })).toThrow("at least 12");
  });
});

describe("parseCsv", () => {
  const text = '\ufefflength, width ,kind\n1.5,2,"cat, big"\n\n-3e2, 4 ,dog\n';

  it("finds columns and their types", async () => {
    const table = await parseCsv(text);
    expect([table.length, table.names]).toEqual([2, ["length", "width", "kind"]]);
    expect(table.column("length")).toMatchObject({ type: "number", values: Float64Array.of(1.5, -300) }); // biome-ignore format: one line
    expect(table.column("kind")).toMatchObject({
      type: "category",
      categories: ["cat, big", "dog"],
      values: Int32Array.of(0, 1),
    });
    expect([...table.column("kind").lines]).toEqual([2, 4]);
    const typed = await parseCsv(text, { types: { width: "category", kind: "text" } });
    expect(typed.column("width")).toMatchObject({ categories: ["2", "4"] });
    expect(typed.column("kind")).toMatchObject({ type: "text", values: ["cat, big", "dog"] });
  });

  it("reads files without a header, with other delimiters, as bytes", async () => {
    const bytes = new TextEncoder().encode("1;2\n3;4\n");
    const numbered = await parseCsv(bytes, { header: false, delimiter: ";" });
    expect(numbered.names).toEqual(["column 1", "column 2"]);
    const named = await parseCsv(bytes, { header: ["a", "b"], delimiter: ";" });
    expect(named.column("b")).toMatchObject({ values: Float64Array.of(2, 4) });
  });

  it.each([
    ["a,b\n1,2\n3,\n", 'parseCsv: f, line 3, column "b": the value is missing ("").'],
    ["a,b\n1,2\nNA,4\n", 'parseCsv: f, line 3, column "a": the value is missing ("NA").'],
    ["a,b\n1,2\n3\n", "parseCsv: f, line 3: it has 1 values; there are 2 columns."],
    ["a,b\n1,2,3\n", "parseCsv: f, line 2: it has 3 values; there are 2 columns."],
    ["a,a\n1,2\n", 'parseCsv: f: there are two columns "a".'],
    ["", "parseCsv: f: it is empty; it needs a line of values."],
    [
      'a,b\n1,"2\n',
      "parseCsv: f, line 2: Quote Not Closed: the parsing is finished with an opening quote at line 2.",
    ],
    ["a,b\n1,x\n", 'parseCsv: f, line 2, column "b": "x" is no number.'],
    ["a,b\n1,Infinity\n", 'parseCsv: f, line 2, column "b": "Infinity" is no number.'],
  ])("refuses %j", async (source, message) => {
    const types = source.startsWith("a,b") ? { types: { b: "number" as const } } : {};
    await expect(parseCsv(source, types, "f")).rejects.toThrow(message);
    await expect(parseCsv(source, types, "f")).rejects.toThrow(FormatError);
  });

  it("refuses bytes that are no text, and columns that aren't there", async () => {
    await expect(parseCsv(Uint8Array.of(97, 255), {}, "f")).rejects.toThrow(
      "parseCsv: f: it is no text in UTF-8.",
    );
    await expect(parseCsv(text, { types: { lenght: "number" } }, "f")).rejects.toThrow(
      'parseCsv: types names the column "lenght"; f has length, width, kind.',
    );
    await expect(parseCsv("a\n1", { types: { a: "float" as never } }, "f")).rejects.toThrow(
      'the type "float"; it must be "number", "category" or "text".',
    );
    const loaded = await parseCsv("a\n1", {}, "f");
    expect(() => loaded.column("x")).toThrow('CsvTable: there is no column "x"; f has a.');
  });

  it("meets any text with a table or a clean error", async () => {
    const cell = fc.constantFrom("1", "x", '"', "", ",", "\n", "\r", '""', "é", "NA", "\0");
    await fc.assert(
      fc.asyncProperty(fc.array(cell, { maxLength: 30 }), async (cells) => {
        try {
          const table = await parseCsv(cells.join(""));
          for (const name of table.names) expect(table.column(name).values).toHaveLength(table.length); // biome-ignore format: one line
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      }),
      { seed: 3, numRuns: 500 },
    );
  });
});

describe("csvDataset", () => {
  it("makes features and a label of columns", async () => {
    const table = await parseCsv("a,b,kind\n1,2,y\n3,4,x\n");
    const { dataset, featureNames, classNames } = csvDataset(table, { label: "kind" });
    expect(dataset.x.toArray()).toEqual([[1, 2], [3, 4]]); // biome-ignore format: one line
    expect([dataset.y.dtype, dataset.y.toArray()]).toEqual(["int32", [1, 0]]);
    expect([featureNames, classNames]).toEqual([["a", "b"], ["x", "y"]]); // biome-ignore format: one line
    const regression = csvDataset(table, { label: "b", features: ["a"], dtype: "float64" });
    expect([regression.dataset.y.dtype, regression.classNames]).toEqual(["float64", null]);
    expect(() => csvDataset(table, { label: "a" })).toThrow(
      'csvDataset: the file, column "kind": it has categories such as "x"; features must be numbers.',
    );
    expect(() => csvDataset(table, { label: "none" })).toThrow('there is no column "none"');
  });

  it("loads from files", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
    try {
      const path = join(folder, "t.csv");
      await writeFile(path, "a,b\n1,\n");
      await expect(loadCsv(path)).rejects.toThrow(
        `parseCsv: ${path}, line 2, column "b": the value is missing ("").`,
      );
      await expect(loadCsv(join(folder, "u.csv"))).rejects.toThrow("there is no such file");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
