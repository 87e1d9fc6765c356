/** What the guest measures and hands over as one line of JSON. */

/** Services and backends of each, to be applied. */
export const IPVS_SERVICES = 1_000;
export const IPVS_BACKENDS = 10;

/** What is measured in the guest. */
export interface IpvsSpec {
  readonly pairs: number;
  /** Of each measurement of connections. */
  readonly seconds: number;
}

/** The same index is the same pair. */
export interface IpvsResult {
  readonly kernel: string;
  /** Connections a second. */
  readonly connections: { readonly lb: readonly number[]; readonly ipvsadm: readonly number[] };
  /** Of all services, ms: whole commands, start included. */
  readonly apply: {
    readonly lb: readonly number[];
    readonly ipvsadm: readonly number[];
    /** `lb apply` once more. */
    readonly unchanged: readonly number[];
  };
}
