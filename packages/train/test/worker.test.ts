/** Training in a worker is training here. */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { afterAll, afterEach, beforeAll, describe, expect, it } from "@jest/globals";
import type { Tensor } from "@tapegrad/core";
import { WorkerError } from "@tapegrad/data";
import { DivergedError, type TrainingState, WorkerSolver } from "@tapegrad/train";
import { build } from "esbuild";
import { makeSolver, type TrainingOptions } from "./fixtures/training.ts";

const folder = mkdtempSync(join(tmpdir(), "tapegrad-worker-"));
const file = join(folder, "training.mjs");
const module = pathToFileURL(file);

beforeAll(async () => {
  await build({
    entryPoints: [fileURLToPath(new URL("./fixtures/training.ts", import.meta.url))],
    bundle: true,
    format: "esm",
    platform: "node",
    conditions: ["@tapegrad/source"],
    external: ["cli-progress"],
    outfile: file,
  });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let open: WorkerSolver | null = null;
afterEach(async () => {
  await open?.close();
  open = null;
});

async function opened(options: TrainingOptions = {}, signal?: AbortSignal): Promise<WorkerSolver> {
  open = await WorkerSolver.open({
    module,
    export: "makeSolver",
    options,
    ...(signal === undefined ? {} : { signal }),
  });
  return open;
}

const values = (state: ReadonlyMap<string, Tensor>) =>
  [...state].map(([name, x]) => [name, x.dtype, [...x.shape], [...x.data()]]);

describe("WorkerSolver", () => {
  it("gives what a Solver here gives, to the bit", async () => {
    const here = makeSolver();
    const expected = await here.fit();
    const there = await opened();
    expect(there.state.step).toBe(0);
    const events: string[] = [];
    const stop = there.subscribe((state, event) => events.push(`${event} ${state.epochsDone}`));
    const { runId, seconds, ...result } = await there.fit();
    expect(result).toEqual({ ...result, ...withoutTimes(expected) });
    expect(values(await there.stateDict())).toEqual(values(here.model.stateDict()));
    expect(events.filter((event) => !event.startsWith("batch"))).toEqual([
      "epoch 1",
      "epoch 2",
      "epoch 3",
      "end 3",
    ]);
    expect(there.state.step).toBe(12);
    stop();
  });

  it("leaves this thread free while it trains", async () => {
    const there = await opened({ busyMs: 100, epochs: 1 });
    const order: string[] = [];
    there.subscribe((_, event) => order.push(event));
    const running = there.fit();
    await new Promise((done) => setTimeout(done, 20));
    order.push("timer");
    await running;
    expect(order[0]).toBe("timer");
  });

  it("pauses, resumes, changes its rate and stops", async () => {
    const there = await opened({ epochs: 1e6 });
    const seen = (wanted: string) =>
      new Promise<TrainingState>((resolve) => {
        const end = there.subscribe((state, event) => {
          if (event !== wanted) return;
          end();
          resolve(state);
        });
      });
    const running = there.fit();
    await seen("epoch");
    const paused = seen("pause");
    there.pause();
    const { step } = await paused;
    await there.setLearningRate(0.5);
    expect(there.state).toMatchObject({ step, paused: true });
    await expect(there.setLearningRate(-1)).rejects.toThrow(
      "Solver: the learning rate is -1; it must be a finite number from 0.",
    );
    const resumed = seen("resume");
    there.resume();
    expect((await resumed).paused).toBe(false);
    // It may have been paused behind the last update of an epoch.
    await seen("epoch");
    expect((await seen("epoch")).learningRate).toBe(0.5);
    there.stop();
    expect((await running).stopped).toBe("aborted");
  });

  it("ends when its signal is aborted, at once if it was before", async () => {
    const controller = new AbortController();
    const there = await opened({ epochs: 1e6 }, controller.signal);
    const running = there.fit();
    setTimeout(() => controller.abort(), 50);
    expect((await running).stopped).toBe("aborted");
    expect((await there.fit()).stopped).toBe("aborted");
  });

  it("hands out a checkpoint and goes on from it", async () => {
    const there = await opened({ epochs: 2 });
    await there.fit();
    const checkpoint = await there.checkpoint();
    const longer = makeSolver({ epochs: 4 });
    longer.restore(checkpoint);
    const expected = await longer.fit();
    await there.close();
    const again = await opened({ epochs: 4 });
    await again.restore(checkpoint);
    const { lossHistory, steps } = await again.fit();
    expect(steps).toBe(16);
    expect(lossHistory).toEqual(expected.lossHistory);
    expect(lossHistory).toEqual((await makeSolver({ epochs: 4 }).fit()).lossHistory);
  });

  it("passes errors on as what they are", async () => {
    const there = await opened({ lr: 1e38 });
    const running = there.fit();
    await expect(running).rejects.toThrow(DivergedError);
    await expect(running).rejects.toThrow(/^Solver: the loss is (NaN|Infinity) at step/);
  });

  const wrong: [Record<string, unknown>, RegExp][] = [
    [{ export: "nothing" }, /its export "nothing" made no Solver\.$/],
    [{}, /its export "default" is undefined; it must be a function that makes a Solver\.$/],
    [{ export: "broken" }, /no data today\.$/],
    [{ module: "file:///nowhere.mjs" }, /Cannot find module/],
  ];
  it.each(wrong)("can't be opened with %o", async (options, message) => {
    const opening = WorkerSolver.open({ module, ...options });
    await expect(opening).rejects.toThrow(WorkerError);
    await expect(opening).rejects.toThrow(message);
    await expect(opening).rejects.toThrow(/^WorkerSolver: "file:.*" can't be opened: /);
  });

  it("says so when the worker ends on its own, or was closed", async () => {
    const there = await WorkerSolver.open({ module, export: "dies" });
    await expect(there.fit()).rejects.toThrow(
      `WorkerSolver: "${module}": the worker ended with exit code 3.`,
    );
    await expect(there.fit()).rejects.toThrow("the worker ended");
    const other = await opened({ epochs: 1e6 });
    const running = other.fit();
    await other.close();
    await expect(running).rejects.toThrow(`WorkerSolver: "${module}" is closed.`);
    await expect(other.stateDict()).rejects.toThrow("is closed");
  });
});

function withoutTimes<R extends { runId: string; seconds: number }>(result: R) {
  const { runId, seconds, ...rest } = result;
  return rest;
}
