import { existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "@jest/globals";
import { makeFolder } from "../src/index.ts";

const home = mkdtempSync(join(tmpdir(), "tapegrad-files-"));
afterAll(() => rmSync(home, { recursive: true }));

describe("makeFolder", () => {
  it("makes what is missing above, and leaves what is there", async () => {
    const deep = join(home, "a", "b", "c");
    await Promise.all([makeFolder("test", deep), makeFolder("test", deep)]);
    await makeFolder("test", `${deep}/`);
    expect(statSync(deep).isDirectory()).toBe(true);
  });

  it("says that a file is in the way", async () => {
    const file = join(home, "file");
    writeFileSync(file, "");
    await expect(makeFolder("test", file)).rejects.toThrow(
      `test: can't make the folder "${file}": a file of that name is in the way (EEXIST).`,
    );
    await expect(makeFolder("test", join(file, "x"))).rejects.toThrow(
      `test: can't make the folder "${file}/x": "${file}" is not a folder (ENOTDIR).`,
    );
  });

  (existsSync("/proc/self") ? it : it.skip)("ends where no folder can be made", async () => {
    await expect(makeFolder("test", "/proc/x/y")).rejects.toThrow(
      'test: can\'t make the folder "/proc/x/y": a folder above it is missing (ENOENT).',
    );
  });
});
