/**
 * What `torch.save` writes (PyTorch 1.6 and later): a ZIP archive with `NAME/data.pkl`, a pickle of
 * protocol 2, and the storages of its tensors, `NAME/data/0`, `NAME/data/1`, …
 * https://pytorch.org/docs/stable/notes/serialization.html
 */
import { asStrided, formatShape, sizeOf, Tensor, tensor } from "@tapegrad/core";
import { type ElementKind, elementKinds } from "./elements.ts";
import { FormatError, readBytes } from "./files.ts";
import { type PickleGlobal, type PickleValue, unpickle } from "./pickle.ts";
import { isZip, readZip, type ZipEntry } from "./zip.ts";

/** What a checkpoint holds: dictionaries are Maps, lists and tuples are arrays. */
export type TorchValue =
  | Tensor
  | null
  | boolean
  | number
  | bigint
  | string
  | readonly TorchValue[]
  | Map<TorchValue, TorchValue>;

/** By the class that the pickle names. */
const storages: Readonly<Record<string, ElementKind>> = {
  DoubleStorage: elementKinds.f64,
  FloatStorage: elementKinds.f32,
  HalfStorage: elementKinds.f16,
  BFloat16Storage: elementKinds.bf16,
  LongStorage: elementKinds.i64,
  IntStorage: elementKinds.i32,
  ShortStorage: elementKinds.i16,
  CharStorage: elementKinds.i8,
  ByteStorage: elementKinds.u8,
  BoolStorage: elementKinds.bool,
};

/** PyTorch's limit on axes. */
const maxAxes = 64;

/** The beginning of files of PyTorch before 1.6: a pickle of its magic number. */
const legacyStart = [0x80, 0x02, 0x8a, 0x0a];

/** The elements of a storage, which tensors are views of. */
class Storage {
  readonly elements: Tensor;
  constructor(elements: Tensor) {
    this.elements = elements;
  }
}

/** A storage's class, as the pickle refers to it. */
class StorageType implements PickleGlobal {
  readonly call = null;
  readonly name: string;
  readonly kind: ElementKind;
  constructor(name: string, kind: ElementKind) {
    this.name = name;
    this.kind = kind;
  }
}

/**
 * Everything that a file of `torch.save` holds: tensors, numbers, strings, lists and dictionaries of
 * them, in any depth. Tensors that share memory in the file share it here. float16 and bfloat16 become
 * float32, int64 and smaller whole numbers int32, checked; gradients are not required.
 *
 * Nothing is executed: a file that needs anything else (a whole model, NumPy arrays) is an error naming it.
 *
 * @param name  what errors call the file
 * @throws FormatError for such files, and for damaged ones; every size is checked before it is allocated
 */
export function decodeTorch(bytes: Uint8Array, name = "the file"): TorchValue {
  const fail = (message: string): never => {
    throw new FormatError(`decodeTorch: ${name}: ${message}`);
  };
  if (!isZip(bytes)) {
    return fail(
      legacyStart.every((byte, i) => bytes[i] === byte)
        ? "it has the format of PyTorch before 1.6; load it there and save it again with torch.save."
        : "it is no ZIP archive, as files of torch.save are.",
    );
  }
  // PyTorch stores its entries as they are; none needs unpacking.
  const entries = readZip("decodeTorch", bytes, name, 0);
  const pickle = [...entries.keys()].find((path) => path.endsWith("/data.pkl"));
  if (pickle === undefined) return fail("it holds no data.pkl; is it of torch.save?");
  const folder = pickle.slice(0, -"data.pkl".length);
  if (entries.has(`${folder}byteorder`)) {
    const order = new TextDecoder().decode(entries.get(`${folder}byteorder`)!.read());
    if (order !== "little") fail(`its byte order is ${JSON.stringify(order)}; it must be little.`);
  }
  const reader = new TorchReader(entries, `${folder}data/`, bytes.length, fail);
  return unpickle(entries.get(pickle)!.read(), {
    globals: reader.globals,
    persistent: (id) => reader.storage(id),
    fail,
  }) as TorchValue;
}

class TorchReader {
  private readonly entries: ReadonlyMap<string, ZipEntry>;
  private readonly folder: string;
  private readonly fileBytes: number;
  private readonly fail: (message: string) => never;
  private readonly known = new Map<string, { type: StorageType; storage: Storage }>();

  constructor(
    entries: ReadonlyMap<string, ZipEntry>,
    folder: string,
    fileBytes: number,
    fail: (message: string) => never,
  ) {
    this.entries = entries;
    this.folder = folder;
    this.fileBytes = fileBytes;
    this.fail = fail;
  }

  readonly globals: ReadonlyMap<string, PickleGlobal> = new Map<string, PickleGlobal>([
    ["collections.OrderedDict", { call: (args) => this.orderedDict(args) }],
    ["torch._utils._rebuild_tensor_v2", { call: (args) => this.tensor(args) }],
    ["torch._utils._rebuild_parameter", { call: ([data]) => this.checkTensor(data) }],
    ...Object.entries(storages).map(
      ([name, kind]) => [`torch.${name}`, new StorageType(name, kind)] as const,
    ),
  ]);

