import { FAMILIES, type Family } from "../model/address.ts";
import { procSysMount } from "../capability/proc_sys.ts";
import { isLive } from "../engine/nft/queue/supports.ts";
import { holderOf } from "../engine/registry.ts";
import { addressResource } from "../host/address/address.ts";
import { withLocalPrefixes } from "../host/address/observe.ts";
import {
  interfacesAfter,
  localPrefixesOf,
  placedPrefixes,
  placementNotes,
  type VipService,
} from "../host/address/placement.ts";
import type { AddressStep } from "../host/address/plan.ts";
import type { Interface } from "../host/interface.ts";
import { moduleResource, type ModuleStep } from "../host/module/module.ts";
import { asNamedNow, type NamedEntry, renameNotes } from "../host/renamed.ts";
import type { Blocked, HostPlan, Step, StepsResult } from "../host/resource.ts";
import { withArriving } from "../host/sysctl/arriving.ts";
import { reportSysctls } from "../host/sysctl/apply.ts";
import { interfaceIn } from "../host/sysctl/key.ts";
import { exactRelease } from "../host/sysctl/kernel.ts";
import type { SysctlStep } from "../host/sysctl/plan.ts";
import { type Need, NO_NEED } from "../host/need.ts";
import { sysctlResource } from "../host/sysctl/sysctl.ts";
import type { SysctlWant } from "../host/sysctl/wanted.ts";
import { kernelRelease } from "../kernel/modules.ts";
import type { Change } from "../model/change.ts";
import type { JournalResource } from "../model/journal.ts";
import { type EngineName, familiesOf, type Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import type { Store } from "../store/store.ts";
import type { HostIdentity } from "../store/journal.ts";
import type { Kernel } from "../sys/ports.ts";
import type { SysctlOutcome } from "./outcome.ts";

/** What planning and applying host resources takes. */
export interface HostMachine {
  readonly kernel: Kernel;
  readonly store: Store;
  readonly host: HostIdentity;
}

/** What to do to the machine besides the engines' part, in the order of its stages. */
export interface HostStages {
  /** Before everything: what comes with them is not there to be planned yet. */
  readonly modules: readonly ModuleStep[];
  /** Before any engine: a packet must be able to go on before it is sent on. */
  readonly sysctls: readonly SysctlStep[];
  /** After the engines: a VIP that arrives before its rules would answer with resets. */
  readonly addresses: readonly AddressStep[];
  /** Last: what nobody needs any more. */
  readonly leftAddresses: readonly AddressStep[];
  readonly leftSysctls: readonly SysctlStep[];
  readonly leftModules: readonly ModuleStep[];
  /** What is wanted and cannot be brought about, each with what the operator can do. */
  readonly blocked: readonly string[];
  /** VIPs that have nowhere to go. A config that was never in force is refused for them. */
  readonly homeless: readonly Blocked[];
  /** As it is wanted, but maybe not as it was meant. */
  readonly notes: readonly string[];
}

/**
 * What a config asks of the machine, in the resources' own terms.
 *
 * @param watched whose rules look at conntrack's states, if anybody's
 */
export function hostWant(
  config: Config,
  engineOf: ReadonlyMap<string, EngineName>,
  watched?: string,
): Need {
  if (config.services.length === 0) return NO_NEED;
  const onIpvs = config.services.filter(({ name }) => engineOf.get(name) === "ipvs");
  return {
    engines: [...new Set([...engineOf.values()].flatMap((path) => holderOf(path) ?? []))],
    families: familiesServed(config),
    ipvs: [...new Set(onIpvs.map(({ forward }) => forward))],
    ipvs_conntrack: isTracked(onIpvs, watched),
    ipvs_persistence: onIpvs.some(({ persistence }) => persistence),
    isTier: config.nodes > 1,
    isCounted: config.services.some((service) =>
      engineOf.get(service.name) === "nfqueue" && isLive(service)
    ),
    // It takes packets where the machine takes those for itself.
    local: onIpvs.map(({ name }) => name),
    kernel: "",
  };
}

/** Whether conntrack has to see what IPVS translates. */
function isTracked(services: readonly Service[], watched: string | undefined): boolean {
  const translated = services.filter(({ forward }) => forward === "nat");
  return translated.some(({ masquerade }) => masquerade) ||
    watched !== undefined && translated.length > 0;
}

/** The IP versions whose packets the machine routes for the services; those of `dr` never get that far. */
export function familiesServed({ services }: Config): Family[] {
  return FAMILIES.filter((family) =>
    services.some((service) => service.forward !== "dr" && familiesOf(service).includes(family))
  );
}

/** Observes and plans. Changes nothing. @throws {KernelError} where the kernel cannot be asked */
export function planHost(machine: HostMachine, config: Config, need: Need): HostStages {
  const bare = addressResource.observe(machine.kernel, []);
  const services = withLocal(config.services, need);
  const placed = openEntries(machine, "address", bare);
  const prefixes = [...localPrefixesOf(services), ...placedPrefixes(placed)];
  const interfaces = withLocalPrefixes(machine.kernel.sockets, bare, prefixes);
  const changed = openEntries(machine, "sysctl", interfaces);
  const addresses = planAddresses(machine, services, interfaces, placed);
  const want = sysctlWant(machine.kernel, services, interfaces, need);
  const modules = planModules(machine, need);
  const sysctls = planSysctls(machine, want, changed, modules.set.length > 0);
  const reason = config.sysctl === "check"
    ? "check"
    : procSysMount(machine.kernel.files).isReadOnly
    ? "read-only"
    : undefined;
  const reported = reason ? reportSysctls(sysctls.set, reason).blocked : [];
  return {
    modules: modules.set,
    sysctls: reason ? [] : sysctls.set,
    addresses: addresses.set,
    leftAddresses: addresses.restore,
    // "check" writes nothing at all; what lb set before stays on record for when it may be put back.
    leftSysctls: reason === "check" ? [] : sysctls.restore,
    leftModules: modules.restore,
    blocked: [...sysctls.blocked, ...addresses.blocked, ...reported].map(({ message }) => message),
    homeless: addresses.blocked,
    notes: [
      ...placementNotes(config.services, interfaces),
      ...renameNotes([...placed, ...changed]),
    ],
  };
}

/** The sysctls a config wants, with the interfaces as they will be once the VIPs are placed. */
export function sysctlWant(
  { files }: Pick<Kernel, "files">,
  services: readonly VipService[],
  interfaces: readonly Interface[],
  need: Need,
): SysctlWant {
  const kernel = exactRelease(files, kernelRelease({ files }));
  return { need: { ...need, kernel }, interfaces: interfacesAfter(services, interfaces) };
}

/** Says of each service whether its VIPs have to be this machine's own. */
function withLocal(services: readonly Service[], { local }: Need): VipService[] {
  const names = new Set(local);
  return services.map((service) => ({ ...service, local: names.has(service.name) }));
}

/** Every change of the plan, in order. */
export function hostChanges(stages: HostStages): Change[] {
  return allSteps(stages).flatMap(({ change }) => change ? [change] : []);
}

/** Objects that were in place and were changed by somebody else. */
export function hostDrift(stages: HostStages): string[] {
  return allSteps(stages).filter(({ drift }) => drift).map(({ key }) => key);
}

/**
 * Objects that are not as they are wanted, whoever has made them so: what was right before lb came is on no record.
 * An interface's own settings are among them only where lb had given them: one that has come since waits for the next
 * pass, and nobody has changed anything.
 */
export function hostDiffering(stages: HostStages): string[] {
  return allSteps(stages)
    .filter(({ change, drift, key }) => drift || change && interfaceIn(key) === undefined)
    .map(({ key }) => key);
}

/** What came about of a plan. @param done changes that were carried out, as the resources tell */
export function doneStages(stages: HostStages, done: ReadonlySet<Change>): HostStages {
  const only = <S extends Step>(steps: readonly S[]) =>
    steps.filter(({ change }) => change && done.has(change));
  return {
    ...stages,
    sysctls: only(stages.sysctls),
    addresses: only(stages.addresses),
    leftAddresses: only(stages.leftAddresses),
    leftSysctls: only(stages.leftSysctls),
    modules: only(stages.modules),
    leftModules: only(stages.leftModules),
  };
}

/**
 * Whether an earlier run was cut off before it told the neighbours of an address, or left in the journal what it never
 * came to do: whoever wants that later would think that somebody else has undone it.
 */
export function isHostBehind(stages: HostStages): boolean {
  const { addresses, leftAddresses, leftSysctls, leftModules } = stages;
  return addresses.some(({ op }) => op === "announce") ||
    [...leftAddresses, ...leftSysctls, ...leftModules]
      .some(({ entry_id, change }) => entry_id !== undefined && !change);
}

/** Sysctls that are set or put back. */
export function hostSysctls({ sysctls, leftSysctls }: HostStages): SysctlOutcome[] {
  return [...sysctls, ...leftSysctls]
    .filter(({ change }) => change)
    .map(({ key, before, after, why }) => ({ key, before: before ?? null, after, why }));
}

/** Carries out one stage. @throws {KernelError} where the kernel refuses; what was done is journalled */
export async function applyStage(
  machine: HostMachine,
  stage: "modules" | "sysctls" | "addresses" | "leftAddresses" | "leftSysctls" | "leftModules",
  stages: HostStages,
): Promise<StepsResult> {
  const { kernel } = machine;
  const journal = journalOf(machine);
  if (stage === "modules" || stage === "leftModules") {
    return await moduleResource.apply(kernel, stages[stage], journal);
  }
  if (stage === "sysctls" || stage === "leftSysctls") {
    return await sysctlResource.apply(kernel, stages[stage], journal);
  }
  return await addressResource.apply(kernel, stages[stage], journal);
}

function planAddresses(
  machine: HostMachine,
  services: readonly VipService[],
  interfaces: readonly Interface[],
  open: readonly NamedEntry[],
): HostPlan<AddressStep> {
  return ownDoing(machine, addressResource.plan(services, interfaces, open), open);
}

function planModules(machine: HostMachine, need: Need): HostPlan<ModuleStep> {
  const open = journalOf(machine).open("module");
  return moduleResource.plan(need, moduleResource.observe(machine.kernel, open), open);
}

function planSysctls(
  machine: HostMachine,
  want: SysctlWant,
  open: readonly NamedEntry[],
  isModuleComing: boolean,
): HostPlan<SysctlStep> {
  const found = sysctlResource.observe(machine.kernel, open);
  const observed = isModuleComing ? withArriving(found) : found;
  return ownDoing(machine, sysctlResource.plan(want, observed, open), open);
}

function openEntries(
  machine: HostMachine,
  resource: JournalResource,
  interfaces: readonly Interface[],
): NamedEntry[] {
  return asNamedNow(journalOf(machine).open(resource), interfaces);
}

/**
 * What a run left half done, because it was cut off, is not somebody else's doing: values on record that
 * it had no time to write, or was about to put back. Such a run left no pass behind.
 */
function ownDoing<S extends Step & { readonly key: string }>(
  { store }: HostMachine,
  plan: HostPlan<S>,
  open: readonly NamedEntry[],
): HostPlan<S> {
  const last_ms = store.passes.last()?.at_ms ?? -Infinity;
  // One that failed has said so, and left what it had done in the journal.
  const isCutOff = store.revisions.summaries().some(({ at_ms, outcome }) =>
    at_ms > last_ms && outcome === "interrupted"
  );
  const since = isCutOff ? open : open.filter(({ at_ms }) => at_ms > last_ms);
  const keys = new Set(since.map(({ key }) => key));
  const set = plan.set.map((step) => keys.has(step.key) ? { ...step, drift: false } : step);
  return { ...plan, set };
}

function journalOf({ store, host, kernel }: HostMachine) {
  return store.journal(host, () => kernel.clock.now_ms());
}

function allSteps(stages: HostStages) {
  return [
    ...stages.modules,
    ...stages.sysctls,
    ...stages.addresses,
    ...stages.leftAddresses,
    ...stages.leftSysctls,
    ...stages.leftModules,
  ];
}
