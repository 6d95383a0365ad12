import * as realFs from "node:fs/promises";
import { mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { equal, type Tensor, tensor, zeros } from "@tapegrad/core";
import {
  checkWritable,
  decodeSafetensors,
  encodeSafetensors,
  FileError,
  FormatError,
  loadSafetensors,
  saveSafetensors,
} from "@tapegrad/data";
import fc from "fast-check";

const text = new TextEncoder();

/** A file with the given header text and data bytes. */
function file(header: string, dataBytes = 0): Uint8Array {
  const json = text.encode(header);
  const bytes = new Uint8Array(8 + json.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(json.length), true);
  bytes.set(json, 8);
  return bytes;
}

const entry = (dtype: string, shape: unknown, offsets: unknown) =>
  JSON.stringify({ w: { dtype, shape, data_offsets: offsets } });

describe("encode and decode", () => {
  it("writes the documented layout", () => {
    const bytes = encodeSafetensors({ w: tensor([1, 2]) }, { a: "b" });
    const length = Number(new DataView(bytes.buffer).getBigUint64(0, true));
    expect(length % 8).toBe(0);
    expect(JSON.parse(new TextDecoder().decode(bytes.subarray(8, 8 + length)))).toEqual({
      __metadata__: { a: "b" },
      w: { dtype: "F32", shape: [2], data_offsets: [0, 8] },
    });
    expect([...bytes.subarray(8 + length)]).toEqual([0, 0, 0x80, 0x3f, 0, 0, 0, 0x40]);
  });

  it("brings every dtype, shape and name back, in order", () => {
    const tensors: [string, Tensor][] = [
      ["b", tensor([true, false, true])],
      [
        "1.weight",
        tensor(
          [
            [0.1, -0],
            [Number.NaN, Infinity],
          ],
          { dtype: "float64" },
        ),
      ],
      ["empty", zeros([0, 3])],
      ["scalar", tensor(2.5)],
      ["__proto__", tensor([-7], { dtype: "int32" })],
      ['ünï/"q"', tensor(new Uint8Array([0, 255]))],
      [
        "view",
        tensor([
          [1, 2, 3],
          [4, 5, 6],
        ]).transpose(0, 1),
      ],
    ];
    const { tensors: back, metadata } = decodeSafetensors(encodeSafetensors(tensors));
    expect([...back.keys()]).toEqual(tensors.map(([name]) => name));
    for (const [name, value] of tensors) expect(equal(back.get(name)!, value)).toBe(true);
    expect(metadata).toEqual({});
  });

  it("reads a file at any place of a larger buffer", () => {
    const bytes = encodeSafetensors(new Map([["w", tensor([1, 2, 3])]]));
    for (const shift of [1, 2, 3, 8]) {
      const larger = new Uint8Array(bytes.length + 16);
      larger.set(bytes, shift);
      const { tensors } = decodeSafetensors(larger.subarray(shift, shift + bytes.length));
      expect(tensors.get("w")!.toArray()).toEqual([1, 2, 3]);
    }
  });

  it("reads the dtypes that tensors don't have: narrow floats as float32, whole numbers as int32", () => {
    const read = (dtype: string, values: number[], bytesEach: number) => {
      const bytes = file(
        entry(dtype, [values.length / bytesEach], [0, values.length]),
        values.length,
      );
      bytes.set(values, bytes.length - values.length);
      const w = decodeSafetensors(bytes).tensors.get("w")!;
      return [w.dtype, w.toArray()];
    };
    expect(read("F16", [0, 0x3e, 0xff, 0x7b, 1, 0, 0, 0xfc], 2)).toEqual([
      "float32",
      [1.5, 65504, 2 ** -24, -Infinity],
    ]);
    expect(read("BF16", [0xc0, 0x3f, 0x49, 0xc0], 2)).toEqual(["float32", [1.5, -3.140625]]);
    expect(read("F8_E4M3", [0x38, 0x7e, 0x01, 0xff], 1)).toEqual([
      "float32",
      [1, 448, 2 ** -9, Number.NaN],
    ]);
    expect(read("F8_E5M2", [0x3c, 0x7b, 0xfc], 1)).toEqual(["float32", [1, 57344, -Infinity]]);
    expect(read("I64", [...Array(8).fill(255), 5, 0, 0, 0, 0, 0, 0, 0], 8)).toEqual([
      "int32",
      [-1, 5],
    ]);
    expect(read("U64", [5, 0, 0, 0, 0, 0, 0, 0], 8)).toEqual(["int32", [5]]);
    expect(read("U32", [1, 0, 0, 0], 4)).toEqual(["int32", [1]]);
    expect(read("I16", [254, 255], 2)).toEqual(["int32", [-2]]);
    expect(read("U16", [254, 255], 2)).toEqual(["int32", [65534]]);
    expect(read("I8", [254], 1)).toEqual(["int32", [-2]]);
    expect(read("BOOL", [0, 1, 2], 1)).toEqual(["bool", [false, true, true]]);
    expect(() => read("U32", [0, 0, 0, 0, 0, 0, 0, 128], 4)).toThrow(
      'decodeSafetensors: the file: tensor "w": element 1 is 2147483648; tensors hold whole numbers from -2^31 to 2^31 - 1.',
    );
  });

  it("round-trips arbitrary names, metadata and bits", () => {
    const values = fc.record({ name: fc.string({ unit: "binary" }), values: fc.array(fc.float()) });
    fc.assert(
      fc.property(
        fc.uniqueArray(values, { selector: ({ name }) => name, maxLength: 5 }),
        fc.dictionary(fc.string(), fc.string()),
        (list, metadata) => {
          const tensors = new Map(list.map((e) => [e.name, tensor(Float32Array.from(e.values))]));
          const back = decodeSafetensors(encodeSafetensors(tensors, metadata));
          expect(Object.entries(back.metadata).sort()).toEqual(Object.entries(metadata).sort());
          for (const [name, value] of tensors) {
            expect(equal(back.tensors.get(name)!, value)).toBe(true);
          }
        },
      ),
      { seed: 2, numRuns: 200 },
    );
  });

  it("refuses what the format can't hold", () => {
    const w = tensor([1]);
    expect(() =>
      encodeSafetensors([
        ["w", w],
        ["w", w],
      ]),
    ).toThrow(
      'encodeSafetensors: the name "w" occurs twice; names are strings, each once, and not "__metadata__".',
    );
    expect(() => encodeSafetensors({ __metadata__: w })).toThrow('"__metadata__" can\'t be used');
    expect(() => encodeSafetensors({ w: 3 as unknown as Tensor })).toThrow(
      'encodeSafetensors: "w" is a number; it must be a Tensor.',
    );
    expect(() => encodeSafetensors({ w }, { n: 3 as unknown as string })).toThrow(
      'encodeSafetensors: metadata "n" is a number; it must be a string (JSON.stringify others).',
    );
  });
});

describe("hostile files", () => {
  const cases: [string, Uint8Array, string][] = [
    [
      "too short",
      new Uint8Array(5),
      "f: it has 5 bytes; a safetensors file starts with 8 bytes that give the header's length.",
    ],
    [
      "a header past the end",
      Uint8Array.of(9, 0, 0, 0, 0, 0, 0, 0, 123),
      "f: the header claims 9 bytes; the file has 1 after its first 8, and headers have at most 100000000.",
    ],
    [
      "a header of 2^63 bytes",
      Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 128),
      "the header claims 9223372036854776000 bytes",
    ],
    ["no JSON", file("{nope"), "f: the header is no JSON in UTF-8"],
    ["no object", file("[1]"), "f: the header is no JSON object."],
    [
      "deep nesting",
      file("[".repeat(100_000)),
      "f: the header nests deeper than 3 levels at byte 11.",
    ],
    [
      "metadata of numbers",
      file('{"__metadata__":{"a":1}}'),
      "f: __metadata__ must map strings to strings.",
    ],
    ["no entry", file('{"w":3}'), 'f: tensor "w" is no object with dtype, shape, data_offsets.'],
    [
      "an unknown dtype",
      file(entry("F12", [1], [0, 4]), 4),
      'f: tensor "w" has dtype "F12"; supported are F64, F32, F16, BF16, F8_E4M3, F8_E5M2, I64, I32, I16, I8, U64, U32, U16, U8, BOOL.',
    ],
    [
      "an inherited dtype",
      file(entry("toString", [1], [0, 4]), 4),
      'f: tensor "w" has dtype "toString"',
    ],
    [
      "a negative size",
      file(entry("F32", [-1], [0, 4]), 4),
      'f: tensor "w" has shape [-1]; it must be a list of whole numbers from 0.',
    ],
    [
      "one offset",
      file(entry("F32", [1], [0]), 4),
      'f: tensor "w" has data_offsets [0]; they must be [begin, end].',
    ],
    [
      "data past the end",
      file(entry("F32", [2], [0, 8]), 4),
      'f: tensor "w" lies at bytes 0 to 8; the file has data bytes 0 to 4.',
    ],
    [
      "backward offsets",
      file(entry("F32", [1], [4, 0]), 4),
      'f: tensor "w" lies at bytes 4 to 0; the file has data bytes 0 to 4.',
    ],
    [
      "a wrong size",
      file(entry("F32", [2], [0, 4]), 4),
      'f: tensor "w" is F32 [2], 8 bytes, but its data_offsets [0, 4] hold 4.',
    ],
    [
      "an overflowing product",
      file(entry("F32", Array(20).fill(2 ** 53 - 1), [0, 4]), 4),
      "hold 4.",
    ],
    [
      "a gap",
      file(entry("U8", [1], [1, 2]), 2),
      'f: tensor "w" begins at data byte 1 after a gap; the one before it ends at 0.',
    ],
    [
      "an overlap",
      file(
        '{"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]},"b":{"dtype":"U8","shape":[2],"data_offsets":[1,3]}}',
        3,
      ),
      'f: tensor "b" begins at data byte 1 inside another tensor; the one before it ends at 2.',
    ],
    [
      "bytes left over",
      file(entry("U8", [1], [0, 1]), 3),
      "f: the tensors end at data byte 1, the file at 3; it is longer than its header says.",
    ],
  ];
  it.each(cases)("%s", (_, bytes, message) => {
    expect(() => decodeSafetensors(bytes, "f")).toThrow(message);
    expect(() => decodeSafetensors(bytes, "f")).toThrow(FormatError);
  });

  it("meets mutated files with clean errors only", () => {
    const good = encodeSafetensors({ a: tensor([1, 2, 3]), b: zeros([2, 2]) }, { k: "v" });
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(good.length)),
        (edits, length) => {
          const bytes = good.slice();
          for (const [at, value] of edits) bytes[at] = value;
          try {
            decodeSafetensors(bytes.subarray(0, length ?? bytes.length), "fuzzed");
          } catch (error) {
            expect(error).toBeInstanceOf(FormatError);
          }
        },
      ),
      { seed: 3, numRuns: 1000 },
    );
  });
});

