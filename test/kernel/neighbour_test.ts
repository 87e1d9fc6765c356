/** Neighbours and routes against this kernel, in namespaces of their own; needs root. */
import assert from "node:assert/strict";
import type { Link } from "../../lib/netlink/route/link.ts";
import type { Route } from "../../lib/netlink/route/route.ts";
import { act, connect, inNamespaces, learns, macOf, run } from "./netlink_rig.ts";

Deno.test("neighbours are those of ip(8), and asking for one has the kernel learn it", () =>
  inNamespaces(2, async ([name, other]) => {
    await connect(name, other);
    for (const [one, host] of [[name, 1], [other, 2]] as const) {
      await run(one, "ip", "addr", "add", `192.0.2.${host}/24`, "dev", "up0");
      await run(one, "ip", "addr", "add", `2001:db8::${host}/64`, "dev", "up0", "nodad");
      await run(one, "ip", "addr", "add", `fe80::${host}/64`, "dev", "up0", "nodad");
    }
    const stale = ["lladdr", "02:00:00:00:00:99", "dev", "up0", "nud", "stale"];
    await run(name, "ip", "neigh", "add", "192.0.2.77", ...stale);
    const mac = await macOf(other);
    for (const address of ["192.0.2.2", "2001:db8::2"]) {
      assert.equal(await act(name, "ask", { link: "up0", address }), null);
      await learns(name, address, mac);
    }
    await act(name, "ask", { link: "up0", address: "192.0.2.99" });
    const ours = await spelledNeighbours(name);
    const witness: IpNeighbour[] = JSON.parse(await run(name, "ip", "-j", "neigh"));
    const spelled = witness.map(({ dst, lladdr = "" }) => `${dst} ${lladdr}`);
    assert.deepEqual(ours, spelled.sort());
    assert.ok(ours.includes("192.0.2.99 "), "asked for, and silent");
    assert.ok(ours.includes("192.0.2.77 02:00:00:00:00:99"));
  }));

Deno.test("routes are those of ip route get", () =>
  inNamespaces(2, async ([name, other]) => {
    await connect(name, other);
    await run(name, "ip", "addr", "add", "192.0.2.1/24", "dev", "up0");
    await run(name, "ip", "addr", "add", "2001:db8::1/64", "dev", "up0", "nodad");
    await run(name, "ip", "route", "add", "198.51.100.0/24", "via", "192.0.2.2");
    await run(name, "ip", "route", "add", "203.0.113.0/24", "via", "inet6", "2001:db8::2");
    await run(name, "ip", "route", "add", "blackhole", "203.0.113.9/32");
    const ifindex = (await act<Link[]>(name, "links")).find((link) => link.name === "up0")!.index;
    const route = (address: string) => act<Route | null>(name, "route", { address });
    const gateway = { family: 4, text: "192.0.2.2" };
    assert.deepEqual(await route("198.51.100.7"), { ifindex, isLocal: false, gateway });
    assert.deepEqual(await route("192.0.2.7"), { ifindex, isLocal: false });
    assert.deepEqual(await route("2001:db8::7"), { ifindex, isLocal: false });
    assert.equal((await route("192.0.2.1"))?.isLocal, true);
    const byOther = (await route("203.0.113.7"))?.gateway;
    assert.deepEqual(byOther, { family: 6, text: "2001:db8::2" });
    assert.equal(await route("203.0.113.9"), null);
    assert.equal(await route("10.0.0.1"), null);
    assert.equal(await route("2001:db8:9::1"), null);
  }));

interface IpNeighbour {
  readonly dst: string;
  readonly lladdr?: string;
}

/** Without the kernel's own multicast entries (NUD_NOARP), which ip(8) does not show either. */
async function spelledNeighbours(name: string): Promise<string[]> {
  const NUD_NOARP = 0x40;
  const all = await act<{ address: { text: string }; state: number; lladdr?: number[] }[]>(
    name,
    "neighbours",
  );
  return all.filter(({ state }) => state !== NUD_NOARP).map(({ address, lladdr = [] }) =>
    `${address.text} ${lladdr.map((byte) => byte.toString(16).padStart(2, "0")).join(":")}`
  ).sort();
}
