import assert from "node:assert/strict";
import { inStore } from "./folder.ts";

const START = { config_text: "[lb]\n", who: "root", command: "lb apply", at_ms: 1000 };
const END = { plan_json: "[]", detail: "nothing to do", finished_at_ms: 1200 };

Deno.test(
  "a trial is open for as long as its revision is the one in force",
  inStore(({ revisions, trials }) => {
    const apply = () => revisions.finish(revisions.begin(START), { ...END, outcome: "applied" });
    apply();
    const trial = { revision: revisions.next(), back_to: 1, until_ms: 5000 };
    trials.put(trial);
    assert.equal(trials.open(), undefined, "nothing was applied yet");
    apply();
    assert.deepEqual(trials.open(), trial);
    trials.put({ ...trial, until_ms: 9000 });
    assert.equal(trials.open()?.until_ms, 9000);
    apply();
    assert.equal(trials.open(), undefined, "another one is in force");
  }),
);

Deno.test(
  "a trial that was cut off makes no trial of another revision, and leaves the one below it open",
  inStore(({ revisions, trials }) => {
    const apply = () => revisions.finish(revisions.begin(START), { ...END, outcome: "applied" });
    apply();
    trials.put({ revision: revisions.next(), back_to: 1, until_ms: 5000 });
    trials.settle();
    apply();
    assert.equal(trials.open(), undefined, "another run got its number");
    trials.put({ revision: 2, back_to: 1, until_ms: 6000 });
    trials.put({ revision: revisions.next(), back_to: 1, until_ms: 7000 });
    const below = { revision: 2, back_to: 1, until_ms: 7000 };
    assert.deepEqual(trials.open(), below, "not in force yet");
    trials.settle();
    assert.deepEqual(trials.open(), below);
    apply();
    assert.equal(trials.open(), undefined, "another run got its number");
    trials.settle();
    trials.settle();
  }),
);

Deno.test(
  "what a trial would go back to outlives a hundred revisions, and what was taken back is told so",
  inStore(({ revisions, trials }) => {
    const first = revisions.begin(START);
    revisions.finish(first, { ...END, outcome: "applied" });
    const trial = { revision: revisions.next(), back_to: first, until_ms: 5000 };
    trials.put(trial);
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
    revisions.markReverted({ revision: 4, back_to: 1, until_ms: 5000 }, 6000);
    assert.deepEqual(
      [1, 2, 3, 4, 5].map((one) => revisions.get(one)?.outcome),
      ["applied", "reverted", "failed", "reverted", "applied"],
    );
  }),
);
