/**
 * Ours.
 *
 *   node bench/contenders/tapegrad.mjs THREADS
 */
import { memory, setThreads } from "@tapegrad/core";
import { serve } from "../serve.mjs";
import { trainings } from "../training.mjs";

setThreads(Number(process.argv[2]));
await serve(trainings, () => memory().peakBytes);
