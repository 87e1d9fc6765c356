import type { FilesPort, Kernel } from "../sys/ports.ts";

/** `uname -r`, as the kernel itself says it. */
export function kernelRelease({ files }: Pick<Kernel, "files">): string {
  return files.read("/proc/sys/kernel/osrelease")?.trim() ?? "unknown";
}

/** The modules of a kernel, by the names that the kernel has for them. */
export interface ModuleLists {
  /** Only what is a module is listed here: what is not may still be built in. */
  readonly loaded: ReadonlySet<string>;
  /** undefined where there is no list of them. */
  readonly builtIn?: ReadonlySet<string>;
  /** Installed, loaded or not; undefined where there is no list of them. */
  readonly installed?: ReadonlySet<string>;
}

/** What files tell of modules. Loads nothing. */
export function moduleLists(files: Pick<FilesPort, "read">, release: string): ModuleLists {
  const folder = `/lib/modules/${release}`;
  return {
    loaded: new Set(loadedModules(files)),
    builtIn: moduleNames(files.read(`${folder}/modules.builtin`)),
    installed: moduleNames(files.read(`${folder}/modules.dep`)),
  };
}

/** The modules that are loaded now, in the kernel's order. */
export function loadedModules(files: Pick<FilesPort, "read">): string[] {
  return (files.read("/proc/modules") ?? "").split("\n").map((line) => line.split(" ", 1)[0]!)
    .filter((name) => name !== "");
}

/** How often a loaded module is in use; 0 where it is not loaded. */
export function moduleUses(files: Pick<FilesPort, "read">, name: string): number {
  const lines = (files.read("/proc/modules") ?? "").split("\n");
  return Number(lines.find((line) => line.startsWith(`${name} `))?.split(" ")[2] ?? 0);
}

/** Whether a module is there and not loaded: whoever asks for what it does has it loaded. */
export function isLoadable(kernel: Pick<Kernel, "files">, name: string): boolean {
  const { loaded, builtIn, installed } = moduleLists(kernel.files, kernelRelease(kernel));
  return !loaded.has(name) && !builtIn?.has(name) && (installed?.has(name) ?? false);
}

function moduleNames(list: string | undefined): ReadonlySet<string> | undefined {
  if (list === undefined) return undefined;
  const names = list.split("\n").map((line) => /([^/]+?)\.ko/.exec(line.split(":")[0] ?? "")?.[1]);
  return new Set(names.map((name) => (name ?? "").replaceAll("-", "_")));
}
