import assert from "node:assert/strict";
import { tame } from "../../../lib/model/text.ts";

Deno.test("what others wrote cannot steer a terminal, turn its line around, or be of doubtful width", () => {
  assert.equal(tame("a\x1b[2Jb\x07"), "a?[2Jb?");
  assert.equal(tame("503 \u202egnp\u200d\u2028x"), "503 ?gnp??x");
  assert.equal(tame("Größe 漢 💥\nmore"), "Größe 漢 💥");
});
