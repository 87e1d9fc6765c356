import type { BackendCounters } from "../engine/engine.ts";
import { ENGINES } from "../engine/registry.ts";
import { LbError } from "../model/error.ts";
import { type Counts, type Sample, totalsOf } from "../model/sample.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import { type BackendRow, foldCounter } from "../store/ids.ts";
import type { Machine } from "./request.ts";

type Keeper = Pick<Machine, "store" | "kernel" | "host">;

/**
 * Counting active connections takes 3 µs for each conntrack entry (see countActive), and gets one percent of a
 * core at most: with up to 33,000 entries every sample has the count, with a million one in 5 minutes.
 */
const COUNT_EVERY_MS_PER_ENTRY = 0.3;

/** Samples are no closer to each other. */
const ALWAYS_MS = 10_000;

/**
 * Puts on record that a pass has come to its end, and what was counted of each service by then, if it is time
 * for that. Where the kernel cannot be asked, or the disk is full, there is no record: whoever needs them tells
 * of it.
 */
export async function recordPassage(machine: Keeper): Promise<void> {
  const { store: { samples, passes }, kernel: { clock } } = machine;
  const at_ms = clock.now_ms();
  try {
    passes.end(at_ms);
    if (samples.isDue(at_ms)) samples.add(await readSamples(machine, at_ms));
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
  }
}

/** Of what is in force, as it was committed: no config is parsed for it. */
async function readSamples(machine: Keeper, at_ms: number): Promise<Sample[]> {
  const { store, kernel, host } = machine;
  const rows = new Map(store.backends.all().map((row) => [row.id, row]));
  const withoutActive = !isCountDue(machine, at_ms);
  const found: Sample[] = [];
  for (const engine of ENGINES) {
    const record = store.commits.get(engine.name, host);
    const services = record ? [...store.commits.services(engine.name, host).values()] : [];
    if (!record || services.length === 0) continue;
    const state: DesiredState = {
      ...JSON.parse(record.frame_json) as Omit<DesiredState, "services">,
      services: JSON.parse(`[${services}]`) as PlacedService[],
    };
    const counters = await engine.counters(kernel, state, { withoutActive });
    const counted = new Map(counters.map((each) => [each.id, each]));
    found.push(...state.services.map((service) => sampleOf(service, at_ms, counted, rows)));
  }
  return found;
}

function isCountDue({ store, kernel: { files } }: Keeper, now_ms: number): boolean {
  const entries = Number(files.read("/proc/sys/net/netfilter/nf_conntrack_count") ?? 0);
  const every_ms = entries * COUNT_EVERY_MS_PER_ENTRY;
  if (every_ms <= ALWAYS_MS) return true;
  const last_ms = store.samples.lastAt() ?? 0;
  return Math.floor(now_ms / every_ms) !== Math.floor(last_ms / every_ms);
}

function sampleOf(
  { name, backends }: PlacedService,
  at_ms: number,
  counted: ReadonlyMap<number, BackendCounters>,
  rows: ReadonlyMap<number, BackendRow>,
): Sample {
  const counts = backends.map(({ id }): Counts => {
    const { new_connections: raw, ...rest } = counted.get(id) ?? UNCOUNTED;
    const row = rows.get(id);
    return {
      ...rest,
      new_connections: row && raw !== null ? foldCounter(row, raw).new_total : raw,
    };
  });
  return { service: name, at_ms, ...totalsOf(counts) };
}

const UNCOUNTED: Counts = {
  new_connections: null,
  active_connections: null,
  bytes_in: null,
  bytes_out: null,
};
