import { EVENTS_MAX } from "../model/event.ts";
import type { Database } from "./database.ts";

/** Something worth telling the operator later. */
export interface NewEvent {
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  /** One of `EVENT_KINDS` (lib/model/event.ts). */
  readonly kind: string;
  readonly service?: string;
  readonly backend?: string;
  readonly message: string;
  /** JSON for programs; undefined where the message says it all. */
  readonly data_json?: string;
}

/** An event on record. */
export interface Event extends NewEvent {
  readonly id: number;
}

/** Which events are asked for. */
export interface EventQuery {
  /** @default 100 */
  readonly limit?: number;
  /** Only from this time on, milliseconds since 1970. @default 0 */
  readonly since_ms?: number;
  /** Only those that came after this one. @default 0 */
  readonly after_id?: number;
  /** Only of these kinds. @default of all */
  readonly kinds?: readonly string[];
}

/** Table `event`, the newest {@linkcode EVENTS_MAX}. */
export class Events {
  readonly #db: Database;
  readonly #max: number;

  constructor(db: Database, max = EVENTS_MAX) {
    this.#db = db;
    this.#max = max;
  }

  /** @returns the event's id; ids grow and are never used twice */
  add(event: NewEvent): number {
    return this.#db.transaction(() => {
      const { id } = this.#db.run(
        `INSERT INTO event (at_ms, kind, service, backend, message, data_json)
         VALUES (?, ?, ?, ?, ?, ?)`,
        event.at_ms,
        event.kind,
        event.service ?? null,
        event.backend ?? null,
        event.message,
        event.data_json ?? null,
      );
      this.#db.run("DELETE FROM event WHERE id <= ?", id - this.#max);
      return id;
    });
  }

  /** Undefined where it is no longer on record. */
  get(id: number): Event | undefined {
    const row = this.#db.get<EventRow>("SELECT * FROM event WHERE id = ?", id);
    return row && toEvent(row);
  }

  /** Of the newest; 0 where there never was one. */
  lastId(): number {
    return this.#db.get<{ id: number | null }>("SELECT MAX(id) AS id FROM event")?.id ?? 0;
  }

  /** Newest first. */
  list(query: EventQuery = {}): Event[] {
    const { since_ms = 0, after_id = 0, kinds, limit = 100 } = query;
    const among = kinds ? ` AND kind IN (${kinds.map(() => "?")})` : "";
    return this.#db.all<EventRow>(
      `SELECT * FROM event WHERE at_ms >= ? AND id > ?${among} ORDER BY id DESC LIMIT ?`,
      since_ms,
      after_id,
      ...kinds ?? [],
      limit,
    ).map(toEvent);
  }
}

/** SQL has null where the model has nothing. */
interface EventRow extends Omit<Event, "service" | "backend" | "data_json"> {
  readonly service: string | null;
  readonly backend: string | null;
  readonly data_json: string | null;
}

function toEvent({ service, backend, data_json, ...row }: EventRow): Event {
  return {
    ...row,
    ...(service === null ? {} : { service }),
    ...(backend === null ? {} : { backend }),
    ...(data_json === null ? {} : { data_json }),
  };
}
