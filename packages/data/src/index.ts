export { type Collated, type CollateOptions, collate } from "./collate.ts";
export {
  type Batch,
  type BatchInfo,
  type BatchReader,
  ConcatDataset,
  concatDatasets,
  type Dataset,
  type EpochContext,
  type IterableDataset,
  mapBatches,
  Subset,
  split,
  subset,
  TensorDataset,
} from "./dataset.ts";
export { checkWritable, FileError, FormatError, writeFileAtomic } from "./files.ts";
export { type IdxArray, readIdx } from "./idx.ts";
export { fromItems, ItemError, type ItemSource } from "./items.ts";
export { DataLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export {
  ImageDataset,
  loadMnist,
  type Mnist,
  type Normalization,
  readMnist,
} from "./mnist.ts";
export { nextTurn, Pacer } from "./pause.ts";
export { itemRandom, type Random } from "./random.ts";
export {
  decodeSafetensors,
  encodeSafetensors,
  loadSafetensors,
  type NamedTensors,
  saveSafetensors,
  type TensorFile,
} from "./safetensors.ts";
export {
  balancedWeights,
  randomSampler,
  type Sampler,
  sequentialSampler,
  stratifiedSampler,
  subsetSampler,
  weightedSampler,
} from "./samplers.ts";
export { openWorkerDataset, type WorkerDatasetOptions, WorkerError } from "./workers.ts";
