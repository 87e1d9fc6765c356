/**
 * When a change is carried out (architecture.md, "a plan is ordered stages"): what a service needs
 * first, then the service, then what is no longer needed.
 */
export const STAGES = ["sysctl", "address", "engine", "conntrack", "cleanup"] as const;
export type Stage = typeof STAGES[number];

/** One thing that differs between what is wanted and what is there. */
export interface Change {
  /** `nft`, `sysctl`, `address`, `conntrack`. */
  readonly engine: string;
  readonly op: "add" | "change" | "remove";
  /** For instance `map sl-web4` or `net.ipv4.ip_forward`. */
  readonly object: string;
  /** One line for people. */
  readonly detail: string;
}

/** Whether something can be done, and if not, every reason why not. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reasons: readonly Reason[] };

/** A reason against. `path` is the config key it hangs on, below the service: `["persistence"]`. */
export interface Reason {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
