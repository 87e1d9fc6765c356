import assert from "node:assert/strict";
import { DecodeError } from "../../../lib/netlink/codec.ts";
import { isRefusal } from "../../fuzz/decoders.ts";
import { fuzz } from "../../fuzz/fuzz.ts";
import { mutated } from "../../fuzz/mutate.ts";
import { Random } from "../../fuzz/random.ts";
import { ALL_SAMPLES } from "../../fuzz/samples.ts";

/** As many as take two seconds; `deno task fuzz` has three million. */
const MESSAGES = 20_000;

Deno.test("changed messages are read or refused, and no decoder looks outside of its message", () => {
  const { decoders } = fuzz({ seed: 1, messages: MESSAGES, samples: ALL_SAMPLES });
  for (const [name, { read, refused }] of decoders) {
    assert.ok(read > MESSAGES / 1000, `${name} read ${read}`);
    assert.ok(refused > MESSAGES / 1000, `${name} refused ${refused}`);
  }
});

Deno.test("the same seed changes messages in the same way, another one in another", () => {
  const first = (seed: number) => mutated(ALL_SAMPLES, new Random(seed));
  assert.deepEqual(first(7), first(7));
  assert.notDeepEqual(first(7), first(8));
});

Deno.test("a crash is none of a decoder's own errors", () => {
  assert.ok(isRefusal(new DecodeError("no")));
  assert.ok(!isRefusal(new RangeError("Offset is outside the bounds of the DataView")));
});
