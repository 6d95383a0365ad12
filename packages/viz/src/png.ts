/** Pictures as PNG, in Node: for reports, chats and slides that take no SVG. */
import { show, ValueError } from "@tapegrad/core";

export interface PngOptions {
  /** Pixels for each pixel of the SVG. Default 2, for sharp screens. */
  scale?: number;
  /** CSS colour behind the picture. Default: the picture's own. */
  background?: string;
}

/** What is used of `@resvg/resvg-wasm`. */
interface Renderer {
  initWasm(bytes: Uint8Array): Promise<void>;
  Resvg: new (
    svg: string,
    options: object,
  ) => { render(): { asPng(): Uint8Array; free(): void }; free(): void };
}

const where = "toPng";
const mostScale = 16;
/** A side of more pixels is more than viewers open. */
const mostPixels = 16_384;
let renderer: Promise<{ Resvg: Renderer["Resvg"]; fonts: Uint8Array[] }> | null = null;

/**
 * An SVG text of this package as the bytes of a PNG. Pictures with theme "auto" come out light.
 *
 * Needs two packages that nobody else has to install: `@resvg/resvg-wasm`, which draws, and `dejavu-fonts-ttf`, so
 * that texts look the same on every machine.
 *
 * ```ts
 * writeFileSync("neuron.png", await toPng(toSVG(graph(f)), { scale: 3 }));
 * ```
 *
 * @throws ValueError outside Node, without these packages, and for what is no SVG or options that make no sense
 */
export async function toPng(
  svg: string,
  { scale = 2, background }: PngOptions = {},
): Promise<Uint8Array> {
  if (typeof svg !== "string" || !svg.trimStart().startsWith("<svg")) {
    throw new ValueError(`${where}: got ${show(svg)}; it must be SVG text, as of toSVG.`);
  }
  if (!(scale > 0 && scale <= mostScale)) {
    throw new ValueError(
      `${where}: scale is ${show(scale)}; it must be a number above 0, up to ${mostScale}.`,
    );
  }
  const [width, height] = ["width", "height"].map((name) =>
    Number(new RegExp(`^\\s*<svg[^>]*\\s${name}="([\\d.]+)"`).exec(svg)?.[1] ?? 0),
  );
  const longest = Math.ceil(Math.max(width!, height!) * scale);
  if (longest > mostPixels) {
    throw new ValueError(
      `${where}: the picture would be ${longest} pixels long, and the most is ${mostPixels}; give a scale below ${mostPixels / Math.max(width!, height!)}.`,
    );
  }
  renderer ??= load();
  const { Resvg, fonts } = await renderer;
  const drawing = new Resvg(svg, {
    fitTo: { mode: "zoom", value: scale },
    ...(background !== undefined && { background }),
    font: { fontBuffers: fonts, defaultFontFamily: family, sansSerifFamily: family },
  });
  const image = drawing.render();
  const png = image.asPng();
  image.free();
  drawing.free();
  return png;
}

const family = "DejaVu Sans";
const fontFiles = ["DejaVuSans.ttf", "DejaVuSans-Bold.ttf", "DejaVuSans-Oblique.ttf"];

/** Its WebAssembly may be set up once only, so a failed attempt is the last, too. */
async function load(): Promise<{ Resvg: Renderer["Resvg"]; fonts: Uint8Array[] }> {
  if (typeof process !== "object" || process.versions?.node === undefined) {
    throw new ValueError(`${where}: PNG is drawn in Node; in a page, show the SVG.`);
  }
  // No literals, so that bundlers for pages don't look for them.
  const [fsName, moduleName, packageName] = [
    "node:fs/promises",
    "node:module",
    "@resvg/resvg-wasm",
  ];
  const { readFile } = (await import(fsName)) as typeof import("node:fs/promises");
  const { createRequire } = (await import(moduleName)) as typeof import("node:module");
  const require = createRequire(import.meta.url);
  try {
    const read = (file: string) => readFile(require.resolve(file));
    const { initWasm, Resvg } = (await import(packageName)) as Renderer;
    await initWasm(await read("@resvg/resvg-wasm/index_bg.wasm"));
    const fonts = await Promise.all(fontFiles.map((file) => read(`dejavu-fonts-ttf/ttf/${file}`)));
    return { Resvg, fonts };
  } catch (error) {
    if (!/_NOT_FOUND$/.test((error as { code?: string }).code ?? "")) throw error;
    throw new ValueError(
      `${where}: PNG needs two more packages: npm install @resvg/resvg-wasm dejavu-fonts-ttf`,
      { cause: error },
    );
  }
}
