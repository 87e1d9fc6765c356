/** lib/host and lib/store against this kernel, in namespaces of their own; needs root. */
import assert from "node:assert/strict";
import { inside, mustRun, namespaceName, removeNamespaces } from "../../lib/demo/namespace.ts";
import type { VipService } from "../../lib/host/address/placement.ts";
import { type Need, NO_NEED } from "../../lib/host/need.ts";
import { parsePrefix } from "../../lib/model/address.ts";
import { process } from "../../lib/sys/process.ts";
import type { HostInput, HostResult } from "./host_inside.ts";

const INSIDE = new URL("host_inside.ts", import.meta.url).pathname;
const CONFIG = new URL("../../deno.json", import.meta.url).pathname;

const BOTH: Need = { ...NO_NEED, engines: ["nft"], families: [4, 6] };
const VIP4 = "203.0.113.10";
const VIP6 = "2001:db8:1::10";

/** What changes by itself while nobody changes anything: counters, and a new random number per read. */
const RESTLESS = [
  // Machine-wide counts of cached directory entries, inodes and open files.
  ...["fs.dentry-state", "fs.inode-nr", "fs.inode-state", "fs.file-nr"],
  // The last process id given out, pseudo-terminals open, keys held: machine-wide too.
  ...["kernel.ns_last_pid", "kernel.pty.nr"],
  // A number made up for each reader, and the pool it comes from.
  ...["kernel.random.uuid", "kernel.random.entropy_avail"],
  // Entries in the connection table.
  "net.netfilter.nf_conntrack_count",
];

/** A machine on which somebody has set this and that before. The default comes first: it spreads. */
const ODD_VALUES = [
  "net.ipv4.conf.default.rp_filter=1",
  "net.ipv4.conf.all.rp_filter=1",
  "net.ipv4.conf.up0.rp_filter=1",
  "net.ipv4.conf.x0.rp_filter=2",
  "net.ipv4.conf.x1.rp_filter=0",
  "net.ipv4.conf.x0.forwarding=1",
  "net.ipv6.conf.x1.forwarding=1",
  "net.ipv4.conf.all.accept_redirects=0",
  "net.ipv4.conf.up0.accept_redirects=0",
  "net.ipv4.conf.x0.accept_redirects=1",
  "net.ipv4.conf.x0.send_redirects=0",
  "net.ipv6.conf.x0.accept_ra=2",
  "net.ipv6.conf.default.accept_ra=0",
];

Deno.test("apply and undo leave every sysctl and address of an odd machine as it was", () =>
  onMachine(async (machine) => {
    await machine.sysctl(...ODD_VALUES);
    const before = await machine.witness();
    const { done, blocked } = await machine.reconcile(BOTH, [vips("auto")]);
    assert.deepEqual(blocked, []);
    assert.deepEqual(done.map(({ object }) => object), [
      "net.ipv4.ip_forward",
      "net.ipv6.conf.up0.accept_ra",
      "net.ipv6.conf.all.forwarding",
      "net.ipv4.conf.all.rp_filter",
      "net.ipv4.conf.up0.rp_filter",
      "net.ipv4.conf.all.send_redirects",
      "net.ipv4.conf.up0.send_redirects",
      `up0 ${VIP4}/32`,
      `up0 ${VIP6}/128`,
    ]);
    const during = await machine.witness();
    assert.equal(await machine.get("net.ipv4.ip_forward"), "1");
    assert.equal(await machine.get("net.ipv6.conf.all.forwarding"), "1");
    assert.equal(await machine.get("net.ipv4.conf.up0.rp_filter"), "2");
    assert.equal(await machine.get("net.ipv4.conf.up0.send_redirects"), "0");
    assert.equal(await machine.get("net.ipv6.conf.up0.accept_ra"), "2");
    assert.equal(await machine.get("net.ipv6.conf.x1.accept_ra"), "1", "no router there before");
    const again = await machine.reconcile(BOTH, [vips("auto")]);
    assert.deepEqual(again, { done: [], blocked: [], notes: [], drift: [] });
    assert.deepEqual(await machine.witness(), during);
    const { notes } = await machine.reconcile(NO_NEED, []);
    assert.deepEqual(notes, []);
    assert.deepEqual(await machine.witness(), before);
    const last = await machine.reconcile(NO_NEED, []);
    assert.deepEqual(last, { done: [], blocked: [], notes: [], drift: [] });
  }));

