/** Code in an address: compressed, as base64url. */
import { deflateSync, inflateSync, strFromU8, strToU8 } from "fflate";

export function encodeCode(code: string): string {
  return btoa(strFromU8(deflateSync(strToU8(code), { level: 9 }), true))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replace(/=+$/, "");
}

/** Null for text that no `encodeCode` wrote. */
export function decodeCode(text: string): string | null {
  try {
    const bytes = strToU8(atob(text.replaceAll("-", "+").replaceAll("_", "/")), true);
    return strFromU8(inflateSync(bytes));
  } catch {
    return null;
  }
}
