/** lib/netlink/queue against this kernel's queues, by iptables' rules and by nft's; needs root. */
import assert from "node:assert/strict";
import { makeTraffic } from "../../lib/demo/traffic.ts";
import { FAMILIES, type Family, parseAddress } from "../../lib/model/address.ts";
import { COPY_BYTES } from "../../lib/netlink/queue/config.ts";
import { NFQA_CFG_F_FAIL_OPEN, NFQA_CFG_F_GSO } from "../../lib/netlink/queue/protocol.ts";
import { children } from "../../lib/sys/children.ts";
import { icmp, ipPacket, type Parts, sctp, tcp, udp } from "../unit/packet/packets.ts";
import { able } from "./able.ts";
import { LB } from "./harness.ts";
import { run } from "./netlink_rig.ts";
import { PATIENCE } from "./patience.ts";
import { CLIENTS, hostAddress, type Rig, WAYS, withRig } from "./queue_rig.ts";
import type { QueueResult } from "./queue_spec.ts";

const MARK = 0x0012_3400;
const PORT = 80;
const SYN = 2;
const ETH_P = { 4: 0x0800, 6: 0x86dd } as const;

/** Connections of the test that is named by their number; an emulated machine has a quarter of them. */
const CONNECTIONS = PATIENCE > 1 ? 250 : 1000;

/** More than have room in the 4 MiB of a listener's socket. */
const FLOOD = 20_000;

/** Packets of every kind, from the neighbour to the namespace with the queues. */
function packetsOf(family: Family): Uint8Array<ArrayBuffer>[] {
  const [destination, source] = [1, 2].map((host) => parseAddress(hostAddress(family, host))!);
  const make = (parts: Pick<Parts, "protocol" | "payload"> & Partial<Parts>) =>
    ipPacket({ source: source!, destination: destination!, ...parts });
  const syn = { protocol: 6, payload: tcp(40_000, PORT, SYN, 3) };
  const quoted = make({ source: destination, destination: source, ...syn });
  return [
    make(syn),
    make({ ...syn, options: new Uint8Array(40).fill(1), extensions: [{ kind: 60, more: 2 }] }),
    make({ ...syn, payload: tcp(1, 65_535, 255) }),
    make({ protocol: 17, payload: udp(53, 5353) }),
    make({ protocol: 132, payload: sctp(1, 2) }),
    // The first has the whole copy range, the second an odd length below it, the third more.
    ...[COPY_BYTES, COPY_BYTES - 51, 1400].map((length) =>
      make({ protocol: 17, payload: udp(1, 2, length - (family === 4 ? 28 : 48)) })
    ),
    make({ protocol: family === 4 ? 1 : 58, payload: icmp(family === 4 ? 3 : 1, quoted) }),
  ];
}

function sum(results: readonly QueueResult[], key: "packets" | "refused"): number {
  return results.reduce((total, result) => total + result[key], 0);
}

/** Requests from all of the neighbour's addresses, each on a connection of its own. */
async function request(rig: Rig, family: Family, count: number, timeout_ms = 5_000) {
  const traffic = makeTraffic(children, LB);
  try {
    await traffic.serve(rig.name, { name: "b1", tcp: [PORT], udp: [] });
    const hosts = Array.from({ length: CLIENTS }, (_, index) => index + 2);
    return await traffic.send(rig.neighbour, {
      doors: [{ address: hostAddress(family, 1), port: PORT }],
      sources: { addresses: hosts.map((host) => hostAddress(family, host)) },
      timeout_ms: timeout_ms * PATIENCE,
      count,
    });
  } finally {
    await traffic.close();
  }
}

