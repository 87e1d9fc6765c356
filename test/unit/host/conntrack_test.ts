import assert from "node:assert/strict";
import { flushUdp } from "../../../lib/host/conntrack/flush.ts";
import { markLayout, markOfId } from "../../../lib/model/mark.ts";
import { FakeNetfilter } from "../../fake/netfilter.ts";
import { FakeNft } from "../../fake/nft.ts";

const MARKS = markLayout(0x1ff)!;
const GONE = { id: 7, address: "198.51.100.7" };
/** Beyond what nine bits tell apart. */
const GONE_LARGE = { id: 300, address: "198.51.100.30" };

function machine(...flows: FakeNetfilter["flows"]) {
  const netfilter = new FakeNetfilter(new FakeNft());
  netfilter.flows.push(...flows);
  const packet = () => {
    throw new SyntaxError("no packets are sent");
  };
  const left = () => netfilter.flows.map(({ id }) => id);
  return { sockets: { netlink: () => netfilter.socket(), packet }, left };
}

const udp = (id: number, of: number, answered_by?: string) =>
  ({ id, protocol: "udp", mark: markOfId(MARKS, of), answered_by }) as const;

Deno.test("flush: of the udp flows those go that bear the id and that the backend answers", () => {
  const { sockets, left } = machine(
    udp(1, 7, GONE.address),
    udp(2, 7),
    udp(3, 8, GONE.address),
    { id: 4, protocol: "tcp", mark: markOfId(MARKS, 7) },
    { id: 5, protocol: "udp", mark: 0, answered_by: GONE.address },
  );
  assert.equal(flushUdp(sockets, [MARKS], [GONE]), 1);
  assert.deepEqual(left(), [2, 3, 4, 5], "2 was not translated: somebody else's mark");
});

Deno.test("flush: the flag for masquerade is no part of the id", () => {
  const { sockets, left } = machine({
    ...udp(1, 7, GONE.address),
    mark: markOfId(MARKS, 7) | MARKS.flag,
  });
  assert.equal(flushUdp(sockets, [MARKS], [GONE]), 1);
  assert.deepEqual(left(), []);
});

Deno.test("flush: ids that do not fit the mark share one, and are told apart by who answers", () => {
  const { sockets, left } = machine(
    udp(1, 300, GONE_LARGE.address),
    udp(2, 301, "198.51.100.31"),
    udp(3, 254, GONE_LARGE.address),
    { ...udp(4, 300, GONE_LARGE.address), protocol: "tcp" },
    { id: 5, protocol: "udp", mark: 0, answered_by: GONE_LARGE.address },
  );
  assert.equal(flushUdp(sockets, [MARKS], [GONE_LARGE]), 1);
  assert.deepEqual(left(), [2, 3, 4, 5], "another's, one that fits, tcp, and nobody's stay");
});

Deno.test("flush: a small id that goes takes none of the flows of large ones with it", () => {
  const { sockets, left } = machine(udp(1, 300, GONE.address), udp(2, 7, GONE.address));
  assert.equal(flushUdp(sockets, [MARKS], [GONE]), 1);
  assert.deepEqual(left(), [1]);
});

Deno.test("flush: an id is looked for in every place that marks may have it in", () => {
  const others = markLayout(0xffff0000)!;
  const { sockets, left } = machine(
    udp(1, 7, GONE.address),
    { ...udp(2, 0, GONE.address), mark: markOfId(others, 7) },
    { ...udp(3, 0, GONE.address), mark: markOfId(others, 8) },
  );
  assert.equal(flushUdp(sockets, [MARKS, others], [GONE]), 2);
  assert.deepEqual(left(), [3]);
});

Deno.test("flush: where nobody is gone, conntrack is not even asked", () => {
  const never = () => {
    throw new Error("asked");
  };
  assert.equal(flushUdp({ netlink: never, packet: never }, [MARKS], []), 0);
});
