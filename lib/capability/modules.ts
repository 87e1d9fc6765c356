import { type ModuleLists, moduleLists } from "../kernel/modules.ts";
import type { FilesPort } from "../sys/ports.ts";
import type { Need } from "./probes.ts";

/** Where a kernel feature is, by passive evidence alone: nothing is loaded by asking. */
export type Presence = "built-in" | "loaded" | "loadable" | "absent" | "unknown";

/** Where a module is, and how that is known. */
export interface ModuleEvidence {
  readonly presence: Presence;
  readonly evidence: string;
  /** Using it might load a module. */
  readonly mightLoad: boolean;
}

/** Answers where a module is. Reads each file once. */
export class ModuleIndex {
  readonly #release: string;
  readonly #lists: ModuleLists;
  readonly #config: ReadonlyMap<string, string> | undefined;
  readonly #configFile: string;

  constructor(files: FilesPort, release: string, config: KernelConfig | undefined) {
    this.#release = release;
    this.#lists = moduleLists(files, release);
    this.#config = config?.options;
    this.#configFile = config?.file ?? "";
  }

  /** Where a need's module is, by its name (`nft_numgen`) and its option (without `CONFIG_`). */
  find([module, option, kind = "module"]: Need): ModuleEvidence {
    const name = module.replaceAll("-", "_");
    const { loaded, builtIn, installed } = this.#lists;
    if (loaded.has(name)) return settled("loaded", `${name} in /proc/modules`);
    if (builtIn?.has(name)) {
      return settled("built-in", `${name} in modules.builtin of ${this.#release}`);
    }
    if (installed?.has(name)) {
      const evidence = `${name} in modules.dep of ${this.#release}, not loaded`;
      return { presence: "loadable", evidence, mightLoad: true };
    }
    return this.#config ? this.#fromConfig(this.#config, option) : this.#fromLists(name, kind);
  }

  /** What is no module of its own is in neither list, wherever it is. */
  #fromLists(name: string, kind: "module" | "part"): ModuleEvidence {
    if (!this.#lists.installed) {
      const evidence = "no kernel config and no module lists to read";
      return { presence: "unknown", evidence, mightLoad: false };
    }
    if (kind === "module" && this.#lists.builtIn) {
      const evidence = `${name} neither in modules.builtin nor in modules.dep of ${this.#release}`;
      return settled("absent", evidence);
    }
    const evidence = `${name} in no module list of ${this.#release}, and no kernel config to read`;
    return { presence: "unknown", evidence, mightLoad: true };
  }

  #fromConfig(config: ReadonlyMap<string, string>, option: string): ModuleEvidence {
    // A folder of modules of another kernel proves nothing.
    const hasModules = this.#lists.installed !== undefined;
    const value = config.get(`CONFIG_${option}`);
    const evidence = `CONFIG_${option}${
      value ? `=${value}` : " is not set"
    } in ${this.#configFile}`;
    if (value === "y") return settled("built-in", evidence);
    if (value === undefined) return settled("absent", evidence);
    if (hasModules) return settled("absent", `${evidence}, but its module is not installed`);
    // In a container the host loads its own modules, from a folder that is not seen here.
    const unseen = `${evidence}, not loaded, and no folder of modules of ${this.#release} here`;
    return { presence: "unknown", evidence: unseen, mightLoad: true };
  }
}

function settled(presence: Presence, evidence: string): ModuleEvidence {
  return { presence, evidence, mightLoad: false };
}

/** The options a kernel was built with. */
export interface KernelConfig {
  readonly file: string;
  readonly options: ReadonlyMap<string, string>;
}

/** Reads `CONFIG_X=y` lines. */
export function parseKernelConfig(file: string, text: string): KernelConfig {
  const lines = text.split("\n").flatMap((line) => {
    const match = /^(CONFIG_\w+)=(.*)$/.exec(line);
    return match ? [[match[1]!, match[2]!] as const] : [];
  });
  return { file, options: new Map(lines) };
}
