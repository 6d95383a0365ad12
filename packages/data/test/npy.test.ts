import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { equal, type Tensor, tensor, zeros } from "@tapegrad/core";
import {
  decodeNpy,
  decodeNpz,
  encodeNpy,
  encodeNpz,
  FormatError,
  loadNpy,
  loadNpz,
  saveNpy,
  saveNpz,
} from "@tapegrad/data";
import fc from "fast-check";
import { zipSync } from "fflate";
import { fuzz } from "./fuzz.ts";

const fixture = (name: string) => readFile(new URL(`./fixtures/${name}`, import.meta.url));
const text = (bytes: Uint8Array) => new TextDecoder("latin1").decode(bytes);
const bytesOf = (string: string) => Uint8Array.from(string, (c) => c.charCodeAt(0));

/** A file with this header and as many zero bytes behind it. */
function file(header: string, dataBytes: number): Uint8Array {
  const length = String.fromCharCode(header.length & 255, header.length >> 8);
  return bytesOf(`\x93NUMPY\x01\x00${length}${header}${"\0".repeat(dataBytes)}`);
}

const all: [string, Tensor][] = [
  ["float32", tensor([[1, 2.5], [Number.NaN, -0]])], // biome-ignore format: a matrix
  ["float64", tensor([1 / 3], { dtype: "float64" })],
  ["int32", tensor([[[-7]]], { dtype: "int32" })],
  ["uint8", tensor(new Uint8Array([0, 255]))],
  ["bool", tensor([true, false])],
  ["lone", tensor(3)],
  ["empty", zeros([2, 0])],
  ["view", tensor([[1, 2, 3]]).transpose(0, 1)],
];

describe("npy", () => {
  it("reads what NumPy writes: every dtype, order, version", async () => {
    const cases = JSON.parse((await fixture("npy.json")).toString()) as Record<string, [string, unknown]>; // biome-ignore format: one line
    const dtypes: Record<string, string> = { f2: "float32", f4: "float32", f8: "float64", u1: "uint8", b1: "bool" }; // biome-ignore format: one line
    for (const [name, [base64, expected]] of Object.entries(cases)) {
      const bytes = new Uint8Array(Buffer.from(base64, "base64"));
      if (expected === null) {
        expect(() => decodeNpy(bytes, name)).toThrow(FormatError);
        continue;
      }
      const x = decodeNpy(bytes, name);
      expect([name, x.toArray()]).toEqual([name, expected]);
      if (/^[<>|]/.test(name)) expect(x.dtype).toBe(dtypes[name.slice(1)] ?? "int32");
    }
  });

  it("writes what NumPy documents, aligned to 64 bytes", () => {
    const bytes = encodeNpy(tensor([[1, 2, 3]]));
    expect(bytes.length).toBe(128 + 12);
    expect(text(bytes.subarray(0, 10))).toBe("\x93NUMPY\x01\x00\x76\x00");
    expect(text(bytes.subarray(10, 128)).trimEnd()).toBe(
      "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }",
    );
    expect(bytes[127]).toBe(10);
    expect(text(encodeNpy(tensor([1]))).includes("'shape': (1,), }")).toBe(true);
    expect(text(encodeNpy(tensor(1))).includes("'shape': (), }")).toBe(true);
  });

  it.each(all)("brings %s back", (_, x) => {
    const back = decodeNpy(encodeNpy(x));
    expect(back.dtype).toBe(x.dtype);
    expect(equal(back, x)).toBe(true);
  });

  it("round-trips any floats and shapes, at any place of a larger buffer", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(4), { maxLength: 4 }),
        fc.nat(9),
        fc.infiniteStream(fc.float()),
        (shape, shift, stream) => {
          const size = shape.reduce((a, b) => a * b, 1);
          const x = tensor(Float32Array.from([...stream.take(size)]), { shape });
          const bytes = encodeNpy(x);
          const larger = new Uint8Array(bytes.length + shift);
          larger.set(bytes, shift);
          expect(equal(decodeNpy(larger.subarray(shift)), x)).toBe(true);
        },
      ),
      { seed: 5, numRuns: 100 },
    );
  });

  const good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
  it.each([
    ["nothing", new Uint8Array(0), `f: it doesn't start with "\\x93NUMPY", as .npy files do.`],
    ["no header", bytesOf("\x93NUMPY\x01\x00"), "f: it has 8 bytes; its header is missing."],
    ["version 9", bytesOf("\x93NUMPY\x09\x00\x00\x00\x00\x00"), "f: its version is 9.0; known are 1.0, 2.0 and 3.0."],
    ["a long header", bytesOf("\x93NUMPY\x01\x00\xff\xff{}"), "f: its header claims 65535 bytes; headers have at most 10000."],
    ["a cut header", bytesOf("\x93NUMPY\x01\x00\x76\x00{}"), "f: its header claims 118 bytes; 2 are left. It is truncated."],
    ["cut data", file(good, 7), "its header, <f4 [2], asks for 75. It is truncated."],
    ["more data", file(good, 9), "asks for 75. It is too long."],
    ["objects", file(good.replace("<f4", "|O"), 8), 'f: its dtype is "|O"; tensors can be made of b1, u1, u2'],
    ["an inherited dtype", file(good.replace("<f4", "<constructor"), 8), 'f: its dtype is "<constructor"'],
    ["code", file(good.replace("False", "exit()"), 8), "f: its header is \"{'descr': '<f4', 'fortran_order': exit(), "],
    ["a key twice", file(good.replace("fortran_order': False", "descr': '<f4'"), 8), "without records."],
    ["negative sizes", file(good.replace("(2,)", "(-2,)"), 8), "without records."],
    ["a huge shape", file(good.replace("(2,)", `(${"9007199254740991, ".repeat(30)})`), 8), "It is truncated."],
  ])("refuses %s", (_, bytes, message) => {
    expect(() => decodeNpy(bytes, "f")).toThrow(message);
    expect(() => decodeNpy(bytes, "f")).toThrow(FormatError);
  }); // biome-ignore format: a table

  it("names a whole number that is too large", async () => {
    const cases = JSON.parse((await fixture("npy.json")).toString()) as Record<string, [string]>;
    expect(() => decodeNpy(new Uint8Array(Buffer.from(cases.large[0], "base64")), "f")).toThrow(
      "decodeNpy: f: element 0 is 1099511627776; tensors hold whole numbers from -2^31 to 2^31 - 1.",
    );
  });

  it("meets mutated files with clean errors only", async () => {
    await fuzz(encodeNpy(tensor([[1, 2, 3]])), (bytes) => decodeNpy(bytes), { hot: [0, 80] });
  });
});

