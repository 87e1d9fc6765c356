import assert from "node:assert/strict";
import fc from "fast-check";
import type { Channel } from "../../../lib/notify/channel.ts";
import { deliver, pauseAfter } from "../../../lib/notify/deliver.ts";
import type { Store } from "../../../lib/store/store.ts";
import { KINDS, withRig } from "./rig.ts";

const HOUR_MS = 60 * 60_000;

Deno.test("only kinds that are asked for are told", () =>
  withRig(async (rig) => {
    for (const kind of ["apply", "health", "sysctl", "panic", "drain", "notify"]) rig.happen(kind);
    await rig.pass({ webhook: rig.url, events: ["panic", "drain"] });
    const kinds = rig.received.map(({ headers }) => headers.get("x-lb-event"));
    assert.deepEqual(kinds, ["panic", "drain"]);
  }));

Deno.test("who is told for the first time hears nothing of before, and everything since", () =>
  withRig(async (rig) => {
    rig.happen("drift");
    rig.now_ms += 1_000;
    const id = rig.happen("drift");
    await rig.pass({ webhook: rig.url }, rig.now_ms);
    assert.deepEqual(rig.told, [id]);
    const next = rig.happen("drift");
    await rig.pass({ webhook: rig.url }, rig.now_ms + 1_000);
    assert.deepEqual(rig.told, [id, next]);
  }));

Deno.test("nothing is due where nothing happened, and what waits is due at its time", () =>
  withRig(async (rig) => {
    const { outbox } = rig.store;
    assert.ok(!outbox.isOpen());
    rig.answer = () => new Response("", { status: 503 });
    rig.happen("drift");
    await rig.pass({ webhook: rig.url });
    assert.ok(outbox.isOpen());
    assert.ok(!outbox.isDue(rig.now_ms + 5_000));
    assert.ok(outbox.isDue(rig.now_ms + 20_000));
    rig.happen("apply");
    assert.ok(outbox.isDue(rig.now_ms), "somebody has to see that this kind is not told");
    await rig.pass({ webhook: rig.url });
    assert.ok(!outbox.isDue(rig.now_ms + 5_000));
  }));

Deno.test("a channel that is no longer configured is forgotten with all that waits", () =>
  withRig(async (rig) => {
    rig.answer = () => new Response("", { status: 503 });
    rig.happen("drift");
    await rig.pass({ webhook: rig.url, program: ["/nowhere"] });
    assert.equal(rig.store.outbox.standings().length, 2);
    await rig.pass({ webhook: rig.url });
    assert.deepEqual(rig.store.outbox.standings().map(({ channel }) => channel), ["webhook"]);
    await rig.pass({});
    assert.ok(!rig.store.outbox.isOpen());
    assert.deepEqual(rig.store.outbox.standings(), []);
  }));

Deno.test("what nobody takes is given up after a day, told once, and leaves an event", () =>
  withRig(async (rig) => {
    rig.answer = () => new Response("", { status: 503 });
    rig.happen("drift");
    rig.happen("drift");
    const words: string[] = [];
    for (let pass = 0; pass < 30; pass++, rig.now_ms += HOUR_MS) {
      words.push(...await rig.pass({ webhook: rig.url }));
    }
    const origin = rig.url.replace("/hook/token", "");
    const message = `notify: webhook ${origin}: 2 events were not told and given up (status 503)`;
    assert.deepEqual(words, [message]);
    const [event] = rig.store.events.list().filter(({ kind }) => kind === "notify");
    assert.equal(event?.message, message);
    const [standing] = rig.store.outbox.standings();
    assert.deepEqual([standing?.waiting, standing?.given_up], [0, 2]);
    assert.ok(rig.received.length <= 30);
  }));

Deno.test("no more than a thousand events wait: the newest", () =>
  withRig(async (rig) => {
    rig.answer = () => new Response("", { status: 503 });
    const ids = Array.from({ length: 1_005 }, () => rig.happen("drift"));
    const [words] = await rig.pass({ webhook: rig.url });
    assert.match(words!, /5 events were not told and given up/);
    rig.answer = () => new Response("");
    rig.received.length = 0;
    rig.now_ms += HOUR_MS;
    for (let pass = 0; pass < 3; pass++) await rig.pass({ webhook: rig.url });
    assert.deepEqual([...rig.told].sort((a, b) => a - b), ids.slice(5));
  }));

Deno.test("an event that one receiver does not take does not hold up the others", () =>
  withRig(async (rig) => {
    const poison = rig.happen("drift");
    rig.answer = ({ body }) =>
      new Response("", { status: JSON.parse(body).id === poison ? 400 : 200 });
    await rig.pass({ webhook: rig.url });
    const others = [rig.happen("drift"), rig.happen("drift")];
    rig.now_ms += 15_000;
    await rig.pass({ webhook: rig.url });
    assert.deepEqual(rig.told, [poison, ...others, poison]);
    const next = rig.happen("drift");
    rig.now_ms += 12_000;
    await rig.pass({ webhook: rig.url });
    assert.deepEqual(rig.told.slice(4), [next], "its own pause has doubled");
  }));

Deno.test("pauses double from ten seconds to a quarter of an hour", () => {
  const pauses = [1, 2, 3, 7, 8, 50].map((failures) => pauseAfter(failures) / 1_000);
  assert.deepEqual(pauses, [10, 20, 40, 640, 900, 900]);
});

/** What a channel that fails as it is told has told of. */
function flaky(fails: () => boolean): Channel & { readonly told: number[] } {
  const told: number[] = [];
  return {
    name: "webhook",
    timeout_ms: 1,
    where: "test equipment",
    told,
    tell({ event }) {
      if (fails()) return Promise.reject(new Error("as it was told"));
      told.push(event.id);
      return Promise.resolve();
    },
  };
}

/** Events, failures and pauses in any order; in the end everything works and there is time enough. */
async function live(
  store: Store,
  steps: readonly { readonly events: number; readonly fails: boolean; readonly pause_ms: number }[],
): Promise<void> {
  // After everything that an earlier life has left on record.
  let now_ms = (store.events.list({ limit: 1 })[0]?.at_ms ?? 0) + 1_000 * HOUR_MS;
  let isFailing = false;
  const channel = flaky(() => isFailing);
  const clock = { now_ms: () => now_ms, sleep: () => Promise.resolve() };
  const from_ms = now_ms;
  const ids: number[] = [];
  for (const { events, fails, pause_ms } of [...steps, { events: 0, fails: false, pause_ms: 0 }]) {
    for (let event = 0; event < events; event++) {
      ids.push(store.events.add({ at_ms: now_ms, kind: "drift", message: "" }));
    }
    isFailing = fails;
    await deliver({ store, clock }, { channels: [channel], kinds: KINDS, from_ms });
    now_ms += pause_ms;
  }
  now_ms += HOUR_MS;
  await deliver({ store, clock }, { channels: [channel], kinds: KINDS, from_ms });
  assert.deepEqual(channel.told.toSorted((a, b) => a - b), ids);
  assert.equal(store.outbox.standings()[0]?.waiting, 0);
}

Deno.test("whatever fails in between, each event is told once", () =>
  withRig(async ({ store }) => {
    const step = fc.record({
      events: fc.integer({ min: 0, max: 4 }),
      fails: fc.boolean(),
      pause_ms: fc.integer({ min: 0, max: 30 * 60_000 }),
    });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
        store.outbox.empty();
        await live(store, steps);
      }),
      { numRuns: 50 },
    );
  }));
