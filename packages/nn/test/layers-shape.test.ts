import { describeLayers } from "./tables/check.ts";
import { shape } from "./tables/shape.ts";

describeLayers(shape);
