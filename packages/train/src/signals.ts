/** Ctrl-C, and the request to end that other programs send. */
import { ValueError } from "@tapegrad/core";
import { inNode } from "@tapegrad/data";

const signals = ["SIGINT", "SIGTERM"] as const;

/**
 * Calls `stop` at the first signal. A second one finds no listener and ends the program as usual.
 *
 * @returns  a function that ends the listening
 * @throws   ValueError outside Node
 */
export function onSignals(stop: () => void): () => void {
  if (!inNode()) {
    throw new ValueError(
      "Solver: handleSignals needs Node; in a page, call stop() or abort the signal.",
    );
  }
  const forget = () => {
    for (const signal of signals) process.removeListener(signal, onSignal);
  };
  const onSignal = () => {
    forget();
    stop();
  };
  for (const signal of signals) process.on(signal, onSignal);
  return forget;
}
