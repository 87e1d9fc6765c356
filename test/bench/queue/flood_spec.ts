/** What a generator is told, as JSON. */
export interface FloodSpec {
  readonly link: string;
  readonly to_mac: string;
  readonly address: string;
  readonly port: number;
  readonly seconds: number;
  /** As many as it can where it is 0. */
  readonly per_second: number;
}

/** What it says at its end. */
export interface FloodResult {
  readonly sent: number;
  readonly seconds: number;
}
