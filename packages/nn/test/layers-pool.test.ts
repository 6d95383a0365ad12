import { describeLayers } from "./tables/check.ts";
import { pool } from "./tables/pool.ts";

describeLayers(pool);
