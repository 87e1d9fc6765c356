import assert from "node:assert/strict";
import { isOver } from "../../../lib/model/trial.ts";

const HOUR_MS = 3_600_000;
const TRIAL = { revision: 2, back_to: 1, since_ms: 10 * HOUR_MS, until_ms: 10 * HOUR_MS + 60_000 };

for (
  const { after_ms, over } of [
    { after_ms: 0, over: false },
    { after_ms: 59_999, over: false },
    { after_ms: 60_000, over: true },
    { after_ms: HOUR_MS, over: true },
    { after_ms: -5_000, over: false },
    { after_ms: -HOUR_MS, over: true },
  ]
) {
  Deno.test(`a trial of a minute, ${after_ms} ms after it began, is over: ${over}`, () => {
    assert.equal(isOver(TRIAL, TRIAL.since_ms + after_ms), over);
  });
}
