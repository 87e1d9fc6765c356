/** The choice that lb predicts is the kernel's: lib/scheduler against `jhash` of this kernel. Needs root. */
import assert from "node:assert/strict";
import { desiredSnapshot } from "../../lib/engine/nft/desired.ts";
import { planNft } from "../../lib/engine/nft/plan.ts";
import { EMPTY_SNAPSHOT, rulesOf } from "../../lib/engine/nft/snapshot.ts";
import {
  type Address,
  addressFromBytes,
  type Family,
  parseAddress,
} from "../../lib/model/address.ts";
import type { DesiredState } from "../../lib/model/state.ts";
import { hashSlot, slotsOf, type SlotTable } from "../../lib/scheduler/slots.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { testInNamespace } from "../contract/namespace.ts";
import { type ServiceSpec, stateOf } from "../fake/services.ts";
import { frameOf, type Source } from "./jhash_frames.ts";
import { scriptOf } from "../unit/engine/nft/script_of.ts";

/** Per scheduler and family, over three table sizes. */
const SOURCES = 2400;

/** Connections per scheduler and family; one client address for every fourth. */
const CONNECTIONS = 256;
const CLIENTS = 64;

const LOOPBACK_INDEX = 1;

/** The extremes, which random sources would hardly meet. */
const EDGES: Readonly<Record<Family, readonly string[]>> = {
  4: ["0.0.0.1", "127.0.0.1", "255.255.255.254", "1.0.0.0"],
  6: ["::2", "fe80::1", "2001:db8::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"],
};

const address = (text: string): Address => parseAddress(text)!;

testInNamespace(import.meta.url, () => {
  for (const scheduler of ["sh", "maglev"] as const) {
    for (const family of [4, 6] as const) {
      Deno.test(`${scheduler} IPv${family}: the slot is the one the kernel picks, for ${SOURCES} sources`, async () => {
        let compared = 0;
        // 10, 41 and 101 backends: tables of 4,091, 10,007 and 65,519 slots, each with another seed.
        for (const [name, backends] of [["web", 10], ["shop", 41], ["mail", 101]] as const) {
          compared += await compareSlots(slotTableOf(name, scheduler, family, backends), family);
        }
        assert.ok(compared >= SOURCES);
        console.log(`compared ${compared} slots: ${scheduler}, IPv${family}`);
        closeLibc();
      });

      Deno.test(`${scheduler} IPv${family}: a real connection gets the backend that was predicted`, async () => {
        const spread = await compareConnections(scheduler, family);
        assert.ok(spread > 1, "not all connections went to one backend");
        console.log(`compared ${CONNECTIONS} connections: ${scheduler}, IPv${family}`);
      });
    }
  }
});

function slotTableOf(
  name: string,
  scheduler: ServiceSpec["scheduler"],
  family: Family,
  count: number,
): SlotTable & { readonly rule: string } {
  const backends = Array.from({ length: count }, (_, index) => ({
    id: index + 1,
    address: family === 4 ? `198.51.100.${index + 1}` : `2001:db8:b::${index + 1}`,
    weight: 1 + index % 3,
  }));
  const vip = [family === 4 ? "203.0.113.10" : "2001:db8:1::10"];
  const state = stateOf([{ name, scheduler, vip, backends }]);
  const { chains } = desiredSnapshot(state).tables.get("inet lb")!;
  const rules = rulesOf(chains.get(`s-${name}${family}`)!);
  const rule = rules.map((text) => /^meta priority set (jhash .+) map @/.exec(text)?.[1])
    .find((found) => found !== undefined);
  assert.ok(rule, "the engine generates a jhash expression");
  return { ...slotsOf(state.services[0]!, family), rule };
}

/**
 * Sends packets from random sources into the loopback interface, has the generated expression record the
 * slot of each in a set, and compares them all.
 */
async function compareSlots(table: SlotTable & { rule: string }, family: Family): Promise<number> {
  const ip = family === 4 ? "ip" : "ip6";
  await run(
    "nft",
    [
      "add table inet probe; flush table inet probe; delete table inet probe; add table inet probe",
      `add set inet probe seen { typeof ${ip} saddr . th sport . meta mark; flags dynamic; size 65535; }`,
      "add chain inet probe look { type filter hook prerouting priority -300; policy accept; }",
      `add rule inet probe look ${ip} daddr ${
        target(family).text
      } th dport 9 meta mark set ${table.rule} ` +
      `add @seen { ${ip} saddr . th sport . meta mark } drop`,
    ].join("\n"),
  );
  const sources = randomSources(family, SOURCES / 3);
  const socket = sockets.packet(LOOPBACK_INDEX);
  for (const source of sources) socket.send(frameOf(source, target(family), 9));
  socket.close();
  const seen = await recordedSlots();
  for (const { address, port } of sources) {
    const key = `${address.text} ${port}`;
    assert.equal(seen.get(key), hashSlot(table, address, port), `${key}: ${table.rule}`);
  }
  return sources.length;
}

function target(family: Family): Address {
  return address(family === 4 ? "203.0.113.10" : "2001:db8:1::10");
}

