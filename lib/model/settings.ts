import type { EngineName, Service } from "./service.ts";
import type { MarkLayout } from "./mark.ts";

/** Where events are sent. */
export interface Notify {
  readonly webhook?: string;
  readonly secret_file?: string;
  readonly program?: readonly string[];
  readonly events: readonly string[];
}

/** The whole of `lb.toml`, validated, every default filled in. */
export interface Config {
  readonly engine: EngineName | "auto";
  readonly marks: MarkLayout;
  /** `check` reports sysctls and changes none. */
  readonly sysctl: "apply" | "check";
  /** Load balancers behind the same router. */
  readonly nodes: number;
  /** Undefined where there is no `[notify]`. */
  readonly notify?: Notify;
  readonly services: readonly Service[];
}
