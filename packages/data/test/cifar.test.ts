import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { gzipSync } from "node:zlib";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from "@jest/globals";
import {
  cifar10Classes,
  type DownloadProgress,
  download,
  downloadCifar10,
  FileError,
  fitStatistics,
  loadCifar10,
  readCifar10,
  readTar,
  subset,
} from "@tapegrad/data";
import { fuzz } from "./fuzz.ts";

const recordBytes = 3073;

/** A record whose channels are filled with three values. */
function record(label: number, red: number, green: number, blue: number): Uint8Array {
  const bytes = new Uint8Array(recordBytes);
  bytes[0] = label;
  [red, green, blue].forEach((value, c) => {
    bytes.fill(value, 1 + c * 1024, 1 + (c + 1) * 1024);
  });
  return bytes;
}

const join2 = (...parts: Uint8Array[]) => new Uint8Array(Buffer.concat(parts));

/** A tar archive of these files, as POSIX has it. */
function tar(files: Record<string, Uint8Array>): Uint8Array {
  const blocks = Object.entries(files).flatMap(([name, data]) => {
    const header = Buffer.alloc(512);
    header.write(name, 0);
    header.write("0000644\0", 100);
    header.write(`${data.length.toString(8).padStart(11, "0")}\0`, 124);
    header.write("        ", 148);
    header.write("0", 156);
    header.write("ustar\0", 257);
    const sum = header.reduce((total, byte) => total + byte, 0);
    header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)];
  });
  return join2(...blocks, Buffer.alloc(1024));
}

describe("readCifar10", () => {
  it("reads any number of whole records from any number of files", () => {
    const one = join2(record(3, 255, 0, 51), record(9, 0, 0, 0));
    const data = readCifar10([one, record(1, 1, 2, 3)], { mean: 0, std: 1 });
    expect([data.length, ...data.labels]).toEqual([3, 3, 9, 1]);
    const { x, y } = data.batch(Int32Array.of(2, 0));
    expect(x.shape).toEqual([2, 3, 32, 32]);
    expect(y.toArray()).toEqual([1, 3]);
    const values = x.data();
    expect(values[0]).toBeCloseTo(1 / 255, 7);
    expect(values[3 * 1024]).toBe(1);
    expect(values[4 * 1024]).toBe(0);
    expect(values[5 * 1024]).toBeCloseTo(0.2, 7);
    const normal = readCifar10(one).batch(Int32Array.of(0)).x.data();
    expect(normal[0]).toBeCloseTo((1 - 0.4914) / 0.247, 5);
    expect(normal[1024]).toBeCloseTo(-0.4822 / 0.2435, 5);
  });

  it("names file and record", () => {
    const two = join2(record(0, 0, 0, 0), record(10, 0, 0, 0));
    expect(() => readCifar10([two], {}, ["B"])).toThrow(
      "readCifar10: record 1 of B has label 10; labels are 0 to 9.",
    );
    expect(() => readCifar10(two.subarray(0, 4000), {}, ["B"])).toThrow(
      "readCifar10: B has 4000 bytes; it must be whole records of 3073, at least one: record 1 has 927.",
    );
    expect(() => readCifar10([record(0, 0, 0, 0), new Uint8Array(0)])).toThrow(
      "readCifar10: file 1 has 0 bytes; it must be whole records of 3073, at least one.",
    );
    expect(() => readCifar10(record(0, 0, 0, 0), { mean: [1, 2] })).toThrow(
      "ImageDataset: there are 2 means and 3 deviations; images of 3 channels take 3 of each, or one number.",
    );
  });
});

it("readCifar10 meets mutated files with clean errors only", async () => {
  const good = join2(record(0, 1, 2, 3), record(9, 1, 2, 3));
  await fuzz(good, (bytes) => readCifar10(bytes), { numRuns: 200, hot: [0, 1] });
});

