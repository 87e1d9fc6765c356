import assert from "node:assert/strict";
import {
  describeRevision,
  historyJson,
  historyText,
  revisionDiffJson,
  revisionDiffText,
  revisionJson,
} from "../../../lib/report/history.ts";
import { painter } from "../../../lib/report/table.ts";
import type { PlannedRevision, RevisionSummary } from "../../../lib/store/revisions.ts";

const PLAIN = painter(false);

const APPLIED: PlannedRevision = {
  revision: 3,
  at_ms: Date.UTC(2026, 10, 20, 9, 0, 0, 250),
  finished_at_ms: Date.UTC(2026, 10, 20, 9, 0, 1),
  who: "root",
  command: "lb apply",
  outcome: "applied",
  detail: "1 change",
  plan_json: '[{"engine":"nft","op":"add","object":"set x","detail":""}]',
  config_text: "[lb]\n# é\n",
};

function summary(more: Partial<RevisionSummary>): RevisionSummary {
  const { plan_json: _plan, config_text: _text, ...rest } = APPLIED;
  return { ...rest, config_bytes: 10, ...more };
}

Deno.test("the list has a star at what is in force, and one line for each whatever it says", () => {
  const text = historyText(
    [
      summary({ revision: 5, outcome: "interrupted", finished_at_ms: null, detail: null }),
      summary({ revision: 4, outcome: "failed", detail: "nft said no\nthree\nlines" }),
      summary({ revision: 3, config_bytes: 0, command: "lb uninstall" }),
    ],
    3,
    PLAIN,
  );
  assert.deepEqual(text.split("\n").map((line) => line.replaceAll(/ {2,}/g, "  ")), [
    "  revision  when  who  command  outcome  what changed",
    "  5  2026-11-20T09:00:00Z  root  lb apply  interrupted  was cut off, or is under way",
    "  4  2026-11-20T09:00:00Z  root  lb apply  failed  nft said no",
    "* 3  2026-11-20T09:00:00Z  root  lb uninstall  applied  1 change; nothing is left",
  ]);
  assert.equal(historyText([], undefined, PLAIN), "Nothing was applied yet.");
});

Deno.test("JSON has the same, with times as everywhere and nothing where there is nothing", () => {
  const cut = summary({ outcome: "interrupted", finished_at_ms: null, detail: null });
  assert.deepEqual(historyJson([cut], undefined), {
    current: null,
    revisions: [{
      revision: 3,
      at: "2026-11-20T09:00:00.250Z",
      finished_at: null,
      who: "root",
      command: "lb apply",
      outcome: "interrupted",
      detail: null,
      config_bytes: 10,
    }],
  });
});

Deno.test("one revision is told with its config and its changes", () => {
  const { config, config_bytes, changes } = revisionJson(APPLIED);
  assert.deepEqual({ config, config_bytes }, { config: APPLIED.config_text, config_bytes: 10 });
  assert.deepEqual(changes, JSON.parse(APPLIED.plan_json!));
  assert.equal(revisionJson({ ...APPLIED, plan_json: null }).changes, null);
});

Deno.test("a change of the config is a unified diff against the revision before", () => {
  const before = { ...APPLIED, revision: 1, config_text: "[lb]\n" };
  const lines = ["--- revision 1", "+++ revision 3", "@@ -1 +1,2 @@", " [lb]", "+# é"];
  assert.equal(revisionDiffText({ revision: APPLIED, before }, PLAIN), lines.join("\n"));
  assert.deepEqual(revisionDiffJson({ revision: APPLIED, before }), {
    revision: 3,
    before: 1,
    diff: lines.map((line) => `${line}\n`).join(""),
  });
  const painted = revisionDiffText({ revision: APPLIED, before }, painter(true));
  assert.ok(painted.endsWith("\x1b[32m+# é\x1b[0m"), painted);
});

Deno.test("the first revision differs from nothing, and a repeated one not at all", () => {
  const first = revisionDiffText({ revision: APPLIED, before: undefined }, PLAIN);
  assert.match(first, /^--- \/dev\/null\n\+\+\+ revision 3\n@@ -0,0 \+1,2 @@\n/);
  const same = { revision: APPLIED, before: { ...APPLIED, revision: 1 } };
  assert.equal(revisionDiffText(same, PLAIN), "The config did not change.");
  assert.deepEqual(revisionDiffJson(same), { revision: 3, before: 1, diff: "" });
});

Deno.test("a revision in a few words says when, by whom and with which command", () => {
  const words = "revision 3, applied 2026-11-20T09:00:00Z by root (lb apply)";
  assert.equal(describeRevision(APPLIED), words);
});
