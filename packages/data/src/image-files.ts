/** Pictures from the bytes of PNG and JPEG files (fast-png, jpeg-js), in Node and in pages. */
import { ValueError } from "@tapegrad/core";
import { unzlibSync } from "fflate";
import { joinBytes, maxDeflateRatio } from "./bytes.ts";
import { FormatError } from "./files.ts";

/** A picture of 8 bits a value. */
export interface DecodedImage {
  readonly width: number;
  readonly height: number;
  /** 3: red, green, blue. 1: grey. */
  readonly channels: 1 | 3;
  /** Row after row, the channels of a pixel side by side. */
  readonly data: Uint8Array;
}

export interface DecodeImageOptions {
  /** 3 (default) makes grey pictures coloured, 1 makes coloured ones grey. */
  channels?: 1 | 3;
  /** Most pixels to decode. Default 2^25, 33 million. */
  maxPixels?: number;
}

const signatures = {
  png: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
  jpeg: [0xff, 0xd8, 0xff],
};
/** A JPEG spends at least a bit on each block of 8 × 8 pixels. */
const maxJpegPixelsPerByte = 8 * 64;
/** What decoding takes: at most four components, each with coefficients of 4 bytes, values, and the result. */
const jpegBytesPerPixel = 32;
/** Progressive pictures have about ten; thousands, each a pass over all blocks, are an attack. */
const maxJpegScans = 100;

/**
 * The picture in a PNG (any depth and colour type; transparency is dropped) or a JPEG (baseline or
 * progressive), known by their first bytes. Sizes are checked against the file's before anything is decoded.
 *
 * @param name  what errors call the file
 * @throws FormatError for other or damaged files, and for more pixels than `maxPixels`
 */
export async function decodeImage(
  bytes: Uint8Array,
  { channels = 3, maxPixels = 2 ** 25 }: DecodeImageOptions = {},
  name = "the file",
): Promise<DecodedImage> {
  if (channels !== 1 && channels !== 3) {
    throw new ValueError(`decodeImage: channels is ${channels}; it must be 1 or 3.`);
  }
  const fail = (message: string): never => {
    throw new FormatError(`decodeImage: ${name}: ${message}`);
  };
  const startsWith = (start: readonly number[]) => start.every((byte, i) => bytes[i] === byte);
  const limits: Limits = { maxPixels, fail };
  if (startsWith(signatures.png)) return withChannels(await decodePng(bytes, limits), channels);
  if (startsWith(signatures.jpeg)) return withChannels(await decodeJpeg(bytes, limits), channels);
  return fail("it is neither a PNG nor a JPEG file.");
}

interface Limits {
  readonly maxPixels: number;
  readonly fail: (message: string) => never;
}

function checkSize(width: number, height: number, { maxPixels, fail }: Limits): void {
  if (width < 1 || height < 1 || width * height > maxPixels) {
    fail(`it claims ${width} × ${height} pixels; there must be some, and at most ${maxPixels}.`);
  }
}

/** What a library reports becomes one of our errors. */
function reported<T>(what: string, limits: Limits, decode: () => T): T {
  try {
    return decode();
  } catch (error) {
    return limits.fail(
      `it is no valid ${what} (${error instanceof Error ? error.message : error}).`,
    );
  }
}

