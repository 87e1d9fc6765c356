import { type Facts, isPossible } from "../capability/facts.ts";
import { procSysMount } from "../capability/proc_sys.ts";
import { conflicts, type ConntrackFill, type Surroundings } from "../capability/surroundings.ts";
import type { EngineReport } from "../capability/select.ts";
import { addressResource } from "../host/address/address.ts";
import { reportSysctlValues, type SysctlValueReport } from "../host/sysctl/report.ts";
import type { JournalEntry } from "../model/journal.ts";
import type { Config } from "../model/settings.ts";
import type { Kernel } from "../sys/ports.ts";
import { hostWant, sysctlWant } from "./host.ts";
import { engineReports } from "./selection.ts";

/** What `lb doctor` and `lb init` tell. */
export interface Diagnosis {
  readonly facts: Facts;
  readonly engines: readonly EngineReport[];
  /** For the services of the config, if there is one. */
  readonly sysctls: readonly SysctlValueReport[];
  /** undefined where conntrack has not been used yet. */
  readonly conntrack?: ConntrackFill;
  /** What else is on this machine that gets in the way. */
  readonly conflicts: readonly string[];
  /** What the operator should do something about, conflicts included. */
  readonly attention: readonly string[];
}

/**
 * Holds the machine against what lb, and the config if there is one, need of it. Reads only.
 *
 * @param journal open entries for sysctls
 */
export function diagnoseMachine(
  kernel: Kernel,
  facts: Facts,
  around: Surroundings,
  config: Config | undefined,
  journal: readonly JournalEntry[],
): Diagnosis {
  const engines = engineReports(facts);
  const sysctls = config ? wantedSysctls(kernel, config, engines, journal) : [];
  const lacking = facts.capabilities.filter((each) => !isPossible(each))
    .map(({ id, purpose, evidence }) => `${id} (${purpose}): ${evidence}`);
  const remedy = remedyFor(kernel, config);
  const unset = sysctls.filter(({ ok }) => !ok).map(({ key, wanted, found }) =>
    `${key} is ${found ?? "absent"}, the config needs ${wanted}: ${remedy(key, wanted)}`
  );
  const met = conflicts(around, config?.marks);
  const attention = [...lacking, ...unset, ...met];
  return { facts, engines, sysctls, conntrack: around.conntrack, conflicts: met, attention };
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
  engines: readonly EngineReport[],
  journal: readonly JournalEntry[],
): readonly SysctlValueReport[] {
  const possible = engines.filter(({ possible }) => possible).map(({ name }) => name);
  const engineOf = new Map(config.services.map(({ name, engine }) => [
    name,
    engine === "auto" ? possible[0] ?? "nft" : engine,
  ]));
  const need = hostWant(config, engineOf);
  const want = sysctlWant(config.services, addressResource.observe(kernel, []), need);
  return reportSysctlValues(kernel.files, want, journal);
}
