import assert from "node:assert/strict";
import { type Checked, unbelievable } from "../../../lib/health/panic.ts";

const WELL = { family: 4, backup: false, weight: 100, state: "healthy", ok: true } as const;

function many(count: number, more: Partial<Checked> = {}): Checked[] {
  return Array.from({ length: count }, () => ({ ...WELL, ...more }));
}

/** How many are held, of so many backends. */
function held(backends: readonly Checked[], panic = 50): number {
  return unbelievable(backends, panic).length;
}

Deno.test("more than panic per cent failing at once are held, that many and fewer are believed", () => {
  assert.equal(held([...many(2), ...many(2, { ok: false })]), 0);
  assert.equal(held([...many(2), ...many(3, { ok: false })]), 3);
  assert.equal(held([...many(2), ...many(2, { ok: false })], 49), 2);
});

Deno.test("panic = 0 believes all", () => {
  assert.equal(held(many(5, { ok: false }), 0), 0);
});

Deno.test("who was known to be ill before is not part of what fails now", () => {
  const ill = many(3, { ok: false, state: "unhealthy" });
  assert.equal(held([...ill, WELL]), 0);
  assert.equal(held([...ill, ...many(1, { ok: false })]), 0, "one of four is believed");
});

Deno.test("new backends that fail are believed as soon as anybody is well", () => {
  const fresh = many(3, { ok: false, state: "unknown" });
  assert.equal(held([...fresh, WELL]), 0);
  assert.equal(held([...fresh, { ...WELL, state: "unknown" }]), 0);
  assert.equal(held(fresh), 3, "where nobody is, it may be the check");
});

Deno.test("backups that can step in for all who are lost make it believable", () => {
  const primaries = many(3, { ok: false });
  assert.equal(held([...primaries, { ...WELL, backup: true }]), 0);
  assert.equal(held([...primaries, { ...WELL, backup: true, family: 6 }]), 3, "not of that family");
  assert.equal(held([...primaries, { ...WELL, backup: true, ok: false }]), 4);
  assert.equal(held([...primaries, WELL, { ...WELL, backup: true }]), 3, "a primary is left");
});

Deno.test("backends of weight 0 do not count", () => {
  const idle = many(5, { weight: 0 });
  assert.equal(held([...idle, ...many(2, { ok: false }), WELL]), 2);
  assert.equal(held([...many(5, { weight: 0, ok: false }), WELL]), 0);
});
