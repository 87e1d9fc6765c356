/** One thing that differs between what is wanted and what is there. */
export interface Change {
  /** `nft`, `ipvs`, `sysctl`, `address`, `module`. */
  readonly engine: string;
  readonly op: "add" | "change" | "remove";
  /** For instance `map sl-web4` or `net.ipv4.ip_forward`. */
  readonly object: string;
  /** One line for people. */
  readonly detail: string;
}

/** What the detail of a change begins with whose object is to be made whole: a table, for instance. */
export const ABSENT = "does not exist";

/** Whether something can be done, and if not, every reason why not. */
export type Verdict =
  | { readonly ok: true }
  | { readonly ok: false; readonly reasons: readonly Reason[] };

/** A reason against. `path` is the config key it hangs on, below the service: `["persistence"]`. */
export interface Reason {
  readonly path: readonly (string | number)[];
  readonly message: string;
}