Deno.test("killed between the journal and any write, the undo leaves the machine as it was", () =>
  onMachine(async (machine) => {
    await machine.sysctl(...ODD_VALUES);
    const before = await machine.witness();
    for (
      const key of [
        "net.ipv4.ip_forward",
        "net.ipv6.conf.up0.accept_ra",
        "net.ipv6.conf.all.forwarding",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.up0.send_redirects",
      ]
    ) {
      await machine.killBefore(key, BOTH);
      await machine.killBefore(key, NO_NEED);
      await machine.reconcile(NO_NEED, []);
      assert.deepEqual(await machine.witness(), before, `killed before ${key}`);
    }
    // Cut off after the kernel moved its values back, and before they were put right.
    await machine.reconcile(BOTH, [vips("auto")]);
    await machine.killBefore("net.ipv4.conf.x0.forwarding", NO_NEED);
    assert.equal(await machine.get("net.ipv4.conf.x0.forwarding"), "0");
    await machine.reconcile(NO_NEED, []);
    assert.deepEqual(await machine.witness(), before);
  }));

Deno.test("what somebody else changed since is left alone, and said so", () =>
  onMachine(async (machine) => {
    await machine.sysctl(...ODD_VALUES);
    await machine.reconcile(BOTH, []);
    const theirs = ["net.ipv4.conf.up0.rp_filter=0", "net.ipv4.conf.x0.forwarding=0"];
    await machine.sysctl(...theirs);
    const { notes } = await machine.reconcile(NO_NEED, []);
    assert.equal(await machine.get("net.ipv4.conf.up0.rp_filter"), "0");
    assert.equal(await machine.get("net.ipv4.conf.x0.forwarding"), "0");
    assert.deepEqual(notes.map((note) => note.split(":")[0]).sort(), [
      "net.ipv4.conf.up0.rp_filter is left at 0",
      "net.ipv4.conf.x0.forwarding is left at 0",
    ]);
  }));

Deno.test("what somebody changed back while it is needed is repaired, and goes back in the end", () =>
  onMachine(async (machine) => {
    await machine.sysctl(...ODD_VALUES);
    const before = await machine.witness();
    await machine.reconcile(BOTH, [vips("auto")]);
    await machine.sysctl("net.ipv4.ip_forward=0", "net.ipv4.conf.up0.send_redirects=1");
    await machine.run("ip", "addr", "del", `${VIP4}/32`, "dev", "up0");
    const { drift } = await machine.reconcile(BOTH, [vips("auto")]);
    assert.deepEqual(drift, [
      "net.ipv4.ip_forward",
      "net.ipv4.conf.up0.send_redirects",
      `up0 ${VIP4}/32`,
    ]);
    assert.equal(await machine.get("net.ipv4.ip_forward"), "1");
    assert.ok((await machine.addresses()).includes(`up0 ${VIP4}/32`));
    await machine.reconcile(NO_NEED, []);
    assert.deepEqual(await machine.witness(), before);
  }));

Deno.test("an interface that comes and one that goes do not disturb the undo", () =>
  onMachine(async (machine) => {
    await machine.sysctl(...ODD_VALUES);
    await machine.reconcile(BOTH, []);
    await machine.run("ip", "link", "delete", "x0");
    await machine.run("ip", "link", "add", "y0", "type", "veth", "peer", "name", "y1");
    await machine.reconcile(BOTH, []);
    const { notes } = await machine.reconcile(NO_NEED, []);
    assert.deepEqual(notes, []);
    assert.equal(await machine.get("net.ipv4.ip_forward"), "0");
    assert.equal(await machine.get("net.ipv4.conf.y0.forwarding"), "0");
    assert.equal(await machine.get("net.ipv6.conf.y0.forwarding"), "0");
    assert.equal(await machine.get("net.ipv4.conf.all.accept_redirects"), "0");
  }));

