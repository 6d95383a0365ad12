/** Mutated files: whatever happens to a valid one, a reader gives something or one of our errors. */
import { expect } from "@jest/globals";
import { FormatError } from "@tapegrad/data";
import fc from "fast-check";

/**
 * Changes bytes, cuts, and doubles parts of a valid file, and reads the result.
 *
 * @param hot  where changes hurt most (a header): half of them go there
 */
export async function fuzz(
  good: Uint8Array,
  read: (bytes: Uint8Array) => unknown,
  { numRuns = 500, hot = [0, good.length] as readonly [number, number] } = {},
): Promise<void> {
  const place = fc.oneof(fc.nat(good.length - 1), fc.integer({ min: hot[0], max: hot[1] - 1 }));
  const value = fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 127, 128, 255));
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(place, value), { maxLength: 6 }),
      fc.option(fc.nat(good.length), { freq: 4 }),
      fc.option(fc.tuple(place, fc.nat(16)), { freq: 4 }),
      async (edits, length, twice) => {
        let bytes = good.slice();
        for (const [at, byte] of edits) bytes[at] = byte;
        if (twice !== null) {
          const [at, count] = twice;
          bytes = Uint8Array.of(...bytes.subarray(0, at + count), ...bytes.subarray(at));
        }
        try {
          await read(bytes.subarray(0, length ?? bytes.length));
        } catch (error) {
          expect(error).toBeInstanceOf(FormatError);
        }
      },
    ),
    { seed: 7, numRuns },
  );
}
