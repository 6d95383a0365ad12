import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { defineConfig } from "vitepress";
import { nav, sidebar } from "./contents.ts";
import { cells } from "./markdown/cells.ts";
import { links, noPages, sitePath } from "./markdown/links.ts";
import { math } from "./markdown/math.ts";

const here = dirname(fileURLToPath(import.meta.url));
const root = join(here, "../..");

/** With these, browsers let a page share memory between threads; without them, everything runs on one. */
const isolation = {
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Embedder-Policy": "require-corp",
};

export default defineConfig({
  title: "Tapegrad",
  description:
    "Autograd and deep learning for TypeScript: a dynamic tape on SIMD WebAssembly, in Node and in pages",
  lang: "en",
  // Where the site will be served from: "/" or, say, "/tapegrad/".
  base: (process.env.SITE_BASE ?? "/") as `/${string}/`,
  // The READMEs of packages, examples and benchmarks are pages, too.
  srcDir: "..",
  srcExclude: [
    ...noPages,
    "docs/public/**",
    "packages/*/{src,test,dist,assembly}/**",
    "**/test/**",
  ],
  rewrites: (id) => sitePath(id),
  head: [["link", { rel: "icon", href: `${process.env.SITE_BASE ?? "/"}logo.svg` }]],
  markdown: {
    theme: { light: "github-light-high-contrast", dark: "github-dark" },
    config: (md) => {
      math(md);
      cells(md);
      links(md, root);
    },
  },
  themeConfig: {
    logo: "/logo.svg",
    nav,
    sidebar,
    outline: { level: [2, 3] },
    search: { provider: "local" },
    footer: { message: "MIT licence" },
  },
  // TypeDoc's pages are put beside VitePress' after its build.
  ignoreDeadLinks: [/^\/api\//],
  vue: { template: { compilerOptions: { isCustomElement: (tag) => tag === "tapegrad-graph" } } },
  vite: {
    publicDir: join(here, "../public"),
    // The packages of this repository are bundled from their sources.
    resolve: { conditions: ["@tapegrad/source"] },
    server: { headers: isolation },
    preview: { headers: isolation },
    build: { target: "es2022", chunkSizeWarningLimit: 2000 },
    esbuild: { target: "es2022" },
    worker: { format: "es" },
  },
});
