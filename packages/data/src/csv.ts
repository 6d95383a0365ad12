/** Tables of comma-separated values (RFC 4180, read by csv-parse) with columns of one type each. */
import { tensor, ValueError } from "@tapegrad/core";
import type { CsvError, parse as Parse } from "csv-parse/browser/esm/sync";
import { TensorDataset } from "./dataset.ts";
import { FormatError, readBytes } from "./files.ts";

/** Numbers; names of a few kinds, numbered in alphabetical order; anything. */
export type CsvType = "number" | "category" | "text";

export type CsvColumn = { readonly name: string; readonly lines: Int32Array } & (
  | { readonly type: "number"; readonly values: Float64Array }
  | {
      readonly type: "category";
      readonly values: Int32Array;
      readonly categories: readonly string[];
    }
  | { readonly type: "text"; readonly values: readonly string[] }
);

export interface CsvOptions {
  /** Types by column. Others are numbers if every value is one, else categories. */
  types?: Readonly<Record<string, CsvType>>;
  /** Whether the first line names the columns (default), or their names. */
  header?: boolean | readonly string[];
  /** Between values. Default ",". */
  delimiter?: string;
  /** What stands for no value, besides nothing. Default "NA", "N/A", "NaN", "null", "?". */
  missing?: readonly string[];
}

export interface CsvTable {
  /** What errors call the file. */
  readonly name: string;
  readonly length: number;
  readonly names: readonly string[];
  /** @throws ValueError for a name that no column has */
  column(name: string): CsvColumn;
}

const usualMissing = ["NA", "N/A", "NaN", "null", "?"];

/**
 * A table from the bytes (UTF-8) or the text of a file. Spaces around values and empty lines are left out.
 *
 * @param name  what errors call the file
 * @throws FormatError naming file, line and column for a missing value, one of another type, a line with
 *   more or fewer values than others, an open quote, a column named twice
 */
export async function parseCsv(
  source: Uint8Array | string,
  { types = {}, header = true, delimiter = ",", missing = usualMissing }: CsvOptions = {},
  name = "the file",
): Promise<CsvTable> {
  const fail = (message: string): never => {
    throw new FormatError(`parseCsv: ${name}${message}`);
  };
  const { parse } = await import("csv-parse/browser/esm/sync");
  const records = parseRecords(parse, decodeText(source, fail), delimiter, fail);
  if (records.length === 0 && !Array.isArray(header))
    fail(": it is empty; it needs a line of values.");
  const names =
    header === true
      ? records.shift()!.record
      : header === false
        ? records[0].record.map((_, i) => `column ${i + 1}`)
        : header;
  names.forEach((column, i) => {
    if (names.indexOf(column) !== i) fail(`: there are two columns ${JSON.stringify(column)}.`);
  });
  for (const column of Object.keys(types)) {
    if (!names.includes(column)) {
      throw new ValueError(
        `parseCsv: types names the column ${JSON.stringify(column)}; ${name} has ${names.join(", ")}.`,
      );
    }
  }
  const none = new Set(["", ...missing]);
  for (const { record, line } of records) {
    if (record.length !== names.length) {
      fail(`, line ${line}: it has ${record.length} values; there are ${names.length} columns.`);
    }
    const absent = record.findIndex((value) => none.has(value));
    if (absent >= 0) {
      fail(
        `, line ${line}, column ${JSON.stringify(names[absent])}: the value is missing (${JSON.stringify(record[absent])}).`,
      );
    }
  }
  const lines = Int32Array.from(records, ({ line }) => line);
  const columns = new Map(
    names.map((column, i) => {
      const cells = records.map(({ record }) => record[i]);
      const wanted = Object.hasOwn(types, column) ? types[column] : undefined;
      return [column, typedColumn(column, cells, lines, wanted, fail)] as const;
    }),
  );
  return {
    name,
    length: records.length,
    names,
    column(wanted) {
      const found = columns.get(wanted);
      if (found !== undefined) return found;
      throw new ValueError(
        `CsvTable: there is no column ${JSON.stringify(wanted)}; ${name} has ${names.join(", ")}.`,
      );
    },
  };
}

