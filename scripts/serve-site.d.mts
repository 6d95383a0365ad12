import type { Server } from "node:http";
export function serveSite(
  folder: string,
  options?: { port?: number; isolated?: boolean },
): Promise<{ server: Server; address: string }>;
