/** Curves in a line of text. */

const levels = [..."▁▂▃▄▅▆▇█"];

/**
 * Values as blocks from the lowest to the highest: "█▅▃▂▁▁". More values than `width` are averaged in groups;
 * a value that is no finite number (null, in JSON) is a space.
 */
export function sparkline(values: readonly (number | null)[], { width = 20 } = {}): string {
  const columns = Math.min(width, values.length);
  const means = Array.from({ length: columns }, (_, i) => {
    const part = values.slice(
      Math.floor((i * values.length) / columns),
      Math.floor(((i + 1) * values.length) / columns),
    );
    return part.reduce<number>((sum, value) => sum + (value ?? Number.NaN), 0) / part.length;
  });
  const finite = means.filter(Number.isFinite);
  const [low, high] = [Math.min(...finite), Math.max(...finite)];
  return means
    .map((mean) => {
      if (!Number.isFinite(mean)) return " ";
      return levels[
        high > low ? Math.round(((mean - low) / (high - low)) * (levels.length - 1)) : 0
      ];
    })
    .join("");
}