describe("files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  const tensors = { w: tensor([1, 2]) };
  const failing = (method: "open" | "rename", code: string) => ({
    ...realFs,
    [method]: () => Promise.reject(Object.assign(new Error(`${code}: injected`), { code })),
  });

  it("saves, replaces and loads", async () => {
    const path = join(folder, "w.safetensors");
    await saveSafetensors(path, { w: tensor([0]) });
    await saveSafetensors(path, tensors, { made: "here" });
    const { tensors: back, metadata } = await loadSafetensors(path);
    expect(back.get("w")!.toArray()).toEqual([1, 2]);
    expect(metadata).toEqual({ made: "here" });
    expect(await readdir(folder)).toEqual(["w.safetensors"]);
  });

  it("replaces what a link points to, not the link", async () => {
    const [target, link] = [join(folder, "target"), join(folder, "link")];
    await writeFile(target, "old");
    await symlink(target, link);
    await saveSafetensors(link, tensors);
    expect((await loadSafetensors(target)).tensors.get("w")!.toArray()).toEqual([1, 2]);
    await rm(target);
    await rm(link);
  });

  it("says which path can't be written and why", async () => {
    await mkdir(join(folder, "sub"));
    await writeFile(join(folder, "plain"), "text");
    const refusals: [string, string][] = [
      [
        "absent/w",
        `the folder "${join(folder, "absent")}" doesn't exist (ENOENT); create it first.`,
      ],
      ["plain/w", `"${join(folder, "plain")}" is not a folder (ENOTDIR).`],
      ["sub", "it is a folder (EISDIR); name a file in it."],
    ];
    for (const [name, why] of refusals) {
      const path = join(folder, name);
      await expect(saveSafetensors(path, tensors)).rejects.toThrow(
        `saveSafetensors: can't write "${path}": ${why}`,
      );
      await expect(checkWritable("start", path)).rejects.toThrow(
        `start: can't write "${path}": ${why}`,
      );
    }
    await expect(saveSafetensors("/dev/null", tensors)).rejects.toThrow(
      `saveSafetensors: can't write "/dev/null": it is a device or pipe, not a file.`,
    );
  });

  it.each([
    ["open", "EACCES", "permission denied (EACCES); choose a place that you may use."],
    ["open", "EROFS", "the file system is read-only (EROFS); choose another place."],
    ["rename", "EPERM", "permission denied (EPERM); choose a place that you may use."],
    ["rename", "EIO", "EIO: injected."],
  ] as const)(
    "a failing %s (%s) leaves the old file and no temporary",
    async (method, code, why) => {
      const path = join(folder, "kept");
      await writeFile(path, "old");
      const before = await readdir(folder);
      await expect(
        saveSafetensors(path, tensors, {}, { fs: failing(method, code) }),
      ).rejects.toThrow(`saveSafetensors: can't write "${path}": ${why}`);
      expect(await readFile(path, "utf8")).toBe("old");
      expect(await readdir(folder)).toEqual(before);
    },
  );

  it("a disk that fills up in the middle leaves the old file and no temporary", async () => {
    const path = join(folder, "kept");
    await writeFile(path, "old");
    const before = await readdir(folder);
    const open: typeof realFs.open = async (...args) => {
      const handle = await realFs.open(...args);
      handle.writeFile = async () => {
        await handle.write("half");
        throw Object.assign(new Error("injected"), { code: "ENOSPC" });
      };
      return handle;
    };
    await expect(saveSafetensors(path, tensors, {}, { fs: { ...realFs, open } })).rejects.toThrow(
      `can't write "${path}": the disk is full (ENOSPC); free some space.`,
    );
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(before);
  });

  it("finds out whether a path can be written without touching it", async () => {
    const path = join(folder, "kept");
    await writeFile(path, "old");
    const before = await readdir(folder);
    await checkWritable("start", path);
    await checkWritable("start", join(folder, "new"));
    expect(await readFile(path, "utf8")).toBe("old");
    expect(await readdir(folder)).toEqual(before);
  });

  it("names a file that can't be read or is damaged", async () => {
    const path = join(folder, "bad");
    await expect(loadSafetensors(path)).rejects.toThrow(
      `loadSafetensors: can't read "${path}": there is no such file (ENOENT).`,
    );
    await expect(loadSafetensors(path)).rejects.toThrow(FileError);
    await writeFile(path, "abc");
    await expect(loadSafetensors(path)).rejects.toThrow(
      `decodeSafetensors: ${path}: it has 3 bytes`,
    );
  });
});
