import { activations } from "./tables/activations.ts";
import { describeLayers } from "./tables/check.ts";

describeLayers(activations);
