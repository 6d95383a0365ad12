/**
 * What lies where at the start of the WebAssembly memory: page 0 is the module's static data, then come the
 * fixed scratch of kernel calls, the threads' control block, and the arena.
 */
export const PAGE = 65536;

/**
 * Arrays up to this size stay outside of the arena: copying them to the scratch and back costs less than a
 * block with its registration.
 */
export const SMALL_BYTES = 4096;
/** How many lone numbers a call may have, and how many small arrays. */
export const LONES = 32;
export const SLOTS = 12;

// The scratch: arguments, lone numbers, then copies of small arrays.
export const ARGUMENTS = PAGE;
export const ARGUMENT_BYTES = 4096;
/** Where lone numbers and copies of arrays are, from the arguments on. */
export const LONE = ARGUMENT_BYTES;
export const LONE_BYTES = 16;
export const STAGE = LONE + LONES * LONE_BYTES;
const SCRATCH_BYTES = STAGE + SLOTS * SMALL_BYTES;

/** The scratch of calls that compute what was deferred, while another call asks for it. */
export const INNER_ARGUMENTS = ARGUMENTS + Math.ceil(SCRATCH_BYTES / PAGE) * PAGE;

export const CONTROL_ADDRESS = INNER_ARGUMENTS + Math.ceil(SCRATCH_BYTES / PAGE) * PAGE;
export const FIRST_ADDRESS = CONTROL_ADDRESS + PAGE;
