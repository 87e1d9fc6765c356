/**
 * A folder per scenario: `lb.toml` and, for a transition, `before.toml` go in; `plan.txt`, `ruleset.nft` (from
 * nothing to `lb.toml`) and `change.nft` (from `before.toml` to it) have to come out. `lacks` names what its
 * kernel cannot do, `links` its interfaces, `needs` what nft has to find in a kernel to take it. `UPDATE_GOLDEN=1` writes them anew: read the diff before you commit
 * it.
 */
import assert from "node:assert/strict";
import type { Capability } from "../../lib/capability/facts.ts";
import { parseConfig } from "../../lib/config/load.ts";
import { desiredSnapshot } from "../../lib/engine/nft/desired.ts";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import { type NftPlan, planNft } from "../../lib/engine/nft/plan.ts";
import { EMPTY_SNAPSHOT, type Snapshot, withToken } from "../../lib/engine/nft/snapshot.ts";
import { DATA_PATHS } from "../../lib/engine/registry.ts";
import { ingressOf } from "../../lib/host/neighbour/ingress.ts";
import type { Way } from "../../lib/host/neighbour/way.ts";
import { type Interface, type InterfaceAddress, subnetOf } from "../../lib/host/interface.ts";
import { type Address, contains, parseAddress } from "../../lib/model/address.ts";
import type { EngineName } from "../../lib/model/service.ts";
import type { Config } from "../../lib/model/settings.ts";
import { directBackends, type Links } from "../../lib/reconcile/links.ts";
import { backendNames, placeServices } from "../../lib/reconcile/place.ts";
import { allocateIds, type BackendRow } from "../../lib/store/ids.ts";
import { process } from "../../lib/sys/process.ts";
import { able } from "../kernel/able.ts";
import { needOf, readIfThere } from "./scenarios.ts";
import { scriptOf } from "../unit/engine/nft/script_of.ts";

const HERE = new URL(".", import.meta.url).pathname;
const UPDATE = Deno.env.get("UPDATE_GOLDEN") === "1";

const scenarios = [...Deno.readDirSync(HERE)]
  .filter(({ isDirectory }) => isDirectory)
  .map(({ name }) => name)
  .sort();

Deno.test("there are scenarios, numbered without a gap", () => {
  const numbers = scenarios.map((name) => Number(/^(\d{3})_[a-z0-9_]+$/.exec(name)?.[1]));
  assert.deepEqual(numbers, scenarios.map((_, index) => index + 1));
});

for (const name of scenarios) {
  const folder = `${HERE}${name}`;

  Deno.test(`golden ${name}`, async () => {
    const { whole, change } = await plansOf(folder);
    if (whole.changes.length > 0) agree(`${folder}/ruleset.nft`, scriptOf(whole));
    agree(`${folder}/plan.txt`, planText(change ?? whole));
    if (change) agree(`${folder}/change.nft`, scriptOf(change));
  });

  Deno.test({
    ...able(`golden ${name}: nft takes it`, needOf(folder)),
    fn: () => checkWithNft(folder),
  });
}

/** What a config makes the engine want, and the ids it took. */
interface Placed {
  readonly rows: readonly BackendRow[];
  readonly want: Snapshot;
}

async function plansOf(folder: string): Promise<{ whole: NftPlan; change?: NftPlan }> {
  const before = await placed(`${folder}/before.toml`, []);
  const after = await placed(`${folder}/lb.toml`, before?.rows ?? []);
  assert.ok(after, "a scenario has an lb.toml");
  const whole = planNft(after.want, EMPTY_SNAPSHOT, "1 . 1");
  if (!before) return { whole };
  return { whole, change: planNft(after.want, withToken(before.want, "1 . 1"), "2 . 1") };
}

