import { type Facts, isPossible } from "../capability/facts.ts";
import { procSysMount } from "../capability/proc_sys.ts";
import type { ConntrackFill } from "../capability/conntrack_fill.ts";
import { conflicts, type Surroundings } from "../capability/surroundings.ts";
import type { EngineReport } from "../capability/select.ts";
import { DATA_PATHS } from "../engine/registry.ts";
import { addressResource } from "../host/address/address.ts";
import { homeless, placementNotes } from "../host/address/placement.ts";
import { asNamedNow, renameNotes, renames } from "../host/renamed.ts";
import { type LeftSysctl, leftSysctls } from "../host/sysctl/left.ts";
import type { Need } from "../host/need.ts";
import { reportSysctlValues, type SysctlValueReport } from "../host/sysctl/report.ts";
import type { JournalEntry } from "../model/journal.ts";
import { isOurs } from "../model/queue.ts";
import type { EngineName } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import { type QueueStatistics, queueStatistics } from "../netlink/queue/statistics.ts";
import type { Kernel } from "../sys/ports.ts";
import { familiesServed, hostWant, sysctlWant } from "./host.ts";
import { betterNotes } from "./move.ts";
import { type WorkerReport, workerTrouble } from "./queue.ts";
import { groundOf, type Held } from "./selection.ts";
import { reportServices, type ServiceReport } from "./service_report.ts";
import { isShortOfPorts, portTrouble, type PortUse } from "./source_ports.ts";
import { watchedNote } from "./tracking.ts";

/** What `lb doctor` and `lb init` tell. */
export interface Diagnosis {
  readonly facts: Facts;
  readonly engines: readonly EngineReport[];
  /** Of the config, each held against every engine. */
  readonly services: readonly ServiceReport[];
  /** For the services of the config, if there is one. */
  readonly sysctls: readonly SysctlValueReport[];
  /** What has to do with the services and is not lb's to set. */
  readonly left: readonly LeftSysctl[];
  /** undefined where conntrack has not been used yet. */
  readonly conntrack?: ConntrackFill;
  /** The queue worker's, as the kernel counts them; none where it does not listen. */
  readonly queues: readonly QueueStatistics[];
  /** Of the balancer's source ports, the most first; none where nothing is masqueraded. */
  readonly ports: readonly PortUse[];
  /** What else is on this machine that gets in the way. */
  readonly conflicts: readonly string[];
  /** What the operator should do something about, conflicts included. */
  readonly attention: readonly string[];
  /** What may not be as it was meant, and need not be wrong. */
  readonly notes: readonly string[];
}

/** What a machine and its config were found to be. */
export interface Findings {
  readonly facts: Facts;
  readonly around: Surroundings;
  /** If there is one that can be used. */
  readonly config?: Config;
  /** What is wrong with the config. */
  readonly problems: readonly string[];
  /** The queue worker, where one is in use. */
  readonly worker?: WorkerReport;
  /** What connections take of source ports, where it is known. */
  readonly ports?: readonly PortUse[];
  /** Open entries for sysctls. */
  readonly journal: readonly JournalEntry[];
  /** The engines that services are on. */
  readonly held: Held;
  /** Whose rules looked at conntrack's states of what IPVS balances, if anybody's. */
  readonly watched?: string;
}

