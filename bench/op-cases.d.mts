/** family → name → () => [function, ...inputs] */
export const families: Record<
  string,
  Record<string, () => [f: (...inputs: never[]) => unknown, ...inputs: unknown[]]>
>;
