/** Pointer and keys of the player, as calls of what it can do. */
import type { Camera } from "../page/camera.ts";
import { idOf } from "../page/stage.ts";

/** What a reader can ask for. */
export interface Handlers {
  /** By the `data-do` of the buttons. */
  readonly actions: Readonly<Record<string, () => void>>;
  /** By the name of the key. */
  readonly keys: Readonly<Record<string, () => void>>;
  goTo(index: number): void;
  /** Takes over what stands in an input's field. */
  edit(field: HTMLInputElement): void;
  isGroup(id: string): boolean;
  /** Folds or unfolds. */
  toggle(id: string): void;
  /** Tells all about a node or group; null for the step again. */
  choose(id: string | null): void;
  /** What Enter does: as `choose`, and on to the field of an input. */
  activate(id: string): void;
}

export function listen(
  player: HTMLElement,
  picture: HTMLElement,
  camera: Camera,
  handlers: Handlers,
  signal: AbortSignal,
): void {
  const on = <K extends keyof HTMLElementEventMap>(
    target: HTMLElement,
    type: K,
    listener: (event: HTMLElementEventMap[K]) => void,
  ) => target.addEventListener(type, listener, { signal });

  on(player, "click", ({ target }) => {
    const { dataset } = (target as Element).closest<HTMLElement>("[data-do], [data-fold]") ?? {};
    if (dataset?.do !== undefined) handlers.actions[dataset.do]!();
    else if (dataset?.fold !== undefined) handlers.toggle(dataset.fold);
  });
  on(player, "input", ({ target }) => {
    const field = target as HTMLInputElement;
    if (field.type === "range") handlers.goTo(Number(field.value));
    else handlers.edit(field);
  });
  on(player, "keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const target = event.target as HTMLElement;
    const isPressed = event.key === "Enter" || event.key === " ";
    // Fields and buttons know what to do with their keys.
    if (target.matches("input") || (isPressed && target.matches("button"))) return;
    const id = idOf(target);
    if (isPressed && id !== null) {
      if (handlers.isGroup(id)) handlers.toggle(id);
      else handlers.activate(id);
    } else if (Object.hasOwn(handlers.keys, event.key)) handlers.keys[event.key]!();
    else return;
    event.preventDefault();
  });
  on(picture, "click", ({ target }) => {
    const id = idOf(target);
    if (!camera.isClick) return;
    if (id === null || handlers.isGroup(id)) handlers.choose(id);
    else handlers.activate(id);
  });
  on(picture, "dblclick", ({ target }) => {
    const id = idOf(target);
    if (id !== null && handlers.isGroup(id)) handlers.toggle(id);
  });
  on(picture, "focusin", ({ target }) => camera.reveal(target as Element));
}