  /** ("storage", class, key, place, number of elements); a GPU's tensors come here all the same. */
  storage(id: PickleValue): Storage {
    const [word, type, key, , size] = Array.isArray(id) ? id : [];
    if (word !== "storage" || !(type instanceof StorageType) || typeof key !== "string") {
      return this.fail("it refers to a storage in a way that torch.save doesn't.");
    }
    const before = this.known.get(key);
    if (before !== undefined && before.type === type) return before.storage;
    const entry = this.entries.get(this.folder + key);
    if (entry === undefined)
      return this.fail(`it refers to ${this.folder}${key}, which isn't in it.`);
    if (before !== undefined || entry.size !== (size as number) * type.kind.bytes) {
      this.fail(
        `${entry.name} has ${entry.size} bytes; ${size} elements of ${type.name} need ${Number(size) * type.kind.bytes}.`,
      );
    }
    try {
      const elements = tensor(type.kind.read(entry.read(), true), {
        shape: [size as number],
        dtype: type.kind.dtype,
      });
      const storage = new Storage(elements);
      this.known.set(key, { type, storage });
      return storage;
    } catch (error) {
      if (error instanceof RangeError) this.fail(`${entry.name}: ${error.message}.`);
      throw error;
    }
  }

  /** (storage, offset, shape, strides, requires_grad, hooks, …): a view of the storage. */
  private tensor([storage, offset, shape, strides]: readonly PickleValue[]): Tensor {
    const sizes = (list: unknown): list is readonly number[] =>
      Array.isArray(list) && list.every((n) => Number.isSafeInteger(n) && n >= 0);
    if (
      !(storage instanceof Storage) ||
      !sizes([offset]) ||
      !sizes(shape) ||
      !sizes(strides) ||
      strides.length !== shape.length ||
      shape.length > maxAxes ||
      !Number.isSafeInteger(sizeOf(shape))
    ) {
      return this.fail("a tensor's storage, shape or strides make no sense.");
    }
    const { elements } = storage;
    const size = sizeOf(shape);
    // The last element that the view reaches; nothing where it has none.
    const last = shape.reduce((sum, n, axis) => sum + (n - 1) * strides[axis], offset as number);
    // An honest tensor may repeat elements by strides of 0, but a hostile one must not grow from nothing.
    if (size > 0 && (last >= elements.size || size > this.fileBytes)) {
      this.fail(
        `a tensor of shape ${formatShape(shape)} with strides ${formatShape(strides)} from ${offset} doesn't fit its storage of ${elements.size} elements.`,
      );
    }
    if (size === 0) return tensor([], { shape, dtype: elements.dtype });
    return asStrided(elements, [...shape], [...strides], offset as number);
  }

  private checkTensor(data: PickleValue | undefined): Tensor {
    return data instanceof Tensor ? data : this.fail("a parameter holds no tensor.");
  }

  /** Without arguments, or with a list of pairs. */
  private orderedDict([pairs = []]: readonly PickleValue[]): Map<PickleValue, PickleValue> {
    const isPairs =
      Array.isArray(pairs) && pairs.every((pair) => Array.isArray(pair) && pair.length === 2);
    return isPairs
      ? new Map(pairs as [PickleValue, PickleValue][])
      : this.fail("an OrderedDict is made of something else than pairs.");
  }
}

/** Names that people give to the weights in a checkpoint, for hints. */
const isStateDict = (value: unknown): value is Map<string, Tensor> =>
  value instanceof Map &&
  value.size > 0 &&
  [...value].every(([key, part]) => typeof key === "string" && part instanceof Tensor);

/**
 * The weights in a file of `torch.save`, by name, for `model.loadStateDict`: the file's state dict, or
 * the one that a checkpoint holds under `key` (`"state_dict"`; `"model.encoder"` looks in `model`).
 *
 * ```ts
 * model.loadStateDict(decodeTorchStateDict(bytes, "resnet.pth"));
 * ```
 *
 * @throws FormatError if there is no state dict there; the message says where there are some
 */
export function decodeTorchStateDict(
  bytes: Uint8Array,
  name = "the file",
  { key }: { key?: string } = {},
): Map<string, Tensor> {
  const root = decodeTorch(bytes, name);
  const value = key === undefined ? root : inside(root, key);
  if (isStateDict(value)) return value;
  const places = (root instanceof Map ? [...root] : []).filter(([, part]) => isStateDict(part));
  const hint =
    places.length > 0
      ? `it holds some under ${places.map(([place]) => JSON.stringify(place)).join(", ")}: name one as the option key.`
      : "it holds none; decodeTorch gives all that it holds.";
  throw new FormatError(
    `decodeTorchStateDict: ${name}: ${key === undefined ? "the whole" : JSON.stringify(key)} is no state dict, names with a tensor each; ${hint}`,
  );
}

function inside(root: TorchValue, key: string): unknown {
  // A name may have dots itself.
  if (root instanceof Map && root.has(key)) return root.get(key);
  return key
    .split(".")
    .reduce<unknown>((value, part) => (value instanceof Map ? value.get(part) : undefined), root);
}

/**
 * Reads the weights in a `.pt` or `.pth` file: {@link decodeTorchStateDict}.
 *
 * @throws FileError if it can't be read, FormatError if it is damaged or holds no state dict
 */
export async function loadTorchStateDict(
  path: string,
  options: { key?: string } = {},
): Promise<Map<string, Tensor>> {
  return decodeTorchStateDict(await readBytes("loadTorchStateDict", path), path, options);
}

/** Reads all that a `.pt` or `.pth` file holds: {@link decodeTorch}. @throws FileError, FormatError */
export async function loadTorch(path: string): Promise<TorchValue> {
  return decodeTorch(await readBytes("loadTorch", path), path);
}
