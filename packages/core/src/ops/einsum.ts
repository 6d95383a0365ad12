/** Sums of products in Einstein's notation. */
import { checkTensor, describe } from "../apply.ts";
import { isFloat } from "../dtype.ts";
import { ShapeError, ValueError } from "../errors.ts";
import { formatShape, type Shape, sizeOf } from "../shape.ts";
import type { Tensor } from "../tensor.ts";
import { diagonal } from "./diagonal.ts";
import { mul } from "./elementwise.ts";
import { permute, reshape } from "./layout.ts";
import { matmulOp } from "./matmul.ts";
import { sum } from "./reduce.ts";
import { movedim } from "./reorder.ts";

/** An operand, and the index that each of its axes is named by. */
interface Part {
  x: Tensor;
  labels: string[];
}

/**
 * Σ over all indices that the output doesn't name, of the product of the operands' elements.
 *
 * ```ts
 * einsum("ij,jk->ik", a, b)       // matmul
 * einsum("...ii->...i", x)        // diagonals: a repeated index
 * einsum("bhqd,bhkd->bhqk", q, k) // scores of attention
 * ```
 *
 * An ellipsis stands for any further axes, which broadcast. Without "->" the output has the ellipsis, then
 * the indices that occur once, in alphabetical order. An axis of size 1 broadcasts. Pairs are multiplied
 * one after the other, those first that shrink what is held the most.
 *
 * @throws ValueError for an equation that can't be read, ShapeError for operands that it doesn't fit
 */
export function einsum(equation: string, ...operands: Tensor[]): Tensor {
  if (typeof equation !== "string") {
    throw new ValueError(
      `einsum: the equation is ${describe(equation)}; it must be a string, such as "ij,jk->ik".`,
    );
  }
  operands.forEach((x, i) => {
    checkTensor("einsum", `operand ${i}`, x);
  });
  const { inputs, output } = parse(equation, operands);
  const sizes = sizesOf(inputs, operands);
  const parts = operands.map((x, i) => prepared(x, inputs[i]!, sizes));
  const needed = (others: readonly Part[]) =>
    new Set([...output, ...others.flatMap((part) => part.labels)]);
  let list = parts.map((part, i) => summed(part, needed(parts.filter((_, k) => k !== i))));
  while (list.length > 1) {
    const [i, j] = bestPair(list, needed, sizes);
    const rest = list.filter((_, k) => k !== i && k !== j);
    list = [...rest, product(list[i]!, list[j]!, needed(rest), sizes)];
  }
  const { x, labels } = list[0]!;
  return permuted(
    x,
    output.map((label) => labels.indexOf(label)),
  );
}

// ---------------------------------------------------------------------------------------------
// Reading the equation

function parse(
  equation: string,
  operands: readonly Tensor[],
): { inputs: string[][]; output: string[] } {
  const wrong = (why: string): never => {
    throw new ValueError(`einsum: "${equation}" ${why}.`);
  };
  const sides = equation.replace(/\s/g, "").split("->");
  if (sides.length > 2) wrong("has more than one ->");
  const terms = sides[0]!.split(",");
  for (const term of [...terms, sides[1] ?? ""]) {
    if (!/^[A-Za-z]*(\.\.\.)?[A-Za-z]*$/.test(term)) {
      wrong(`has the term "${term}"; a term is made of letters and at most one ellipsis ...`);
    }
  }
  if (terms.length !== operands.length) {
    wrong(
      `has ${terms.length} terms, and ${operands.length} operands were given; one is needed for each`,
    );
  }
  const inputs = terms.map((term, i) => labelsOf(equation, term, operands[i]!, i));
  const every = inputs.flat();
  const hidden = [...new Set(every.filter(isHidden))].sort((a, b) => Number(b) - Number(a));
  const right = sides[1];
  if (right === undefined) {
    const once = every.filter(
      (label) => !isHidden(label) && every.indexOf(label) === every.lastIndexOf(label),
    );
    return { inputs, output: [...hidden, ...once.sort()] };
  }
  const [before, after] = right.split("...");
  const output = after === undefined ? [...right] : [...before!, ...hidden, ...after];
  const unknown = output.find((label) => !every.includes(label));
  if (unknown !== undefined) wrong(`has the index ${unknown} in its output, which no operand has`);
  const twice = output.find((label, i) => output.indexOf(label) !== i);
  if (twice !== undefined) wrong(`has the index ${twice} twice in its output; name it once`);
  return { inputs, output };
}

/** Axes beneath an ellipsis are named by their distance from its right end: "0", "1", … */
const isHidden = (label: string) => /\d/.test(label);

function labelsOf(equation: string, term: string, x: Tensor, i: number): string[] {
  const [before, after] = term.split("...");
  const named = before!.length + (after?.length ?? 0);
  const further = x.rank - named;
  if (further < 0 || (after === undefined && further > 0)) {
    throw new ShapeError(
      `einsum: "${equation}" names ${named} axes of operand ${i} by "${term}", and its shape is ${formatShape(x.shape)}; name each axis, or use an ellipsis.`,
    );
  }
  const hidden = Array.from({ length: further }, (_, k) => String(further - 1 - k));
  return [...before!, ...hidden, ...(after ?? "")];
}

