export function ping(x: f32): f32 { return x; }
