import type { MarkdownOptions } from "vitepress";

/** markdown-it, as VitePress hands it to a site's configuration. */
export type Renderer = Parameters<NonNullable<MarkdownOptions["config"]>>[0];
