/** Sequences of different lengths in one tensor. */
import {
  concat,
  formatShape,
  full,
  narrow,
  ShapeError,
  select,
  show,
  stack,
  Tensor,
  tensor,
  ValueError,
} from "@tapegrad/core";

/** How many steps each sequence has: an array, or an integer tensor [B]. */
export type SequenceLengths = readonly number[] | Tensor;

/**
 * @param options.count  how many there must be. Default: any number
 * @param options.most   the largest that may be. Default: any
 * @throws ValueError unless the lengths are whole numbers from 0 on, as many and no larger than that
 */
export function checkLengths(
  op: string,
  lengths: SequenceLengths,
  { count, most = Infinity }: { count?: number; most?: number } = {},
): number[] {
  const isList = lengths instanceof Tensor || Array.isArray(lengths);
  const list = isList ? [...(lengths instanceof Tensor ? lengths.data() : lengths)] : [];
  const fits = (n: number) => Number.isInteger(n) && n >= 0 && n <= most;
  if (!isList || list.length !== (count ?? list.length) || !list.every(fits)) {
    const many = count === undefined ? "" : `${count} `;
    const range = most === Infinity ? "of at least 0" : `from 0 to ${most}`;
    throw new ValueError(
      `${op}: lengths is ${isList ? `[${list.join(", ")}]` : show(lengths)}; it must be ${many}whole numbers ${range}, one for each sequence.`,
    );
  }
  return list;
}

/** Options of {@link padSequence} and {@link unpadSequence}. */
export interface PadSequenceOptions {
  /** Whether the axis of sequences comes before that of time. Default false. */
  batchFirst?: boolean;
  /** What stands behind a sequence's end. Default 0. */
  paddingValue?: number;
}

/**
 * Puts sequences [Tᵢ, …] of different lengths side by side: [T, B, …], or [B, T, …] with `batchFirst`,
 * where T is the longest. What recurrent layers take together with `lengths`.
 *
 * @throws ShapeError unless all have at least an axis, and the same shape behind it
 */
export function padSequence(
  sequences: readonly Tensor[],
  { batchFirst = false, paddingValue = 0 }: PadSequenceOptions = {},
): Tensor {
  const op = "padSequence";
  const first: unknown = Array.isArray(sequences) ? sequences[0] : sequences;
  if (!Array.isArray(sequences) || !sequences.every((x) => x instanceof Tensor) || !first) {
    throw new ValueError(
      `${op}: got ${show(sequences)}; it takes an array of at least one Tensor, such as [ones([3, 8]), ones([5, 8])].`,
    );
  }
  const list = sequences as readonly Tensor[];
  const rest = list[0]!.shape.slice(1);
  const odd = list.findIndex(
    ({ rank, shape }) => rank === 0 || formatShape(shape.slice(1)) !== formatShape(rest),
  );
  if (odd >= 0) {
    throw new ShapeError(
      `${op}: sequence ${odd} is ${formatShape(list[odd]!.shape)} and sequence 0 ${formatShape(list[0]!.shape)}; all must be [steps, ...] and equal but for their steps.`,
    );
  }
  const most = Math.max(...list.map(({ shape }) => shape[0]!));
  const padded = list.map((x) => {
    const missing = most - x.shape[0]!;
    if (missing === 0) return x;
    return concat([x, full([missing, ...rest], paddingValue, { dtype: x.dtype })]);
  });
  return stack(padded, batchFirst ? 0 : 1);
}

/**
 * The sequences without what was padded: the inverse of {@link padSequence}. Views.
 *
 * @param padded   [T, B, …], or [B, T, …] with `batchFirst`
 * @param lengths  B whole numbers from 0 to T
 */
export function unpadSequence(
  padded: Tensor,
  lengths: SequenceLengths,
  { batchFirst = false }: Pick<PadSequenceOptions, "batchFirst"> = {},
): Tensor[] {
  const op = "unpadSequence";
  const [batch, time] = batchFirst ? [0, 1] : [1, 0];
  if (!(padded instanceof Tensor) || padded.rank < 2) {
    const got = padded instanceof Tensor ? formatShape(padded.shape) : show(padded);
    throw new ShapeError(`${op}: padded is ${got}; it must be a Tensor of at least two axes.`);
  }
  const [count, most] = [padded.shape[batch]!, padded.shape[time]!];
  return checkLengths(op, lengths, { count, most }).map((length, i) =>
    narrow(select(padded, batch, i), 0, 0, length),
  );
}

/**
 * Where sequences have ended: bool [B, T], true behind the end. What attention takes as `keyPaddingMask`.
 *
 * @param options.length  T. Default: the longest
 */
export function paddingMask(lengths: SequenceLengths, options: { length?: number } = {}): Tensor {
  const list = checkLengths("paddingMask", lengths, { most: options.length ?? Infinity });
  const length = options.length ?? Math.max(0, ...list);
  const mask = Uint8Array.from({ length: list.length * length }, (_, i) =>
    Number(i % length >= list[Math.floor(i / length)]!),
  );
  return tensor(mask, { dtype: "bool", shape: [list.length, length] });
}
