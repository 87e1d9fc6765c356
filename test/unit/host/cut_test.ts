import assert from "node:assert/strict";
import fc from "fast-check";
import { parseIpvsFlow, readIpvsFlows } from "../../../lib/host/cut/ipvs_flow.ts";
import { closeInIpvs, provoke } from "../../../lib/host/cut/provoke.ts";
import type { Flow } from "../../../lib/host/cut/flow.ts";
import { cutScript } from "../../../lib/host/cut/rules.ts";
import { newPacket, parsePacket } from "../../../lib/packet/packet.ts";

const V4: Flow = {
  id: 1,
  family: 4,
  protocol: 6,
  request: { src: "192.0.2.1", sport: 40_000, dst: "203.0.113.10", dport: 80 },
  reply: { src: "198.51.100.11", sport: 8080, dst: "192.0.2.1", dport: 40_000 },
  isIpvs: true,
};

const V6: Flow = {
  ...V4,
  family: 6,
  request: { src: "2001:db8::1", sport: 40_000, dst: "2001:db8:1::10", dport: 80 },
  reply: { src: "2001:db8:b::11", sport: 8080, dst: "2001:db8::1", dport: 40_000 },
};

/** What is sent, as `FLAGS PORT>PORT to ADDRESS`; each has to be a packet whose sums are right. */
function sent(act: (open: Parameters<typeof provoke>[0]) => void): string[] {
  const found: string[] = [];
  act((family) => ({
    send(packet, to) {
      const headers = newPacket();
      const view = new DataView(packet.buffer);
      assert.equal(parsePacket(view, 0, packet.length, headers), "flow");
      assert.equal(headers.family, family);
      assert.equal(tcpSum(packet, family), 0xffff);
      const { tcp_flags, source_port, destination_port } = headers;
      found.push(`${tcp_flags} ${source_port}>${destination_port} to ${to.text}`);
    },
    close: () => {},
  }));
  return found;
}

/** One's complement sum over the pseudo header and the segment: all ones where the checksum is right. */
function tcpSum(packet: Uint8Array, family: 4 | 6): number {
  const [at, addresses] = family === 4 ? [20, packet.slice(12, 20)] : [40, packet.slice(8, 40)];
  const segment = packet.slice(at);
  const bytes = [...addresses, 0, segment.length, 0, 6, ...segment, 0];
  let sum = 0;
  for (let i = 0; i + 1 < bytes.length; i += 2) sum += bytes[i]! << 8 | bytes[i + 1]!;
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16);
  return sum;
}

Deno.test("both ends are provoked in the other one's name, at the addresses they know", () => {
  assert.deepEqual(sent((open) => provoke(open, [V4, V6], 0)), [
    "16 80>40000 to 192.0.2.1",
    "16 40000>8080 to 198.51.100.11",
    "16 80>40000 to 2001:db8::1",
    "16 40000>8080 to 2001:db8:b::11",
  ]);
});

Deno.test("IPVS alone is told that its connections are over, by their clients", () => {
  const flows = [V4, { ...V6, isIpvs: false }];
  assert.deepEqual(sent((open) => closeInIpvs(open, flows)), ["4 40000>80 to 203.0.113.10"]);
});

Deno.test("the rules answer by a reset, and keep conntrack out of it", () => {
  const script = cutScript([{ ...V4.request, family: 4 }, { ...V4.reply, family: 4 }], 10_000);
  assert.equal(
    script,
    `add table inet lb-cut
add set inet lb-cut f4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; flags timeout; timeout 10s; }
add set inet lb-cut n4 { type ipv4_addr . inet_service . ipv4_addr . inet_service; size 65535; flags dynamic,timeout; timeout 10s; }
add chain inet lb-cut pre { type filter hook prerouting priority -301; policy accept; }
flush chain inet lb-cut pre
add rule inet lb-cut pre tcp flags & (syn | ack) == syn ip saddr . tcp sport . ip daddr . tcp dport @f4 update @n4 { ip saddr . tcp sport . ip daddr . tcp dport } accept
add rule inet lb-cut pre ip saddr . tcp sport . ip daddr . tcp dport @f4 ip saddr . tcp sport . ip daddr . tcp dport != @n4 reject with tcp reset
add chain inet lb-cut out { type filter hook output priority -301; policy accept; }
flush chain inet lb-cut out
add rule inet lb-cut out ip daddr . tcp dport . ip saddr . tcp sport @f4 notrack accept
add rule inet lb-cut out ip saddr . tcp sport . ip daddr . tcp dport @f4 tcp flags & rst == rst notrack accept
add rule inet lb-cut out tcp flags & (syn | ack) == syn ip saddr . tcp sport . ip daddr . tcp dport @f4 update @n4 { ip saddr . tcp sport . ip daddr . tcp dport } accept
add rule inet lb-cut out ip saddr . tcp sport . ip daddr . tcp dport @f4 ip saddr . tcp sport . ip daddr . tcp dport != @n4 reject with tcp reset
add element inet lb-cut f4 { 192.0.2.1 . 40000 . 203.0.113.10 . 80, 198.51.100.11 . 8080 . 192.0.2.1 . 40000 }
`,
  );
});

Deno.test("every flow is in the rules once, however many there are", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 1_300 }), (count) => {
      const tuples = Array.from(
        { length: count },
        (_, index) => ({ ...V6.request, sport: index + 1, family: 6 as const }),
      );
      const script = cutScript(tuples, 10_000);
      assert.equal(script.match(/2001:db8::1 \. \d+/g)?.length, count);
      assert.ok(script.split("\n").every((line) => line.length < 60_000));
      assert.doesNotMatch(script, /f4/);
    }),
    { numRuns: 20 },
  );
});

/** As linux 6.1 prints it. */
const LISTING = `Pro FromIP   FPrt ToIP     TPrt DestIP   DPrt State       Expires PEName PEData
TCP C0000201 9C40 CB00710A 0050 C633640B 1F90 ESTABLISHED     899
UDP C0000201 9C41 CB00710A 0035 C633640B 0035 UDP             299
TCP C0000201 0000 CB00710A 0050 C633640B 1F90 NONE            299
TCP [2001:0db8:0000:0000:0000:0000:0000:0001] 9C40 [2001:0db8:0001:0000:0000:0000:0000:0010] 0050 [2001:0db8:000b:0000:0000:0000:0000:0011] 1F90 FIN_WAIT        119
`;

Deno.test("IPVS's table is read, but for templates of persistent clients", () => {
  const flows = [...readIpvsFlows({ lines: () => LISTING.split("\n") })];
  assert.deepEqual(flows.map(({ family, protocol, state }) => `${family} ${protocol} ${state}`), [
    "4 6 ESTABLISHED",
    "4 17 UDP",
    "6 6 FIN_WAIT",
  ]);
  assert.deepEqual(flows[0]?.client, { address: "192.0.2.1", port: 40_000 });
  assert.deepEqual(flows[2]?.backend, { address: "2001:db8:b::11", port: 8080 });
});

Deno.test("a listing of any other kind has no flows in it", () => {
  fc.assert(fc.property(fc.string(), (text) => {
    assert.notEqual(parseIpvsFlow(text)?.client.port, 0);
  }));
  assert.equal(parseIpvsFlow(""), undefined);
});