Deno.test("a read-only /proc/sys is said to be one, with each key and value, and nothing is undone", () =>
  onMachine(async (machine) => {
    const before = await machine.witness();
    const { done, blocked } = await machine.reconcile(BOTH, [], { read_only: true });
    assert.deepEqual(done, []);
    assert.deepEqual(blocked.slice(0, 1).map(({ object, value }) => [object, value]), [
      ["net.ipv4.ip_forward", "1"],
    ]);
    assert.ok(blocked.every(({ message }) => /\/proc\/sys is read-only here/.test(message)));
    assert.match(blocked[0]?.message ?? "", /set net\.ipv4\.ip_forward=1 from outside/);
    await machine.reconcile(NO_NEED, []);
    assert.deepEqual(await machine.witness(), before);
  }));

Deno.test("a VIP comes to the interface of its subnet, and neighbours that knew another hear of it", () =>
  onMachine(async (machine) => {
    const stale = ["lladdr", "02:00:00:00:00:99", "dev", "up0", "nud", "reachable"];
    for (const vip of [VIP4, VIP6]) await machine.peer("ip", "neigh", "add", vip, ...stale);
    const before = await machine.addresses();
    const heard = await machine.hear(() => machine.reconcile(BOTH, [vips("auto")]));
    assert.deepEqual(await machine.addressesBeside(before), [`up0 ${VIP6}/128`, `up0 ${VIP4}/32`]);
    assert.equal(heard.filter((line) => line.includes(`who-has ${VIP4}`)).length, 2);
    assert.equal(heard.filter((line) => line.includes(`tgt is ${VIP6}`)).length, 2);
    const mac = await machine.mac();
    for (const vip of [VIP4, VIP6]) {
      assert.match(await machine.peer("ip", "neigh", "show", vip), new RegExp(`lladdr ${mac}`));
    }
  }));

Deno.test("an address that was there before is neither taken over nor removed", () =>
  onMachine(async (machine) => {
    await machine.run("ip", "addr", "add", `${VIP4}/24`, "dev", "up0");
    const before = await machine.addresses();
    const { done } = await machine.reconcile(NO_NEED, [vips("auto", VIP4)]);
    assert.deepEqual(done, []);
    await machine.reconcile(NO_NEED, []);
    assert.deepEqual(await machine.addresses(), before);
  }));

Deno.test("a VIP moves when vip_on does, and a prefix is not placed", () =>
  onMachine(async (machine) => {
    const before = await machine.addresses();
    await machine.reconcile(NO_NEED, [vips("up0", VIP4, "198.51.100.0/28")]);
    assert.deepEqual(await machine.addressesBeside(before), [`up0 ${VIP4}/32`]);
    await machine.reconcile(NO_NEED, [vips("x0", VIP4, "198.51.100.0/28")]);
    assert.deepEqual(await machine.addressesBeside(before), [`x0 ${VIP4}/32`]);
    await machine.reconcile(NO_NEED, [vips("none", VIP4)]);
    assert.deepEqual(await machine.addresses(), before);
  }));

function vips(vip_on: string, ...texts: string[]): VipService {
  const vip = (texts.length > 0 ? texts : [VIP4, VIP6]).map((text) => parsePrefix(text)!);
  return { name: "web", vip, vip_on };
}

/** A namespace with an uplink `up0` to a peer, a pair `x0`, `x1` of its own, and a state folder. */
class Machine {
  readonly #name: string;
  readonly #peer: string;
  readonly #state: string;

  constructor(name: string, peer: string, state: string) {
    this.#name = name;
    this.#peer = peer;
    this.#state = state;
  }

