/** The batch rules that users' ops may take over; see `batch` of `defineOp`. */
export { alongNext, amongFirst, overNext, withFrontAxis } from "./batching.ts";
