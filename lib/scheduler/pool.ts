/**
 * Backends as the hot path wants them: numbers side by side. A backend is known by its index; `ids` holds what
 * its connections are counted by.
 */
export interface Pool {
  readonly ids: Uint32Array;
  /** Above 0: who takes no new connections is not in a pool. */
  readonly weights: Float64Array;
  /** All of them together. */
  readonly weight: number;
  /** Most connections at a time; 0 is no limit. */
  readonly limits: Uint32Array;
}

/** Connections at this moment. */
export interface Counts {
  /** Of a backend, by its id. */
  activeOf(id: number): number;
}

/** A choice that was made, to be filled: no object is made for each packet. */
export interface Pick {
  /** Into the pool. */
  index: number;
  /** Connections that it had when it was chosen. */
  active: number;
}

/** Whether a backend with so many connections may have another one. */
export function hasRoom(pool: Pool, index: number, active: number): boolean {
  const limit = pool.limits[index]!;
  return limit === 0 || active < limit;
}
