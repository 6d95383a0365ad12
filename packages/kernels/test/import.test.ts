import { expect, it } from "@jest/globals";

// Nothing of the package is imported above: the test watches what its first import does.
it("importing has no side effects: no memory, no module, no registry, no global", async () => {
  const made: string[] = [];
  const watched = [
    [WebAssembly, "Memory"],
    [WebAssembly, "Module"],
    [WebAssembly, "Instance"],
    [globalThis, "FinalizationRegistry"],
  ] as const;
  const originals = watched.map(([owner, name]) => (owner as Record<string, unknown>)[name]);
  watched.forEach(([owner, name], i) => {
    (owner as Record<string, unknown>)[name] = new Proxy(originals[i] as object, {
      construct: (target, args) => {
        made.push(name);
        return Reflect.construct(target as new () => object, args);
      },
    });
  });
  const globals = Object.getOwnPropertyNames(globalThis).length;

  const { memory } = await import("../src/index.ts");
  expect(made).toEqual([]);
  expect(Object.getOwnPropertyNames(globalThis).length).toBe(globals);

  expect(memory().backend).toBe("wasm"); // the watch works
  expect(made.sort()).toEqual(["FinalizationRegistry", "Memory"]);
  watched.forEach(([owner, name], i) => {
    (owner as Record<string, unknown>)[name] = originals[i];
  });
});