describe("npz", () => {
  it("reads what NumPy compressed", async () => {
    const arrays = decodeNpz(new Uint8Array(await fixture("arrays.npz")), "arrays.npz");
    expect([...arrays].map(([name, x]) => [name, x.dtype, x.shape])).toEqual([
      ["a", "int32", [2, 3]],
      ["z", "float64", [100, 100]],
      ["s", "int32", []],
    ]);
    expect(arrays.get("a")!.toArray()).toEqual([[0, 1, 2], [3, 4, 5]]); // biome-ignore format: a matrix
  });

  it.each([false, true])("brings all back, compressed: %s", (compress) => {
    const bytes = encodeNpz(new Map(all), { compress });
    expect(encodeNpz(new Map(all), { compress })).toEqual(bytes);
    const back = decodeNpz(bytes);
    expect([...back.keys()]).toEqual(all.map(([name]) => name));
    for (const [name, x] of all) expect(equal(back.get(name)!, x)).toBe(true);
  });

  it("refuses what isn't so", () => {
    const npy = encodeNpy(tensor([1]));
    const twice: [string, Tensor][] = [["w", tensor([1])], ["w", tensor([1])]]; // biome-ignore format: one line
    expect(() => encodeNpz(twice)).toThrow('encodeNpz: the name "w" occurs twice.');
    expect(() => decodeNpz(zipSync({ "a.txt": npy }), "f")).toThrow(
      'decodeNpz: f: it holds "a.txt"; an .npz file holds only .npy files.',
    );
    expect(() => decodeNpz(zipSync({ "a.npy": npy.subarray(0, 100) }), "f")).toThrow(
      "decodeNpy: a.npy in f: its header claims 118 bytes; 90 are left. It is truncated.",
    );
    expect(() => decodeNpz(new Uint8Array(100), "f")).toThrow(
      "decodeNpz: f: it has no end of a ZIP directory. It is truncated, or no ZIP archive.",
    );
  });

  it("unpacks no bombs", () => {
    const bomb = zipSync({ "a.npy": new Uint8Array(5_000_000) });
    const honest = zipSync({ "a.npy": encodeNpy(zeros([100])) });
    expect(bomb.length).toBeLessThan(10_000);
    expect(() => decodeNpz(bomb, "f", { maxBytes: 4_999_999 })).toThrow(
      "decodeNpz: f: its deflated entries unpack to more than 4999999 bytes, the most that is allowed here.",
    );
    expect(() => decodeNpz(bomb, "f")).toThrow(
      `decodeNpy: a.npy in f: it doesn't start with "\\x93NUMPY", as .npy files do.`,
    );
    const longer = new Uint8Array(5_000_000);
    longer.set(encodeNpy(tensor([1, 2])));
    expect(() => decodeNpz(zipSync({ "a.npy": longer }), "f")).toThrow(
      "decodeNpy: a.npy in f: it has 5000000 bytes; its header asks for 136. It is too long.",
    );
    // A directory that claims more than deflate can do, and one that claims less than there is.
    const claim = (archive: Uint8Array, size: number) => {
      const bytes = archive.slice();
      const directory = new DataView(bytes.buffer).getUint32(bytes.length - 6, true);
      new DataView(bytes.buffer).setUint32(directory + 24, size, true);
      return bytes;
    };
    expect(() => decodeNpz(claim(bomb, 2 ** 31), "f")).toThrow("which can't be.");
    expect(() => decodeNpz(claim(honest, 1000), "f")).toThrow(
      "decodeNpy: a.npy in f: it has 1000 bytes; its header asks for 528. It is too long.",
    );
    const short = zipSync({ "a.npy": encodeNpy(zeros([100])).subarray(0, 500) });
    expect(() => decodeNpz(claim(short, 528), "f")).toThrow(
      `decodeNpz: f: "a.npy" doesn't unpack to the 528 bytes that its directory says.`,
    );
  });

  it("notices entries that overlap and bytes that changed", () => {
    const bytes = encodeNpz({ aa: tensor([1]), bb: tensor([2]) });
    const view = new DataView(bytes.buffer);
    const directory = view.getUint32(bytes.length - 6, true);
    const second = directory + 46 + "aa.npy".length;
    const overlapping = bytes.slice();
    new DataView(overlapping.buffer).setUint32(second + 42, view.getUint32(directory + 42, true), true); // biome-ignore format: one line
    expect(() => decodeNpz(overlapping, "f")).toThrow('decodeNpz: f: "bb.npy" overlaps "aa.npy".');
    const changed = bytes.slice();
    changed[directory - 1] ^= 1;
    expect(() => decodeNpz(changed, "f")).toThrow(
      /decodeNpz: f: "bb.npy" has the checksum [0-9a-f]{8}; its directory says [0-9a-f]{8}. It is damaged./,
    );
  });

  it("meets mutated files with clean errors only", async () => {
    for (const compress of [false, true]) {
      const good = encodeNpz({ a: tensor([1, 2]), b: zeros([20, 20]) }, { compress });
      const directory = new DataView(good.buffer, good.byteOffset).getUint32(good.length - 6, true);
      await fuzz(good, (bytes) => decodeNpz(bytes), { hot: [directory, good.length] });
    }
  });
});

describe("files", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("save, load, and name what is wrong", async () => {
    const [npy, npz] = [join(folder, "x.npy"), join(folder, "x.npz")];
    await saveNpy(npy, tensor([1, 2]));
    expect((await loadNpy(npy)).toArray()).toEqual([1, 2]);
    await saveNpz(npz, { w: tensor([3]) }, { compress: true });
    expect((await loadNpz(npz)).get("w")!.toArray()).toEqual([3]);
    await writeFile(npy, "no array");
    await expect(loadNpy(npy)).rejects.toThrow(`decodeNpy: ${npy}: it doesn't start with`);
    await expect(loadNpz(join(folder, "absent"))).rejects.toThrow(
      "there is no such file (ENOENT).",
    );
  });
});
