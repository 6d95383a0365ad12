/**
 * Ours.
 *
 *   node bench/contenders/tapegrad.mjs THREADS
 */
import { setThreads } from "@tapegrad/core";
import { serve } from "../serve.mjs";
import { trainings } from "../training.mjs";

setThreads(Number(process.argv[2]));
await serve(trainings);
