/** Where an element finds its graph. */
import { type Graph, schemaVersion } from "../schema.ts";

/** The graph in the file at this address. @throws Error that says why not */
export async function graphAt(address: string): Promise<Graph> {
  try {
    const response = await fetch(address);
    if (!response.ok) throw new Error(`${response.status} ${response.statusText}`.trim());
    return (await response.json()) as Graph;
  } catch (error) {
    throw new Error(`tapegrad-graph: ${address} can't be read: ${(error as Error).message}`);
  }
}

/** The graph in a script of JSON inside the element; null if there is none. @throws Error for what is no JSON */
export function graphInside(element: Element): Graph | null {
  const text = element.querySelector('script[type="application/json"]')?.textContent;
  if (!text) return null;
  try {
    return JSON.parse(text) as Graph;
  } catch (error) {
    throw new Error(`tapegrad-graph: the script inside holds no JSON: ${(error as Error).message}`);
  }
}

/** @throws TypeError for what `graph()` of this release didn't make */
export function checkGraph(graph: Graph): void {
  if (graph?.schema === "tapegrad.graph" && graph.version === schemaVersion) return;
  throw new TypeError(
    `tapegrad-graph: this is not the JSON that graph() makes, in version ${schemaVersion} of its format.`,
  );
}
