/** Files in Node: whole reads, and writes that leave either the old file or the new one. */
import { TapegradError } from "@tapegrad/core";

/** A path that can't be read or written; the message names it and says why. */
export class FileError extends TapegradError {
  override get name(): string {
    return "FileError";
  }
}

/** Bytes that aren't what they claim to be. */
export class FormatError extends TapegradError {
  override get name(): string {
    return "FormatError";
  }
}

/**
 * The part of `node:fs/promises` that writing needs; tests put failing ones in its place. Spelled out, so
 * that users' type checks don't need Node's types.
 */
export interface WritingFs {
  open(
    path: string,
    flags: string,
  ): Promise<{
    writeFile(bytes: Uint8Array): Promise<void>;
    sync(): Promise<void>;
    close(): Promise<void>;
  }>;
  rename(from: string, to: string): Promise<void>;
  unlink(path: string): Promise<void>;
  stat(path: string): Promise<{ isDirectory(): boolean; isFile(): boolean }>;
  realpath(path: string): Promise<string>;
}

interface Fs extends WritingFs {
  readFile(path: string): Promise<Uint8Array>;
  readdir(
    path: string,
    options: { withFileTypes: true },
  ): Promise<{ name: string; isDirectory(): boolean; isFile(): boolean }[]>;
  mkdir(path: string, options: { recursive: boolean }): Promise<unknown>;
}

/** Whether this runs in Node, with files and its kind of threads. */
export function inNode(): boolean {
  return typeof process === "object" && typeof process.versions?.node === "string";
}

/**
 * One of Node's own modules. The name is no literal, so that bundlers for pages don't look for it.
 *
 * @throws FileError outside Node
 */
export async function nodeModule<T>(where: string, name: string): Promise<T> {
  if (!inNode()) {
    throw new FileError(
      `${where}: there are no files in a page; fetch the bytes and use the functions that take bytes.`,
    );
  }
  return import(name) as Promise<T>;
}

const nodeFs = (where: string) => nodeModule<Fs>(where, "node:fs/promises");

/** @throws FileError naming the path and the reason */
export async function readBytes(where: string, path: string): Promise<Uint8Array> {
  const fs = await nodeFs(where);
  try {
    const buffer = await fs.readFile(path);
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  } catch (error) {
    throw new FileError(
      `${where}: can't read "${path}": ${reason(error, path, "there is no such file (ENOENT).")}`,
      { cause: error },
    );
  }
}

/** What a folder holds, by name. */
export interface Listing {
  readonly files: string[];
  readonly folders: string[];
}

/** Names in a folder, sorted, links not followed. @throws FileError naming the path and the reason */
export async function listFolder(where: string, path: string): Promise<Listing> {
  const fs = await nodeFs(where);
  try {
    const entries = await fs.readdir(path, { withFileTypes: true });
    // By code units, so that the order is the same on every machine.
    const names = (kept: typeof entries) => kept.map(({ name }) => name).sort();
    return {
      files: names(entries.filter((entry) => entry.isFile())),
      folders: names(entries.filter((entry) => entry.isDirectory())),
    };
  } catch (error) {
    throw new FileError(
      `${where}: can't read the folder "${path}": ${reason(error, `${path}/`, "there is no such folder (ENOENT).")}`,
      { cause: error },
    );
  }
}

/** Makes a folder and those above it, if they aren't there. @throws FileError naming the path and the reason */
export async function makeFolder(where: string, path: string): Promise<void> {
  const fs = await nodeFs(where);
  try {
    await makeEach(fs, path);
  } catch (error) {
    throw new FileError(
      `${where}: can't make the folder "${path}": ${reason(error, path, "a folder above it is missing (ENOENT).")}`,
      {
        cause: error,
      },
    );
  }
}

