import assert from "node:assert/strict";
import { reopenRequest } from "../../../lib/netlink/conntrack/reopen.ts";
import { encodeMessage } from "../../../lib/netlink/codec.ts";

Deno.test("an entry is found by its tuple, and becomes one that a SYN may follow", () => {
  const orig = { src: "192.0.2.10", dst: "203.0.113.10", sport: 41_000, dport: 80 };
  const { type, header, attributes, flags } = reopenRequest({
    ...{ family: 4, protocol: 6, orig, id: 7 },
  });
  const bytes = encodeMessage({ type, flags: flags ?? 0, sequence: 1, header, attributes });
  const hex = bytes.toHex();
  assert.equal(flags, undefined, "nothing is made where nothing is");
  // CTA_PROTOINFO > CTA_PROTOINFO_TCP > state 7 (TIME_WAIT), flags CLOSE_INIT of its mask.
  assert.match(hex, /18000480140001800500010007000000060004000404/);
  assert.match(hex, /c000020a/);
});