async function decodePng(bytes: Uint8Array, limits: Limits): Promise<DecodedImage> {
  const { fail } = limits;
  const { convertIndexedToRgb, decode } = await import("fast-png");
  const { pixels, header, packed } = pngChunks(bytes, fail);
  const { width, height, depth, colour, interlaced } = header;
  checkSize(width, height, limits);
  if (interlaced && depth < 8)
    fail(`it is interlaced with ${depth} bits a value; save it without.`);
  const expected = inflatedBytes(header, fail);
  if (expected > packed.length * maxDeflateRatio) {
    fail(
      `its ${packed.length} bytes of data can't be ${width} × ${height} pixels. It is truncated.`,
    );
  }
  // One byte more, to notice data that goes on; whatever it does, no more is allocated.
  const inflated = reported("PNG", limits, () =>
    unzlibSync(packed, { out: new Uint8Array(expected + 1) }),
  );
  if (inflated.length !== expected) {
    fail(
      `its data unpack to ${inflated.length > expected ? "more" : "fewer"} than ${expected} bytes.`,
    );
  }
  const decoded = reported("PNG", limits, () => decode(pixels, { checkCrc: true }));
  if (colour === palette) {
    const data = reported("PNG", limits, () => convertIndexedToRgb(decoded));
    const each = decoded.palette![0].length;
    return { width, height, channels: 3, data: pick(data, each, 3) };
  }
  const shown = decoded.channels < 3 ? 1 : 3;
  const data =
    depth === 16
      ? Uint8Array.from(decoded.data, (value) => value >> 8)
      : depth < 8
        ? unpackBits(decoded.data as Uint8Array, width, depth)
        : (decoded.data as Uint8Array);
  return { width, height, channels: shown, data: pick(data, decoded.channels, shown) };
}

interface PngHeader {
  readonly width: number;
  readonly height: number;
  readonly depth: number;
  readonly colour: number;
  readonly interlaced: boolean;
}

const palette = 3;
/** Values a pixel by colour type: grey, colour, palette, grey and alpha, colour and alpha. */
const pngChannels: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

/**
 * The chunks that the pixels need, as a file of their own, and the packed pixels: others (profiles, texts)
 * are compressed too, and nobody has a limit on them.
 */
function pngChunks(
  bytes: Uint8Array,
  fail: (message: string) => never,
): { pixels: Uint8Array; packed: Uint8Array; header: PngHeader } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const kept: Uint8Array[] = [bytes.subarray(0, signatures.png.length)];
  const data: Uint8Array[] = [];
  let header: PngHeader | null = null;
  for (let at = signatures.png.length, type = ""; type !== "IEND"; ) {
    if (at + 12 > bytes.length) fail("it ends in the middle. It is truncated.");
    const length = view.getUint32(at);
    const end = at + 12 + length;
    type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (end > bytes.length) {
      fail(
        `its part ${JSON.stringify(type)} claims ${length} bytes; ${bytes.length - at - 12} are left. It is truncated.`,
      );
    }
    if (header === null) {
      if (type !== "IHDR" || length !== 13) fail("it doesn't start with a header of 13 bytes.");
      const [depth, colour, , , interlace] = bytes.subarray(at + 16, at + 21);
      header = {
        width: view.getUint32(at + 8),
        height: view.getUint32(at + 12),
        depth,
        colour,
        interlaced: interlace !== 0,
      };
      if (
        ![1, 2, 4, 8, 16].includes(depth) ||
        !Object.hasOwn(pngChannels, colour) ||
        interlace > 1
      ) {
        fail(`its header has depth ${depth}, colour type ${colour}, interlace ${interlace}.`);
      }
    } else if (type === "IHDR") fail("it has two headers.");
    if (["IHDR", "PLTE", "IDAT", "IEND"].includes(type)) kept.push(bytes.subarray(at, end));
    if (type === "IDAT") data.push(bytes.subarray(at + 8, end - 4));
    at = end;
  }
  return { pixels: joinBytes(kept), packed: joinBytes(data), header: header! };
}

/** Bytes of the rows, each with the byte that names its filter; interlaced, those of seven smaller pictures. */
function inflatedBytes(
  { width, height, depth, colour, interlaced }: PngHeader,
  fail: (message: string) => never,
): number {
  if (depth < 8 && colour !== 0 && colour !== palette) {
    fail(`its header has depth ${depth} and colour type ${colour}, which don't go together.`);
  }
  const rows = (w: number, h: number) =>
    w === 0 ? 0 : h * (1 + Math.ceil((w * pngChannels[colour] * depth) / 8));
  if (!interlaced) return rows(width, height);
  // Adam7: first column and row of each pass, and the steps between them.
  const passes = [
    [0, 0, 8, 8],
    [4, 0, 8, 8],
    [0, 4, 4, 8],
    [2, 0, 4, 4],
    [0, 2, 2, 4],
    [1, 0, 2, 2],
    [0, 1, 1, 2],
  ];
  const count = (size: number, first: number, step: number) =>
    Math.max(0, Math.ceil((size - first) / step));
  return passes.reduce(
    (sum, [x, y, dx, dy]) => sum + rows(count(width, x, dx), count(height, y, dy)),
    0,
  );
}

