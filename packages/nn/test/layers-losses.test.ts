import { describeLayers } from "./tables/check.ts";
import { losses } from "./tables/losses.ts";

describeLayers(losses);
