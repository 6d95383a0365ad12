/** CRC-32 (ISO 3309, as in zip and png): finds any damage within 32 bits in a row, and nearly all other. */

const polynomial = 0xedb88320;
let table: Int32Array | null = null;

function makeTable(): Int32Array {
  return Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
    }
    return remainder;
  });
}

/**
 * @param before  the sum of bytes that come before these
 * @returns       from 0 to 2³² − 1
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  table ??= makeTable();
  let crc = ~before;
  for (let i = 0; i < bytes.length; i++) crc = (crc >>> 8) ^ table[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
