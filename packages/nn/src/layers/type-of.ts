import type { Layer } from "../layer.ts";
import type { AnyModule } from "../module.ts";

/** What a layer is called in specs and messages. */
export function typeOf(module: AnyModule): string {
  return (module.constructor as unknown as { layer: Layer }).layer.type;
}
