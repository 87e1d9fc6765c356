import type { Reason } from "../../model/change.ts";
import type { Service } from "../../model/service.ts";

/** A limit of this engine: where it shows in the config, when it applies, and why. */
export interface Limit {
  readonly path: Reason["path"];
  readonly applies: (service: Service) => boolean;
  readonly why: string;
}

/** The same of single backends; `key` is the backend's. */
export interface BackendLimit {
  readonly key: string;
  readonly applies: (backend: Service["backends"][number], service: Service) => boolean;
  readonly why: string;
}