describe("loadCifar10", () => {
  const real = join(dirname(fileURLToPath(import.meta.url)), "../../../../shared/data/cifar10");
  const suite = existsSync(join(real, "test_batch.bin")) ? it : it.skip;

  suite("reads real images (skipped without ../shared/data/cifar10)", async () => {
    const { train, test } = await loadCifar10({ folder: real });
    expect([train.length, test.length]).toEqual([10_000, 2000]);
    const counts = new Array(10).fill(0);
    for (const label of train.labels) counts[label]++;
    for (const count of counts) expect(Math.abs(count - 1000)).toBeLessThan(150);
    const { mean, std } = await fitStatistics(subset(train, [...Array(2000).keys()]));
    for (let c = 0; c < 3; c++) {
      expect(Math.abs(mean[c])).toBeLessThan(0.05);
      expect(Math.abs(std[c] - 1)).toBeLessThan(0.05);
    }
    const text = await readFile(join(real, "batches.meta.txt"), "utf8");
    expect(text.trim().split(/\s+/)).toEqual([...cifar10Classes]);
  });

  it("takes the files in order of their numbers and says what is missing", async () => {
    const folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
    try {
      await expect(loadCifar10({ folder })).rejects.toThrow(
        `loadCifar10: there is no data_batch_1.bin in "${folder}"; downloadCifar10({ folder }) gets the files.`,
      );
      for (const n of [10, 2, 1]) {
        await writeFile(join(folder, `data_batch_${n}.bin`), record(n % 10, n, n, n));
      }
      await expect(loadCifar10({ folder })).rejects.toThrow(
        `loadCifar10: can't read "${folder}/test_batch.bin": there is no such file (ENOENT).`,
      );
      await writeFile(join(folder, "test_batch.bin"), record(5, 0, 0, 0));
      const { train, test } = await loadCifar10({ folder });
      expect([...train.labels, ...test.labels]).toEqual([1, 2, 0, 5]);
    } finally {
      await rm(folder, { recursive: true });
    }
    await expect(loadCifar10({ folder })).rejects.toThrow(
      `loadCifar10: can't read the folder "${folder}": there is no such folder (ENOENT).`,
    );
  });
});

