/** Small pictures inside SVG: PNG as a data URL, the same bytes everywhere, so without compression. */

/** Rows of pixels, 8 bits a value. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  /** 1: grey. 3: red, green, blue. 4: and opacity. */
  readonly channels: 1 | 3 | 4;
  readonly data: Uint8Array;
}

const signature = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const colourTypes = { 1: 0, 3: 2, 4: 6 };
/** A deflate block that is not compressed holds no more. */
const mostInBlock = 0xffff;

const word = (n: number): number[] => [n >>> 24, (n >>> 16) & 0xff, (n >>> 8) & 0xff, n & 0xff];

/** CRC-32 of ISO 3309, bit by bit: the pictures are small. */
function crc(bytes: readonly number[]): number {
  let sum = ~0;
  for (const byte of bytes) {
    sum ^= byte;
    for (let bit = 0; bit < 8; bit++) sum = (sum >>> 1) ^ (sum & 1 ? 0xedb88320 : 0);
  }
  return ~sum;
}

function adler(bytes: readonly number[]): number {
  let [a, b] = [1, 0];
  for (const byte of bytes) {
    a = (a + byte) % 65521;
    b = (b + a) % 65521;
  }
  return b * 0x10000 + a;
}

function chunk(type: string, data: readonly number[]): number[] {
  const named = [...type].map((letter) => letter.charCodeAt(0)).concat(data);
  return [...word(data.length), ...named, ...word(crc(named))];
}

function stored(bytes: readonly number[]): number[] {
  const out = [0x78, 0x01];
  for (let at = 0; at < bytes.length; at += mostInBlock) {
    const block = bytes.slice(at, at + mostInBlock);
    const [low, high] = [block.length & 0xff, block.length >>> 8];
    const isLast = at + mostInBlock >= bytes.length;
    out.push(isLast ? 1 : 0, low, high, low ^ 0xff, high ^ 0xff);
    for (const byte of block) out.push(byte);
  }
  return out.concat(word(adler(bytes)));
}

/** "data:image/png;base64,…" */
export function pngUrl({ width, height, channels, data }: Pixels): string {
  const rows: number[] = [];
  for (let y = 0; y < height; y++) {
    // 0: the row is not predicted from others.
    rows.push(0);
    for (const byte of data.subarray(y * width * channels, (y + 1) * width * channels))
      rows.push(byte);
  }
  const header = [...word(width), ...word(height), 8, colourTypes[channels], 0, 0, 0];
  const bytes = signature.concat(
    chunk("IHDR", header),
    chunk("IDAT", stored(rows)),
    chunk("IEND", []),
  );
  return `data:image/png;base64,${base64(bytes)}`;
}

/** By parts: an argument list has an end. */
function base64(bytes: readonly number[]): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 0x2000)
    text += String.fromCharCode(...bytes.slice(at, at + 0x2000));
  return btoa(text);
}
