import assert from "node:assert/strict";
import { LbError } from "../../../lib/model/error.ts";
import { isEarlier, rollbackTarget } from "../../../lib/reconcile/rollback.ts";
import type { RevisionEnd, Revisions } from "../../../lib/store/revisions.ts";
import { inStore } from "../store/folder.ts";

/** Puts a revision on record. @param outcome undefined leaves it as if it had been cut off */
function put(revisions: Revisions, config_text: string, outcome?: RevisionEnd["outcome"]): number {
  const start = { config_text, who: "root", command: "lb apply", at_ms: 1000 };
  const revision = revisions.begin(start);
  const end = { plan_json: "[]", detail: "nft said no\nand more", finished_at_ms: 1200 };
  if (outcome) revisions.finish(revision, { ...end, outcome });
  return revision;
}

function refused(revisions: Revisions, wanted: number | undefined, words: RegExp): void {
  assert.throws(() => rollbackTarget(revisions, wanted), (error) => {
    assert.ok(error instanceof LbError);
    assert.equal(error.code, "usage");
    assert.match(error.message, words);
    return true;
  });
}

Deno.test(
  "without a number it goes to what was in force before the current revision",
  inStore(({ revisions }) => {
    const first = put(revisions, "a", "applied");
    put(revisions, "broken", "failed");
    put(revisions, "cut", undefined);
    put(revisions, "b", "applied");
    put(revisions, "broken again", "failed");
    assert.equal(rollbackTarget(revisions, undefined).revision, first);
  }),
);

Deno.test(
  "after an uninstall it goes to what was there before it",
  inStore(({ revisions }) => {
    put(revisions, "a", "applied");
    const last = put(revisions, "b", "applied");
    const nothing = put(revisions, "", "applied");
    assert.equal(rollbackTarget(revisions, undefined).revision, last);
    assert.equal(rollbackTarget(revisions, nothing).revision, nothing, "if it is named");
    put(revisions, "c", "applied");
    assert.equal(rollbackTarget(revisions, undefined).revision, last);
  }),
);

Deno.test(
  "one that was cut off is gone back to only where it is named",
  inStore(({ revisions }) => {
    const cut = put(revisions, "cut", undefined);
    put(revisions, "a", "applied");
    refused(revisions, undefined, /no earlier revision/);
    assert.equal(rollbackTarget(revisions, cut).revision, cut);
  }),
);

Deno.test(
  "a failed one is refused, and so is one that does not exist, both with those there are",
  inStore(({ revisions }) => {
    put(revisions, "a", "applied");
    const failed = put(revisions, "broken", "failed");
    put(revisions, "", "applied");
    put(revisions, "b", "applied");
    put(revisions, "c", "applied");
    refused(revisions, failed, /^revision 2 failed, it was never in force \(nft said no\); /);
    refused(revisions, failed, /go back to one of 4, 1; "lb history" tells more$/);
    refused(revisions, 9, /^there is no revision 9; go back to one of 4, 1;/);
  }),
);

Deno.test(
  "where nothing was ever applied there is nothing to go back to",
  inStore(({ revisions }) => {
    refused(revisions, undefined, /no earlier revision/);
    refused(revisions, 1, /^there is no revision 1; there is no earlier one to go back to$/);
  }),
);

Deno.test(
  "only what was applied and is not in force is offered",
  inStore(({ revisions }) => {
    for (const text of ["a", "", "b"]) put(revisions, text, "applied");
    put(revisions, "broken", "failed");
    const offered = revisions.summaries().filter((one) => isEarlier(one, 3));
    assert.deepEqual(offered.map(({ revision }) => revision), [1]);
  }),
);
