/** `lb doctor --backend` on a machine of its own, with a neighbour that asks for the VIP; needs root. */
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import { clock } from "../../lib/sys/clock.ts";
import { process } from "../../lib/sys/process.ts";
import { able } from "./able.ts";
import { LB } from "./harness.ts";
import { connect, inNamespaces, run } from "./netlink_rig.ts";

const VIPS = ["203.0.113.10", "2001:db8:1::10", "203.0.113.64/28", "2001:db8:1:1::/112"];

interface BackendReport {
  readonly checks: readonly { readonly object: string; readonly ok: boolean }[];
  readonly commands: readonly string[];
  readonly attention: readonly string[];
}

Deno.test({
  ...able(
    "what lb doctor --backend tells to do makes a backend that takes the VIP in and keeps quiet",
  ),
  fn: () =>
    onOneWire(async (backend, neighbour) => {
      const before = await doctor(backend, 1);
      assert.equal(before.attention.length, before.checks.filter(({ ok }) => !ok).length);
      await obey(backend, before.commands);
      const after = await doctor(backend, 0);
      assert.deepEqual([after.commands, after.attention], [[], []]);
      for (const vip of ["203.0.113.10", "203.0.113.70", "2001:db8:1::10", "2001:db8:1:1::7"]) {
        assert.match(await run(backend, "ip", "route", "get", vip), /^local /, vip);
        assert.equal(await answers(neighbour, vip), false, `${vip} is nobody's business`);
      }
      assert.ok(await answers(neighbour, "192.0.2.1"), "its own address is");
    }),
});

Deno.test({
  ...able("a backend whose neighbours hear of the VIP is told of by lb doctor --backend"),
  fn: () =>
    onOneWire(async (backend, neighbour) => {
      const right = await doctor(backend, 1);
      await obey(backend, right.commands);
      await run(backend, "sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=0");
      assert.ok(await answers(neighbour, "203.0.113.10"), "it answers now");
      const { commands } = await doctor(backend, 1);
      assert.deepEqual(commands, ["sysctl -w net.ipv4.conf.all.arp_ignore=1"]);
      await run(backend, "sysctl", "-q", "-w", "net.ipv4.conf.all.arp_ignore=1");
      await run(backend, "ip", "addr", "add", "2001:db8:1::10/128", "dev", "up0", "nodad");
      assert.ok(await answers(neighbour, "2001:db8:1::10"));
      const { commands: away } = await doctor(backend, 1);
      assert.deepEqual(away, ["ip addr del 2001:db8:1::10/128 dev up0"]);
    }),
});

/** An IPv6 address is this machine's a moment after ip(8) has ended: a work queue of the kernel's adds its route. */
async function obey(name: string, commands: readonly string[]): Promise<void> {
  for (const command of commands) await run(name, ...command.split(" "));
  const added = commands.flatMap((text) => /^ip addr add (\S*:\S*)\/128 /.exec(text)?.[1] ?? []);
  for (const address of added) {
    const isThere = async () =>
      (await run(name, "ip", "-6", "route", "show", "table", "local"))
        .includes(`local ${address} `);
    for (let attempt = 0; attempt < 100 && !await isThere(); attempt++) await clock.sleep(50);
  }
}

async function doctor(name: string, code: number): Promise<BackendReport> {
  const [program, ...args] = LB;
  const argv = inside(name, [program!, ...args, "doctor", "--backend", "--json", ...VIPS]);
  const result = await process.run(argv);
  assert.equal(result.code, code, result.stdout + result.stderr);
  return JSON.parse(result.stdout);
}

/** Whether somebody answers for the address, by the neighbour's own table. */
async function answers(name: string, address: string): Promise<boolean> {
  await run(name, "ip", "neigh", "flush", "to", address, "dev", "up0");
  await run(name, "ip", "neigh", "replace", address, "dev", "up0", "use", "nud", "none");
  for (let attempt = 0; attempt < 10; attempt++) {
    const entry = await run(name, "ip", "neigh", "show", address);
    if (entry.includes("lladdr")) return true;
    await clock.sleep(30);
  }
  return false;
}

/** Two machines on one wire: 192.0.2.1, which is to be a backend, and 192.0.2.2. */
function onOneWire(use: (backend: string, neighbour: string) => Promise<void>): Promise<void> {
  return inNamespaces(2, async ([backend, neighbour]) => {
    await connect(backend, neighbour);
    for (const [index, name] of [backend, neighbour].entries()) {
      await run(name, "ip", "link", "set", "lo", "up");
      await run(name, "ip", "addr", "add", `192.0.2.${index + 1}/24`, "dev", "up0");
      await run(name, "ip", "addr", "add", `fe80::${index + 1}/64`, "dev", "up0", "nodad");
    }
    await use(backend, neighbour);
  });
}
