/** A goal, and what came of it. */
export interface Check {
  readonly what: string;
  readonly goal: string;
  readonly measured: string;
  readonly ok: boolean;
}
