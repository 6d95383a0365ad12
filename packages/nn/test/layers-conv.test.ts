import { describeLayers } from "./tables/check.ts";
import { conv } from "./tables/conv.ts";

describeLayers(conv);
