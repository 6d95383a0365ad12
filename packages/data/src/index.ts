export {
  type Cifar10,
  cifar10Classes,
  cifar10Statistics,
  type DownloadCifar10Options,
  downloadCifar10,
  loadCifar10,
  readCifar10,
} from "./cifar.ts";
export { type Collated, type CollateOptions, collate } from "./collate.ts";
export {
  type CsvColumn,
  type CsvDataset,
  type CsvOptions,
  type CsvTable,
  type CsvType,
  csvDataset,
  loadCsv,
  parseCsv,
} from "./csv.ts";
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
export { type DownloadOptions, type DownloadProgress, download } from "./download.ts";
export {
  checkWritable,
  FileError,
  FormatError,
  inNode,
  listFolder,
  makeFolder,
  nodeModule,
  readBytes,
  type WritingFs,
  writeFileAtomic,
} from "./files.ts";
export { type IdxArray, readIdx } from "./idx.ts";
export { ImageDataset, type Normalization } from "./image-dataset.ts";
export { type DecodedImage, type DecodeImageOptions, decodeImage } from "./image-files.ts";
export {
  decodeSample,
  type ImageFolderItems,
  type ImageFolderOptions,
  type ImageItem,
  imageFolderItems,
  openImageFolder,
} from "./image-folder.ts";
export {
  type ColorJitterOptions,
  centerCrop,
  colorJitter,
  cutout,
  type ImageSize,
  randomCrop,
  randomHorizontalFlip,
  randomVerticalFlip,
  resize,
} from "./image-transforms.ts";
export { type Iris, loadIris } from "./iris.ts";
export { fromItems, ItemError, type ItemSource } from "./items.ts";
export { DataLoader, type LoaderOptions, type LoaderState } from "./loader.ts";
export { loadMnist, type Mnist, readMnist } from "./mnist.ts";
export { fitStatistics, normalize, type Statistics } from "./normalize.ts";
export { decodeNpy, encodeNpy, loadNpy, saveNpy } from "./npy.ts";
export { decodeNpz, encodeNpz, loadNpz, saveNpz } from "./npz.ts";
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
export { blobs, circles, moons, type SyntheticOptions, spirals } from "./synthetic.ts";
export { readTar } from "./tar.ts";
export { type CharTokenizer, charTokenizer, sequenceStreams, sequenceWindows } from "./text.ts";
export { startThread, type Thread, type ThreadEvents } from "./thread.ts";
export {
  decodeTorch,
  decodeTorchStateDict,
  loadTorch,
  loadTorchStateDict,
  type TorchValue,
} from "./torch.ts";
export {
  compose,
  oneHotLabels,
  type Sample,
  type Transform,
  transform,
} from "./transforms.ts";
export { openWorkerDataset, type WorkerDatasetOptions, WorkerError } from "./workers.ts";
