/** CRC-32 (ISO 3309, as in zip and png): finds any damage within 32 bits in a row, and nearly all other. */

const polynomial = 0xedb88320;
let tables: readonly Int32Array[] | null = null;

/** What a byte leaves behind; and what it leaves when one, two and three zero bytes follow it. */
function makeTables(): readonly Int32Array[] {
  const single = Int32Array.from({ length: 256 }, (_, byte) => {
    let remainder = byte;
    for (let bit = 0; bit < 8; bit++) {
      remainder = (remainder >>> 1) ^ (remainder & 1 ? polynomial : 0);
    }
    return remainder;
  });
  const followed = (by: Int32Array) => by.map((rest) => (rest >>> 8) ^ single[rest & 0xff]);
  const one = followed(single);
  const two = followed(one);
  return [single, one, two, followed(two)];
}

/**
 * Four bytes at a time, which is three times as fast as one by one.
 *
 * @param before  the sum of bytes that come before these
 * @returns       from 0 to 2³² − 1
 */
export function crc32(bytes: Uint8Array, before = 0): number {
  tables ??= makeTables();
  const [single, one, two, three] = tables;
  let crc = ~before;
  let i = 0;
  for (; i + 4 <= bytes.length; i += 4) {
    crc ^= bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    crc =
      three[crc & 0xff] ^ two[(crc >>> 8) & 0xff] ^ one[(crc >>> 16) & 0xff] ^ single[crc >>> 24];
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ single[(crc ^ bytes[i]) & 0xff];
  return ~crc >>> 0;
}
