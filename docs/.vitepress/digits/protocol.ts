/** What the page and the worker of the digits tell each other. */
import type { Progress } from "./train.ts";

export type Order = { type: "train" } | { type: "stop" } | { type: "predict"; pixels: Uint8Array };

export type News =
  | { type: "loaded"; training: number; test: number }
  | { type: "progress"; progress: Progress; seconds: number }
  | { type: "trained"; accuracy: number; seconds: number; threads: number }
  | { type: "stopped" }
  | { type: "prediction"; probabilities: number[] }
  | { type: "error"; text: string };