/** Distinct ones: the set holds each once. */
function randomSources(family: Family, count: number): Source[] {
  const sources = new Map<string, Source>();
  const edges = EDGES[family].map(address);
  while (sources.size < count) {
    const bytes = crypto.getRandomValues(new Uint8Array(family === 4 ? 4 : 16));
    // The kernel throws away IPv6 packets from a multicast address before any hook.
    bytes[0] = Math.min(bytes[0]!, 0xfe);
    const [random = 0] = crypto.getRandomValues(new Uint16Array(1));
    const source: Source = {
      address: edges[sources.size] ?? addressFromBytes(bytes),
      port: sources.size < 2 ? 65_535 : Math.max(1, random),
      protocol: sources.size % 2 === 0 ? "udp" : "tcp",
    };
    sources.set(`${source.address.text} ${source.port}`, source);
  }
  return [...sources.values()];
}

/** `ADDRESS PORT` → slot, from nft's own listing. */
async function recordedSlots(): Promise<Map<string, number>> {
  interface Listed {
    readonly set?: { readonly elem?: readonly unknown[] };
  }
  const listing = JSON.parse(await run("nft", "-j", "list", "set", "inet", "probe", "seen"));
  const set = (listing.nftables as Listed[]).find(({ set }) => set)?.set;
  return new Map((set?.elem ?? []).map((element) => {
    const { elem } = element as { elem?: { val: unknown } };
    const { concat } = (elem?.val ?? element) as { concat: [string, number, number] };
    return [`${address(concat[0]).text} ${concat[1]}`, concat[2]];
  }));
}

/**
 * Makes real connections through the engine's own ruleset. The backends listen in the same namespace and
 * see the client's address and port, since nothing is masqueraded.
 *
 * @returns how many backends got one
 */
async function compareConnections(scheduler: "sh" | "maglev", family: Family): Promise<number> {
  const state = connectionState(scheduler, family);
  await setUp(state, family);
  const { backends, vip } = state.services[0]!;
  const arrivals = new Map<string, number>();
  const listeners = backends.map(({ id, address }) => listen(id, address.text, arrivals));
  try {
    const table = slotsOf(state.services[0]!, family);
    for (let index = 0; index < CONNECTIONS; index++) {
      const source = await connect(vip[index % CLIENTS]!.text);
      const slot = hashSlot(table, address(source.hostname), source.port)!;
      const key = `${source.hostname} ${source.port}`;
      assert.equal(arrivals.get(key), table.slots[slot], key);
    }
    return new Set(arrivals.values()).size;
  } finally {
    await Promise.all(listeners.map((listener) => listener.stop()));
  }
}

/** A VIP per client: a connection's source follows the route to its VIP. */
function connectionState(scheduler: "sh" | "maglev", family: Family): DesiredState {
  const numbers = Array.from({ length: CLIENTS }, (_, index) => index + 1);
  return stateOf([{
    scheduler,
    vip: numbers.map((host) => family === 4 ? `203.0.113.${host}` : `2001:db8:1::${host}`),
    backends: numbers.slice(0, 5).map((id) => ({
      id,
      address: family === 4 ? `198.51.100.${id}` : `2001:db8:b::${id}`,
      port: 8080,
      weight: 100 * id,
    })),
  }]);
}

async function setUp(state: DesiredState, family: Family): Promise<void> {
  const [clients, backends] = family === 4
    ? ["192.0.2.", "198.51.100."]
    : ["2001:db8:c::", "2001:db8:b::"];
  const { vip, backends: hosts } = state.services[0]!;
  const length = family === 4 ? 32 : 128;
  const own = [
    ...vip.map((_, index) => `${clients}${index + 1}`),
    ...hosts.map(({ id }) => `${backends}${id}`),
  ];
  const lines = [
    ...own.map((text) => `address replace ${text}/${length} dev lo ${family === 6 ? "nodad" : ""}`),
    ...vip.map(({ text }, index) =>
      `route replace local ${text}/${length} dev lo src ${clients}${index + 1}`
    ),
  ];
  await feed(["ip", `-${family}`, "-batch", "-"], lines.join("\n"));
  await run("nft", "flush", "ruleset");
  const plan = planNft(desiredSnapshot(state), EMPTY_SNAPSHOT, "1 . 1");
  await feed(["nft", "-f", "-"], scriptOf(plan));
}

/** Notes who came, and says so by closing. */
function listen(id: number, hostname: string, arrivals: Map<string, number>) {
  const listener = Deno.listen({ hostname, port: 8080 });
  const serve = async () => {
    for await (const connection of listener) {
      const { hostname, port } = connection.remoteAddr as Deno.NetAddr;
      arrivals.set(`${address(hostname).text} ${port}`, id);
      connection.close();
    }
  };
  const served = serve();
  return {
    stop: () => {
      listener.close();
      return served;
    },
  };
}

/** Connects to the VIP and waits for the backend to hang up. @returns the client's own end */
async function connect(vip: string): Promise<{ hostname: string; port: number }> {
  using connection = await Deno.connect({ hostname: vip, port: 80 });
  assert.equal(await connection.read(new Uint8Array(1)), null);
  const { hostname, port } = connection.localAddr as Deno.NetAddr;
  return { hostname: address(hostname).text, port };
}

async function run(...argv: [string, ...string[]]): Promise<string> {
  return await feed(argv);
}

async function feed(argv: [string, ...string[]], stdin?: string): Promise<string> {
  const { code, stdout, stderr } = await process.run(argv, { stdin });
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}