/** Holds the machine against what lb, and the config if there is one, need of it. Reads only. */
export function diagnoseMachine(kernel: Kernel, found: Findings): Diagnosis {
  const { facts, around, config, ports = [] } = found;
  const services = config?.services ?? [];
  const isConcerned = config || found.journal.length > 0;
  const interfaces = isConcerned ? addressResource.observe(kernel, []) : [];
  const journal = asNamedNow(found.journal, interfaces);
  const ground = groundOf(facts, config?.nodes);
  const engines = ground.reports;
  const reports = config ? reportServices(config, found.held, ground) : [];
  const engineOf = new Map(reports.map(({ name, chosen }) => [name, chosen]));
  const want = config && hostWant(config, engineOf, around.watched ?? found.watched);
  const sysctls = config && want ? wantedSysctls(kernel, config, want, journal) : [];
  const needed = neededCapabilities(config, engines, engineOf);
  const lacking = facts.capabilities.filter((each) => needed.has(each.id) && !isPossible(each))
    .map(({ id, purpose, evidence }) => `${id} (${purpose}): ${evidence}`);
  const remedy = remedyFor(kernel, config);
  const unset = sysctls.filter(({ ok }) => !ok).map(({ key, wanted, found }) =>
    `${key} is ${found ?? "absent"}, the config needs ${wanted}: ${remedy(key, wanted)}`
  );
  const closed = config && familiesServed(config).includes(4) ? closedInterfaces(kernel) : [];
  const misplaced = homeless(services, interfaces, renames(journal));
  const astray = misplaced.map(({ message }) => message);
  const met = conflicts(around, config?.marks, config && familiesServed(config));
  const unserved = reports.filter(({ nearest }) => nearest !== undefined)
    .map(({ name, reason, nearest }) => `no engine here can serve ${name} (${reason}); ${nearest}`);
  const trouble = found.worker && workerTrouble(found.worker);
  const attention = [
    ...found.problems,
    ...unserved,
    ...lacking,
    ...unset,
    ...astray,
    ...closed,
    ...met,
    ...ports.filter(isShortOfPorts).map(portTrouble),
    ...trouble === undefined ? [] : [trouble],
  ];
  const notes = [
    ...placementNotes(services, interfaces),
    ...renameNotes(journal),
    ...watchNotes(engineOf, around),
    ...betterNotes(reports.map(({ chosen: engine, ...one }) => ({ ...one, engine }))),
  ];
  const { conntrack } = around;
  return {
    ...{ facts, engines, services: reports, sysctls, conntrack },
    queues: ownQueues(kernel),
    ports,
    left: want ? leftSysctls(kernel.files, want) : [],
    ...{ conflicts: met, attention, notes },
  };
}

/** Doctor is for everybody, and only root may read them: to others, there is nothing to tell. */
function ownQueues({ files }: Kernel): readonly QueueStatistics[] {
  try {
    return queueStatistics(files)?.filter(({ queue }) => isOurs(queue)) ?? [];
  } catch {
    return [];
  }
}

/** Somebody's rules decide how IPVS is set up. */
function watchNotes(
  engineOf: ReadonlyMap<string, EngineName | undefined>,
  { watched }: Surroundings,
): string[] {
  return watched !== undefined && [...engineOf.values()].includes("ipvs")
    ? [watchedNote(watched)]
    : [];
}

/** What nobody needs here is no reason to do anything: a kernel without it is as good as any. */
function neededCapabilities(
  config: Config | undefined,
  engines: readonly EngineReport[],
  engineOf: ReadonlyMap<string, EngineName>,
): ReadonlySet<string> {
  // Where none is possible, the needs of the first are worth a word.
  const usual = engines.find(({ possible }) => possible)?.name ?? "nft";
  const used = new Set(engineOf.size > 0 ? engineOf.values() : [usual]);
  return new Set(
    DATA_PATHS.filter(({ name }) => used.has(name)).flatMap((engine) => [
      ...engine.requires,
      ...(config?.services ?? []).filter(({ name }) => engineOf.get(name) === engine.name)
        .flatMap((service) => engine.needs(service)),
    ]),
  );
}

/** ip_forward opens all interfaces; one that was closed since drops what comes in there for a VIP. */
function closedInterfaces(kernel: Kernel): string[] {
  const isOff = (key: string) => kernel.files.read(`/proc/sys/net/ipv4/${key}`)?.trim() === "0";
  if (isOff("ip_forward")) return [];
  return addressResource.observe(kernel, [])
    .filter(({ up, loopback, addresses }) =>
      up && !loopback && addresses.some(({ family }) => family === 4)
    )
    .filter(({ name }) => isOff(`conf/${name}/forwarding`))
    .map(({ name }) =>
      `net.ipv4.conf.${name}.forwarding is 0: what comes in at ${name} is not passed on to any ` +
      "backend; set it to 1 if clients or backends are there"
    );
}

/** Who can set a sysctl here. */
function remedyFor(kernel: Kernel, config: Config | undefined) {
  const byHand = (key: string, value: string) => `set it yourself: sysctl -w ${key}=${value}`;
  if (config?.sysctl === "check") return byHand;
  return procSysMount(kernel.files).isReadOnly
    ? () => "/proc/sys is read-only here, set it from outside"
    : () => '"lb apply" sets it';
}

function wantedSysctls(
  kernel: Kernel,
  config: Config,
  need: Need,
  journal: readonly JournalEntry[],
): readonly SysctlValueReport[] {
  const want = sysctlWant(kernel, config.services, addressResource.observe(kernel, []), need);
  const open = journal.filter(({ resource }) => resource === "sysctl");
  return reportSysctlValues(kernel.files, want, open);
}