describe("download", () => {
  const archive = gzipSync(
    tar({
      "cifar/data_batch_1.bin": join2(record(1, 1, 1, 1), record(2, 2, 2, 2)),
      "cifar/test_batch.bin": record(3, 3, 3, 3),
      "cifar/readme.html": Buffer.from("hello"),
    }),
  );
  const sha256 = createHash("sha256").update(archive).digest("hex");
  const pages: Record<string, Uint8Array> = {
    "/cifar.tar.gz": archive,
    "/empty.tar.gz": gzipSync(tar({ "a.txt": Buffer.from("a") })),
    "/bad.tar.gz": gzipSync(
      tar({ "data_batch_1.bin": record(77, 0, 0, 0), "test_batch.bin": record(0, 0, 0, 0) }),
    ),
    "/plain.tar.gz": Buffer.from("not gzip"),
  };
  let server: Server;
  let base = "";
  let folder = "";
  beforeAll(async () => {
    server = createServer((request, response) => {
      const body = pages[request.url ?? ""];
      if (request.url === "/cut") {
        response.writeHead(200, { "content-length": archive.length });
        response.write(archive.subarray(0, 100), () => response.destroy());
      } else if (request.url === "/slow") {
        response.writeHead(200, { "content-length": 1000 });
        response.write("abc");
      } else if (request.url === "/chunked") {
        response.write(archive);
        response.end();
      } else if (body === undefined) {
        response.writeHead(404).end();
      } else {
        response.writeHead(200, { "content-length": body.length }).end(body);
      }
    });
    await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
    base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(() => {
    server.closeAllConnections();
    server.close();
  });
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "tapegrad-"));
  });
  afterEach(() => rm(folder, { recursive: true }));
  const hash = (bytes: Uint8Array) => createHash("sha256").update(bytes).digest("hex");

  it("unpacks the archive for loadCifar10, with progress", async () => {
    const progress: DownloadProgress[] = [];
    const target = join(folder, "new", "cifar");
    const paths = await downloadCifar10({
      folder: target,
      url: `${base}/cifar.tar.gz`,
      sha256: sha256.toUpperCase(),
      onProgress: (state) => progress.push(state),
    });
    expect(paths).toEqual([`${target}/data_batch_1.bin`, `${target}/test_batch.bin`]);
    expect((await readdir(target)).sort()).toEqual(["data_batch_1.bin", "test_batch.bin"]);
    expect(progress.at(-1)).toEqual({ received: archive.length, total: archive.length });
    const { train, test } = await loadCifar10({ folder: target });
    expect([...train.labels, ...test.labels]).toEqual([1, 2, 3]);
  });

  it("refuses a wrong hash, by default any but the official archive's", async () => {
    const url = `${base}/cifar.tar.gz`;
    const wrong = "0".repeat(64);
    await expect(downloadCifar10({ folder, url, sha256: wrong })).rejects.toThrow(
      `download: ${url} has the SHA-256 ${sha256}; it must be ${wrong}. It is damaged, or another file.`,
    );
    await expect(downloadCifar10({ folder, url })).rejects.toThrow(
      "it must be c4a38c50a1bc5f3a1c5537f2155ab9d68f9f25eb1ed8d9ddda3db29a59bca1dd",
    );
    expect(await readdir(folder)).toEqual([]);
  });

  it("refuses missing pages, bodies that break off or are too long, servers that aren't there", async () => {
    await expect(download(`${base}/none`)).rejects.toThrow(
      `download: ${base}/none answers 404 Not Found; is the address right?`,
    );
    await expect(download(`${base}/cut`)).rejects.toThrow(
      /download: .*\/cut breaks off after \d+ bytes: /,
    );
    await expect(download(`${base}/cifar.tar.gz`, { maxBytes: 10 })).rejects.toThrow(
      `download: ${base}/cifar.tar.gz sends more than 10 bytes; it can't be what is expected.`,
    );
    await expect(download(`${base}/chunked`, { maxBytes: 10 })).rejects.toThrow("more than 10");
    expect(hash(await download(`${base}/chunked`, { sha256 }))).toBe(sha256);
    await expect(download("http://127.0.0.1:1/x")).rejects.toThrow(FileError);
    await expect(download("http://127.0.0.1:1/x")).rejects.toThrow("can't be reached");
  });

  it("ends when the signal says so", async () => {
    const controller = new AbortController();
    const running = download(`${base}/slow`, {
      signal: controller.signal,
      onProgress: () => controller.abort(new Error("enough")),
    });
    await expect(running).rejects.toThrow("enough");
  });

  it("refuses archives that hold something else, and writes nothing of them", async () => {
    const get = (path: string) =>
      downloadCifar10({ folder, url: base + path, sha256: hash(pages[path]) });
    await expect(get("/empty.tar.gz")).rejects.toThrow(
      `downloadCifar10: ${base}/empty.tar.gz holds no data_batch_1.bin; is it CIFAR-10's binary version?`,
    );
    await expect(get("/bad.tar.gz")).rejects.toThrow(
      `readCifar10: record 0 of data_batch_1.bin of ${base}/bad.tar.gz has label 77; labels are 0 to 9.`,
    );
    await expect(get("/plain.tar.gz")).rejects.toThrow(
      `downloadCifar10: ${base}/plain.tar.gz can't be unpacked as gzip of at most 268435456 bytes:`,
    );
    expect(await readdir(folder)).toEqual([]);
  });
});

describe("readTar", () => {
  const good = tar({ a: Buffer.from("hello"), "b/c": Buffer.alloc(513, 1) });

  it("reads files by path, with empty ones", () => {
    const files = readTar(tar({ a: Buffer.from("hello"), e: Buffer.alloc(0) }), "T");
    expect([...files.keys()]).toEqual(["a", "e"]);
    expect(Buffer.from(files.get("a")!).toString()).toBe("hello");
    expect(files.get("e")!.length).toBe(0);
  });

  it("names the damaged entry", () => {
    expect(() => readTar(good.subarray(0, 1300), "T")).toThrow(
      "readTar: T: the entry at byte 1024 has 276 bytes; a header has 512.",
    );
    expect(() => readTar(good.subarray(0, 1600), "T")).toThrow(
      "readTar: T: the entry at byte 1024 claims 513 bytes; 64 are left. The archive is truncated.",
    );
    const changed = good.slice();
    changed[0] = 98;
    expect(() => readTar(changed, "T")).toThrow(/entry at byte 0 has the checksum \d+; its bytes add up to \d+\./); // biome-ignore format: one line
    expect(() => readTar(new Uint8Array(512).fill(65), "T")).toThrow(
      'has the checksum "AAAAAAAA", no octal number. Is it a tar archive?',
    );
  });

  it("meets mutated archives with clean errors only", async () => {
    await fuzz(good, (bytes) => readTar(bytes, "fuzzed"), { hot: [0, 257] });
  });
});
