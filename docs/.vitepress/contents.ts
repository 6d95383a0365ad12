/** The table of contents: the bar on top and the one at the side. */
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { DefaultTheme } from "vitepress";

const docs = join(dirname(fileURLToPath(import.meta.url)), "..");

const item = (text: string, link: string): DefaultTheme.SidebarItem => ({ text, link });

/** Pages in the order to read them in; the address is that of the file below docs/. */
const guides: DefaultTheme.SidebarItem[] = [
  {
    text: "Start",
    items: [
      item("Five minutes to a trained net", "/start"),
      item("Digits, trained in this page", "/digits"),
      item("Playground", "/playground"),
      item("Live pages", "/live"),
    ],
  },
  {
    text: "Guides",
    items: [
      item("Tensors", "/tensors"),
      item("Autograd", "/autograd"),
      item("Function transforms", "/transforms"),
      item("Custom ops", "/custom-ops"),
      item("Formulas", "/formulas"),
      item("Models", "/models"),
      item("Layers", "/layers"),
      item("Sequences", "/sequences"),
      item("Optimizers", "/optim"),
      item("Training", "/training"),
      item("Checkpoints", "/training#checkpoints"),
      item("Experiments", "/experiments"),
      item("Data", "/data"),
      item("Pictures", "/pictures"),
      item("Training plots", "/training-plots"),
      item("The player", "/player"),
      item("Command line", "/cli"),
      item("Memory", "/memory"),
      item("Threads and determinism", "/threads"),
      item("Browsers and workers", "/browser"),
      item("Debugging NaNs", "/nans"),
      item("Performance", "/performance"),
    ],
  },
  {
    text: "Coming from",
    items: [
      item("PyTorch", "/from-pytorch"),
      item("TensorFlow.js", "/from-tfjs"),
      item("jax-js", "/from-jax"),
    ],
  },
  {
    text: "Reference",
    items: [
      item("Ops", "/ops"),
      item("Local gradients", "/local-gradients"),
      { text: "API", link: "/api/index.html", target: "_self" },
      item("Benchmarks", "/benchmarks"),
      item("How they are measured", "/bench"),
      item("Examples", "/examples"),
      {
        text: "Packages",
        collapsed: true,
        items: [
          "tapegrad",
          "core",
          "formula",
          "nn",
          "optim",
          "data",
          "train",
          "viz",
          "kernels",
        ].map((name) => item(name, `/packages/${name}`)),
      },
    ],
  },
];

const course: DefaultTheme.SidebarItem[] = [
  {
    text: "Back-propagation, seen",
    items: [
      item("About this course", "/course/"),
      item("1. Gates", "/course/gates"),
      item("2. Staged computation", "/course/staged"),
      item("3. Vectorised gradients", "/course/vectorised"),
      item("4. SVM and softmax", "/course/classifiers"),
      item("5. A two-layer net", "/course/two-layer-net"),
      item("6. Batch norm as a circuit", "/course/batch-norm"),
      item("7. Optimizers on a surface", "/course/optimizers"),
      item("8. Dropout", "/course/dropout"),
      item("9. Convolution", "/course/convolution"),
      item("10. Recurrent nets", "/course/recurrent"),
      item("11. Attention", "/course/attention"),
    ],
  },
];

/** Only what has a page: a section's page may arrive after this list. */
function present(items: DefaultTheme.SidebarItem[]): DefaultTheme.SidebarItem[] {
  return items.flatMap((entry) => {
    if (entry.items !== undefined) return [{ ...entry, items: present(entry.items) }];
    const link = entry.link!.split("#")[0]!;
    const outside = /^\/(api|packages)\/|^\/(bench|examples)$/.test(link);
    const file = link.endsWith("/") ? `${link}index.md` : `${link}.md`;
    return outside || existsSync(join(docs, file)) ? [entry] : [];
  });
}

export const sidebar: DefaultTheme.Sidebar = {
  "/course/": present(course),
  "/": present(guides),
};

export const nav: DefaultTheme.NavItem[] = [
  { text: "Start", link: "/start" },
  { text: "Course", link: "/course/" },
  { text: "Guides", link: "/autograd" },
  { text: "Playground", link: "/playground" },
  { text: "API", link: "/api/index.html", target: "_self" },
];
