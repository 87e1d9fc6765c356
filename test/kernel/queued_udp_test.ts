/** Queued services without a SYN: the first packet of a flow, in one piece or in several, and errors about it. */
import assert from "node:assert/strict";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { eventually, passedPackets, queuedPackets } from "./queued_rig.ts";
import { allAnswered, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "queue" });

const DNS = {
  protocol: "udp",
  ports: "[53]",
  weights: [1, 1, 1],
  more: 'engine = "nfqueue"',
} as const;

const FLOWS = 12;

/** Errors about their answers that the backends have been told of. */
async function errorsHeard(lab: Lab, family: Family): Promise<number[]> {
  const name = family === 4 ? "IcmpInDestUnreachs" : "Icmp6InDestUnreachs";
  return await Promise.all(lab.topology.backends.map(async (backend) => {
    const { stdout } = await lab.topology.run(backend, ["nstat", "-a", "-s", "-z", name]);
    return Number(/^\S+\s+(\d+)/m.exec(stdout.replace(/^#.*\n/, ""))?.[1]);
  }));
}

/** Has the client's kernel refuse what is answered, each time: as a rule six at once, and one a second. */
async function refuseAnswers({ topology: { run, client } }: Lab): Promise<void> {
  const free = ["net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0"];
  await run(client, ["sysctl", "-q", "-w", ...free]);
  const rules = "add table inet t; flush table inet t; " +
    "add chain inet t c { type filter hook input priority 0; }; " +
    "add rule inet t c udp sport 53 reject";
  assert.equal((await run(client, ["nft", rules])).code, 0);
}

for (const family of FAMILIES) {
  test(`datagrams in fragments are put together before they are queued, and arrive whole, IPv${family}`, async (lab) => {
    await apply(lab, DNS);
    const passed = await passedPackets(lab, "front");
    const spec = {
      doors: [door(family, 10, 53)],
      count: FLOWS,
      protocol: "udp",
      bytes: 4_000,
    } as const;
    const result = await send(lab, spec);
    allAnswered(result);
    assert.deepEqual(result.per_backend, { b1: 4, b2: 4, b3: 4 });
    assert.equal(await queuedPackets(lab), FLOWS);
    assert.ok(
      await passedPackets(lab, "front") - passed >= 4 * FLOWS,
      "three fragments, and an answer",
    );
  });

  test(`an ICMP error about a balanced flow reaches the backend that has it, IPv${family}`, async (lab) => {
    await apply(lab, DNS);
    await refuseAnswers(lab);
    const before = await errorsHeard(lab, family);
    const spec = { doors: [door(family, 10, 53)], count: FLOWS, protocol: "udp" } as const;
    assert.equal((await send(lab, { ...spec, timeout_ms: 500 })).failed, FLOWS);
    await eventually("each backend heard of its own", async () => {
      const heard = await errorsHeard(lab, family);
      return heard.every((count, index) => count - before[index]! === FLOWS / 3);
    });
    assert.equal(await queuedPackets(lab), FLOWS, "errors are not queued");
    await lab.topology.run(lab.topology.client, ["nft", "delete table inet t"]);
  });
}

/** Sends several datagrams at once from each of many sockets. @returns who answered, by socket */
async function bursts(lab: Lab, flows: number, datagrams: number): Promise<string[]> {
  const { address, port } = door(4, 10, 53);
  const script = `for ((flow = 0; flow < ${flows}; flow++)); do
    exec 3<>/dev/udp/${address}/${port} || exit 1
    for ((i = 0; i < ${datagrams}; i++)); do printf ? >&3; done
    timeout 5 dd bs=2048 count=${datagrams} <&3 2>/dev/null; echo
    exec 3>&-
  done`;
  const { stdout } = await lab.topology.run(lab.topology.client, ["bash"], { stdin: script });
  return stdout.trim().split("\n");
}

test("datagrams that come before the first of their flow has its verdict go to the same backend", async (lab) => {
  await apply(lab, DNS);
  for (const datagrams of [2, 4]) {
    const answers = await bursts(lab, 60, datagrams);
    const whole = ["b1", "b2", "b3"].map((name) => name.repeat(datagrams));
    assert.deepEqual(answers.filter((answer) => !whole.includes(answer)), []);
    assert.equal(answers.length, 60);
  }
  assert.ok(await queuedPackets(lab) > 120, "some waited for the first");
});
