import { describeLayers } from "./tables/check.ts";
import { drop } from "./tables/dropout.ts";

describeLayers(drop);
