/** lib/netlink and lib/packet against this kernel, in namespaces of their own; needs root. */
import { PATIENCE } from "./patience.ts";
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import type { ConntrackEntry } from "../../lib/netlink/conntrack/entry.ts";
import type { LinkAddress } from "../../lib/netlink/route/address.ts";
import { act, actArgv, connect, inNamespaces, learns, macOf, run } from "./netlink_rig.ts";

const CONNTRACK_MARK_3 = { mark: { value: 0x300, mask: 0x7fff00 } };
const VIP4 = "203.0.113.1";
const VIP6 = "2001:db8:1::1";

Deno.test("the generation moves with another's transaction, and only then", () =>
  inNamespaces(1, async ([name]) => {
    const listing = () => run(name, "nft", "list", "ruleset");
    const [before, again, listed] = [
      await act(name, "generation"),
      await act(name, "generation"),
      await listing(),
    ];
    assert.equal(before, again);
    await run(name, "nft", "add", "table", "inet", "foreign");
    const after = await act<number>(name, "generation");
    assert.notEqual(await listing(), listed);
    assert.notEqual(after, before);
    await run(name, "nft", "delete", "table", "inet", "foreign");
    assert.equal(await listing(), listed);
    assert.notEqual(await act(name, "generation"), after);
  }));

Deno.test("interfaces are those of ip(8)", () =>
  inNamespaces(2, async ([name, other]) => {
    await connect(name, other);
    const witness: IpLink[] = JSON.parse(await run(name, "ip", "-j", "-details", "link"));
    assert.equal(witness.length, 2);
    assert.deepEqual(
      await act(name, "links"),
      witness.map((link) => ({
        index: link.ifindex,
        type: { ether: 1, loopback: 772 }[link.link_type],
        isUp: link.flags.includes("UP"),
        isLoopback: link.flags.includes("LOOPBACK"),
        name: link.ifname,
        mac: link.address.split(":").map((byte) => parseInt(byte, 16)),
        ...(link.linkinfo && { kind: link.linkinfo.info_kind }),
      })),
    );
  }));

Deno.test("addresses are those of ip(8), through adding and deleting", () =>
  inNamespaces(2, async ([name, other]) => {
    await connect(name, other);
    await run(name, "ip", "addr", "add", "192.0.2.1/24", "dev", "up0");
    await run(name, "ip", "addr", "add", "198.51.100.1", "peer", "198.51.100.2/32", "dev", "up0");
    const before = await sameAddresses(name);
    for (const address of [VIP4, VIP6]) {
      const input = { link: "up0", address };
      assert.equal(await act(name, "add", input), "added");
      assert.equal(await act(name, "add", input), "exists");
      const added = (await sameAddresses(name)).find(({ local }) => local === address);
      assert.equal(added?.prefixlen, address === VIP4 ? 32 : 128);
      assert.equal(added?.scope, "global");
      assert.equal(added?.tentative, undefined, "usable at once");
      assert.equal(await act(name, "delete", input), "deleted");
      assert.equal(await act(name, "delete", input), "absent");
    }
    assert.deepEqual(await sameAddresses(name), before);
  }));

Deno.test("a refusal has the errno's name", () =>
  inNamespaces(1, async ([name]) => {
    const refusal = await act<{ errno: string; message: string }>(name, "refusal", {
      address: VIP4,
    });
    assert.equal(refusal.errno, "ENODEV");
    assert.notEqual(refusal.message, "");
  }));

Deno.test("conntrack entries are those of conntrack(8)", () =>
  inNamespaces(1, async ([name]) => {
    await insertEntries(name, ENTRIES);
    const entries = await act<ConntrackEntry[]>(name, "entries");
    assert.equal(entries.length, ENTRIES.length);
    assert.deepEqual(entries.map(spell).sort(), (await listedEntries(name)).sort());
    const ipv6 = await act<ConntrackEntry[]>(name, "entries", { filter: { family: 6 } });
    assert.deepEqual(ipv6.map(({ family }) => family), [6, 6]);
    const marked = await act<ConntrackEntry[]>(name, "entries", { filter: CONNTRACK_MARK_3 });
    assert.deepEqual(marked.map(({ mark }) => mark).sort(), [0x300, 0x300, 0x800300]);
  }));

