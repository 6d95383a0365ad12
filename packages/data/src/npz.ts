/** NumPy's `.npz` files: ZIP archives of one `.npy` per array. */
import { type Tensor, ValueError } from "@tapegrad/core";
import { zipSync } from "fflate";
import { FormatError, readBytes, type WritingFs, writeFileAtomic } from "./files.ts";
import { decodeNpy, encodeNpy, npyFileBytes, npyHeadBytes } from "./npy.ts";
import type { NamedTensors } from "./safetensors.ts";
import { readZip } from "./zip.ts";

const suffix = ".npy";
/** ZIP's first day, so that equal tensors give equal bytes. */
const noTime = () => new Date(1980, 0, 1);

/**
 * The bytes of an `.npz` file, which `numpy.load` opens.
 *
 * @param options.compress  deflates the arrays, as `numpy.savez_compressed` does. Default false
 * @throws ValueError for anything but tensors, or a name used twice
 */
export function encodeNpz(
  tensors: NamedTensors,
  { compress = false }: { compress?: boolean } = {},
): Uint8Array {
  const files: Record<string, Uint8Array> = {};
  for (const [name, value] of Symbol.iterator in tensors ? tensors : Object.entries(tensors)) {
    const file = `${name}${suffix}`;
    if (Object.hasOwn(files, file)) {
      throw new ValueError(`encodeNpz: the name ${JSON.stringify(name)} occurs twice.`);
    }
    files[file] = encodeNpy(value);
  }
  return zipSync(files, { level: compress ? 6 : 0, mtime: noTime() });
}

/**
 * The tensors of an `.npz` file by name, in its order. No array is unpacked beyond what the archive's
 * directory says, and only if the array's own header asks for as many bytes.
 *
 * @param name  what errors call the file
 * @param options.maxBytes  most bytes that compressed arrays may unpack to, together. Default 1 GiB
 * @throws FormatError naming the file and the entry
 */
export function decodeNpz(
  bytes: Uint8Array,
  name = "the file",
  { maxBytes = 2 ** 30 }: { maxBytes?: number } = {},
): Map<string, Tensor> {
  const tensors = new Map<string, Tensor>();
  for (const entry of readZip("decodeNpz", bytes, name, maxBytes).values()) {
    if (!entry.name.endsWith(suffix)) {
      throw new FormatError(
        `decodeNpz: ${name}: it holds ${JSON.stringify(entry.name)}; an .npz file holds only .npy files.`,
      );
    }
    const called = `${entry.name} in ${name}`;
    // Before anything of the declared size is allocated, the array's own header must ask for it.
    const bytesAsked = npyFileBytes(entry.head(npyHeadBytes), called);
    if (bytesAsked !== entry.size) {
      throw new FormatError(
        `decodeNpy: ${called}: it has ${entry.size} bytes; its header asks for ${bytesAsked}. It is ${entry.size < bytesAsked ? "truncated" : "too long"}.`,
      );
    }
    tensors.set(entry.name.slice(0, -suffix.length), decodeNpy(entry.read(), called));
  }
  return tensors;
}

/**
 * Writes an `.npz` file; a failure leaves an old file of that name as it was.
 *
 * @throws FileError naming the path and the reason
 */
export async function saveNpz(
  path: string,
  tensors: NamedTensors,
  { compress = false, fs }: { compress?: boolean; fs?: WritingFs } = {},
): Promise<void> {
  await writeFileAtomic("saveNpz", path, encodeNpz(tensors, { compress }), fs);
}

/** Reads an `.npz` file. @throws FileError if it can't be read, FormatError if it is damaged */
export async function loadNpz(
  path: string,
  options: { maxBytes?: number } = {},
): Promise<Map<string, Tensor>> {
  return decodeNpz(await readBytes("loadNpz", path), path, options);
}
