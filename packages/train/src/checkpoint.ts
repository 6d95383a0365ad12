/**
 * Checkpoints: everything that a run needs to go on, to the bit, in one safetensors file. The model's
 * weights are there under their own names (PyTorch's), so that any reader of safetensors can use them;
 * what belongs to training is under `training.`, a name that no parameter can have, since `training` is
 * every module's mode:
 *
 * | entry | what |
 * | --- | --- |
 * | `0.weight`, … | the weights as they are |
 * | `training.best.0.weight`, … | those of the best epoch |
 * | `training.optimizer.3.expAvg`, … | the optimizer's state of parameter 3 |
 * | `training.lossHistory` | loss of every update, float64 |
 * | metadata `model` | the model's spec as JSON, if it has one |
 * | metadata `training` | the rest as JSON |
 * | metadata `checksum` | CRC-32 of the file, computed with zeros in its place |
 */
import { type GeneratorState, Tensor, tensor } from "@tapegrad/core";
import {
  decodeSafetensors,
  encodeSafetensors,
  FormatError,
  type LoaderState,
  readBytes,
  type TensorFile,
  type WritingFs,
  writeFileAtomic,
} from "@tapegrad/data";
import type { Json, Spec, StateDict } from "@tapegrad/nn";
import type { OptimizerState, State } from "@tapegrad/optim";
import * as v from "valibot";
import { crc32 } from "./crc.ts";
import { readJson, writeJson } from "./json.ts";
import type { RatesState } from "./rates.ts";
import type { TrainingState } from "./state.ts";

/** What a run needs to go on, besides weights and the optimizer's state. */
export interface RunProgress {
  readonly state: TrainingState;
  /** Of the running epoch. */
  readonly sums: { readonly loss: number; readonly correct: number; readonly samples: number };
  /** Early stopping: the best value, and the epochs since. */
  readonly patience: { readonly best: number; readonly bad: number };
  readonly loader: LoaderState;
  /** Of the validation examples' loader, 0 without them. */
  readonly validationSeed: number;
  /** By place: "default", the path of a layer and its field, or "generators.0". */
  readonly generators: Readonly<Record<string, GeneratorState>>;
  readonly rates: RatesState;
}

/** Where a run stands, between two updates. */
export interface Checkpoint {
  readonly weights: StateDict;
  /** The best epoch's weights; null while there are none. */
  readonly best: StateDict | null;
  /** From which `nn.fromSpec` rebuilds the model; null if it can't be described. */
  readonly spec: Spec | null;
  readonly optimizer: OptimizerState;
  /** Loss of every update. */
  readonly lossHistory: readonly number[];
  readonly progress: RunProgress;
}

const bestPrefix = "training.best.";
const optimizerPrefix = "training.optimizer.";
const lossKey = "training.lossHistory";
const ownPrefix = "training.";
const version = 1;

// ---- Writing

/** The bytes of a checkpoint's file. Equal checkpoints give equal bytes. */
export function encodeCheckpoint(checkpoint: Checkpoint): Uint8Array<ArrayBuffer> {
  const { weights, best, spec, optimizer, lossHistory, progress } = checkpoint;
  const tensors = new Map(weights);
  for (const [name, x] of best ?? []) tensors.set(bestPrefix + name, x);
  const numbers = optimizer.state.map((state, i) => {
    if (state === null) return null;
    const entries = Object.entries(state);
    for (const [name, x] of entries) {
      if (x instanceof Tensor) tensors.set(`${optimizerPrefix}${i}.${name}`, x);
    }
    return Object.fromEntries(entries.filter(([, x]) => typeof x === "number"));
  });
  tensors.set(lossKey, tensor(Float64Array.from(lossHistory)));
  const training = {
    version,
    ...progress,
    optimizer: { optimizer: optimizer.optimizer, groups: optimizer.groups, numbers },
  };
  const bytes = encodeSafetensors(tensors, {
    format: "pt",
    ...(spec === null ? {} : { model: JSON.stringify(spec) }),
    training: writeJson(training),
    checksum: noChecksum,
  });
  const at = checksumAt(bytes);
  bytes.set(ascii(hex(crc32(bytes))), at);
  return bytes;
}

/** Stands where the checksum will, while it is computed. */
const noChecksum = "00000000";
const ascii = (text: string) => new TextEncoder().encode(text);
const hex = (sum: number) => sum.toString(16).padStart(noChecksum.length, "0");
const checksumKey = /* @__PURE__ */ ascii('"checksum":"');

/** Where the checksum's digits begin; -1 if there is none. */
function checksumAt(bytes: Uint8Array): number {
  const headerBytes = Number(
    new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength).getBigUint64(0, true),
  );
  const header = bytes.subarray(8, 8 + headerBytes);
  for (let i = header.indexOf(checksumKey[0]); i >= 0; i = header.indexOf(checksumKey[0], i + 1)) {
    if (checksumKey.every((byte, k) => header[i + k] === byte)) return 8 + i + checksumKey.length;
  }
  return -1;
}

/**
 * Writes a checkpoint whole or not at all: a crash or a full disk leaves an older file of that name as
 * it was.
 *
 * @throws FileError naming the path and the reason
 */
export async function saveCheckpoint(
  path: string,
  checkpoint: Checkpoint,
  { fs }: { fs?: WritingFs } = {},
): Promise<void> {
  await writeFileAtomic("saveCheckpoint", path, encodeCheckpoint(checkpoint), fs);
}

// ---- Reading

/** Reads a checkpoint. @throws FileError if it can't be read, FormatError if it is damaged or none */
export async function loadCheckpoint(path: string): Promise<Checkpoint> {
  return decodeCheckpoint(await readBytes("loadCheckpoint", path), path);
}

