/** A plugin of TypeDoc: modules are called as they are imported, `@tapegrad/core`, and not by their folder, `core/src`. */
export function load(app) {
  app.converter.on("resolveBegin", ({ project }) => {
    for (const module of project.children ?? [])
      module.name = `@tapegrad/${module.name.replace("/src", "")}`;
  });
}
