import assert from "node:assert/strict";
import { eventJson, eventLine } from "../../../lib/report/events.ts";
import { textWidth } from "../../../lib/model/width.ts";
import { painter } from "../../../lib/report/table.ts";
import type { Event } from "../../../lib/store/events.ts";

const DRIFT: Event = {
  id: 7,
  at_ms: Date.UTC(2026, 10, 20, 9, 0, 0, 250),
  kind: "drift",
  service: "web",
  backend: "198.51.100.11|8080",
  message: "chain b-1 had been changed:\n  rules written anew\n",
};

Deno.test("an event is one line, whatever its message, with colours or without", () => {
  const line = "2026-11-20T09:00:00Z  drift    chain b-1 had been changed: / rules written anew";
  assert.equal(eventLine(DRIFT, painter(false)), line);
  const coloured = eventLine(DRIFT, painter(true));
  assert.notEqual(coloured, line);
  assert.equal(textWidth(coloured), line.length);
});

Deno.test("an event as JSON has null where there is nothing, and its data where there is some", () => {
  const { id, at_ms, kind, message } = DRIFT;
  assert.deepEqual(eventJson({ id, at_ms, kind, message }), {
    id: 7,
    at: "2026-11-20T09:00:00.250Z",
    kind: "drift",
    service: null,
    backend: null,
    message,
  });
  const { service, backend, data } = eventJson({ ...DRIFT, data_json: '{"a":1}' });
  assert.deepEqual([service, backend, data], ["web", "198.51.100.11:8080", { a: 1 }]);
});
