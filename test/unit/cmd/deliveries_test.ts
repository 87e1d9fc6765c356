import assert from "node:assert/strict";
import { isTelling } from "../../../cmd/change/deliveries.ts";
import { inStore } from "../store/folder.ts";

/** Rows of: a config in force, and whether somebody may have to be told. */
const CONFIGS: readonly (readonly [string, boolean])[] = [
  ["", false],
  ['[[service]]\nname = "notify"\n', false],
  ['#[notify]\n# notify = 1\n#webhook = "https://x"\n', false],
  ['[notify]\nwebhook = "https://x"\n', true],
  ['[lb]\n\n  [ notify ]\nprogram = ["/x"]\n', true],
  ['[lb]\n[ "notify" ]\n', true],
  ['notify = { webhook = "https://x" }\n', true],
  ['notify.webhook = "https://x"\n', true],
];

for (const [text, is] of CONFIGS) {
  Deno.test(
    `${is ? "somebody may be" : "nobody is"} told by ${JSON.stringify(text)}`,
    inStore((store) => {
      const { revisions } = store;
      const start = { config_text: text, who: "root", command: "lb apply", at_ms: 1 };
      const end = { outcome: "applied", plan_json: "[]", detail: "", finished_at_ms: 2 } as const;
      revisions.finish(revisions.begin(start), end);
      assert.equal(isTelling(store, 3), is);
    }),
  );
}

Deno.test(
  "where everything that happened was told, or looked at, the config is not asked",
  inStore((store) => {
    store.outbox.fill({ channels: ["program"], kinds: ["drift"], from_ms: 0 });
    assert.equal(isTelling(store, 1), false);
    store.events.add({ at_ms: 1, kind: "drift", message: "" });
    assert.equal(isTelling(store, 1), true);
  }),
);