for (const way of WAYS) {
  const test = (name: string, act: (rig: Rig) => Promise<void>) =>
    Deno.test({
      ...able(`${name} (${way.name})`, way.need),
      // Programs in the namespaces are ended by withRig().
      sanitizeOps: false,
      sanitizeResources: false,
      fn: () => withRig(act),
    });

  for (const family of FAMILIES) {
    test(`what is read of a queued packet is what was sent, IPv${family}`, async (rig) => {
      await way.write(rig.name, { match: "all" }, MARK);
      const listener = await rig.listen({ queues: [0], length_max: 64 });
      const packets = packetsOf(family);
      await rig.inject(packets);
      const [result] = await listener.end();
      assert.ok(result);
      const [link] = JSON.parse(await run(rig.name, "ip", "-j", "link", "show", "up0"));
      const told = { hook: 0, hw_protocol: ETH_P[family], mark: 0, ifindex: link.ifindex };
      assert.deepEqual(
        result.first,
        packets.map((packet) => ({
          ...told,
          bytes: packet.subarray(0, COPY_BYTES).toHex(),
          length: packet.length,
        })),
      );
    });

    test(`of ${CONNECTIONS} connections one packet each is queued, and has the mark it was given, IPv${family}`, async (rig) => {
      await way.write(rig.name, { match: "syn", queues: [0, 3] }, MARK);
      const listener = await rig.listen({ queues: [0, 1, 2, 3], length_max: 256, mark: MARK });
      const { failed, errors } = await request(rig, family, CONNECTIONS);
      assert.deepEqual({ failed, errors }, { failed: 0, errors: {} });
      const statistics = await rig.statistics();
      const results = await listener.end();
      const syns = CONNECTIONS + await rig.synsAgain();
      assert.equal(sum(results, "packets"), syns);
      assert.equal(await way.marked(rig.name), syns);
      assert.deepEqual(
        statistics.map(({ queue, id_sequence, waiting }) => ({ queue, id_sequence, waiting })),
        results.map(({ queue, packets }) => ({ queue, id_sequence: packets, waiting: 0 })),
      );
      assert.ok(results.every(({ packets }) => packets > 0), "each queue has its share");
      assert.equal(sum(results, "refused"), 0);
    });
  }

  test("a packet that is dropped does not arrive", async (rig) => {
    await way.write(rig.name, { match: "syn" }, MARK);
    const listener = await rig.listen({ queues: [0], length_max: 64 });
    const { failed } = await request(rig, 4, 3, 500);
    assert.equal(failed, 3);
    assert.ok(sum(await listener.end(), "packets") >= 3);
  });

  test("without a listener connections pass, before one was there and after it was killed", async (rig) => {
    await way.write(rig.name, { match: "syn", queues: [5, 5] }, MARK);
    assert.equal((await request(rig, 4, 20)).failed, 0);
    const listener = await rig.listen({ queues: [5], length_max: 64, mark: MARK });
    assert.equal((await request(rig, 4, 20)).failed, 0);
    await listener.kill();
    assert.equal((await request(rig, 4, 20)).failed, 0);
    assert.equal(await way.marked(rig.name), 20);
  });

  test("without a listener no connection passes where the rule does not say so", async (rig) => {
    await way.write(rig.name, { match: "syn", isBypass: false }, MARK);
    assert.equal((await request(rig, 4, 3, 500)).failed, 3);
    const listener = await rig.listen({ queues: [0], length_max: 64, mark: MARK });
    assert.equal((await request(rig, 4, 3)).failed, 0);
    await listener.end();
  });

  test("a full queue lets connections pass, unless it was told not to", async (rig) => {
    await way.write(rig.name, { match: "syn" }, MARK);
    const open = await rig.listen({ queues: [0], length_max: 1, mark: MARK, isHeld: true });
    assert.equal((await request(rig, 4, 20)).failed, 0);
    assert.deepEqual((await rig.statistics()).map(({ waiting }) => waiting), [1]);
    assert.equal(sum(await open.end(), "packets"), 1);
    assert.equal(await way.marked(rig.name), 1);

    const flags = NFQA_CFG_F_GSO;
    const closed = await rig.listen({ queues: [0], length_max: 1, flags, isHeld: true });
    assert.equal((await request(rig, 4, 3, 500)).failed, 3);
    assert.ok((await rig.statistics())[0]!.dropped_full > 0);
    await closed.end();
  });

  test("who falls behind until packets get lost hears nothing of it, and reads all that are left", async (rig) => {
    await way.write(rig.name, { match: "syn" }, MARK);
    const [syn] = packetsOf(4);
    for (const flags of [NFQA_CFG_F_GSO, NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN]) {
      const length_max = 100_000;
      const listener = await rig.listen({
        queues: [0],
        length_max,
        flags,
        mark: MARK,
        isHeld: true,
      });
      await rig.inject([syn!], FLOOD);
      const [behind] = await rig.statistics();
      assert.ok(behind && behind.waiting < FLOOD, `${behind?.waiting} wait`);
      if (flags === NFQA_CFG_F_GSO) assert.equal(behind.dropped_user, FLOOD - behind.waiting);
      else assert.equal(behind.dropped_user, 0);
      assert.equal(sum(await listener.end(), "packets"), behind.waiting);
    }
  });

  test("a verdict of a packet that went with its interface is refused, and counted as that", async (rig) => {
    await way.write(rig.name, { match: "all" }, MARK);
    const listener = await rig.listen({ queues: [0], length_max: 64, mark: MARK, isHeld: true });
    await rig.inject(packetsOf(4).slice(0, 3));
    await run(rig.name, "ip", "link", "set", "up0", "down");
    assert.equal((await rig.statistics())[0]!.waiting, 0);
    const results = await listener.end();
    assert.deepEqual([sum(results, "packets"), sum(results, "refused")], [3, 3]);
  });

  test("a queue has one listener, and another one once that is gone", async (rig) => {
    const first = await rig.listen({ queues: [7], length_max: 64 });
    await assert.rejects(rig.listen({ queues: [7], length_max: 64 }), /netfilter queue 7.*EPERM/);
    const [statistics] = await rig.statistics();
    assert.deepEqual(
      {
        queue: statistics?.queue,
        copy_mode: statistics?.copy_mode,
        copy_bytes: statistics?.copy_bytes,
      },
      { queue: 7, copy_mode: 2, copy_bytes: COPY_BYTES },
    );
    await first.kill();
    assert.deepEqual(await rig.statistics(), []);
    await (await rig.listen({ queues: [7], length_max: 64 })).end();
  });
}
