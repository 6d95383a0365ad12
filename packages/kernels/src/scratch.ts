/**
 * What lies where at the start of the WebAssembly memory: page 0 is the module's static data, then come the
 * fixed scratch of kernel calls, the threads' control block, and the arena.
 */
export const PAGE = 65536;

/** Arrays up to this size live in the nursery: a block of the arena, with its registration, costs more. */
export const SMALL_BYTES = 4096;
/** How many lone numbers a call may have, and how many other operands. */
export const LONES = 32;
export const MOST_OPERANDS = 12;

// The scratch: arguments, then lone numbers.
export const ARGUMENTS = PAGE;
export const ARGUMENT_BYTES = 4096;
export const LONE_BYTES = 16;
const SCRATCH_BYTES = ARGUMENT_BYTES + LONES * LONE_BYTES;
/** The scratch of calls that compute what was deferred, while another call asks for it. */
export const INNER_ARGUMENTS = ARGUMENTS + SCRATCH_BYTES;

/** See nursery.ts. A call must leave blocks that hold none of its operands; more than that stays in the cache. */
export const NURSERY = INNER_ARGUMENTS + SCRATCH_BYTES;
export const NURSERY_BLOCKS = 32;
export const NURSERY_BYTES = NURSERY_BLOCKS * 4 * SMALL_BYTES;

/** Scratch of a running kernel, where this much is enough: taking a block of the arena costs more than a small product. */
export const WORKSPACE = NURSERY + NURSERY_BYTES;
export const WORKSPACE_BYTES = 32 * 1024;

export const CONTROL_ADDRESS = Math.ceil((WORKSPACE + WORKSPACE_BYTES) / PAGE) * PAGE;
export const FIRST_ADDRESS = CONTROL_ADDRESS + PAGE;
