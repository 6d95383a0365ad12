/** Downloads whose bytes are known beforehand. */
import { joinBytes } from "./bytes.ts";
import { FileError } from "./files.ts";

export interface DownloadProgress {
  /** Bytes that have arrived. */
  readonly received: number;
  /** Bytes in all, as far as the server says. */
  readonly total: number | null;
}

export interface DownloadOptions {
  onProgress?: (progress: DownloadProgress) => void;
  signal?: AbortSignal;
  /** Largest number of bytes to take. Default 1 GiB. */
  maxBytes?: number;
}

/**
 * The bytes behind an address, checked.
 *
 * @param options.sha256  what they must hash to, in hexadecimal
 * @throws FileError if the server can't be reached, answers with an error, breaks off or sends too much,
 *   or if the hash is another; the signal's reason once it is aborted
 */
export async function download(
  url: string,
  { sha256, onProgress, signal, maxBytes = 2 ** 30 }: DownloadOptions & { sha256?: string } = {},
): Promise<Uint8Array> {
  const fail = (message: string, cause?: unknown): never => {
    throw new FileError(`download: ${url} ${message}`, { cause });
  };
  const unlessAborted = (what: string) => (error: unknown) => {
    signal?.throwIfAborted();
    const { message, cause } = error as Error;
    return fail(`${what}: ${cause instanceof Error ? cause.message : message}.`, error);
  };
  const response = await fetch(url, signal === undefined ? {} : { signal }).catch(
    unlessAborted("can't be reached"),
  );
  if (!response.ok || response.body === null) {
    await response.body?.cancel();
    fail(`answers ${response.status} ${response.statusText}; is the address right?`);
  }
  const length = Number(response.headers.get("content-length") ?? Number.NaN);
  // What arrives is longer than announced where it was compressed for the way.
  const total = Number.isNaN(length) || response.headers.has("content-encoding") ? null : length;
  const chunks: Uint8Array[] = [];
  let received = 0;
  const reader = response.body!.getReader();
  const tooMuch = () => fail(`sends more than ${maxBytes} bytes; it can't be what is expected.`);
  try {
    if (total !== null && total > maxBytes) tooMuch();
    for (;;) {
      const { done, value } = await reader
        .read()
        .catch(unlessAborted(`breaks off after ${received} bytes`));
      if (done) break;
      received += value.length;
      if (received > maxBytes) tooMuch();
      chunks.push(value);
      onProgress?.({ received, total });
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
  if (total !== null && received !== total) {
    fail(`breaks off after ${received} of ${total} bytes.`);
  }
  const bytes = joinBytes(chunks);
  if (sha256 !== undefined) {
    const found = await sha256Of(bytes);
    if (found !== sha256.toLowerCase()) {
      fail(
        `has the SHA-256 ${found}; it must be ${sha256.toLowerCase()}. It is damaged, or another file.`,
      );
    }
  }
  return bytes;
}

/** The SHA-256 of the bytes, in hexadecimal. */
async function sha256Of(bytes: Uint8Array<ArrayBuffer>): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
