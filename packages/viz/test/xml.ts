/** SVG through an XML parser. */
import { SaxesParser } from "saxes";

/** Every text, attribute and element of an XML document. @throws for what is no XML */
export function parsed(xml: string): {
  texts: string[];
  attributes: string[];
  elements: string[];
} {
  const [texts, attributes, elements]: [string[], string[], string[]] = [[], [], []];
  const parser = new SaxesParser({ xmlns: true });
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("text", (text) => texts.push(text));
  parser.on("opentag", ({ name, attributes: given }) => {
    elements.push(name);
    for (const attribute of Object.values(given)) attributes.push(attribute.value);
  });
  parser.write(xml).close();
  return { texts, attributes, elements };
}
