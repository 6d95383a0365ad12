/**
 * Every error that Tapegrad throws on purpose; its message says where, what arrived, what would work. Each kind
 * says its name itself, since bundlers rename classes.
 */
export class TapegradError extends Error {
  override get name(): string {
    return this.constructor.name;
  }
}

/** Shapes or axes that don't fit. */
export class ShapeError extends TapegradError {
  override get name(): string {
    return "ShapeError";
  }
}

/** A dtype that the op cannot take. */
export class DTypeError extends TapegradError {
  override get name(): string {
    return "DTypeError";
  }
}

/** An index outside its axis. */
export class IndexError extends TapegradError {
  override get name(): string {
    return "IndexError";
  }
}

/** An argument whose value makes no sense (a negative size, a NaN where a number is expected). */
export class ValueError extends TapegradError {
  override get name(): string {
    return "ValueError";
  }
}

/** Misuse of the tape: a second backward, a saved value that changed, a leaf changed in place. */
export class GradError extends TapegradError {
  override get name(): string {
    return "GradError";
  }
}

/** Misuse of vmap: reading a value that differs between samples, or keeping one of its tensors beyond the call. */
export class VmapError extends TapegradError {
  override get name(): string {
    return "VmapError";
  }
}
