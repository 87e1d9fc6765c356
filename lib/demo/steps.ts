import { LbError } from "../model/error.ts";
import { plural } from "../model/plural.ts";
import type { Balancer } from "./balancer.ts";
import type { RequestsResult } from "./role/spec.ts";
import {
  DEMO_BACKENDS,
  type DemoBackend,
  demoConfig,
  doorsOf,
  fairShare,
  scaleNames,
  SERVICE_PORT,
  worstDeviation,
} from "./scenario.ts";
import type { Topology } from "./topology.ts";
import type { Traffic } from "./traffic.ts";
import { differences, lookAround, type Witness } from "./witness.ts";

/** What the steps act on. */
export interface Stage {
  readonly topology: Topology;
  readonly traffic: Traffic;
  readonly balancer: Balancer;
  /** How the balancer's namespace looked before lb was there. */
  readonly before: Witness;
  readonly engine: "auto" | "nft" | "nfqueue";
  readonly onProgress: (done: number, total: number) => void;
}

/** What a step showed. */
export interface Shown {
  /** One line for people. */
  readonly detail: string;
  readonly engine?: string;
  readonly counted?: RequestsResult;
}

/** One thing that the demo shows. `act` throws a `kernel-refused` LbError where it does not hold. */
export interface Act {
  readonly name: string;
  readonly title: string;
  readonly act: (stage: Stage) => Promise<Shown>;
}

const [B1, B2, B3] = DEMO_BACKENDS;

/** What b1 is scaled to. */
const HALVED = { ...B1, weight: B1.weight / 2 };

const REQUESTS = 1_000;

/** Requests after a change: full turns of 5:6:4 and of 5:6, in either IP version. */
const REQUESTS_SCALED = 660;
const REQUESTS_AFTER = 220;

/** A distribution may be off by this many requests. wrr is exact; the slack is for strays. */
const DEVIATION_MAX = 4;

const DOWNLOADS = 30;
const DOWNLOAD_SECONDS = 2;

/** What the demo shows, in this order. */
export const ACTS: readonly Act[] = [
  { name: "apply", title: "Applying the config", act: apply },
  { name: "requests", title: `Sending ${REQUESTS} requests`, act: distribute },
  { name: "scale", title: "Scaling b1 to half", act: scale },
  { name: "remove", title: "Removing b3 in the middle of downloads", act: remove },
  { name: "repair", title: "Deleting a rule by hand", act: repair },
  { name: "uninstall", title: "Uninstalling", act: uninstall },
];

/** What `--keep` leaves behind. */
export const LAST_ACT: Act = {
  name: "keep",
  title: "Applying once more, to be looked at",
  act: apply,
};

async function apply({ topology, balancer, engine: wanted }: Stage): Promise<Shown> {
  balancer.writeConfig(demoConfig(topology, wanted));
  const applied = await balancer.json<Applied>(0, "apply");
  const engine = applied.services[0]?.engine ?? "none";
  const vips = doorsOf(topology).map(({ address }) => address).join(" and ");
  const count = plural(applied.changes.length, "change");
  return { engine, detail: `web on ${vips}, port ${SERVICE_PORT}, by ${engine}: ${count}` };
}

async function distribute(stage: Stage): Promise<Shown> {
  const counted = await send(stage, REQUESTS);
  return { counted, detail: checkShare(counted, DEMO_BACKENDS) };
}

async function scale(stage: Stage): Promise<Shown> {
  const flags = scaleNames(stage.topology, 0).flatMap((name) => [
    "--weight",
    `${name}=${HALVED.weight}`,
  ]);
  await stage.balancer.json(0, "scale", "web", ...flags);
  return { detail: checkShare(await send(stage, REQUESTS_SCALED), [HALVED, B2, B3]) };
}

