/** Text as numbers, character by character, and sequences for language models. */
import { tensor, ValueError } from "@tapegrad/core";
import { checkWhole } from "./checks.ts";
import type { Batch, Dataset } from "./dataset.ts";

/** A number for each character of a text. */
export interface CharTokenizer {
  /** Every character once; its position is its number. Plain JSON: `charTokenizer(vocabulary)` is the same again. */
  readonly vocabulary: readonly string[];
  readonly size: number;
  /** @throws ValueError naming a character that isn't in the vocabulary, and where it is */
  encode(text: string): Int32Array;
  /** @throws ValueError for a number that no character has */
  decode(ids: ArrayLike<number>): string;
}

/**
 * A tokenizer for the characters (Unicode code points) of a text, in their order in Unicode, or for a
 * given vocabulary.
 *
 * @param options.unknown  a character of the vocabulary that stands for all that aren't in it; by
 *   default those are errors
 */
export function charTokenizer(
  source: string | readonly string[],
  { unknown }: { unknown?: string } = {},
): CharTokenizer {
  const vocabulary =
    typeof source === "string"
      ? [...new Set(source + (unknown ?? ""))].sort((a, b) => a.codePointAt(0)! - b.codePointAt(0)!)
      : [...source];
  const ids = new Map(vocabulary.map((character, id) => [character, id]));
  const wrong = vocabulary.findIndex((character) => [...character].length !== 1);
  if (wrong >= 0 || ids.size !== vocabulary.length) {
    throw new ValueError(
      `charTokenizer: ${wrong >= 0 ? `entry ${wrong} of the vocabulary is ${JSON.stringify(vocabulary[wrong])}` : "the vocabulary has a character twice"}; it needs single characters, each once.`,
    );
  }
  const other = unknown === undefined ? undefined : ids.get(unknown);
  if (unknown !== undefined && other === undefined) {
    throw new ValueError(
      `charTokenizer: the unknown character ${JSON.stringify(unknown)} is not in the vocabulary; add it there.`,
    );
  }
  return {
    vocabulary,
    size: vocabulary.length,
    encode: (text) =>
      Int32Array.from([...text], (character, at) => {
        const id = ids.get(character) ?? other;
        if (id !== undefined) return id;
        throw new ValueError(
          `charTokenizer: character ${at} of the text is ${JSON.stringify(character)}, which is not among the ${vocabulary.length} of the vocabulary; name one for such as the option unknown.`,
        );
      }),
    decode: (numbers) =>
      Array.from(numbers, (id, at) => {
        if (Number.isInteger(id) && id >= 0 && id < vocabulary.length) return vocabulary[id];
        throw new ValueError(
          `charTokenizer: number ${at} is ${id}; the vocabulary has 0 to ${vocabulary.length - 1}.`,
        );
      }).join(""),
  };
}

/**
 * Windows of a sequence, for models that begin anew with each: x is T numbers, y the same moved on by
 * one, so what comes next at every place. Batches are int32 [B, T].
 *
 * @param options.length  T
 * @param options.stride  from one window's beginning to the next one's. Default T: no overlap
 * @throws ValueError for a sequence of fewer than T + 1 numbers
 */
export function sequenceWindows(
  ids: ArrayLike<number>,
  { length, stride = length }: { length: number; stride?: number },
): Dataset {
  checkWhole("sequenceWindows", "length", length, 1);
  checkWhole("sequenceWindows", "stride", stride, 1);
  checkLongEnough("sequenceWindows", ids, length + 1);
  const all = Int32Array.from(ids);
  return {
    length: Math.floor((all.length - 1 - length) / stride) + 1,
    batch: (indices) =>
      rows(
        all,
        indices.map((i) => i * stride),
        length,
      ),
  };
}

/**
 * A sequence for models that carry their state from batch to batch: it is cut into `batchSize` equal
 * streams, and example i of the dataset is a whole batch, int32 [batchSize, T], the i-th part of every
 * stream: x, and y moved on by one. Read it in order, one example a batch:
 *
 * ```ts
 * for (const { x, y } of new DataLoader(sequenceStreams(ids, { batchSize: 16, length: 64 }))) …
 * ```
 *
 * The last part may be shorter; numbers that don't fill the streams evenly are left out.
 *
 * @throws ValueError for fewer than batchSize + 1 numbers
 */
export function sequenceStreams(
  ids: ArrayLike<number>,
  { batchSize, length }: { batchSize: number; length: number },
): Dataset {
  checkWhole("sequenceStreams", "batchSize", batchSize, 1);
  checkWhole("sequenceStreams", "length", length, 1);
  checkLongEnough("sequenceStreams", ids, batchSize + 1);
  const all = Int32Array.from(ids);
  // Each number is an input once; the target of a stream's last one is the next stream's first.
  const each = Math.floor((all.length - 1) / batchSize);
  const starts = Int32Array.from({ length: batchSize }, (_, row) => row * each);
  return {
    length: Math.ceil(each / length),
    batch(indices) {
      if (indices.length !== 1) {
        throw new ValueError(
          `sequenceStreams: ${indices.length} parts were asked for at once; each is a whole batch, so the loader's batchSize must be 1.`,
        );
      }
      const begin = indices[0] * length;
      return rows(
        all,
        starts.map((start) => start + begin),
        Math.min(length, each - begin),
      );
    },
  };
}

function checkLongEnough(where: string, ids: ArrayLike<number>, least: number): void {
  if (ids.length < least) {
    throw new ValueError(
      `${where}: the sequence has ${ids.length} numbers; with these options it needs at least ${least}.`,
    );
  }
}

function rows(all: Int32Array, starts: Int32Array, length: number): Batch {
  const shape = [starts.length, length];
  const [x, y] = [new Int32Array(starts.length * length), new Int32Array(starts.length * length)];
  starts.forEach((start, row) => {
    x.set(all.subarray(start, start + length), row * length);
    y.set(all.subarray(start + 1, start + 1 + length), row * length);
  });
  return { x: tensor(x, { shape }), y: tensor(y, { shape }) };
}
