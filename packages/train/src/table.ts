/** Tables in plain text. */

/**
 * Columns as wide as their widest cell, two spaces apart.
 *
 * @param rows  the header first; all of the same length
 * @param left  so many columns are aligned to the left, the others, numbers mostly, to the right. Default 1
 */
export function formatTable(rows: readonly (readonly string[])[], { left = 1 } = {}): string {
  const widths = (rows[0] ?? []).map((_, i) => Math.max(...rows.map((row) => row[i].length)));
  const pad = (cell: string, i: number) =>
    i < left ? cell.padEnd(widths[i]) : cell.padStart(widths[i]);
  return rows.map((row) => row.map(pad).join("  ").trimEnd()).join("\n");
}

/** A number in so many significant digits, without trailing zeros: 0.001, 1.5e-7, 96.25. */
export function formatNumber(value: number, digits = 4): string {
  return Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : String(value);
}
