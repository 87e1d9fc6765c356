import assert from "node:assert/strict";
import { inStore } from "./folder.ts";

const START = { config_text: "[lb]\n", who: "root", command: "lb apply", at_ms: 1000 };
const END = { plan_json: "[]", detail: "nothing to do", finished_at_ms: 1200 };

const MAINTENANCE = {
  intent: "maintenance",
  since_ms: 1000,
  deadline_ms: null,
  removes: false,
  ended: null,
} as const;

Deno.test(
  "a trial is open for as long as its revision is the one in force",
  inStore(({ revisions, trials }) => {
    const apply = () => revisions.finish(revisions.begin(START), { ...END, outcome: "applied" });
    apply();
    const trial = { revision: revisions.next(), back_to: 1, since_ms: 4000, until_ms: 5000 };
    const intents = [{ ...MAINTENANCE, service: "web", backend: "198.51.100.11" }];
    trials.begin(trial, intents);
    assert.equal(trials.open(), undefined, "nothing was applied yet");
    apply();
    assert.deepEqual(trials.open(), trial);
    for (const revision of [3, 4]) trials.begin({ ...trial, revision }, []);
    assert.deepEqual(trials.open(), trial, "what comes next is not in force yet");
    assert.deepEqual([trials.intents(2), trials.intents(3)], [intents, []]);
    trials.renew({ ...trial, until_ms: 9000 });
    assert.equal(trials.open()?.until_ms, 9000);
    apply();
    assert.equal(trials.open(), undefined, "another one is in force");
  }),
);

Deno.test(
  "what a trial would go back to outlives a hundred revisions, and what was taken back is told so",
  inStore(({ revisions, trials }) => {
    const first = revisions.begin(START);
    revisions.finish(first, { ...END, outcome: "applied" });
    const trial = { revision: revisions.next(), back_to: first, since_ms: 4000, until_ms: 5000 };
    trials.begin(trial, []);
    const second = revisions.begin(START);
    revisions.finish(second, { ...END, outcome: "applied" });
    for (let count = 0; count < 150; count++) {
      revisions.finish(revisions.begin(START), { ...END, outcome: "failed" });
    }
    assert.equal(revisions.get(first)?.config_text, START.config_text);
    revisions.markReverted(trial, 6000);
    assert.equal(revisions.get(second)?.outcome, "reverted");
    assert.equal(revisions.appliedBefore(second)?.revision, first);
  }),
);

Deno.test(
  "a trial on top of another is taken back with it, and what failed in between stays failed",
  inStore(({ revisions }) => {
    for (const outcome of ["applied", "applied", "failed", "applied", "applied"] as const) {
      revisions.finish(revisions.begin(START), { ...END, outcome });
    }
    const trial = { revision: 4, back_to: 1, since_ms: 4000, until_ms: 5000 };
    revisions.markReverted(trial, 6000);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((one) => revisions.get(one)?.outcome),
      ["applied", "reverted", "failed", "reverted", "applied"],
    );
  }),
);
