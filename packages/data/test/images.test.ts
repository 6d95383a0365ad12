import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import {
  DataLoader,
  decodeImage,
  decodeSample,
  FormatError,
  imageFolderItems,
  openImageFolder,
} from "@tapegrad/data";
import { encode } from "fast-png";
import { zlibSync } from "fflate";
import { fuzz } from "./fuzz.ts";

type Cases = Record<string, [base64: string, width: number, height: number, pixels: number[]]>;
const cases = JSON.parse(
  await readFile(new URL("./fixtures/images.json", import.meta.url), "utf8"),
) as Cases;
const bytesOf = (name: string) => new Uint8Array(Buffer.from(cases[name][0], "base64"));

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k++) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c;
});

/** A part of a PNG file. */
function chunk(type: string, data: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(12 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, data.length);
  bytes.set(new TextEncoder().encode(type), 4);
  bytes.set(data, 8);
  let crc = 0xffffffff;
  for (const byte of bytes.subarray(4, 8 + data.length)) crc = crcTable[(crc ^ byte) & 255] ^ (crc >>> 8); // biome-ignore format: one line
  view.setUint32(8 + data.length, ~crc >>> 0);
  return bytes;
}

/** A PNG file of 8-bit grey with this size in its header and these rows. */
function png(width: number, height: number, rows: Uint8Array, ...others: Uint8Array[]): Uint8Array {
  const header = new Uint8Array(13);
  const view = new DataView(header.buffer);
  view.setUint32(0, width);
  view.setUint32(4, height);
  header[8] = 8;
  return new Uint8Array(
    Buffer.concat([
      Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a),
      chunk("IHDR", header),
      ...others,
      chunk("IDAT", zlibSync(rows)),
      chunk("IEND", new Uint8Array(0)),
    ]),
  );
}

describe("decodeImage", () => {
  it.each(Object.keys(cases))("%s as Pillow reads it", async (name) => {
    const [, width, height, pixels] = cases[name];
    const image = await decodeImage(bytesOf(name), {}, name);
    expect([image.width, image.height, image.channels]).toEqual([width, height, 3]);
    // The standard leaves rounding open, and how colours of half the size become whole again.
    const halved = name === "jpeg" || name === "jpeg, progressive";
    const allowed = halved ? 16 : name.startsWith("jpeg") ? 3 : 0;
    const worst = Math.max(...pixels.map((value, i) => Math.abs(value - image.data[i])));
    expect(image.data.length).toBe(pixels.length);
    expect(worst).toBeLessThanOrEqual(allowed);
  });

  it("makes coloured pictures grey", async () => {
    const { channels, data } = await decodeImage(bytesOf("rgb"), { channels: 1 });
    expect([channels, data.length]).toEqual([1, 70]);
    const grey = cases.grey[3].filter((_, i) => i % 3 === 0);
    expect(Math.max(...grey.map((value, i) => Math.abs(value - data[i])))).toBeLessThanOrEqual(1);
    const sample = await decodeSample(bytesOf("rgb"));
    expect(sample.shape).toEqual([3, 10, 7]);
    expect(sample.data[70 + 3]).toBeCloseTo(120 / 255, 6);
  });

  it("reads interlaced pictures", async () => {
    const data = Uint8Array.from({ length: 9 * 5 * 3 }, (_, i) => (i * 7) % 256);
    const bytes = encode({ width: 9, height: 5, data, channels: 3 }, { interlace: "Adam7" });
    expect((await decodeImage(bytes)).data).toEqual(data);
  });

  it("ignores what pixels don't need", async () => {
    const profile = chunk("iCCP", new Uint8Array([97, 0, 0, ...zlibSync(new Uint8Array(1000))]));
    const { data } = await decodeImage(png(2, 1, Uint8Array.of(0, 5, 6), profile));
    expect([...data]).toEqual([5, 5, 5, 6, 6, 6]);
  });

  it.each([
    ["text", new TextEncoder().encode("hello"), "f: it is neither a PNG nor a JPEG file."],
    ["no pixels", png(0, 4, new Uint8Array(0)), "f: it claims 0 × 4 pixels; there must be some, and at most 33554432."],
    ["a huge header", png(2 ** 31 - 1, 2 ** 31 - 1, new Uint8Array(9)), "pixels; there must be some"],
    ["a header that its data can't fill", png(5000, 5000, new Uint8Array(9)), "bytes of data can't be 5000 × 5000 pixels. It is truncated."],
    ["too little data", png(3, 3, new Uint8Array(9)), "f: its data unpack to fewer than 12 bytes."],
    ["a bomb", png(3, 3, new Uint8Array(10_000_000)), "f: its data unpack to more than 12 bytes."],
    ["a file cut in its data", png(3, 3, new Uint8Array(12)).subarray(0, 50), 'f: its part "IDAT" claims 10 bytes; 5 are left. It is truncated.'],
    ["a file without its end", png(3, 3, new Uint8Array(12)).subarray(0, 60), "f: it ends in the middle. It is truncated."],
  ])("refuses %s", async (_, bytes, message) => {
    await expect(decodeImage(bytes, {}, "f")).rejects.toThrow(message);
    await expect(decodeImage(bytes, {}, "f")).rejects.toThrow(FormatError);
  }); // biome-ignore format: a table

  it("refuses damaged and too large JPEGs", async () => {
    const jpeg = bytesOf("jpeg");
    await expect(decodeImage(jpeg, { maxPixels: 100 }, "f")).rejects.toThrow(
      "decodeImage: f: it claims 20 × 16 pixels; there must be some, and at most 100.",
    );
    await expect(decodeImage(jpeg.subarray(0, 100), {}, "f")).rejects.toThrow(
      "decodeImage: f: it has no picture in it. It is truncated.",
    );
    await expect(decodeImage(jpeg.subarray(0, jpeg.length - 100), {}, "f")).rejects.toThrow(
      "decodeImage: f: it is no valid JPEG",
    );
    const frame = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xc0);
    const large = jpeg.slice();
    large.set([0x10, 0, 0x10, 0], frame + 5);
    await expect(decodeImage(large, {}, "f")).rejects.toThrow(
      `decodeImage: f: its ${jpeg.length} bytes can't be 4096 × 4096 pixels. It is truncated.`,
    );
    const scan = jpeg.findIndex((byte, i) => byte === 0xff && jpeg[i + 1] === 0xda);
    const header = jpeg.subarray(scan, scan + 2 + jpeg[scan + 3]);
    const scans = new Uint8Array(Buffer.concat([jpeg.subarray(0, scan), ...Array(200).fill(header), jpeg.subarray(scan)])); // biome-ignore format: one line
    await expect(decodeImage(scans, {}, "f")).rejects.toThrow(
      "decodeImage: f: it has 201 scans; honest pictures have at most 100.",
    );
  });

  it("meets mutated files with clean errors only", async () => {
    for (const name of ["rgb", "palette of 4 bits", "jpeg", "jpeg, progressive"]) {
      const good = bytesOf(name);
      await fuzz(good, (bytes) => decodeImage(bytes), { numRuns: 150 });
    }
  });
});

