/**
 * The program of a worker, as text: nothing has to be found beside a bundle, and it is the same in Node
 * (`worker_threads`) and in pages (a module worker). It imports the user's module and answers each
 * request { id, indices, context } with { id, items } or { id, error }.
 *
 * Tensors live in the memory of the thread that made them, so they travel as { dtype, shape, data }.
 * Typed arrays are cut out of their buffers first: a message would carry the whole buffer along.
 */
export const workerSource = `
const inNode = typeof process === "object" && typeof process.versions?.node === "string";

async function main() {
  const port = inNode ? (await import("node:worker_threads")).parentPort : globalThis;
  const listen = (f) =>
    inNode ? port.on("message", f) : port.addEventListener("message", (event) => f(event.data));
  let source;
  let queue = Promise.resolve();
  listen((request) => {
    queue = queue.then(() => ("module" in request ? open(request) : read(request)));
  });

  async function open({ module, name, options }) {
    try {
      source = await (await import(module))[name](options);
      port.postMessage({ opened: true });
    } catch (error) {
      port.postMessage({ opened: false, error: told(error) });
    }
  }

  async function read({ id, indices, context }) {
    const items = [];
    const transfer = [];
    let row = 0;
    try {
      for (; row < indices.length; row++) {
        items.push(pack(await source.item(indices[row], context), transfer));
      }
      port.postMessage({ id, items }, transfer);
    } catch (error) {
      const index = row < indices.length ? indices[row] : null;
      port.postMessage({ id, error: { ...told(error), index } });
    }
  }
}

function told(error) {
  return error instanceof Error
    ? { name: error.name, message: error.message, stack: error.stack }
    : { name: "Error", message: String(error), stack: "" };
}

function pack(value, transfer) {
  if (ArrayBuffer.isView(value)) {
    if (value instanceof DataView) return value;
    const copy = Uint8Array.prototype.slice.call(
      new Uint8Array(value.buffer, value.byteOffset, value.byteLength),
    );
    transfer.push(copy.buffer);
    const isBuffer = typeof Buffer === "function" && value instanceof Buffer;
    return new (isBuffer ? Uint8Array : value.constructor)(copy.buffer);
  }
  if (Array.isArray(value)) return value.map((part) => pack(part, transfer));
  if (value !== null && (typeof value === "object" || typeof value === "function")) {
    if (typeof value.data === "function" && Array.isArray(value.shape)) {
      const data = value.data();
      transfer.push(data.buffer);
      return { $tensor: data, dtype: value.dtype, shape: [...value.shape] };
    }
    if (typeof value === "object") {
      return Object.fromEntries(
        Object.entries(value).map(([key, part]) => [key, pack(part, transfer)]),
      );
    }
  }
  return value;
}

main();
`;
