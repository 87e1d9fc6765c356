import type { Family } from "../../model/address.ts";
import type { PlacedService } from "../../model/state.ts";

/** Names of the objects of one service in one family. Each kind has a prefix, for nft reserves words. */
export function serviceNames(service: Pick<PlacedService, "name">, family: Family) {
  const stem = `${service.name}${family}`;
  return {
    /** Where packets for the service arrive. */
    chain: `s-${stem}`,
    /** Counts the connections of both families. */
    limit: `l-${service.name}`,
    /** Slot → backend chain, for schedulers that count or draw. */
    verdictSlots: `sv-${stem}`,
    /** Slot → backend id, for schedulers that hash. */
    idSlots: `sl-${stem}`,
    /** Backend id → backend chain. */
    backends: `be-${stem}`,
    /** Where first packets for the worker are sorted out. */
    entrance: `e-${stem}`,
    /** Mark that the worker gave → backend chain. */
    choices: `mk-${stem}`,
    /** Counts the connections that the kernel chose for, in the worker's place. */
    fallbacks: `f-${stem}`,
    /** Source → backend id: persistence. */
    sticky: `st-${stem}`,
    /** Sources with their rate of new connections. */
    rates: `rt-${stem}`,
    allow: `al-${stem}`,
    deny: `dn-${stem}`,
    /** What is written on packets of balanced connections. */
    quality: `q-${service.name}`,
  };
}

/** Names of the objects of one backend. */
export function backendNames(id: number) {
  return { chain: `b-${id}`, counter: `n-${id}`, limit: `m-${id}` };
}

/** The backend whose counter this is; undefined for a counter of somebody else's. */
export function idOfCounter(name: string): number | undefined {
  const id = /^n-(\d+)$/.exec(name)?.[1];
  return id === undefined ? undefined : Number(id);
}

/** Collections whose elements packets add and time removes: never compared, never written. */
export function isDynamic(name: string): boolean {
  return name.startsWith("st-") || name.startsWith("rt-") || name.startsWith("sn-");
}

/**
 * A backend id in the spelling of `meta priority`, which carries it between rules: the nat hook sees
 * only the first packet of a connection, and the backend's chain sets the field back.
 */
export function priorityOfId(id: number): string {
  return `${(id >>> 16).toString(16)}:${(id & 0xffff).toString(16)}`;
}

/** A 32-bit value as rules spell it. */
export function hex(value: number): string {
  return `0x${(value >>> 0).toString(16).padStart(8, "0")}`;
}
