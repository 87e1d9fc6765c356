import assert from "node:assert/strict";
import { plural } from "../../../lib/model/plural.ts";

Deno.test("one is told of one, and any other number of many", () => {
  assert.equal(plural(1, "slot"), "1 slot");
  assert.equal(plural(0, "slot"), "0 slots");
  assert.equal(plural(2, "event waits", "events wait"), "2 events wait");
});
