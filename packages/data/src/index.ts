export {
  type Batch,
  type Dataset,
  Subset,
  split,
  subset,
  TensorDataset,
} from "./dataset.ts";
export { checkWritable, FileError, FormatError, writeFileAtomic } from "./files.ts";
export { type IdxArray, readIdx } from "./idx.ts";
export { DataLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export {
  ImageDataset,
  loadMnist,
  type Mnist,
  type Normalization,
  readMnist,
} from "./mnist.ts";
export { nextTurn, Pacer } from "./pause.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  loadSafetensors,
  type NamedTensors,
  saveSafetensors,
  type TensorFile,
} from "./safetensors.ts";
