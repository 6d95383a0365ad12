/** Numbers, shapes and texts as pictures show them. */
import type { JsonNumber, Summary } from "./schema.ts";

/** A true minus sign, as wide as the digits. */
const minus = (text: string): string => text.replaceAll("-", "−");

/**
 * A number with few digits: 0.73, −2.00, 1.2e−5, ∞. Whole numbers are written without a fraction where
 * `digits` allows them all ("4"), so that "+1" stays "+1".
 */
export function formatNumber(value: JsonNumber, digits: number): string {
  const number = Number(value);
  if (Number.isNaN(number)) return "NaN";
  if (!Number.isFinite(number)) return number > 0 ? "∞" : "−∞";
  const size = Math.abs(number);
  if (size !== 0 && (size >= 1e5 || size < 10 ** -digits / 2))
    return minus(number.toExponential(1).replace("+", ""));
  return minus(digits > 2 ? String(Number(number.toFixed(digits))) : number.toFixed(digits));
}

/** "[64, 100]"; "" for a number. */
export function formatShape(shape: readonly number[] | null): string {
  return shape === null || shape.length === 0 ? "" : `[${shape.join(", ")}]`;
}

/** "1,234,567". */
export function formatCount(count: number): string {
  return String(count).replace(/\B(?=(\d{3})+$)/g, ",");
}

/** "640 B", "1.5 kB", "2.4 MB". */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  const [size, unit] = bytes < 1e6 ? [bytes / 1e3, "kB"] : [bytes / 1e6, "MB"];
  return `${size.toFixed(size < 10 ? 1 : 0)} ${unit}`;
}

/** As many numbers as fit on a wire. */
const mostOnWire = 2;

/** A number, or the few of a vector; null for what is better drawn. */
export function shortValues(summary: Summary, digits: number): string | null {
  const { values, shape } = summary;
  if (values === undefined || values.length > mostOnWire || values.length === 0) return null;
  const texts = values.map((value) => formatNumber(value, digits));
  return shape.length === 0 ? texts[0]! : `[${texts.join(", ")}]`;
}

/** What a summary says in one line: the number, or range, mean and spread. */
export function describeSummary(summary: Summary, digits = 4): string {
  const { values, shape, min, max, mean, std, nonFinite } = summary;
  if (values?.length === 1) return formatNumber(values[0]!, digits);
  if (shape.includes(0)) return "no elements";
  const number = (value: number) => formatNumber(value, digits);
  const range =
    min === undefined
      ? []
      : [`${number(min)} to ${number(max!)}`, `mean ${number(mean!)}`, `std ${number(std!)}`];
  return [...range, ...(nonFinite === undefined ? [] : [`${nonFinite} not finite`])].join(", ");
}

/** What XML can't hold becomes the replacement character. */
export function cleanXml(text: string): string {
  return text
    .replace(/\p{Surrogate}/gu, "\ufffd")
    .replace(/\p{Cc}(?<![\t\n\r])|[\ufffe\uffff]/gu, "\ufffd");
}

/** For XML and HTML, text and attributes alike. */
export function escapeXml(text: string): string {
  return cleanXml(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}

/** Longer texts are cut: a name may be as long as it likes, a picture not as wide. */
export function shorten(text: string, most: number): string {
  const letters = [...text];
  return letters.length <= most ? text : `${letters.slice(0, most - 1).join("")}…`;
}

/** Width of a text in pixels, on the safe side: the fonts of readers differ. */
export function textWidth(text: string, size: number): number {
  let units = 0;
  for (const letter of text) {
    if (/[iljI.,:;|'!() ]/.test(letter)) units += 0.36;
    else if (/[mwMW@%]/.test(letter)) units += 0.95;
    else if (letter > "\u2e7f") units += 1.1;
    else if (/[A-Z×+−σΣ]/.test(letter)) units += 0.72;
    else units += 0.6;
  }
  return units * size;
}
