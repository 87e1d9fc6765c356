/** What is told to whoever waits for a drain: whether the backend may be switched off. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { endChange } from "../../../lib/health/intent_change.ts";
import type { IntentRow } from "../../../lib/model/intent.ts";
import { drainFates } from "../../../lib/reconcile/drain/fate.ts";
import { FIRST, TEXT } from "./cut_rig.ts";
import { withRig } from "./rig.ts";

const KEY = { service: "web", backend: `${FIRST}|` };

function drain(more: Partial<IntentRow> = {}): IntentRow {
  const since = { since_ms: 1_000, deadline_ms: 61_000 };
  return { ...KEY, intent: "drain", removes: false, ended: null, ...since, ...more };
}

const LEAVING = drain({ removes: true });
const WITHOUT = TEXT.replace(FIRST, "198.51.100.13");

/** An event of that backend, so many milliseconds after 1970. */
const drained = (at_ms: number) => ({
  at_ms,
  ...endChange({ ...KEY, endpoint: FIRST }, "drained", 0),
});

/** Rows of: what was waited for, what is on record of it, the config, what happened, what is said. */
const FATES = [
  [drain(), drain({ ended: "drained" }), TEXT, [], undefined],
  [drain(), drain({ ended: "cut" }), TEXT, [], undefined],
  [drain(), drain(), TEXT, [], undefined],
  [drain(), undefined, TEXT, [], /^web 198\.51\.100\.11 is ready again: its drain was called off$/],
  [drain(), undefined, TEXT, [drained(2_000)], /is ready again/],
  [drain(), drain({ intent: "ready" }), TEXT, [], /is ready again/],
  [drain(), drain({ intent: "maintenance" }), TEXT, [], /in maintenance: .*goes on$/],
  [LEAVING, drain({ ended: "drained" }), TEXT, [], /stays in the config/],
  [LEAVING, undefined, WITHOUT, [drained(2_000)], undefined],
  [LEAVING, undefined, WITHOUT, [], /is no backend any more: .*did not come to its end$/],
  [LEAVING, undefined, WITHOUT, [drained(500)], /is no backend any more/],
  [LEAVING, undefined, "", [], /is no backend any more/],
] as const;

for (const [index, [was, is, text, events, words]] of FATES.entries()) {
  Deno.test(
    `who waits for a drain hears of what kept it from its end: row ${index}`,
    withRig(async ({ store }) => {
      store.intents.replace(is ? [is] : []);
      for (const event of events) store.events.add(event);
      const { config } = await parseConfig(text, "lb.toml");
      const { calledOff, isLeaving } = drainFates(store, config, [was]);
      assert.equal(calledOff.length, words ? 1 : 0, calledOff.join());
      if (words) assert.match(calledOff[0]!, words);
      assert.equal(isLeaving, false);
    }),
  );
}

Deno.test(
  "who has drained and is still to leave the config is told apart",
  withRig(async ({ store }) => {
    store.intents.replace([drain({ removes: true, ended: "drained" })]);
    const { config } = await parseConfig(TEXT, "lb.toml");
    assert.deepEqual(drainFates(store, config, [LEAVING]), { calledOff: [], isLeaving: true });
  }),
);
