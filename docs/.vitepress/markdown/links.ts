/**
 * Links of the pages, which are written for the repository's file tree: to other pages they become the
 * site's addresses; to files and folders that are no pages (sources, tests) they lose the link and keep
 * their text.
 */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import type { Renderer } from "./renderer.ts";

/** What VitePress passes along with each page. */
export interface PageEnv {
  path: string;
  realPath?: string;
}

/**
 * The site's path of a Markdown file of the repository, as VitePress wants it for `rewrites`:
 * docs/x.md is x.md, packages/x/README.md is packages/x.md, bench/README.md is bench.md.
 */
export function sitePath(file: string): string {
  if (file.startsWith("docs/")) return file.slice("docs/".length);
  return file.replace(/\/README\.md$/, ".md");
}

/** Files that are Markdown but no pages: the repository's own front doors, which the site's home replaces. */
export const noPages = ["README.md", "docs/README.md", "CONTRIBUTING.md"];

/** Where a link of a page leads on the site; null when the site has no such page. */
export function resolveLink(root: string, page: string, href: string): string | null {
  const [path, hash] = href.split("#");
  const target = relative(root, resolve(dirname(page), decodeURIComponent(path!)));
  const file = [target, join(target, "README.md")].find(
    (name) => name.endsWith(".md") && existsSync(join(root, name)),
  );
  if (file === undefined) return null;
  const anchor = hash === undefined ? "" : `#${hash}`;
  return noPages.includes(file) ? `/${anchor}` : `/${sitePath(file)}${anchor}`;
}

export function links(md: Renderer, root: string): void {
  md.core.ruler.push("repository-links", (state) => {
    const env = state.env as PageEnv;
    const page = env.realPath ?? env.path;
    for (const block of state.tokens) {
      const unlinked: boolean[] = [];
      for (const token of block.children ?? []) {
        if (token.type === "link_open") {
          const href = token.attrGet("href") ?? "";
          // Addresses, anchors of the page itself, and the site's own paths stay as they are.
          const elsewhere = /^([a-z]+:|#|\/)/.test(href);
          const target = elsewhere ? href : resolveLink(root, page, href);
          unlinked.push(target === null);
          if (target === null) {
            token.tag = "span";
            token.attrs = null;
          } else token.attrSet("href", target);
        } else if (token.type === "link_close" && unlinked.pop() === true) token.tag = "span";
      }
    }
  });
}
