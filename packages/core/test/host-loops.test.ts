import { describe, expect, it, jest } from "@jest/globals";

const memory = await import("../../kernels/src/memory.ts");
const LARGE = 10_000;
let roads = new Set<string>();
const noted = (name: string, length: number) => { if (length >= LARGE) roads.add(name); };
jest.unstable_mockModule("../../kernels/src/memory.ts", () => ({
  ...memory,
  peek: (s: any) => { noted("peek", s.length); return memory.peek(s); },
  copyOut: (s: any, a?: any, b?: any) => { noted("copyOut", b ?? s.length); return memory.copyOut(s, a, b); },
  adopt: (a: any, d: any) => { noted("adopt", a.length); return memory.adopt(a, d); },
}));
const core = await import("../src/index.ts");
const { observe } = await import("../src/observe.ts");
const { readFamilies } = await import("./ops-page.ts");
const { families } = (await import("../../../bench/op-cases.mjs")) as any;

it("x", async () => {
  const seen = new Set<string>();
  const found: Record<string, string[]> = {};
  const slow: any[] = [];
  for (const cases of Object.values(families) as any) for (const [name, make] of Object.entries(cases) as any) {
    const t = performance.now();
    try {
    for (let i = 0; i < 2; i++) {
      const [f, ...inputs] = make();
      roads = new Set();
      observe({ applied: (op: any) => { seen.add(op.name); } }, () => {
        const y = f(...inputs);
        const out = y instanceof core.Tensor ? [y] : Object.values(y);
        for (const o of out as any) if (o instanceof core.Tensor && o.requiresGrad) o.backward(core.ones(o.shape, {dtype: o.dtype}), { retainGraph: true });
      });
    }
    } catch (e) { found[name] = [String(e).slice(0, 100)]; continue; }
    if (roads.size) found[name] = [...roads];
    if (performance.now() - t > 500) slow.push([name, performance.now() - t]);
  }
  const names = new Set(Object.values(families).flatMap((c: any) => Object.keys(c).map((n) => n.split(/[, ]/)[0])));
  const fams = await readFamilies();
  console.log(JSON.stringify({ found, slow, unseen: [...core.registeredOps().keys()].filter((n) => !seen.has(n)), missing: Object.fromEntries(fams.map((f) => [f.name, f.functions.filter((n) => !names.has(n))]).filter(([,l]) => l.length)) }, null, 0));
});
