/** tar archives, as POSIX.1-1988 (ustar) and GNU tar write them: enough to unpack data sets. */
import { FormatError } from "./files.ts";

const blockBytes = 512;

/**
 * The files of an archive by their paths; the bytes are views of the archive's. Folders and links are
 * left out, and paths are only names: whoever writes files decides where.
 *
 * @param name  what errors call the archive
 * @throws FormatError naming archive and entry
 */
export function readTar(bytes: Uint8Array, name: string): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  const text = new TextDecoder();
  let longPath: string | null = null;
  for (let start = 0; start < bytes.length; ) {
    const header = bytes.subarray(start, start + blockBytes);
    const fail = (message: string): never => {
      throw new FormatError(`readTar: ${name}: the entry at byte ${start} ${message}`);
    };
    if (header.length < blockBytes) fail(`has ${header.length} bytes; a header has ${blockBytes}.`);
    if (header.every((byte) => byte === 0)) break;
    const field = (from: number, length: number) =>
      text.decode(header.subarray(from, from + length)).split("\0", 1)[0];
    const octal = (what: string, from: number, length: number) => {
      const digits = field(from, length).trim();
      return /^[0-7]+$/.test(digits)
        ? Number.parseInt(digits, 8)
        : fail(`has the ${what} ${JSON.stringify(digits)}, no octal number. Is it a tar archive?`);
    };
    // The sum of the header's bytes, its own field (148 to 155) taken as spaces.
    const sum = header.reduce((total, byte, i) => total + (i >= 148 && i < 156 ? 32 : byte), 0);
    const declared = octal("checksum", 148, 8);
    if (sum !== declared) fail(`has the checksum ${declared}; its bytes add up to ${sum}.`);
    const size = octal("size", 124, 12);
    const from = start + blockBytes;
    if (from + size > bytes.length) {
      fail(`claims ${size} bytes; ${bytes.length - from} are left. The archive is truncated.`);
    }
    const data = bytes.subarray(from, from + size);
    const type = String.fromCharCode(header[156]);
    if (type === "L") {
      // GNU: the next entry's path, too long for its header.
      longPath = text.decode(data).split("\0", 1)[0];
    } else {
      const prefix = field(257, 5) === "ustar" ? field(345, 155) : "";
      const path = longPath ?? (prefix === "" ? field(0, 100) : `${prefix}/${field(0, 100)}`);
      longPath = null;
      if (type === "0" || type === "\0") files.set(path, data);
    }
    start = from + Math.ceil(size / blockBytes) * blockBytes;
  }
  return files;
}
