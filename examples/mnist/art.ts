/** Digits as text. */

/** MNIST's digits lie in the middle; the margin is left out. */
const margin = 2;
/** Ink from here on is drawn: a third of full black. */
const threshold = 85;

/**
 * An image in half blocks, two rows of pixels per line: readable without colours.
 *
 * @param pixels  height × width grey values, 0 to 255
 */
export function drawImage(pixels: Uint8Array, height: number, width: number): string[] {
  const ink = (row: number, column: number) =>
    row < height - margin && pixels[row * width + column] >= threshold;
  const lines: string[] = [];
  for (let row = margin; row < height - margin; row += 2) {
    let line = "";
    for (let column = margin; column < width - margin; column++) {
      line += " ▄▀█"[(ink(row, column) ? 2 : 0) + (ink(row + 1, column) ? 1 : 0)];
    }
    lines.push(line);
  }
  return lines;
}

/** Blocks of lines next to each other, each with its caption below. */
export function sideBySide(blocks: readonly { lines: string[]; caption: string }[]): string {
  const gap = "  ";
  const height = Math.max(...blocks.map(({ lines }) => lines.length));
  const rows = Array.from({ length: height + 1 }, (_, i) =>
    blocks
      .map(({ lines, caption }) => {
        const width = Math.max(caption.length, lines[0].length);
        return (i === height ? caption : (lines[i] ?? "")).padEnd(width);
      })
      .join(gap)
      .trimEnd(),
  );
  return rows.join("\n");
}
