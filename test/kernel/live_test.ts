/** What the queue's worker knows of connections, against this kernel's conntrack; needs root. */
import assert from "node:assert/strict";
import { inside, mustRun } from "../../lib/demo/namespace.ts";
import { process } from "../../lib/sys/process.ts";
import type { LiveAct, Report } from "./live_inside.ts";
import { inNamespaces, run } from "./netlink_rig.ts";

const INSIDE = new URL("live_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

/** Three backends in turn, by conntrack marks as lb's rules set them, the others' bits among them. */
const RULES = `table ip rig {
  chain out {
    type filter hook output priority mangle;
    tcp dport 8080 ct state new ct mark set numgen inc mod 3 map { 0: 0x101, 1: 0x800200, 2: 0x300 }
  }
}
`;

function live(act: LiveAct, check: (report: Report) => void): Promise<void> {
  return inNamespaces(1, async ([name]) => {
    await run(name, "ip", "link", "set", "lo", "up");
    await mustRun(process, inside(name, ["nft", "-f", "-"]), { stdin: RULES });
    const argv = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG, INSIDE, act];
    check(JSON.parse((await mustRun(process, inside(name, argv))).stdout));
  });
}

function each(count: number): Record<number, number> {
  return { 1: count, 2: count, 3: count };
}

Deno.test("live counts follow connections that begin and end, and are conntrack(8)'s", () =>
  live("follow", ({ samples, events_lost }) => {
    const [start, more, fewer] = samples;
    assert.deepEqual(start, { counted: each(10), listed: each(10) });
    assert.deepEqual(more, { counted: each(30), listed: each(30) });
    assert.deepEqual(fewer?.counted, { 1: 19, 2: 20, 3: 20 });
    assert.deepEqual(fewer?.listed, fewer?.counted);
    assert.equal(events_lost, 0);
  }));

Deno.test("live counts are right again after events got lost", () =>
  live("lose", ({ samples, events_lost }) => {
    for (const { counted, listed } of samples) assert.deepEqual(counted, listed);
    assert.deepEqual(samples.map(({ counted }) => counted), [{ 1: 26, 2: 27, 3: 27 }, each(13)]);
    assert.ok(events_lost >= 2, `lost ${events_lost} times`);
  }));

Deno.test("the end of a connection of before is found, though no event tells of it", () =>
  live("overlook", ({ samples, events_lost }) => {
    assert.deepEqual(samples, [
      { counted: each(4), listed: each(4) },
      { counted: each(1), listed: each(1) },
    ]);
    assert.equal(events_lost, 0);
  }));

Deno.test("a choice counts before its connection is there, and the connection's own backend from then on", () =>
  live("choose", ({ samples }) => {
    assert.deepEqual(samples, [
      { counted: { 7: 12 }, listed: each(4) },
      { counted: each(4), listed: each(4) },
    ]);
  }));
