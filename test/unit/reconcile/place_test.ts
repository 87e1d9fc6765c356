import assert from "node:assert/strict";
import type { Standing, Standings } from "../../../lib/health/standing.ts";
import { parseAddress } from "../../../lib/model/address.ts";
import type { Facts } from "../../../lib/capability/facts.ts";
import { parseConfig } from "../../../lib/config/load.ts";
import { type Links, NO_LINKS } from "../../../lib/reconcile/links.ts";
import { backendNames, placeServices, weightReason } from "../../../lib/reconcile/place.ts";
import { allocateIds } from "../../../lib/store/ids.ts";
import { nftEngine } from "../../../lib/engine/nft/engine.ts";
import { Ruleset } from "../engine/nft/ruleset.ts";
import { FACTS } from "./rig.ts";

const PRIMARIES = ["198.51.100.11", "198.51.100.12"];
const BACKUPS = ["198.51.100.21", "198.51.100.22"];
const V6 = "2001:db8:b::11";

interface Weights {
  readonly [address: string]: number;
}

/** A service with two backends and two backups for IPv4 and one of each for IPv6; weights by address. */
function configText(weights: Weights, more = ""): string {
  const backend = (address: string, backup: boolean) =>
    `[[service.backend]]\naddress = "${address}"\nweight = ${weights[address] ?? 100}\n` +
    `backup = ${backup}\n`;
  return `[[service]]
name = "web"
vip = ["203.0.113.10", "2001:db8:1::10"]
ports = [80]
vip_on = "none"
${more}
${PRIMARIES.map((address) => backend(address, false)).join("")}
${BACKUPS.map((address) => backend(address, true)).join("")}
${backend(V6, false)}${backend("2001:db8:b::21", true)}`;
}

/** What there is beside the config. */
interface Around {
  readonly facts?: Pick<Facts, "capabilities">;
  readonly links?: Links;
  readonly standings?: Standings;
}

async function placed(text: string, { facts = FACTS, links = NO_LINKS, standings }: Around = {}) {
  const { config } = await parseConfig(text, "lb.toml");
  const rows = allocateIds([], backendNames(config.services), config.marks.idMax - 1, 0);
  const live = { standings };
  return placeServices(config, new Map([["web", "nft"]]), nftEngine, rows, facts, links, live);
}

/** Where connections of each IP version end up. */
async function places(weights: Weights): Promise<{ v4: string[]; v6: string[] }> {
  const ruleset = new Ruleset([]);
  ruleset.bringTo(await placed(configText(weights)));
  const to = (vip: string, client: string) =>
    Object.keys(ruleset.spread(12, vip, client)).map((one) => one.replace(/:80$/, "")).sort();
  return {
    v4: to("203.0.113.10:80", "192.0.2.9"),
    v6: to("[2001:db8:1::10]:80", "2001:db8:c::9"),
  };
}

Deno.test("backups get nothing while a primary of their family has a weight", async () => {
  assert.deepEqual(await places({}), { v4: PRIMARIES, v6: [`[${V6}]`] });
  const one = { "198.51.100.12": 0 };
  assert.deepEqual((await places(one)).v4, ["198.51.100.11"]);
});

Deno.test("why a backup has no weight is told while it waits, and not once it serves", async () => {
  const reasons = async (weights: Weights) => {
    const [service] = (await placed(configText(weights))).services;
    return Object.fromEntries(
      service!.backends.map((each) => [each.address.text, weightReason(service!, each)]),
    );
  };
  const why = "backup: others take connections";
  const waiting = { ...await reasons({}) };
  assert.deepEqual([...PRIMARIES, ...BACKUPS].map((each) => waiting[each]), ["", "", why, why]);
  const serving = await reasons({ "198.51.100.11": 0, "198.51.100.12": 0 });
  assert.deepEqual([...PRIMARIES, ...BACKUPS].map((each) => serving[each]), ["", "", "", ""]);
});

Deno.test("backups enter when no primary of their family has a weight, and only there", async () => {
  const idle = { "198.51.100.11": 0, "198.51.100.12": 0 };
  assert.deepEqual(await places(idle), { v4: BACKUPS, v6: [`[${V6}]`] });
  assert.deepEqual((await places({ [V6]: 0 })).v6, ["[2001:db8:b::21]"]);
});

Deno.test("a backup of weight 0 never enters; without anybody left the service refuses", async () => {
  const idle = { "198.51.100.11": 0, "198.51.100.12": 0, "198.51.100.21": 0 };
  assert.deepEqual((await places(idle)).v4, ["198.51.100.22"]);
  assert.deepEqual((await places({ ...idle, "198.51.100.22": 0 })).v4, ["reset"]);
});

Deno.test("backups keep their own weights among each other, and their ids when they leave again", async () => {
  const idle = await placed(configText({ "198.51.100.11": 0, "198.51.100.12": 0 }));
  const back = await placed(configText({}));
  const ids = (state: typeof idle) => state.services[0]!.backends.map(({ id }) => id);
  assert.deepEqual(ids(idle), ids(back));
  const weights = (state: typeof idle) =>
    state.services[0]!.backends.map(({ effective_weight }) => effective_weight);
  assert.deepEqual(weights(idle), [0, 0, 100, 100, 100, 0]);
  assert.deepEqual(weights(back), [100, 100, 0, 0, 100, 0]);
});