function sizesOf(inputs: readonly string[][], operands: readonly Tensor[]): Map<string, number> {
  const sizes = new Map<string, number>();
  const from = new Map<string, number>();
  inputs.forEach((labels, i) => {
    const own = new Map<string, number>();
    labels.forEach((label, axis) => {
      const size = operands[i]!.shape[axis]!;
      const shown = isHidden(label) ? "an axis of the ellipsis" : `index ${label}`;
      if ((own.get(label) ?? size) !== size) {
        throw new ShapeError(
          `einsum: ${shown} is ${own.get(label)} and ${size} in operand ${i} (${formatShape(operands[i]!.shape)}); a repeated index needs equal sizes.`,
        );
      }
      own.set(label, size);
      const known = sizes.get(label) ?? 1;
      if (known !== 1 && size !== 1 && known !== size) {
        const other = from.get(label)!;
        throw new ShapeError(
          `einsum: ${shown} is ${known} in operand ${other} (${formatShape(operands[other]!.shape)}) and ${size} in operand ${i} (${formatShape(operands[i]!.shape)}); they must be equal, or one of them 1.`,
        );
      }
      if (known === 1) {
        sizes.set(label, size);
        from.set(label, i);
      }
    });
  });
  return sizes;
}

// ---------------------------------------------------------------------------------------------
// Contracting

const sizesBy = (labels: readonly string[], sizes: ReadonlyMap<string, number>): Shape =>
  labels.map((label) => sizes.get(label)!);

/** With each index once: diagonals for repeated ones, and without axes of size 1 that others broadcast. */
function prepared(x: Tensor, labels: readonly string[], sizes: ReadonlyMap<string, number>): Part {
  let y = x;
  const names = [...labels];
  for (let i = 0; i < names.length; i++) {
    for (let j = names.indexOf(names[i]!, i + 1); j > 0; j = names.indexOf(names[i]!, i + 1)) {
      y = movedim(diagonal(y, 0, { axis1: i, axis2: j }), -1, i);
      names.splice(j, 1);
    }
  }
  const kept = names.filter((label, axis) => y.shape[axis] === sizes.get(label));
  return { x: kept.length === names.length ? y : reshape(y, sizesBy(kept, sizes)), labels: kept };
}

/** Without the indices that nobody needs any more. */
function summed({ x, labels }: Part, needed: ReadonlySet<string>): Part {
  const axes = labels.map((_, axis) => axis).filter((axis) => !needed.has(labels[axis]!));
  if (axes.length === 0) return { x, labels };
  return { x: sum(x, axes), labels: labels.filter((label) => needed.has(label)) };
}

function permuted(x: Tensor, order: readonly number[]): Tensor {
  return order.every((axis, i) => axis === i) ? x : permute(x, order);
}

/** x's axes in the order of `labels`, of which it may lack some (size 1), reshaped. */
function arranged({ x, labels }: Part, wanted: readonly string[], shape: Shape): Tensor {
  const order = wanted.flatMap((label) => (labels.includes(label) ? [labels.indexOf(label)] : []));
  return reshape(permuted(x, order), shape);
}

/**
 * The pair whose product takes the place of the most: the size of the result less those of the two; among
 * equals the one with the fewest multiplications (the greedy order of D. Smith and J. Gray, opt_einsum, 2018).
 */
function bestPair(
  list: readonly Part[],
  needed: (others: readonly Part[]) => ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): [number, number] {
  let best: [number, number] = [0, 1];
  let least = [Infinity, Infinity];
  for (let i = 0; i < list.length; i++) {
    for (let j = i + 1; j < list.length; j++) {
      const [a, b] = [list[i]!, list[j]!];
      const keep = needed(list.filter((_, k) => k !== i && k !== j));
      const all = [...new Set([...a.labels, ...b.labels])];
      const result = all.filter((label) => keep.has(label));
      const growth = sizeOf(sizesBy(result, sizes)) - a.x.size - b.x.size;
      const work = sizeOf(sizesBy(all, sizes));
      if (growth < least[0]! || (growth === least[0] && work < least[1]!)) {
        least = [growth, work];
        best = [i, j];
      }
    }
  }
  return best;
}

/** The product of two, summed over the indices that nobody needs any more. */
function product(
  a: Part,
  b: Part,
  needed: ReadonlySet<string>,
  sizes: ReadonlyMap<string, number>,
): Part {
  const shared = a.labels.filter((label) => b.labels.includes(label));
  const batch = shared.filter((label) => needed.has(label));
  const inner = shared.filter((label) => !needed.has(label));
  const rows = a.labels.filter((label) => !shared.includes(label));
  const columns = b.labels.filter((label) => !shared.includes(label));
  const labels = [...batch, ...rows, ...columns];
  const count = (group: readonly string[]) => sizeOf(sizesBy(group, sizes));
  if (inner.length === 0 || !isFloat(a.x.dtype) || !isFloat(b.x.dtype)) {
    const all = [...labels, ...inner];
    const aligned = (part: Part) =>
      arranged(
        part,
        all,
        all.map((label) => (part.labels.includes(label) ? sizes.get(label)! : 1)),
      );
    return summed({ x: mul(aligned(a), aligned(b)), labels: all }, needed);
  }
  const left = arranged(
    a,
    [...batch, ...rows, ...inner],
    [count(batch), count(rows), count(inner)],
  );
  const right = arranged(
    b,
    [...batch, ...inner, ...columns],
    [count(batch), count(inner), count(columns)],
  );
  return { x: reshape(matmulOp(left, right), sizesBy(labels, sizes)), labels };
}