Deno.test("deleting takes the entries named and no other, also in a zone", () =>
  inNamespaces(1, async ([name]) => {
    await insertEntries(name, ENTRIES);
    const entries = await act<ConntrackEntry[]>(name, "entries", { filter: CONNTRACK_MARK_3 });
    const rest = (await listedEntries(name)).filter((line) => !entries.map(spell).includes(line));
    assert.equal(await act(name, "delete_entries", { entries }), 3);
    assert.deepEqual((await listedEntries(name)).sort(), rest.sort());
    assert.equal(await act(name, "delete_entries", { entries }), 0);
    assert.equal(rest.length, ENTRIES.length - 3);
  }));

Deno.test("a prefix is made local by a route as ip(8) would make it, and only a whole one counts", () =>
  inNamespaces(1, async ([name]) => {
    await run(name, "ip", "link", "set", "lo", "up");
    for (const [family, address, wider] of PREFIXES) {
      const local = () => run(name, "ip", family, "route", "show", "table", "local", address);
      const input = { link: "lo", address };
      assert.equal(await act(name, "is_local", input), false);
      assert.equal(await act(name, "add_prefix", input), "added");
      assert.match(await local(), new RegExp(`^local ${address} dev lo .*proto static`));
      assert.equal(await act(name, "is_local", input), true);
      assert.equal(await act(name, "is_local", { address: wider }), false);
      assert.equal(await act(name, "add_prefix", input), "exists");
      assert.equal(await act(name, "delete_prefix", input), "deleted");
      assert.equal(await act(name, "delete_prefix", input), "absent");
      assert.equal(await local(), "");
    }
  }));

/** An IP version of ip(8)'s, a prefix, and one that has it inside. */
const PREFIXES = [
  ["-4", "203.0.113.64/28", "203.0.113.64/27"],
  ["-6", "2001:db8:1:40::/64", "2001:db8:1:40::/60"],
] as const;

Deno.test("an entry with the same tuple and another id stays", () =>
  inNamespaces(1, async ([name]) => {
    await insertEntries(name, ENTRIES);
    const entries = await act<ConntrackEntry[]>(name, "entries");
    // Made up: the kernel's ids come from memory addresses, so a real later entry may get the same.
    const others = entries.map((entry) => ({ ...entry, id: (entry.id ^ 1) >>> 0 }));
    assert.equal(await act(name, "delete_entries", { entries: others }), 0);
    assert.equal((await listedEntries(name)).length, ENTRIES.length);
  }));

Deno.test("40,000 entries are counted by backend, in one dump", () =>
  inNamespaces(1, async ([name]) => {
    await insertEntries(name, Array.from({ length: 40_000 }, (_, index) => manyEntry(index)));
    const listed = (await run(name, "conntrack", "-L")).split("\n");
    const active = listed.filter((line) => line && !/ TIME_WAIT | CLOSE /.test(line));
    const expected = new Map<number, number>();
    for (const line of active) {
      const id = Number(/mark=(\d+)/.exec(line)?.[1]) >>> 8;
      expected.set(id, (expected.get(id) ?? 0) + 1);
    }
    const { result, took_ms } = await act<Timed<[number, number][]>>(name, "count");
    assert.deepEqual(new Map(result.sort()), new Map([...expected].sort()));
    assert.equal(listed.length - 1, 40_000);
    assert.equal(active.length, 32_000);
    const dump = await act<Timed<number>>(name, "time_dump");
    assert.equal(dump.result, 40_000);
    // A dump that begins anew for each message would take minutes.
    for (const ms of [took_ms, dump.took_ms]) assert.ok(ms < 10_000 * PATIENCE, `took ${ms} ms`);
  }));

