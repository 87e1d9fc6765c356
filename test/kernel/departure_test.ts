import assert from "node:assert/strict";
import { FAMILIES } from "../../lib/model/address.ts";
import { stream } from "./clients.ts";
import { door, scaleName, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, send } from "./steps.ts";

const test = kernelTests({ backends: 3 });

/** Time after a change in which a removed backend may still see what was under way. */
const GRACE_MS = 1_000;

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Has tcpdump write down when each datagram to port 53 arrives at a backend. */
async function clock(lab: Lab, namespace: string) {
  const argv = [
    "timeout",
    "30",
    "tcpdump",
    "-i",
    "eth0",
    "-l",
    "-n",
    "-tt",
    "udp",
    "dst",
    "port",
    "53",
  ];
  const dump = lab.traffic.program(namespace, ["sh", "-c", `exec ${argv.join(" ")} 2>&1`]);
  assert.match((await dump.lines.next()).value, /listening|verbose/);
  return async (): Promise<{ at_ms: number; from: string }[]> => {
    // tcpdump prints what it has when it is asked to end.
    await lab.topology.run(namespace, ["kill", "-TERM", `${dump.pid}`]);
    const lines: string[] = [];
    for await (const line of dump.lines) lines.push(line);
    return lines.flatMap((line) => {
      const [, seconds, from] = /^(\d+\.\d+) IP6? (\S+) > /.exec(line) ?? [];
      return seconds && from ? [{ at_ms: Number(seconds) * 1000, from }] : [];
    });
  };
}

for (const family of FAMILIES) {
  for (const [name, more] of [["", ""], [", with persistence", 'persistence = "5m"']] as const) {
    test(`a removed udp backend gets no packet ${GRACE_MS} ms after the change, under a constant stream from one port${name}, IPv${family}`, async (lab) => {
      // All of it goes to b1 at first, and has to go to b2 afterwards.
      const service = { protocol: "udp", ports: "[53]", more } as const;
      await apply(lab, { ...service, weights: [1, 0] });
      const [b1, b2] = lab.topology.backends;
      const clocks = [await clock(lab, b1!), await clock(lab, b2!)];
      const datagrams = stream(lab, door(family, 10, 53));
      assert.equal((await datagrams.lines.next()).value, "ready");
      await wait(1_000);
      await apply(lab, { ...service, weights: [undefined, 1] });
      const changed_ms = Date.now();
      await wait(3_000);
      await datagrams.closeInput();
      await datagrams.ended;
      const [old = [], fresh = []] = [await clocks[0]!(), await clocks[1]!()];
      assert.ok(old.length > 20, `${old.length} datagrams before: nothing was shown`);
      assert.deepEqual(old.filter(({ at_ms }) => at_ms > changed_ms + GRACE_MS), []);
      assert.ok(fresh.length > 100, `${fresh.length} datagrams after`);
      assert.ok(fresh.at(-1)!.at_ms > changed_ms + 2_500, "it never stopped");
      const sources = new Set([...old, ...fresh].map(({ from }) => from));
      assert.equal(sources.size, 1, "from one port all the time");
    });
  }

  test(`lb scale --remove does the same, and leaves the other flows where they are, IPv${family}`, async (lab) => {
    await apply(lab, { protocol: "udp", ports: "[53]", weights: [1, 1, 1] });
    const streams = [1, 2, 3].map(() => stream(lab, door(family, 10, 53)));
    for (const one of streams) await one.lines.next();
    await wait(500);
    const clocks = [];
    for (const backend of lab.topology.backends) clocks.push(await clock(lab, backend));
    await wait(500);
    await lab.balancer.json(0, "scale", "web", "--remove", scaleName(family, 1, 53), "--now");
    const changed_ms = Date.now();
    await wait(2_000);
    for (const one of streams) {
      await one.closeInput();
      await one.ended;
    }
    const seen = [];
    for (const read of clocks) seen.push(await read());
    const [, removed = []] = seen;
    assert.ok(removed.length > 10);
    assert.deepEqual(removed.filter(({ at_ms }) => at_ms > changed_ms + GRACE_MS), []);
    const before = (list: readonly { at_ms: number; from: string }[]) =>
      new Set(list.filter(({ at_ms }) => at_ms < changed_ms - 500).map(({ from }) => from));
    for (const index of [0, 2]) {
      const stayed = [...before(seen[index]!)];
      const after = new Set(
        seen[index]!.filter(({ at_ms }) => at_ms > changed_ms + GRACE_MS)
          .map(({ from }) => from),
      );
      assert.ok(stayed.length === 1 && after.has(stayed[0]!), `b${index + 1}: ${stayed}`);
    }
  });

  test(`backups get nothing while a primary has a weight, and everything when none has, IPv${family}`, async (lab) => {
    const backend_more = [undefined, undefined, "backup = true"];
    const doors = [door(family)];
    await apply(lab, { weights: [1, 1, 1], backend_more });
    assert.deepEqual((await send(lab, { doors, count: 20 })).per_backend, { b1: 10, b2: 10 });
    const zero = (index: number) => ["--weight", `${scaleName(family, index)}=0`];
    await lab.balancer.json(0, "scale", "web", ...zero(0));
    assert.deepEqual((await send(lab, { doors, count: 20 })).per_backend, { b2: 20 });
    await lab.balancer.json(0, "scale", "web", ...zero(1));
    const backups = await send(lab, { doors, count: 20 });
    allAnswered(backups);
    assert.deepEqual(backups.per_backend, { b3: 20 });
    // The other family still has its primaries.
    const other = await send(lab, { doors: [door(family === 4 ? 6 : 4)], count: 20 });
    assert.deepEqual(other.per_backend, { b1: 10, b2: 10 });
    const spec = { doors, count: 3, seconds: 3 };
    const downloads = await lab.traffic.download(lab.topology.client, spec);
    await lab.balancer.json(0, "scale", "web", "--weight", `${scaleName(family, 0)}=1`);
    assert.deepEqual((await send(lab, { doors, count: 20 })).per_backend, { b1: 20 });
    assert.deepEqual((await downloads.result).errors, {}, "what the backup has it keeps");
  });
}

test("a removed primary lets the backup in at once", async (lab) => {
  const backend_more = [undefined, "backup = true"];
  await apply(lab, { weights: [1, 1], backend_more, more: 'persistence = "5m"' });
  const doors = [door(4)];
  assert.deepEqual((await send(lab, { doors, count: 5 })).per_backend, { b1: 5 });
  lab.balancer.writeConfig(serviceText({ weights: [undefined, 1], backend_more }));
  await lab.balancer.json(0, "apply");
  assert.deepEqual((await send(lab, { doors, count: 5 })).per_backend, { b2: 5 });
});
