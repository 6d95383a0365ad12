/**
 * ZIP archives (PKWARE's APPNOTE.TXT), as NumPy and PyTorch write them: stored or deflated entries, with
 * ZIP64's sizes. The directory is checked against the file before anything is unpacked.
 */
import { Inflate, inflateSync } from "fflate";
import { joinBytes, maxDeflateRatio } from "./bytes.ts";
import { FormatError } from "./files.ts";

export interface ZipEntry {
  readonly name: string;
  /** Bytes once unpacked, as the directory says. */
  readonly size: number;
  /** The bytes. @throws FormatError if they aren't what the directory says */
  read(): Uint8Array;
  /** The first bytes, at most so many, without unpacking the others. */
  head(length: number): Uint8Array;
}

const signatures = {
  local: 0x04034b50,
  directory: 0x02014b50,
  end: 0x06054b50,
  end64: 0x06064b50,
  locator64: 0x07064b50,
};
const endBytes = 22;
const locatorBytes = 20;
/** A comment may follow the end record; its length has 16 bits. */
const maxComment = 2 ** 16 - 1;
const stored = 0;
const deflated = 8;

/** Whether the bytes start as an archive does. */
export function isZip(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && viewOf(bytes).getUint32(0, true) === signatures.local;
}

/**
 * The entries of an archive by name, folders left out.
 *
 * @param where  the function that the user called
 * @param name   what errors call the file
 * @param maxInflated  most bytes that all deflated entries together may unpack to
 * @throws FormatError for a directory that doesn't fit the file: truncated, overlapping, encrypted, ZIP in
 *   several parts, names twice
 */
export function readZip(
  where: string,
  bytes: Uint8Array,
  name: string,
  maxInflated: number,
): Map<string, ZipEntry> {
  const fail = (message: string): never => {
    throw new FormatError(`${where}: ${name}: ${message}`);
  };
  const view = viewOf(bytes);
  const { count, start, length } = findDirectory(bytes, view, fail);
  const entries = new Map<string, ZipEntry>();
  const extents: { name: string; from: number; to: number }[] = [];
  const text = new TextDecoder();
  let at = start;
  let inflated = 0;
  for (let i = 0; i < count; i++) {
    if (at + 46 > start + length || view.getUint32(at, true) !== signatures.directory) {
      fail(`entry ${i} of its directory is damaged.`);
    }
    const flags = view.getUint16(at + 8, true);
    const method = view.getUint16(at + 10, true);
    const crc = view.getUint32(at + 16, true);
    const nameBytes = view.getUint16(at + 28, true);
    const extraBytes = view.getUint16(at + 30, true);
    const next = at + 46 + nameBytes + extraBytes + view.getUint16(at + 32, true);
    if (next > start + length) fail(`entry ${i} of its directory is damaged.`);
    const entry = text.decode(bytes.subarray(at + 46, at + 46 + nameBytes));
    const called = JSON.stringify(entry);
    const [size, packed, offset] = sizes64(view, at, at + 46 + nameBytes, extraBytes);
    if (flags & 1) fail(`${called} is encrypted.`);
    if (method !== stored && method !== deflated) {
      fail(
        `${called} is packed by method ${method}; known are ${stored} (stored) and ${deflated} (deflated).`,
      );
    }
    if (entries.has(entry)) fail(`${called} occurs twice.`);
    const from = dataStart(view, offset, start, () =>
      fail(`${called} has no entry at byte ${offset}.`),
    );
    if (from + packed > start) {
      fail(`${called} claims bytes ${from} to ${from + packed}; the directory begins at ${start}.`);
    }
    if (method === stored ? size !== packed : size > packed * maxDeflateRatio) {
      fail(`${called} claims to unpack ${packed} bytes to ${size}, which can't be.`);
    }
    if (method === deflated) {
      inflated += size;
      if (inflated > maxInflated) {
        fail(
          `its deflated entries unpack to more than ${maxInflated} bytes, the most that is allowed here.`,
        );
      }
    }
    extents.push({ name: called, from: offset, to: from + packed });
    const data = bytes.subarray(from, from + packed);
    if (!entry.endsWith("/")) {
      entries.set(entry, {
        name: entry,
        size,
        read: () => unpack(called, { data, method, size, crc }, fail),
        head: (length) =>
          method === stored
            ? data.subarray(0, length)
            : inflateHead(data, length, () => fail(`${called} is no deflated data.`)),
      });
    }
    at = next;
  }
  extents.sort((a, b) => a.from - b.from);
  extents.forEach((extent, i) => {
    if (i > 0 && extent.from < extents[i - 1].to) {
      fail(`${extent.name} overlaps ${extents[i - 1].name}.`);
    }
  });
  return entries;
}

type Fail = (message: string) => never;

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

interface Directory {
  readonly count: number;
  readonly start: number;
  readonly length: number;
}

