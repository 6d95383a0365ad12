/** What needs a program of its own: one that ends though a dashboard is open, and one without optional packages. */
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, expect, it } from "@jest/globals";
import { build } from "esbuild";

const folder = mkdtempSync(join(tmpdir(), "tapegrad-viz-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs a program where there is nothing but itself. */
async function run(name: string, contents: string): Promise<{ status: unknown; stdout: string }> {
  const { outputFiles } = await build({
    stdin: { contents, resolveDir: dirname(fileURLToPath(import.meta.url)), loader: "ts" },
    bundle: true,
    write: false,
    format: "esm",
    platform: "node",
    conditions: ["@tapegrad/source"],
  });
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, outputFiles[0]!.text);
  const { status, stdout, stderr } = spawnSync(process.execPath, [file], { encoding: "utf8" });
  return { status, stdout: stdout + stderr };
}

it("a dashboard keeps no program alive", async () => {
  const { status, stdout } = await run(
    "dashboard",
    `import { get } from "node:http";
    import { serve } from "@tapegrad/viz";
    const { url } = await serve({ name: "one", lines: [] }, { port: 0 });
    // A page that stays.
    await new Promise((done) => get(url + "events", (response) => response.once("data", done).socket.unref()));
    console.log("the end");`,
  );
  expect([status, stdout]).toEqual([0, "the end\n"]);
});

it("PNG says what to install", async () => {
  const { stdout } = await run(
    "png",
    `import { toPng } from "@tapegrad/viz";
    await toPng("<svg/>").catch(({ message }) => console.log(message));`,
  );
  expect(stdout).toBe(
    "toPng: PNG needs two more packages: npm install @resvg/resvg-wasm dejavu-fonts-ttf\n",
  );
});

it("outside of Node, PNG and dashboards say that they need it", async () => {
  const { stdout } = await run(
    "page",
    `import { serve, toPng } from "@tapegrad/viz";
    const { log } = console;
    delete globalThis.process;
    await toPng("<svg/>").catch(({ message }) => log(message));
    await serve({ name: "one", lines: [] }).catch(({ message }) => log(message));`,
  );
  expect(stdout).toBe(
    "toPng: PNG is drawn in Node; in a page, show the SVG.\n" +
      "serve: a dashboard needs Node; in a page, show what report() gives.\n",
  );
});
