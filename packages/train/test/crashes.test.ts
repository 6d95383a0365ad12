/** What is left of a run when its program or its disk gives up. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "@jest/globals";
import { type Checkpoint, encodeCheckpoint, RunFolder } from "@tapegrad/train";
import { build } from "esbuild";

const folder = mkdtempSync(join(tmpdir(), "tapegrad-crash-"));
const program = join(folder, "program.mjs");

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("./fixtures/program.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@tapegrad/source"],
    external: ["cli-progress"],
    outfile: program,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const noWarnings = {
  warn: (message: string) => {
    throw new Error(message);
  },
};

/** Starts the program and calls `see` with each line that it says. */
async function run(
  mode: string,
  path: string,
  see: (line: string, child: ChildProcess) => void = () => {},
): Promise<{ code: number | null; signal: string | null; last: string }> {
  const child = spawn(process.execPath, [program, mode, path], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  let last = "";
  createInterface({ input: child.stdout }).on("line", (line) => {
    last = line;
    see(line, child);
  });
  const [code, signal] = (await once(child, "close")) as [number | null, string | null];
  return { code, signal, last };
}

/** The bytes of a checkpoint but for its times and name. */
function lasting({ progress, ...rest }: Checkpoint): Uint8Array {
  const times = { runId: "", seconds: 0, samplesPerSecond: 0, secondsLeft: 0 };
  return encodeCheckpoint({
    ...rest,
    progress: { ...progress, state: { ...progress.state, ...times } },
  });
}

describe("a program that is killed", () => {
  it("at any moment leaves a checkpoint to go on from, and ends as if nothing had been", async () => {
    const [killed, whole] = [new RunFolder(join(folder, "killed")), join(folder, "whole")];
    const undisturbed = run("train", whole);
    let before = 0;
    for (let round = 0; round < 8; round++) {
      // Spread over what a step does: some kills hit a file half written.
      const [after, delayMs] = [before + 2 + 3 * round, (round * 0.37) % 3];
      const { signal } = await run("train", killed.path, (line, child) => {
        if (line === `step ${after}`) setTimeout(() => child.kill("SIGKILL"), delayMs);
      });
      expect(signal).toBe("SIGKILL");
      const { checkpoint } = (await killed.latest(noWarnings))!;
      const { step } = checkpoint.progress.state;
      expect(step).toBeGreaterThanOrEqual(after - 1);
      before = step;
    }
    expect(await run("train", killed.path)).toMatchObject({ code: 0, last: "finished" });
    expect(await undisturbed).toMatchObject({ code: 0, last: "finished" });
    const [a, b] = [killed, new RunFolder(whole)];
    for (const name of ["checkpoints", "metrics"] as const) {
      expect((await a[name]()).length).toBe((await b[name]()).length);
    }
    const ends = await Promise.all([a, b].map((one) => one.latest(noWarnings)));
    expect(lasting(ends[0]!.checkpoint)).toEqual(lasting(ends[1]!.checkpoint));
    const losses = (await Promise.all([a.metrics(), b.metrics()])).map((lines) =>
      lines.map((line) => [line.type, line.step, line.type === "layers" ? null : line.loss]),
    );
    expect(losses[0]).toEqual(losses[1]);
    // Temporary files that a kill left behind are gone.
    expect(readdirSync(a.checkpointsPath).sort()).toEqual(readdirSync(b.checkpointsPath).sort());
  });
});

describe("Ctrl-C", () => {
  it("ends the training after the running update, and the place is saved", async () => {
    const path = join(folder, "interrupted");
    const { code, last } = await run("signals", path, (line, child) => {
      if (line === "step 5") child.kill("SIGINT");
    });
    const steps = Number(last.split(" ")[1]);
    expect([code, last]).toEqual([0, `aborted ${steps}`]);
    expect(steps).toBeGreaterThanOrEqual(5);
    const { checkpoint } = (await new RunFolder(path).latest(noWarnings))!;
    expect(checkpoint.progress.state.step).toBe(steps);
  });

  it("a second time ends the program", async () => {
    let first = true;
    const { signal } = await run("hangs", join(folder, "hanging"), (_, child) => {
      if (!first) return;
      first = false;
      child.kill("SIGINT");
      setTimeout(() => child.kill("SIGINT"), 100);
    });
    expect(signal).toBe("SIGINT");
  });
});

/** Runs the program on a file system of its own, which goes with it. */
function onTmpfs(path: string, script: string) {
  const mounted = `mkdir -p ${path} && mount -t tmpfs -o size=600k tapegrad-test ${path} && ${script}`;
  return spawnSync("unshare", ["--mount", "sh", "-c", mounted], { encoding: "utf8" });
}

const mayMount = onTmpfs(join(folder, "probe"), "true").status === 0;
const describeMounted = mayMount ? describe : describe.skip;
const title = mayMount
  ? "a file system of its own"
  : "a file system of its own: skipped, since this user may not mount a tmpfs (unshare --mount)";

describeMounted(title, () => {
  const node = (mode: string, path: string) => `${process.execPath} ${program} ${mode} ${path}/run`;

  it("that is full is a clear error, and the older checkpoints are as they were", () => {
    const path = join(folder, "small");
    const { stdout, stderr } = onTmpfs(path, node("full", path));
    expect(stderr).toBe("");
    const { error, step, same, names } = JSON.parse(stdout);
    expect(error).toBe(
      `FileError: saveCheckpoint: can't write "${path}/run/checkpoints/step-00000003.safetensors": the disk is full (ENOSPC); free some space.`,
    );
    expect([step, same]).toEqual([2, true]);
    expect(names).toEqual(["step-00000001.safetensors", "step-00000002.safetensors"]);
  });

  it("that is read-only is a clear error before anything is trained", () => {
    const path = join(folder, "fixed");
    const script = `${node("some", path)} && mount -o remount,ro ${path} && ${node("readonly", path)}`;
    const { stdout, stderr } = onTmpfs(path, script);
    expect(stderr).toBe("");
    const { error, step } = JSON.parse(stdout);
    expect(error).toBe(
      `FileError: RunFolder: can't write "${path}/run/checkpoints/best.safetensors": the file system is read-only (EROFS); choose another place.`,
    );
    expect(step).toBe(2);
  });
});
