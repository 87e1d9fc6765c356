import assert from "node:assert/strict";
import { FakeNft } from "../../../fake/nft.ts";
import { Tracer } from "./trace.ts";

const PACKET = { from: "192.0.2.9:40000", to: "203.0.113.10:80" };

function traced(...lines: readonly string[]): Tracer {
  const nft = new FakeNft();
  nft.edit(
    "add table inet lb",
    "add chain inet lb first { type filter hook prerouting priority -10; policy accept; }",
    "add chain inet lb last { type nat hook prerouting priority 10; policy accept; }",
    "add chain inet lb side",
    "add counter inet lb seen",
    ...lines,
  );
  return new Tracer(() => nft.table("inet lb"));
}

for (
  const rule of [
    "tcp flags syn drop",
    "meta skuid 1 drop",
    "meta mark set 1",
    "ct mark & 1 vmap @nowhere",
    "add @m { ip saddr timeout 5h }",
    "update @m { ip saddr limit rate 5/minute }",
    "ct count 5 drop",
    "ip daddr @nowhere drop",
    "limit rate 1/second drop",
    "reject with icmp type host-unreachable",
    "ct mark & 1 < 2 drop",
    "numgen sometimes mod 3 vmap @m",
    "dnat ip6 to 2001:db8::1",
  ]
) {
  Deno.test(`the tracer refuses what it does not know: ${rule}`, () => {
    assert.throws(() => {
      traced(
        "add map inet lb m { typeof numgen inc mod 3 : verdict; }",
        `add rule inet lb first ${rule}`,
      )
        .send(PACKET);
    }, /does not know|ENOENT|No such file/);
  });
}

Deno.test("the tracer: jump comes back, goto does not", () => {
  const count = ["add rule inet lb side ip daddr 192.0.2.1 drop"];
  const jumped = traced(
    ...count,
    "add rule inet lb first jump side",
    "add rule inet lb first drop",
  );
  assert.equal(jumped.send(PACKET).to, "dropped");
  const gone = traced(...count, "add rule inet lb first goto side", "add rule inet lb first drop");
  assert.equal(gone.send(PACKET).to, "untouched");
});

Deno.test("the tracer: accept ends one chain of a hook, drop ends the packet", () => {
  const tracer = traced(
    "add rule inet lb first accept",
    "add rule inet lb first drop",
    'add rule inet lb last counter name "seen"',
  );
  assert.deepEqual(tracer.send(PACKET).counters, ["seen"]);
  const dropped = traced(
    "add rule inet lb first drop",
    'add rule inet lb last counter name "seen"',
  );
  assert.deepEqual(dropped.send(PACKET).counters, []);
});

Deno.test("the tracer: nat chains see only the first packet of a connection", () => {
  const tracer = traced('add rule inet lb last counter name "seen"');
  assert.deepEqual(tracer.send({ ...PACKET, state: "established" }).counters, []);
});

Deno.test("the tracer: a look-up that misses ends its rule, not the chain", () => {
  const tracer = traced(
    "add map inet lb m { typeof ip daddr : verdict; }",
    "add rule inet lb first ip daddr vmap @m",
    'add rule inet lb first counter name "seen"',
  );
  assert.deepEqual(tracer.send(PACKET).counters, ["seen"]);
});

Deno.test("the tracer: a table without rules touches nothing, nor does none", () => {
  assert.equal(traced().send(PACKET).to, "untouched");
  assert.equal(new Tracer(() => undefined).send(PACKET).to, "untouched");
});
