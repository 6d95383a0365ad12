/**
 * Ours.
 *
 *   node bench/contenders/tapegrad.mjs THREADS [fast]
 */
import { memory, setNumerics, setThreads } from "@tapegrad/core";
import { serve } from "../serve.mjs";
import { trainings } from "../training.mjs";

setThreads(Number(process.argv[2]));
await setNumerics(process.argv[3] ?? "exact");
await serve(trainings, () => memory().peakBytes);
