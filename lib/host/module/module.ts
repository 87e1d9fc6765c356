import { loadedModules } from "../../kernel/modules.ts";
import type { JournalEntry, JournalRecord } from "../../model/journal.ts";
import { loadIpvs, withIpvs } from "../../netlink/ipvs/connection.ts";
import type { FilesPort, Kernel } from "../../sys/ports.ts";
import { type HostPlan, type HostResource, nothingDone, type Step } from "../resource.ts";
import type { Need } from "../need.ts";

/** What services need loaded before anything else, because it brings sysctls along. */
const MODULE = "ip_vs";

/** What the kernel has of it. */
export interface Modules {
  /** It can be spoken to: loaded, or built in. */
  readonly isThere: boolean;
  /** Modules by these names are loaded, those that use others first. */
  readonly loaded: readonly string[];
}

/** A module to load, or to take out again. */
export interface ModuleStep extends Step {
  readonly op: "load" | "unload" | "forget";
  readonly key: string;
  readonly modules: readonly string[];
  readonly records: readonly JournalRecord[];
  readonly entry_id?: number;
}

/** Kernel modules that lb has the kernel load, as a host resource. */
export const moduleResource: HostResource<Need, Modules, ModuleStep> = {
  name: "module",
  observe,
  plan: planModules,
  apply: applyModules,
};

/** Asks without loading anything. */
function observe({ sockets, files }: Kernel): Modules {
  return { isThere: withIpvs(sockets, () => true) ?? false, loaded: modulesOfIpvs(files) };
}

/** Schedulers use ip_vs, so they are first. */
function modulesOfIpvs(files: FilesPort): string[] {
  return loadedModules(files)
    .filter((name) => name === MODULE || name.startsWith(`${MODULE}_`))
    .sort((a, b) => b.length - a.length);
}

/** What to load for these services, and what of it nobody needs any more. Pure. */
export function planModules(
  { engines }: Need,
  { isThere, loaded }: Modules,
  open: readonly JournalEntry[],
): HostPlan<ModuleStep> {
  const isNeeded = engines.includes("ipvs");
  return {
    set: isNeeded && !isThere ? [loadStep(open)] : [],
    restore: isNeeded ? [] : open.map((entry) => unloadStep(entry, loaded)),
    blocked: [],
  };
}

function loadStep(open: readonly JournalEntry[]): ModuleStep {
  const why = "services on IPVS";
  const record = { resource: "module", key: MODULE, before: null, after: "loaded", why } as const;
  return {
    op: "load",
    key: MODULE,
    modules: [],
    records: open.length > 0 ? [] : [record],
    drift: false,
    change: { engine: "module", op: "add", object: `module ${MODULE}`, detail: why },
  };
}

function unloadStep({ id: entry_id, key }: JournalEntry, modules: readonly string[]): ModuleStep {
  const step = { key, modules, records: [], entry_id, drift: false };
  if (modules.length === 0) return { ...step, op: "forget" };
  const detail = "no service needs it any more";
  const change = { engine: "module", op: "remove", object: `module ${key}`, detail } as const;
  return { ...step, op: "unload", change };
}

async function applyModules(
  { sockets, process }: Kernel,
  steps: readonly ModuleStep[],
  journal: Parameters<HostResource<Need, Modules, ModuleStep>["apply"]>[2],
) {
  const outcome = nothingDone();
  for (const { op, modules, records, entry_id, change } of steps) {
    if (op === "load") {
      const entries = journal.record(records);
      try {
        loadIpvs(sockets);
      } catch (error) {
        entries.forEach(({ id }) => journal.undone(id));
        throw error;
      }
      outcome.done.push(change!);
      continue;
    }
    const left = op === "unload" ? await unload(process, modules) : undefined;
    if (left === undefined && change) outcome.done.push(change);
    if (left !== undefined) outcome.notes.push(left);
    journal.undone(entry_id!);
  }
  return outcome;
}

/** @returns a sentence where it stays: the kernel takes out nothing that is in use */
async function unload(
  process: Kernel["process"],
  modules: readonly string[],
): Promise<string | undefined> {
  const words = (reason: string) => `module ${MODULE} stays loaded: ${reason}`;
  try {
    const { code, stderr } = await process.run(["rmmod", ...modules]);
    return code === 0 ? undefined : words(stderr.trim().split("\n")[0] ?? "");
  } catch (error) {
    return words(error instanceof Error ? error.message : String(error));
  }
}
