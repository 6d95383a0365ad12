/** The player, `<tapegrad-graph>`: apart from the rest, so that a page with a graph alone loads no engine. */
export * from "@tapegrad/viz/player";
