#!/usr/bin/env node
/**
 * Builds what is stale, in order: the kernels' WebAssembly, the scripts of pages, then the packages and
 * examples.
 * `npm start`, `npm test` and `npm run build` call it; nothing else prepares a clone.
 *
 *   node scripts/build.mjs [--kernels-only] [--quiet] [--clean]
 */
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";

const root = join(dirname(fileURLToPath(import.meta.url)), "..");
const assembly = join(root, "packages/kernels/assembly");
const generated = join(root, "packages/kernels/src/generated");
const viz = join(root, "packages/viz/src");
const flags = new Set(process.argv.slice(2));
const unknown = [...flags].filter((f) => !["--kernels-only", "--quiet", "--clean"].includes(f));
if (unknown.length > 0)
  fail(`build: unknown option ${unknown.join(", ")}; known are --kernels-only, --quiet, --clean.`);

const log = flags.has("--quiet") ? () => {} : (line) => console.log(line);
const require = createRequire(import.meta.url);

function fail(message) {
  console.error(message);
  process.exit(1);
}

function run(file, args) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [file, ...args], {
    cwd: root,
    encoding: "utf8",
  });
  if (status !== 0) fail(`build: ${relative(root, file)} failed.\n${stdout ?? ""}${stderr ?? ""}`);
}

/** One hash over names and contents: the same sources and compiler need no second build. */
function fingerprint(folder) {
  const hash = createHash("sha256");
  hash.update(require("assemblyscript/package.json").version);
  hash.update(readFileSync(fileURLToPath(import.meta.url)));
  for (const name of readdirSync(folder, { recursive: true }).map(String).sort()) {
    if (!name.endsWith(".ts")) continue;
    hash.update(name).update(readFileSync(join(folder, name)));
  }
  return hash.digest("hex");
}

/**
 * Bytes as printable characters: the 90 most frequent ones are a character each, the others two, behind a mark. So
 * gzip finds the repetitions that base64 hides, and makes no more of it than of the bytes themselves (hexadecimal
 * digits: an eighth more). In front, the bytes by frequency in hexadecimal. `moduleBytes` in
 * packages/kernels/src/module.ts reads it.
 */
function asText(bytes) {
  const counts = new Array(256).fill(0);
  for (const byte of bytes) counts[byte]++;
  const order = counts.map((_, byte) => byte).sort((a, b) => counts[b] - counts[a] || a - b);
  const characters = Array.from({ length: 93 }, (_, i) => String.fromCharCode(33 + i)).filter(
    (c) => !['"', "<", "\\"].includes(c),
  );
  const codes = [];
  order.forEach((byte, i) => {
    codes[byte] = ["", "~", " "][Math.floor(i / 90)] + characters[i % 90];
  });
  return Buffer.from(order).toString("hex") + Array.from(bytes, (byte) => codes[byte]).join("");
}

/** assembly/*.ts → src/generated/NAME.ts: the module as text, so that nobody needs a path to a .wasm. */
function buildKernels(source, name, ...options) {
  const target = join(generated, `${name}.ts`);
  const print = fingerprint(assembly);
  if (existsSync(target) && readFileSync(target, "utf8").startsWith(`// ${print}`)) return;
  const started = Date.now();
  mkdirSync(generated, { recursive: true });
  const wasm = join(generated, `${name}.wasm`);
  run(join(dirname(require.resolve("assemblyscript/package.json")), "bin/asc.js"), [
    join(assembly, source),
    "--outFile",
    wasm,
    "--optimizeLevel",
    "3",
    "--shrinkLevel",
    "0",
    "--converge",
    "--noAssert",
    "--runtime",
    "stub",
    "--importMemory",
    "--initialMemory",
    "1",
    "--maximumMemory",
    "65536",
    "--enable",
    "simd",
    "--enable",
    "bulk-memory",
    ...options,
    "--use",
    "abort=",
  ]);
  const bytes = readFileSync(wasm);
  const text = [
    `// ${print}`,
    "// Built by scripts/build.mjs from packages/kernels/assembly; not committed.",
    `export const wasmText =\n  "${asText(bytes)}";`,
    "",
  ].join("\n");
  writeFileSync(`${target}.tmp`, text);
  renameSync(`${target}.tmp`, target);
  rmSync(wasm);
  log(`kernels, ${name}: ${bytes.length} bytes of WebAssembly in ${Date.now() - started} ms`);
}

/** A script of viz and what it imports → src/generated/NAME.ts: one text, for pages that load nothing. */
function buildPage(entry, name, constant) {
  const { outputFiles, metafile } = require("esbuild").buildSync({
    entryPoints: [join(viz, entry)],
    bundle: true,
    write: false,
    minify: true,
    format: "iife",
    target: "es2022",
    // Outputs must not depend on the terminal.
    charset: "ascii",
    legalComments: "none",
    metafile: true,
    absWorkingDir: root,
    logLevel: "error",
  });
  const script = `/*!\n${licencesOf(Object.keys(metafile.inputs))}\n*/\n${outputFiles[0].text}`;
  const text = [
    `// Built by scripts/build.mjs from packages/viz/src/${entry}; not committed.`,
    `export const ${constant} = ${JSON.stringify(script)};`,
    "",
  ].join("\n");
  const target = join(viz, `generated/${name}.ts`);
  if (existsSync(target) && readFileSync(target, "utf8") === text) return;
  mkdirSync(dirname(target), { recursive: true });
  writeFileSync(`${target}.tmp`, text);
  renameSync(`${target}.tmp`, target);
  log(`viz: ${script.length} bytes of script for ${name}`);
}

/** Of the packages that the files are from, each text once: licences want to be where the code is. */
function licencesOf(files) {
  const packages = files.flatMap((file) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file) ?? []);
  const texts = [...new Set(packages)].map((folder) => {
    const name = readdirSync(join(root, folder)).find((one) => /^licen[cs]e(\.\w+)?$/i.test(one));
    if (name === undefined) fail(`build: ${folder} has no licence to go with its code.`);
    return readFileSync(join(root, folder, name), "utf8").trim();
  });
  return [...new Set(texts)].join("\n\n");
}

function buildPackages() {
  const started = Date.now();
  run(join(dirname(require.resolve("typescript/package.json")), "bin/tsc"), [
    "-b",
    "tsconfig.json",
  ]);
  log(`packages: type-checked and built in ${Date.now() - started} ms`);
}

if (flags.has("--clean")) {
  for (const name of readdirSync(join(root, "packages"))) {
    for (const stale of ["dist", "tsconfig.tsbuildinfo"])
      rmSync(join(root, "packages", name, stale), { recursive: true, force: true });
  }
  for (const stale of [
    generated,
    join(viz, "generated"),
    join(root, "examples/dist"),
    join(root, "examples/tsconfig.tsbuildinfo"),
  ]) {
    rmSync(stale, { recursive: true, force: true });
  }
  log("build: removed every built file");
} else {
  buildKernels("index.ts", "binary");
  // In one memory with the other, whose static data lie in the first half of page 0.
  buildKernels("fast.ts", "fast", "--enable", "relaxed-simd", "--memoryBase", "32768");
  buildPage("page/page.ts", "page", "pageScript");
  buildPage("plots/dashboard-page.ts", "dashboard", "dashboardScript");
  if (!flags.has("--kernels-only")) buildPackages();
}
