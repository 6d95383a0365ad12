/** A small stand-in for CIFAR-10, so that lessons can be tested without the files. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "@jest/globals";
import { Generator, rand } from "tapegrad";

const pixels = 3 * 32 * 32;

/**
 * A folder in the layout of CIFAR-10's binary version, removed after the tests. An image of class c is noise
 * around a grey, with a bright band of rows that says c: easy, but not for all classes by brightness alone.
 */
export function fakeCifar({ train = 400, test = 100 } = {}): string {
  const folder = mkdtempSync(join(tmpdir(), "cifar-"));
  const generator = new Generator(10);
  const records = (count: number) => {
    const bytes = new Uint8Array(count * (1 + pixels));
    for (let i = 0; i < count; i++) {
      const label = i % 10;
      const start = i * (1 + pixels);
      const noise = rand([pixels], { generator }).data();
      bytes[start] = label;
      for (let p = 0; p < pixels; p++) {
        const row = Math.floor(p / 32) % 32;
        const band = Math.floor(row / 3) === label ? 90 : 0;
        bytes[start + 1 + p] = 60 + band + Math.floor(100 * noise[p]);
      }
    }
    return bytes;
  };
  writeFileSync(join(folder, "data_batch_1.bin"), records(train));
  writeFileSync(join(folder, "test_batch.bin"), records(test));
  afterAll(() => rmSync(folder, { recursive: true }));
  return folder;
}