/**
 * The checkpoint in a file's bytes, all of which count as hostile.
 *
 * @param name  what errors call the file
 * @throws FormatError naming the file and what is wrong with it
 */
export function decodeCheckpoint(bytes: Uint8Array, name = "the file"): Checkpoint {
  const fail = (message: string): never => {
    throw new FormatError(`decodeCheckpoint: ${name}: ${message}`);
  };
  const { tensors, metadata } = decodeSafetensors(bytes, name);
  if (metadata.training === undefined) {
    fail("there is no training state in it; for weights alone there is loadSafetensors.");
  }
  checkSum(bytes, metadata, fail);
  const record = parse(metadata.training, "training", fail);
  if ((record as { version?: unknown } | null)?.version !== version) {
    fail(
      `its version is ${writeJson((record as { version?: unknown })?.version ?? null)}; this program reads ${version}.`,
    );
  }
  const { issues, output } = v.safeParse(trainingSchema, record);
  if (issues !== undefined) {
    const [issue] = issues;
    return fail(`metadata "training": ${v.getDotPath(issue) ?? "it"}: ${issue.message}.`);
  }
  const { optimizer, version: _, ...progress } = output;
  const lossHistory = tensors.get(lossKey);
  if (lossHistory === undefined || lossHistory.rank !== 1) {
    return fail(`"${lossKey}" is missing or no list.`);
  }
  const best = under(tensors, bestPrefix);
  return {
    weights: new Map([...tensors].filter(([key]) => !key.startsWith(ownPrefix))),
    best: best.size === 0 ? null : best,
    spec: metadata.model === undefined ? null : (parse(metadata.model, "model", fail) as Spec),
    optimizer: {
      optimizer: optimizer.optimizer,
      groups: optimizer.groups as OptimizerState["groups"],
      state: optimizer.numbers.map((numbers, i): State | null =>
        numbers === null
          ? null
          : { ...numbers, ...Object.fromEntries(under(tensors, `${optimizerPrefix}${i}.`)) },
      ),
    },
    lossHistory: [...lossHistory.data()],
    progress: progress as unknown as RunProgress,
  };
}

type Fail = (message: string) => never;

function checkSum(bytes: Uint8Array, { checksum }: TensorFile["metadata"], fail: Fail): void {
  const at = checksumAt(bytes);
  if (at < 0) fail("it has no checksum.");
  const before = crc32(bytes.subarray(0, at));
  const sum = crc32(bytes.subarray(at + noChecksum.length), crc32(ascii(noChecksum), before));
  const found = hex(sum);
  if (found !== checksum) {
    fail(`it is damaged: its checksum is ${found} and should be ${checksum}.`);
  }
}

function parse(text: string, what: string, fail: Fail): Json {
  try {
    return readJson(text);
  } catch (error) {
    return fail(`metadata "${what}" is no JSON (${(error as Error).message}).`);
  }
}

/** The tensors whose names begin so, without that. */
function under(tensors: ReadonlyMap<string, Tensor>, prefix: string): StateDict {
  return new Map(
    [...tensors]
      .filter(([key]) => key.startsWith(prefix))
      .map(([key, x]) => [key.slice(prefix.length), x]),
  );
}

// ---- What the JSON must be

/** NaN and the infinities too, unlike valibot's. */
const number = v.custom<number>((value) => typeof value === "number", "it must be a number");
const whole = v.custom<number>(
  (value) => Number.isSafeInteger(value) && Number(value) >= 0,
  "it must be a whole number from 0",
);
const endless = v.union(
  [whole, v.literal(Number.POSITIVE_INFINITY)],
  "it must be a whole number or Infinity",
);
const numbers = v.array(number, "it must be an array");
const metric = v.union(
  [number, v.looseObject({}), v.array(v.any())],
  "it must be a number or an object",
);

const generatorSchema = v.object({ seed: whole, position: whole });

const stateSchema = v.object({
  runId: v.string("it must be a text"),
  epoch: whole,
  epochs: endless,
  epochsDone: whole,
  batch: whole,
  batches: endless,
  step: whole,
  steps: endless,
  loss: number,
  meanLoss: number,
  accuracy: number,
  metrics: v.record(v.string(), metric),
  learningRate: number,
  paused: v.boolean("it must be true or false"),
  seconds: number,
  samplesPerSecond: number,
  secondsLeft: number,
  trainLossHistory: numbers,
  trainAccHistory: numbers,
  valLossHistory: numbers,
  valAccHistory: numbers,
  metricHistory: v.record(v.string(), v.array(metric)),
  best: number,
  bestEpoch: whole,
  bestValAcc: number,
});

const trainingSchema = v.object({
  version: v.literal(version),
  state: stateSchema,
  sums: v.object({ loss: number, correct: whole, samples: whole }),
  patience: v.object({ best: number, bad: whole }),
  loader: v.object({ seed: whole, epoch: whole, cursor: whole }),
  validationSeed: whole,
  generators: v.record(v.string(), generatorSchema),
  rates: v.object({
    factor: number,
    scheduler: v.nullable(v.object({ t: number, initial: numbers })),
    plateau: v.nullable(
      v.object({
        mode: v.picklist(["min", "max"]),
        best: v.nullable(number),
        badSteps: whole,
        cooldownLeft: whole,
      }),
    ),
  }),
  optimizer: v.object({
    optimizer: v.string("it must be a text"),
    groups: v.array(v.looseObject({ params: numbers })),
    numbers: v.array(v.nullable(v.record(v.string(), number))),
  }),
});