/** Grey values of 1, 2 or 4 bits, each row beginning at a byte, stretched to 0 … 255. */
function unpackBits(data: Uint8Array, width: number, depth: number): Uint8Array {
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  return Uint8Array.from({ length: (data.length / rowBytes) * width }, (_, i) => {
    const bit = (i % width) * depth;
    const byte = data[Math.floor(i / width) * rowBytes + (bit >> 3)];
    return (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
  });
}

/** The first `kept` of each pixel's `given` values: what is behind is transparency. */
function pick(data: Uint8Array, given: number, kept: number): Uint8Array {
  if (given === kept) return data;
  const result = new Uint8Array((data.length / given) * kept);
  for (let from = 0, to = 0; to < result.length; from += given) {
    for (let c = 0; c < kept; c++) result[to++] = data[from + c];
  }
  return result;
}

async function decodeJpeg(bytes: Uint8Array, limits: Limits): Promise<DecodedImage> {
  const { fail } = limits;
  const { width, height, scans } = jpegFrame(bytes, fail);
  checkSize(width, height, limits);
  if (width * height > bytes.length * maxJpegPixelsPerByte) {
    fail(`its ${bytes.length} bytes can't be ${width} × ${height} pixels. It is truncated.`);
  }
  if (scans > maxJpegScans)
    fail(`it has ${scans} scans; honest pictures have at most ${maxJpegScans}.`);
  const module = await import("jpeg-js");
  // Node gives the exports of a CommonJS module as its default, bundlers by name.
  const { decode } = (module as unknown as { default?: typeof module }).default ?? module;
  const options = {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: limits.maxPixels / 1e6 + 1,
    maxMemoryUsageInMB: 64 + (width * height * jpegBytesPerPixel) / 2 ** 20,
  } as const;
  const { data } = reported("JPEG", limits, () => decode(bytes, options));
  return { width, height, channels: 3, data };
}

/** Size and number of scans, from the segments' headers alone. */
function jpegFrame(
  bytes: Uint8Array,
  fail: (message: string) => never,
): { width: number; height: number; scans: number } {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: { width: number; height: number } | null = null;
  let scans = 0;
  for (let at = 2; at + 4 <= bytes.length; ) {
    const marker = bytes[at + 1];
    const isMarker = bytes[at] === 0xff && marker !== 0 && marker !== 0xff;
    // Within a scan: data, stuffed zeros, restart markers.
    if (!isMarker || (marker >= 0xd0 && marker <= 0xd7)) {
      at++;
      continue;
    }
    if (marker === 0xd9) break;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) {
      if (at + 9 > bytes.length) break;
      if (size !== null) fail("it has two frames.");
      size = { height: view.getUint16(at + 5), width: view.getUint16(at + 7) };
    }
    if (marker === 0xda) scans++;
    at += 2 + view.getUint16(at + 2);
  }
  return size === null || scans === 0
    ? fail("it has no picture in it. It is truncated.")
    : { ...size, scans };
}

/** The picture with the channels asked for; grey is 0.299·red + 0.587·green + 0.114·blue (ITU-R BT.601). */
function withChannels(image: DecodedImage, channels: 1 | 3): DecodedImage {
  if (image.channels === channels) return image;
  const { width, height, data } = image;
  const converted = new Uint8Array(width * height * channels);
  for (let i = 0; i < width * height; i++) {
    if (channels === 3) converted.fill(data[i], 3 * i, 3 * i + 3);
    // The half rounds, since storing a byte cuts off.
    else
      converted[i] = 0.299 * data[3 * i] + 0.587 * data[3 * i + 1] + 0.114 * data[3 * i + 2] + 0.5;
  }
  return { width, height, channels, data: converted };
}