describe("openImageFolder", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
    for (const [path, name] of [
      ["dog/2.PNG", "rgb"],
      ["dog/10.jpeg", "jpeg"],
      ["cat/1.png", "grey"],
      ["cat/notes.txt", "grey"],
    ]) {
      await mkdir(join(folder, path, ".."), { recursive: true });
      await writeFile(join(folder, path), bytesOf(name));
    }
    await writeFile(join(folder, "readme.txt"), "none");
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("gives pictures of one size with their folders' numbers", async () => {
    const { dataset, classNames, paths, labels } = await openImageFolder({ folder, size: [4, 6] });
    expect(classNames).toEqual(["cat", "dog"]);
    expect(paths.map((path) => path.slice(folder.length))).toEqual([
      "/cat/1.png",
      "/dog/10.jpeg",
      "/dog/2.PNG",
    ]);
    expect([...labels]).toEqual([0, 1, 1]);
    for await (const { x, y } of new DataLoader(dataset, { batchSize: 3, prefetch: 1 })) {
      expect(x.shape).toEqual([3, 3, 4, 6]);
      expect([y.dtype, y.toArray()]).toEqual(["int32", [0, 1, 1]]);
      const values = [...x.data()];
      expect(Math.min(...values)).toBeGreaterThanOrEqual(0);
      expect(Math.max(...values)).toBeLessThanOrEqual(1);
    }
    const items = await imageFolderItems({ folder, size: 2, channels: 1 });
    expect((await items.item(0, { seed: 0, epoch: 0 })).x.shape).toEqual([1, 2, 2]);
  });

  it("names what is missing or damaged", async () => {
    await expect(openImageFolder({ folder: join(folder, "cat"), size: 4 })).rejects.toThrow(
      `openImageFolder: "${folder}/cat" holds no folders; it needs one per class, with the pictures.`,
    );
    await mkdir(join(folder, "empty"));
    await expect(openImageFolder({ folder, size: 4 })).rejects.toThrow(
      `openImageFolder: "${folder}/empty" holds no .png, .jpg or .jpeg files; a class needs some.`,
    );
    await rm(join(folder, "empty"), { recursive: true });
    await writeFile(join(folder, "cat/1.png"), bytesOf("grey").subarray(0, 50));
    const { dataset } = await openImageFolder({ folder, size: 4 });
    await expect(dataset.batch(Int32Array.of(0))).rejects.toThrow(
      `fromItems: example 0 can't be read: decodeImage: ${folder}/cat/1.png: `,
    );
    await expect(openImageFolder({ folder, size: 0 })).rejects.toThrow("resize: the height is 0");
  });
});