async function placed(path: string, known: readonly BackendRow[]): Promise<Placed | undefined> {
  const text = readIfThere(path);
  if (text === undefined) return undefined;
  const { config, warnings } = await parseConfig(text, path);
  assert.deepEqual(warnings.filter(({ severity }) => severity === "error"), []);
  const engineOf = enginesOf(config);
  for (const service of config.services) {
    const path = DATA_PATHS.find(({ name }) => name === engineOf.get(service.name));
    assert.deepEqual(path?.supports(service), { ok: true });
  }
  const rows = allocateIds(known, backendNames(config.services), config.marks.idMax - 1, 0);
  const folder = path.slice(0, path.lastIndexOf("/"));
  const facts = { capabilities: lacking(`${folder}/lacks`) };
  const links = linksOf(config, interfacesOf(folder));
  const state = placeServices(config, engineOf, nftEngine, rows, facts, links);
  return { rows, want: desiredSnapshot(state) };
}

/** Capabilities that the scenario's kernel has not, one a line. */
function lacking(path: string): Capability[] {
  const ids = (readIfThere(path) ?? "").split("\n").filter((line) => line !== "");
  return ids.map((id) => ({ id, purpose: "testing", answer: "no", evidence: path }));
}

/** Interfaces, one a line with its addresses: `eth0 192.0.2.1/24`. Everybody in their networks answers. */
function interfacesOf(folder: string): Interface[] {
  const lines = (readIfThere(`${folder}/links`) ?? "").split("\n").filter((line) => line !== "");
  return lines.map((line, index) => {
    const [name = "", ...addresses] = line.split(" ");
    const state = { index: 2 + index, up: true, loopback: false, mac: new Uint8Array(6) };
    return { name, ...state, addresses: addresses.map(interfaceAddress) };
  });
}

function interfaceAddress(text: string): InterfaceAddress {
  const [host = "", length] = text.split("/");
  return { ...parseAddress(host)!, length: Number(length) };
}

function linksOf({ services }: Config, interfaces: readonly Interface[]): Links {
  const addresses = directBackends({ services });
  return {
    ways: new Map(addresses.map((address) => [address.text, wayTo(address, interfaces)])),
    ingress: ingressOf(
      services.filter(({ forward }) => forward === "dr"),
      services.filter(({ forward }) => forward !== "dr"),
      interfaces,
    ),
  };
}

function wayTo(address: Address, interfaces: readonly Interface[]): Way {
  const near = interfaces.find(({ addresses }) =>
    addresses.some((own) => contains(subnetOf(own), address))
  );
  if (!near) return { address };
  return { address, link: { ifindex: near.index, interface: near.name, answers: true } };
}

function enginesOf({ services }: Config): Map<string, EngineName> {
  return new Map(services.map(({ name, engine }) => [name, engine === "auto" ? "nft" : engine]));
}

function planText({ changes }: NftPlan): string {
  return changes.map(({ op, object, detail }) =>
    `${[`${op} ${object}`, detail].filter(Boolean).join(": ")}\n`
  ).join("");
}

function agree(path: string, text: string): void {
  if (UPDATE) Deno.writeTextFileSync(path, text);
  assert.equal(text, readIfThere(path), `${path} differs; UPDATE_GOLDEN=1 writes it anew`);
}

/** Loads the scenario in a network namespace that ends with the command. */
async function checkWithNft(folder: string): Promise<void> {
  const before = await placed(`${folder}/before.toml`, []);
  const devices = interfacesOf(folder).map(({ name, index }) =>
    `ip link add ${name} index ${index} type bridge && `
  );
  const [steps, stdin] = before
    ? [
      `nft -f - && nft -f ${folder}/change.nft`,
      scriptOf(planNft(before.want, EMPTY_SNAPSHOT, "1 . 1")),
    ]
    : [`nft -c -f ${folder}/ruleset.nft`, undefined];
  const argv = ["unshare", "--net", "sh", "-c", devices.join("") + steps] as const;
  const { code, stderr } = await process.run(argv, { stdin });
  assert.equal(code, 0, stderr);
}