  async setUp(): Promise<void> {
    for (const name of [this.#name, this.#peer]) {
      await mustRun(process, ["ip", "netns", "add", name]);
    }
    const pair = ["type", "veth", "peer", "name"];
    await this.run("ip", "link", "add", "up0", ...pair, "up0", "netns", this.#peer);
    await this.run("ip", "link", "add", "x0", ...pair, "x1");
    // Link-local addresses would come up in the middle of a test.
    for (const link of ["lo", "up0", "x0", "x1"]) {
      await this.run("ip", "link", "set", link, "up", "addrgenmode", "none");
    }
    await this.peer("ip", "link", "set", "up0", "up", "addrgenmode", "none");
    for (const [run, host] of [[this.run, 2], [this.peer, 3]] as const) {
      await run.call(this, "ip", "addr", "add", `203.0.113.${host}/24`, "dev", "up0");
      const dev = ["dev", "up0", "nodad"];
      await run.call(this, "ip", "addr", "add", `2001:db8:1::${host}/64`, ...dev);
    }
  }

  async tearDown(): Promise<void> {
    await removeNamespaces(process, [this.#name, this.#peer]);
  }

  run(...argv: string[]): Promise<string> {
    return mustRun(process, inside(this.#name, argv)).then(({ stdout }) => stdout);
  }

  peer(...argv: string[]): Promise<string> {
    return mustRun(process, inside(this.#peer, argv)).then(({ stdout }) => stdout);
  }

  async sysctl(...settings: string[]): Promise<void> {
    for (const setting of settings) await this.run("sysctl", "-w", setting);
  }

  async get(key: string): Promise<string> {
    return (await this.run("sysctl", "-n", key)).trim();
  }

  /** `sysctl -a` and the addresses, as other programs see them. */
  async witness(): Promise<{ sysctls: string[]; addresses: string[] }> {
    const { stdout } = await process.run(inside(this.#name, ["sysctl", "-a"]));
    const lines = stdout.trimEnd().split("\n");
    assert.ok(lines.length > 500, "sysctl -a lists little");
    const steady = lines.filter((line) => !RESTLESS.includes(line.split(" = ")[0] ?? ""));
    return { sysctls: steady, addresses: await this.addresses() };
  }

  async addresses(): Promise<string[]> {
    const links: IpLink[] = JSON.parse(await this.run("ip", "-j", "addr"));
    return links.flatMap(({ ifname, addr_info }) =>
      addr_info.map(({ local, prefixlen }) => `${ifname} ${local}/${prefixlen}`)
    ).sort();
  }

  async addressesBeside(before: readonly string[]): Promise<string[]> {
    return (await this.addresses()).filter((one) => !before.includes(one));
  }

  async mac(): Promise<string> {
    const [link]: IpLink[] = JSON.parse(await this.run("ip", "-j", "link", "show", "up0"));
    assert.ok(link);
    return link.address;
  }

  async reconcile(
    need: Need,
    services: readonly VipService[],
    more: Partial<HostInput> = {},
  ): Promise<HostResult> {
    const argv = this.#argv({ state: this.#state, need, services, ...more });
    return JSON.parse((await mustRun(process, argv)).stdout);
  }

  /** A run that ends by kill -9 right before it writes the key, if it gets to it. */
  async killBefore(key: string, need: Need): Promise<void> {
    const services = need === NO_NEED ? [] : [vips("auto")];
    const input = { state: this.#state, need, services, kill_before: key };
    const { code, stderr } = await process.run(this.#argv(input));
    assert.ok([0, 137].includes(code), stderr);
    if (need !== NO_NEED) assert.equal(code, 137, `${key} was not written`);
  }

  /** What tcpdump at the peer sees of announcements during `act`. */
  async hear(act: () => Promise<unknown>): Promise<string[]> {
    const filter = "arp[6:2] == 1 or (icmp6 and ip6[40] == 136)";
    const [program, ...args] = inside(this.#peer, [
      ...["timeout", "20", "tcpdump", "-i", "up0", "-n", "-c", "4", "-l", "--immediate-mode"],
      filter,
    ]);
    const dump = new Deno.Command(program, { args, stdout: "piped", stderr: "piped" }).spawn();
    const messages = dump.stderr.getReader();
    await messages.read(); // "listening on up0"
    await act();
    const [text] = await Promise.all([new Response(dump.stdout).text(), dump.status]);
    await messages.cancel();
    return text.trimEnd().split("\n");
  }

  #argv(input: HostInput): [string, ...string[]] {
    const own = input.read_only ? ["unshare", "--mount"] : [];
    const deno = [Deno.execPath(), "run", "-A", "--no-check", "--config", CONFIG];
    return inside(this.#name, [...own, ...deno, INSIDE, JSON.stringify(input)]);
  }
}

interface IpLink {
  readonly ifname: string;
  readonly address: string;
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number }[];
}

let machines = 0;

async function onMachine(use: (machine: Machine) => Promise<void>): Promise<void> {
  const serial = ++machines;
  const name = (role: string) => namespaceName(Deno.pid, serial, role);
  const state = Deno.makeTempDirSync({ prefix: `lb-host-${Deno.pid}-` });
  const machine = new Machine(name("host"), name("hostpeer"), state);
  try {
    await machine.setUp();
    await use(machine);
  } finally {
    await machine.tearDown();
    Deno.removeSync(state, { recursive: true });
  }
}