function findDirectory(bytes: Uint8Array, view: DataView, fail: Fail): Directory {
  let end = bytes.length - endBytes;
  const first = Math.max(0, end - maxComment);
  while (end >= first && view.getUint32(end, true) !== signatures.end) end--;
  if (end < first) {
    return fail("it has no end of a ZIP directory. It is truncated, or no ZIP archive.");
  }
  let [count, length, start] = [
    view.getUint16(end + 10, true),
    view.getUint32(end + 12, true),
    view.getUint32(end + 16, true),
  ];
  const locator = end - locatorBytes;
  const large = count === 0xffff || length === 0xffffffff || start === 0xffffffff;
  if (large && locator >= 0 && view.getUint32(locator, true) === signatures.locator64) {
    const at = Number(view.getBigUint64(locator + 8, true));
    if (at + 56 > bytes.length || view.getUint32(at, true) !== signatures.end64) {
      fail("its ZIP64 directory is damaged.");
    }
    [count, length, start] = [32, 40, 48].map((field) =>
      Number(view.getBigUint64(at + field, true)),
    );
  }
  if (start + length > end) {
    fail(`its directory claims bytes ${start} to ${start + length}; it must end before ${end}.`);
  }
  return { count, start, length };
}

/** Unpacked and packed size and offset of a directory's entry: 32 bits, or 64 where those are all ones. */
function sizes64(view: DataView, at: number, extra: number, extraBytes: number): number[] {
  const fields = [24, 20, 42].map((field) => view.getUint32(at + field, true));
  for (let block = extra; block + 4 <= extra + extraBytes; ) {
    const end = block + 4 + view.getUint16(block + 2, true);
    if (view.getUint16(block, true) === 1) {
      let wide = block + 4;
      return fields.map((value) => {
        if (value !== 0xffffffff || wide + 8 > Math.min(end, extra + extraBytes)) return value;
        wide += 8;
        return Number(view.getBigUint64(wide - 8, true));
      });
    }
    block = end;
  }
  return fields;
}

function dataStart(view: DataView, offset: number, limit: number, fail: () => never): number {
  if (offset + 30 > limit || view.getUint32(offset, true) !== signatures.local) fail();
  return offset + 30 + view.getUint16(offset + 26, true) + view.getUint16(offset + 28, true);
}

function unpack(
  called: string,
  { data, method, size, crc }: { data: Uint8Array; method: number; size: number; crc: number },
  fail: Fail,
): Uint8Array {
  const bytes =
    method === stored
      ? data
      : inflate(data, size, () =>
          fail(`${called} doesn't unpack to the ${size} bytes that its directory says.`),
        );
  const found = crc32(bytes);
  if (found !== crc) {
    const hex = (value: number) => value.toString(16).padStart(8, "0");
    fail(
      `${called} has the checksum ${hex(found)}; its directory says ${hex(crc)}. It is damaged.`,
    );
  }
  return bytes;
}

/** Inflates to exactly `size` bytes: whatever the stream does, no more is allocated. */
function inflate(data: Uint8Array, size: number, fail: () => never): Uint8Array {
  // One byte more, to notice a stream that goes on.
  const out = new Uint8Array(size + 1);
  let result: Uint8Array;
  try {
    result = inflateSync(data, { out });
  } catch {
    return fail();
  }
  return result.length === size ? result : fail();
}

/** So little at once that even a bomb gives no more than 64 kB too much. */
const headStep = 64;

function inflateHead(data: Uint8Array, length: number, fail: () => never): Uint8Array {
  const parts: Uint8Array[] = [];
  let found = 0;
  const inflator = new Inflate((part) => {
    parts.push(part);
    found += part.length;
  });
  try {
    for (let at = 0; at < data.length && found < length; at += headStep) {
      inflator.push(data.subarray(at, at + headStep), at + headStep >= data.length);
    }
  } catch {
    fail();
  }
  return joinBytes(parts).subarray(0, length);
}

/**
 * Tables of "slicing by 8" (Kounavis and Berry, Novel table lookup-based algorithms for high-performance
 * CRC generation, 2008), one behind the other: table k moves a byte over k more bytes.
 */
function makeCrcTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte++) {
    let value = byte;
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
    tables[byte] = value;
  }
  for (let i = 256; i < tables.length; i++) {
    const value = tables[i - 256];
    tables[i] = (value >>> 8) ^ tables[value & 255];
  }
  return tables;
}

const crcTables = /* @__PURE__ */ makeCrcTables();

/** The checksum of ZIP (ISO 3309): eight bytes a step, four times as fast as one. */
function crc32(bytes: Uint8Array): number {
  const t = crcTables;
  let crc = -1;
  let i = 0;
  for (; i + 8 <= bytes.length; i += 8) {
    const low =
      crc ^ (bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24));
    crc =
      t[1792 + (low & 255)] ^
      t[1536 + ((low >>> 8) & 255)] ^
      t[1280 + ((low >>> 16) & 255)] ^
      t[1024 + (low >>> 24)] ^
      t[768 + bytes[i + 4]] ^
      t[512 + bytes[i + 5]] ^
      t[256 + bytes[i + 6]] ^
      t[bytes[i + 7]];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]) & 255];
  return ~crc >>> 0;
}