Deno.test("a client that persistence sent to a backup returns to a primary with its next connection", async () => {
  const more = 'persistence = "5m"';
  const ruleset = new Ruleset([]);
  ruleset.bringTo(await placed(configText({ "198.51.100.11": 0, "198.51.100.12": 0 }, more)));
  const ask = () => ruleset.to("192.0.2.9:4000", "203.0.113.10:80");
  const backup = ask();
  assert.ok(BACKUPS.includes(backup.replace(":80", "")));
  assert.equal(ask(), backup);
  ruleset.bringTo(await placed(configText({}, more)));
  const primary = ask();
  assert.ok(PRIMARIES.includes(primary.replace(":80", "")));
  assert.equal(ask(), primary);
});

Deno.test("mark, dscp and priority are refused where ids do not fit the mark; without them they fit", async () => {
  const narrow = '[lb]\nmark_mask = "0x1ff"\n';
  const backends = Array.from(
    { length: 255 },
    (_, index) => `[[service.backend]]\naddress = "10.0.${index >> 7}.${1 + (index & 127)}"\n`,
  ).join("");
  const service = (line: string) =>
    `${narrow}[[service]]\nname = "web"\nvip = "203.0.113.10"\nports = [80]\n${line}\n${backends}`;
  assert.equal((await placed(service(""))).services[0]!.backends.at(-1)!.id, 255);
  for (const line of ['mark = "0x200"', 'dscp = "ef"', 'priority = "1:1"']) {
    await assert.rejects(placed(service(line)), {
      name: "LbError",
      code: "unsupported",
      message: /service web: .*ids below 255.*give mark_mask more bits.*Nothing was changed/,
    });
  }
});

/** Backends with these words about their health; all others are well. */
function standingsWith(ill: Readonly<Record<string, Partial<Standing>>>): Standings {
  return (_, { address: { text } }) => ({
    state: "healthy",
    isAble: true,
    slow_start: 1,
    ...ill[text],
  });
}

Deno.test("an unhealthy backend has no weight and one that recovers a part of it, and backups enter for the former", async () => {
  const weights = async (ill: Readonly<Record<string, Partial<Standing>>>) => {
    const standings = standingsWith(ill);
    const { services: [service] } = await placed(configText({}), { standings });
    return service!.backends.slice(0, 4).map((one) => [
      one.effective_weight,
      weightReason(service!, one, standings(service!, one)),
    ]);
  };
  const out = { state: "unhealthy", isAble: false } as const;
  const waits = [0, "backup: others take connections"];
  const [first, second] = PRIMARIES as [string, string];
  assert.deepEqual(await weights({ [first]: out }), [[0, "unhealthy"], [100, ""], waits, waits]);
  assert.deepEqual(await weights({ [first]: out, [second]: { slow_start: 0.3 } }), [
    [0, "unhealthy"],
    [30, "grows back: 30 %"],
    waits,
    waits,
  ]);
  const unknown = { state: "unknown", isAble: false } as const;
  assert.deepEqual(await weights({ [first]: out, [second]: unknown, [BACKUPS[0]!]: out }), [
    [0, "unhealthy"],
    [0, "was never healthy"],
    [0, "unhealthy"],
    [100, ""],
  ]);
});

/** Links on which these backends answer, and these do not; all others are on none. */
function linksTo(answering: readonly string[], silent: readonly string[] = []): Links {
  const way = (text: string, answers: boolean) => {
    const address = parseAddress(text)!;
    return [text, { address, link: { ifindex: 3, interface: "eth1", answers } }] as const;
  };
  const ways = [
    ...answering.map((text) => way(text, true)),
    ...silent.map((text) => way(text, false)),
  ];
  return { ...NO_LINKS, ways: new Map(ways) };
}

Deno.test("with dr, a backend that does not answer has no weight until it does, and backups enter", async () => {
  const text = configText({}, 'forward = "dr"\nscheduler = "sh"');
  const weights = async (links: Links) => {
    const { services: [service] } = await placed(text, { links });
    return service!.backends.map((one) => [one.effective_weight, weightReason(service!, one)]);
  };
  const all = [...PRIMARIES, ...BACKUPS, V6];
  const waits = [0, "backup: others take connections"];
  const gone = [0, "not on a link of this machine"];
  assert.deepEqual(await weights(linksTo(all)), [
    [100, ""],
    [100, ""],
    waits,
    waits,
    [100, ""],
    gone,
  ]);
  const silent = [0, "no answer at eth1"];
  const one = linksTo(all.slice(1), [PRIMARIES[0]!]);
  assert.deepEqual((await weights(one)).slice(0, 4), [silent, [100, ""], waits, waits]);
  const none = linksTo(BACKUPS, PRIMARIES);
  assert.deepEqual((await weights(none)).slice(0, 4), [silent, silent, [100, ""], [100, ""]]);
});

Deno.test("what the kernel lacks of an engine's variants is told to it; what nobody knows is tried", async () => {
  const lacks = async (id: string, answer: "yes" | "no" | "unknown") => {
    const capability = { id, purpose: "testing", answer, evidence: "test equipment" };
    const facts = { capabilities: [...FACTS.capabilities, capability] };
    return (await placed(configText({}), { facts })).lacks;
  };
  assert.deepEqual(await lacks("nft-inet-nat", "no"), ["nft-inet-nat"]);
  assert.deepEqual(await lacks("nft-inet-nat", "yes"), []);
  assert.deepEqual(await lacks("nft-inet-nat", "unknown"), []);
  assert.deepEqual(await lacks("nft-interval", "no"), [], "no variant of nft's");
});