/** Not mkdir's own recursion, which on Node 20 never ends where a file system refuses new folders with ENOENT (/proc). */
async function makeEach(fs: Fs, path: string): Promise<void> {
  try {
    await fs.mkdir(path);
  } catch (error) {
    const above = folderOf(path);
    if (codeOf(error) === "ENOENT" && above !== path && (await missing(fs, above))) {
      await makeEach(fs, above);
      await makeEach(fs, path);
    } else if (codeOf(error) !== "EEXIST" || !(await fs.stat(path)).isDirectory()) {
      throw error;
    }
  }
}

function missing(fs: Fs, path: string): Promise<boolean> {
  return fs.stat(path).then(
    () => false,
    () => true,
  );
}

/**
 * Writes a file whole or not at all: to a temporary file in the same folder, flushed to the disk, then
 * renamed over the target. After a failure the old file is as it was and no temporary is left.
 *
 * @throws FileError naming the path and the reason
 */
export async function writeFileAtomic(
  where: string,
  path: string,
  bytes: Uint8Array,
  fs?: WritingFs,
): Promise<void> {
  await throughTemporary(where, path, fs, async (files, temporary, target) => {
    const file = await files.open(temporary, "wx");
    try {
      await file.writeFile(bytes);
      await file.sync();
    } finally {
      await file.close();
    }
    await files.rename(temporary, target);
  });
}

/**
 * Finds out before long work whether a later write of `path` can succeed. The target isn't touched.
 *
 * @throws FileError naming the path and the reason
 */
export async function checkWritable(where: string, path: string, fs?: WritingFs): Promise<void> {
  await throughTemporary(where, path, fs, async (files, temporary) => {
    await (await files.open(temporary, "wx")).close();
    await files.unlink(temporary);
  });
}

async function throughTemporary(
  where: string,
  path: string,
  given: WritingFs | undefined,
  write: (fs: WritingFs, temporary: string, target: string) => Promise<void>,
): Promise<void> {
  const fs = given ?? (await nodeFs(where));
  let temporary = "";
  try {
    const target = await writableTarget(fs, path);
    temporary = `${target}.${crypto.randomUUID()}.tmp`;
    await write(fs, temporary, target);
  } catch (error) {
    // The temporary may not exist, and its removal must not hide the first error.
    if (temporary !== "") await fs.unlink(temporary).catch(() => {});
    const absent = `the folder "${folderOf(path)}" doesn't exist (ENOENT); create it first.`;
    throw new FileError(`${where}: can't write "${path}": ${reason(error, path, absent)}`, {
      cause: error,
    });
  }
}

/** Where the rename must go: behind a link, and never over a folder or a device such as /dev/null. */
async function writableTarget(fs: WritingFs, path: string): Promise<string> {
  const found = await fs.stat(path).catch((error: unknown) => {
    if (codeOf(error) === "ENOENT") return null;
    throw error;
  });
  if (found === null) return path;
  if (found.isDirectory()) throw Object.assign(new Error(), { code: "EISDIR" });
  if (!found.isFile()) throw new Error("it is a device or pipe, not a file");
  return fs.realpath(path);
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string }).code;
}

function folderOf(path: string): string {
  const end = Math.max(path.lastIndexOf("/"), path.lastIndexOf("\\"));
  return end < 0 ? "." : path.slice(0, end) || "/";
}

/** What a system error means for somebody who has to mend it. */
function reason(error: unknown, path: string, absent: string): string {
  const code = codeOf(error);
  switch (code) {
    case "ENOENT":
      return absent;
    case "ENOTDIR":
      return `"${folderOf(path)}" is not a folder (ENOTDIR).`;
    case "EEXIST":
      return "a file of that name is in the way (EEXIST).";
    case "EISDIR":
      return "it is a folder (EISDIR); name a file in it.";
    case "EACCES":
    case "EPERM":
      return `permission denied (${code}); choose a place that you may use.`;
    case "EROFS":
      return "the file system is read-only (EROFS); choose another place.";
    case "ENOSPC":
      return "the disk is full (ENOSPC); free some space.";
    default:
      return `${error instanceof Error ? error.message : String(error)}.`;
  }
}