Deno.test("neighbours learn an announced address, and tcpdump finds nothing wrong with the frames", () =>
  inNamespaces(2, async ([sender, receiver]) => {
    await connect(sender, receiver);
    await run(receiver, "ip", "addr", "add", "203.0.113.9/24", "dev", "up0");
    const mac = await macOf(sender);
    const seen = await watching(receiver, async () => {
      for (const address of [VIP4, VIP6]) {
        const stale = ["lladdr", "02:00:00:00:00:99", "dev", "up0", "nud", "stale"];
        await run(receiver, "ip", "neigh", "add", address, ...stale);
        await act(sender, "announce", { link: "up0", address });
        await learns(receiver, address, mac);
      }
    });
    assert.match(seen, new RegExp(`ARP.*Request who-has ${VIP4} .*tell ${VIP4}`));
    assert.match(seen, new RegExp(`${VIP6} > ff02::1: .*neighbor advertisement.*tgt is ${VIP6}`));
    assert.match(seen, /icmp6 sum ok/);
    assert.match(seen, /Flags \[router, override\]/);
    assert.match(seen, new RegExp(`destination link-address option \\(2\\).*${mac}`));
    assert.doesNotMatch(seen, /bad|wrong|truncated|malformed/);
  }));

Deno.test("a packet socket hears whole frames of its interface", () =>
  inNamespaces(2, async ([name, other]) => {
    await connect(name, other);
    const ETH_P_ARP = 0x0806;
    const argv = actArgv(name, "sniff", { link: "up0" });
    const listener = new Deno.Command(argv[0], {
      args: argv.slice(1),
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    const ready = listener.stderr.getReader();
    await ready.read();
    await act(other, "announce", { link: "up0", address: VIP4 });
    const [text] = await Promise.all([new Response(listener.stdout).text(), listener.status]);
    await ready.cancel();
    assert.equal(JSON.parse(text), ETH_P_ARP);
  }));

interface IpLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly flags: readonly string[];
  readonly link_type: "ether" | "loopback";
  readonly address: string;
  readonly linkinfo?: { readonly info_kind?: string };
}

interface IpAddress {
  readonly family: "inet" | "inet6";
  readonly local: string;
  readonly prefixlen: number;
  readonly scope: string;
  readonly tentative?: boolean;
}

interface Timed<T> {
  readonly result: T;
  readonly took_ms: number;
}

/** Argument lists of `conntrack -I`, which takes decimal marks as well. */
const ENTRIES = [
  "-p tcp -s 192.0.2.1 -d 203.0.113.1 --sport 1000 --dport 80 --state ESTABLISHED -t 300 -m 768",
  "-p tcp -s 192.0.2.1 -d 203.0.113.1 --sport 1001 --dport 80 --state TIME_WAIT -t 300 -m 8389376 -w 7",
  "-p tcp -s 192.0.2.1 -d 203.0.113.1 --sport 1002 --dport 80 --state SYN_SENT -t 300 -m 1024",
  "-p udp -s 192.0.2.1 -d 203.0.113.1 -r 198.51.100.1 -q 192.0.2.1 --sport 53 --dport 53 --reply-port-src 5353 --reply-port-dst 53 -t 300 -m 768",
  "-p tcp -s 2001:db8:c::1 -d 2001:db8:1::1 --sport 1000 --dport 80 --state CLOSE -t 300 -m 1280",
  "-p udp -s 2001:db8:c::1 -d 2001:db8:1::1 --sport 1000 --dport 80 -t 300",
];

function manyEntry(index: number): string {
  const client = `192.0.${index >>> 12}.${index >>> 8 & 15}`;
  const port = 1024 + (index & 255) + (index >>> 8);
  const state = { 0: "TIME_WAIT", 1: "CLOSE" }[index % 10] ?? "ESTABLISHED";
  const mark = (index % 7 + 1) << 8;
  return `-p tcp -s ${client} -d ${VIP4} --sport ${port} --dport 80 --state ${state} -t 300 -m ${mark}`;
}

async function insertEntries(name: string, entries: readonly string[]): Promise<void> {
  const file = Deno.makeTempFileSync({ prefix: "lb-conntrack-" });
  try {
    Deno.writeTextFileSync(file, entries.map((entry) => `-I ${entry}\n`).join(""));
    await run(name, "conntrack", "--load-file", file);
  } finally {
    Deno.removeSync(file);
  }
}

/** One line per entry of `conntrack -L`, in the spelling of {@linkcode spell}. */
async function listedEntries(name: string): Promise<string[]> {
  const listings = await Promise.all(
    ["ipv4", "ipv6"].map((family) =>
      run(name, "conntrack", "-L", "-f", family, "-o", "extended,id")
    ),
  );
  return listings.join("").split("\n").filter((line) => line !== "").map((line) => {
    const [family, protocol] = [
      /^ipv(\d)/.exec(line)?.[1],
      /^\S+\s+\d+\s+\S+\s+(\d+)/.exec(line)?.[1],
    ];
    const state = /^(?:\S+\s+){5}([A-Z_0-9]+) src/.exec(line)?.[1] ?? "";
    const tuples = [...line.matchAll(/(src|dst|sport|dport)=(\S+)/g)].map(([, , value]) => value);
    const [mark, zone, id] = ["mark", "zone", "id"].map((key) =>
      new RegExp(` ${key}=(\\d+)`).exec(line)?.[1] ?? ""
    );
    return [family, protocol, state, ...tuples, mark, zone, id].join(" ");
  });
}

function spell(entry: ConntrackEntry): string {
  const tuple = ({ src, dst, sport, dport }: ConntrackEntry["orig"]) => [src, dst, sport, dport];
  return [
    ...[entry.family, entry.protocol, entry.tcp_state ?? ""],
    ...[...tuple(entry.orig), ...tuple(entry.reply)],
    ...[entry.mark, entry.zone ?? "", entry.id],
  ].join(" ");
}

/** Our listing equals ip(8)'s, which is returned. */
async function sameAddresses(name: string): Promise<IpAddress[]> {
  const links: { ifindex: number; addr_info: IpAddress[] }[] = JSON.parse(
    await run(name, "ip", "-j", "addr"),
  );
  const scopes: Record<string, number> = { global: 0, link: 253, host: 254 };
  const witness = links.flatMap(({ ifindex, addr_info }) =>
    addr_info.map(({ local, prefixlen, scope, family }) =>
      `${ifindex} ${family} ${local}/${prefixlen} ${scopes[scope]}`
    )
  );
  const ours = (await act<LinkAddress[]>(name, "addresses")).map((own) =>
    `${own.ifindex} ${own.address.family === 4 ? "inet" : "inet6"} ` +
    `${own.address.text}/${own.prefix_length} ${own.scope}`
  );
  assert.deepEqual(ours.sort(), witness.sort());
  return links.flatMap(({ addr_info }) => addr_info);
}

/** What tcpdump in the namespace says of two announcements made during `act`. */
async function watching(name: string, act: () => Promise<void>): Promise<string> {
  const filter = "arp or (icmp6 and ip6[40] == 136)";
  const [program, ...args] = inside(name, [
    ...["timeout", "10", "tcpdump", "-i", "up0", "-n", "-vv", "-c", "2", "-l", "--immediate-mode"],
    filter,
  ]);
  const dump = new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn();
  const messages = dump.stderr.getReader();
  await messages.read(); // "listening on up0"
  await act();
  const [text] = await Promise.all([new Response(dump.stdout).text(), dump.status]);
  await messages.cancel();
  return text;
}