type Fail = (message: string) => never;

function decodeText(source: Uint8Array | string, fail: Fail): string {
  if (typeof source === "string") return source;
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(source);
  } catch {
    return fail(": it is no text in UTF-8.");
  }
}

interface Record_ {
  readonly record: string[];
  readonly line: number;
}

function parseRecords(parse: typeof Parse, text: string, delimiter: string, fail: Fail): Record_[] {
  try {
    const records = parse(text, {
      bom: true,
      delimiter,
      info: true,
      relax_column_count: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as { record: string[]; info: { lines: number } }[];
    return records.map(({ record, info }) => ({ record, line: info.lines }));
  } catch (error) {
    const { lines, message } = error as CsvError & { lines?: number };
    return fail(`${lines === undefined ? "" : `, line ${lines}`}: ${message}.`);
  }
}

function typedColumn(
  name: string,
  cells: readonly string[],
  lines: Int32Array,
  wanted: CsvType | undefined,
  fail: Fail,
): CsvColumn {
  const odd = cells.findIndex((cell) => !Number.isFinite(Number(cell)));
  const type = wanted ?? (odd < 0 ? "number" : "category");
  switch (type) {
    case "number":
      if (odd >= 0) {
        fail(
          `, line ${lines[odd]}, column ${JSON.stringify(name)}: ${JSON.stringify(cells[odd])} is no number.`,
        );
      }
      return { name, lines, type, values: Float64Array.from(cells, Number) };
    case "category": {
      const categories = [...new Set(cells)].sort();
      const ids = new Map(categories.map((category, id) => [category, id]));
      return { name, lines, type, categories, values: Int32Array.from(cells, (c) => ids.get(c)!) };
    }
    case "text":
      return { name, lines, type, values: cells };
    default:
      throw new ValueError(
        `parseCsv: types gives ${JSON.stringify(name)} the type ${JSON.stringify(type)}; it must be "number", "category" or "text".`,
      );
  }
}

export interface CsvDataset {
  /** x [N, features]; y int32 [N] for a label of categories, as x for one of numbers. */
  readonly dataset: TensorDataset;
  readonly featureNames: readonly string[];
  /** The label's categories by class; null where it is a number. */
  readonly classNames: readonly string[] | null;
}

/**
 * A dataset from a table: x from columns of numbers, y from the label's column.
 *
 * @param options.label     its name
 * @param options.features  their names. Default all other columns
 * @throws ValueError for a column that isn't there, FormatError for a feature that isn't numbers
 */
export function csvDataset(
  table: CsvTable,
  {
    label,
    features = table.names.filter((name) => name !== label),
    dtype = "float32",
  }: { label: string; features?: readonly string[]; dtype?: "float32" | "float64" },
): CsvDataset {
  const target = table.column(label);
  if (target.type === "text") {
    throw new ValueError(
      `csvDataset: the label ${JSON.stringify(label)} is text; its type must be "number" or "category".`,
    );
  }
  const columns = features.map((name) => {
    const column = table.column(name);
    if (column.type === "number") return column.values;
    const values = column.type === "text" ? column.values : column.categories;
    throw new FormatError(
      `csvDataset: ${table.name}, column ${JSON.stringify(name)}: it has ${column.type === "text" ? "text" : "categories"} such as ${JSON.stringify(values.find((value) => !Number.isFinite(Number(value))) ?? values[0])}; features must be numbers.`,
    );
  });
  const x = new Float64Array(table.length * columns.length);
  columns.forEach((values, f) => {
    values.forEach((value, row) => {
      x[row * columns.length + f] = value;
    });
  });
  const y = tensor(target.values, target.type === "category" ? {} : { dtype });
  return {
    dataset: new TensorDataset(tensor(x, { shape: [table.length, columns.length], dtype }), y),
    featureNames: features,
    classNames: target.type === "category" ? target.categories : null,
  };
}

/** Reads a table from a file: {@link parseCsv}. @throws FileError if it can't be read, FormatError as there */
export async function loadCsv(path: string, options: CsvOptions = {}): Promise<CsvTable> {
  return parseCsv(await readBytes("loadCsv", path), options, path);
}
