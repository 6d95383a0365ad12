/** What several readers of packed bytes need. */

/** Deflate can't pack tighter: 258 bytes in 2 bits (RFC 1951), rounded up. */
export const maxDeflateRatio = 1032;

/** The parts, one behind the other. */
export function joinBytes(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const all = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
