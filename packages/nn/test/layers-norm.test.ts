import { describeLayers } from "./tables/check.ts";
import { norm } from "./tables/norm.ts";

describeLayers(norm);
