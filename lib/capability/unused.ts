import { loadedModules } from "../kernel/modules.ts";
import type { EngineName } from "../model/service.ts";
import type { Kernel } from "../sys/ports.ts";
import { moduleIndex } from "./detect.ts";
import type { Facts } from "./facts.ts";
import { HOLDERS } from "./probes.ts";

/**
 * Engines of which nothing can be in the kernel, since the module that would hold it is not loaded. A look at
 * what they have would load it.
 */
export async function unusedEngines(
  kernel: Pick<Kernel, "files">,
): Promise<ReadonlySet<EngineName>> {
  const modules = await moduleIndex(kernel);
  const names = Object.keys(HOLDERS) as EngineName[];
  return new Set(names.filter((name) => modules.find(HOLDERS[name]!).presence === "loadable"));
}

/** The modules behind these capabilities that are not loaded now, whatever they were when facts were found. */
export function modulesToLoad(
  { files }: Pick<Kernel, "files">,
  { capabilities }: Pick<Facts, "capabilities">,
  used: ReadonlySet<string>,
): string[] {
  const loadable = capabilities.filter(({ id, answer }) => answer === "loadable" && used.has(id));
  if (loadable.length === 0) return [];
  const loaded = loadedModules(files);
  // What is told as evidence begins with the module's name (ModuleIndex).
  const names = loadable.map(({ evidence }) => evidence.split(" ", 1)[0]!);
  return [...new Set(names)].filter((name) => !loaded.includes(name)).sort();
}