async function remove(stage: Stage): Promise<Shown> {
  const { topology, traffic, balancer } = stage;
  const spec = { doors: doorsOf(topology), count: DOWNLOADS, seconds: DOWNLOAD_SECONDS };
  const downloads = await traffic.download(topology.client, spec);
  const flags = scaleNames(topology, 2).flatMap((name) => ["--remove", name]);
  await balancer.json(0, "scale", "web", ...flags, "--now");
  const share = checkShare(await send(stage, REQUESTS_AFTER), [HALVED, B2]);
  const { completed, broken, errors } = await downloads.result;
  const own = downloads.per_backend[B3.name] ?? 0;
  demand(own > 0, `none of ${DOWNLOADS} downloads came from ${B3.name}: nothing was shown`);
  demand(broken === 0, `${plural(broken, "download")} broke: ${JSON.stringify(errors)}`);
  const held = `${completed} of ${DOWNLOADS} downloads completed, ${own} of them from ${B3.name}`;
  return { detail: `${held}; ${share}` };
}

async function repair(stage: Stage): Promise<Shown> {
  const { balancer } = stage;
  const before = await lookWithoutRevision(balancer);
  const rule = await deleteRule(balancer);
  await balancer.json(1, "reconcile");
  const left = differences(before, await lookWithoutRevision(balancer));
  demand(left.length === 0, `not as before: ${left.join("; ")}`);
  const result = await send(stage, REQUESTS_AFTER);
  demand(result.failed === 0, `${result.failed} of ${result.requests} requests failed`);
  return { detail: `"${rule}" is back; ${result.requests} requests, none failed` };
}

async function uninstall({ balancer, before }: Stage): Promise<Shown> {
  const result = await balancer.lb("uninstall", "--yes");
  demand(result.code === 0, `lb uninstall ended with ${result.code}: ${result.stderr.trim()}`);
  const left = differences(before, await lookAround(balancer.run));
  demand(left.length === 0, `not as before: ${left.join("; ")}`);
  const count = Object.keys(before.sysctls).length;
  return { detail: `${count} sysctls, addresses, routes and rules as before` };
}

function send({ topology, traffic, onProgress }: Stage, count: number): Promise<RequestsResult> {
  const spec = { doors: doorsOf(topology), count };
  return traffic.send(topology.client, spec, (done) => onProgress(done, count));
}

/** The part of `lb apply --json` that is looked at here. */
interface Applied {
  readonly changes: readonly unknown[];
  readonly services: readonly { readonly engine: string }[];
}

/** @throws {LbError} `kernel-refused`: this step has failed, and why */
function demand(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new LbError("kernel-refused", otherwise);
}

function checkShare(result: RequestsResult, backends: readonly DemoBackend[]): string {
  const share = fairShare(backends, result.requests);
  const weights = backends.map(({ weight }) => weight).join(":");
  const shown = backends.map(({ name }) => `${name} ${result.per_backend[name] ?? 0}`).join(", ");
  const errors = JSON.stringify(result.errors);
  demand(result.failed === 0, `${result.failed} of ${result.requests} failed: ${errors}`);
  demand(
    worstDeviation(result.per_backend, share) <= DEVIATION_MAX,
    `weights ${weights}, but ${shown}`,
  );
  return `weights ${weights}: ${shown}; none failed, slowest ${result.slowest_ms} ms`;
}

/** A repair is a transaction of its own, so the mark that names the last one is another. */
async function lookWithoutRevision({ run }: Balancer): Promise<Witness> {
  const witness = await lookAround(run);
  const ruleset = witness.ruleset.replace(/^\t(set|map) revision \{[^}]*\{[^}]*\}\n\t\}\n/m, "");
  return { ...witness, ruleset };
}

/** Deletes the first rule that translates, the way an operator's slip would. @returns the rule */
async function deleteRule(balancer: Balancer): Promise<string> {
  const { stdout } = await balancer.run(["nft", "--handle", "list", "table", "inet", "lb"]);
  let chain = "";
  for (const line of stdout.split("\n")) {
    chain = /^\s*chain (\S+) \{/.exec(line)?.[1] ?? chain;
    const [, rule, handle] = /^\s*(.*dnat ip.*?) # handle (\d+)$/.exec(line) ?? [];
    if (!rule || !handle) continue;
    await balancer.run(["nft", "delete", "rule", "inet", "lb", chain, "handle", handle]);
    return rule;
  }
  throw new LbError("kernel-refused", "found no rule to delete in table inet lb");
}
