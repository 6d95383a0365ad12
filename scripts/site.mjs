#!/usr/bin/env node
/**
 * The documentation site.
 *
 *   node scripts/site.mjs build   docs/.vitepress/dist: pages, the API by TypeDoc, the digits of the demo, the circuits of the players
 *   node scripts/site.mjs dev     serves the pages while they are written, cross-origin isolated
 *   node scripts/site.mjs serve   serves the built site, cross-origin isolated
 */
import { spawn, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { writeCircuits } from "./circuits.mjs";
import { writeDigits } from "./digits.mjs";
import { serveSite } from "./serve-site.mjs";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const docs = join(root, "docs");
const dist = join(docs, ".vitepress/dist");
const require = createRequire(join(docs, "package.json"));
const [command, ...rest] = process.argv.slice(2);

/** A package's program, found as the site's own packages find it. */
const program = (name, file) => {
  const entry = require.resolve(name);
  const marker = join("node_modules", name);
  return join(entry.slice(0, entry.lastIndexOf(marker) + marker.length), file);
};
const vitepress = program("vitepress", "bin/vitepress.js");
const typedoc = program("typedoc", "bin/typedoc");

function step(label, file, args) {
  const started = Date.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: docs,
    encoding: "utf8",
  });
  if (status !== 0) {
    console.error(`site: ${label} failed.\n${stdout}${stderr}`);
    process.exit(1);
  }
  console.log(`site: ${label} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
}

async function prepare() {
  step("kernels", join(root, "scripts/build.mjs"), ["--kernels-only", "--quiet"]);
  writeDigits(join(docs, "public/digits"));
  await writeCircuits(docs);
}

if (command === "build") {
  await prepare();
  step("pages", vitepress, ["build", docs]);
  step("API", typedoc, ["--options", join(docs, "typedoc.json"), "--out", join(dist, "api")]);
  console.log(`site: built; \`node scripts/site.mjs serve\` shows it`);
} else if (command === "dev") {
  await prepare();
  spawn(process.execPath, [vitepress, "dev", docs, ...rest], { stdio: "inherit" });
} else if (command === "serve") {
  if (!existsSync(dist)) {
    console.error("site: it isn't built; run `npm run docs` first.");
    process.exit(1);
  }
  const { address } = await serveSite(dist, { port: Number(rest[0] ?? 4173) });
  console.log(`site: ${address}`);
} else {
  console.error(`site: unknown command ${command}; known are build, dev, serve.`);
  process.exit(1);
}
