import { isSampleDue, type Sample, stretchFor, surplusTimes } from "../model/sample.ts";
import type { Database } from "./database.ts";

/** A service's counts as they are on record: its name, then the sample's, in its order. */
type Counts = readonly [
  service: string,
  new_connections: number | null,
  active_connections: number | null,
  bytes_in: number | null,
  bytes_out: number | null,
];

interface SampleRow {
  readonly at_ms: number;
  readonly counts_json: string;
}

/** Table `sample`: what was counted of services, thinned by age and bounded in size (lib/model/sample.ts). */
export class Samples {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** Whether it is time for the next ones. */
  isDue(now_ms: number): boolean {
    return isSampleDue(this.#last(), now_ms);
  }

  /** When the last ones were taken; undefined where none were. Milliseconds since 1970. */
  lastAt(): number | undefined {
    return this.#last()?.at_ms;
  }

  /**
   * Adds samples, and forgets what is not to be kept of all. Those of one moment come together.
   *
   * @param samples the latest moment among them is taken for the present
   */
  add(samples: readonly Sample[]): void {
    if (samples.length === 0) return;
    this.#db.transaction(() => {
      const sql = "INSERT OR REPLACE INTO sample (at_ms, services, counts_json) VALUES (?, ?, ?)";
      for (const [at_ms, all] of Map.groupBy(samples, (one) => one.at_ms)) {
        this.#db.run(sql, at_ms, all.length, JSON.stringify(all.map(countsOf)));
      }
      this.#thin(samples.reduce((latest_ms, { at_ms }) => Math.max(latest_ms, at_ms), 0));
    });
  }

  /** Of all services, oldest first. */
  since(since_ms: number): Sample[] {
    return this.#db.all<SampleRow>(
      "SELECT at_ms, counts_json FROM sample WHERE at_ms >= ? ORDER BY at_ms",
      since_ms,
    ).flatMap(samplesOf);
  }

  /** Of all services, as they were last before this moment; none where that is on no record. */
  lastBefore(before_ms: number): Sample[] {
    return this.#db.all<SampleRow>(
      "SELECT at_ms, counts_json FROM sample WHERE at_ms < ? ORDER BY at_ms DESC LIMIT 1",
      before_ms,
    ).flatMap(samplesOf);
  }

  #thin(now_ms: number): void {
    // As one text: a thousand rows cost more than all the rest.
    const sql = "SELECT json_group_array(at_ms ORDER BY at_ms) AS times_json FROM sample";
    const times = JSON.parse(this.#db.get<{ times_json: string }>(sql)!.times_json) as number[];
    const stretch = stretchFor(this.#last()?.services ?? 0);
    for (const at_ms of surplusTimes(times, now_ms, stretch)) {
      this.#db.run("DELETE FROM sample WHERE at_ms = ?", at_ms);
    }
  }

  #last(): { readonly at_ms: number; readonly services: number } | undefined {
    return this.#db.get("SELECT at_ms, services FROM sample ORDER BY at_ms DESC LIMIT 1");
  }
}

function countsOf(sample: Sample): Counts {
  const { service, new_connections, active_connections, bytes_in, bytes_out } = sample;
  return [service, new_connections, active_connections, bytes_in, bytes_out];
}

function samplesOf({ at_ms, counts_json }: SampleRow): Sample[] {
  const all = JSON.parse(counts_json) as Counts[];
  return all.map(([service, new_connections, active_connections, bytes_in, bytes_out]) => ({
    service,
    at_ms,
    new_connections,
    active_connections,
    bytes_in,
    bytes_out,
  }));
}
