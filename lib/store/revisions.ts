import type { EngineName } from "../model/service.ts";
import type { Trial } from "../model/trial.ts";
import type { Database } from "./database.ts";

/** Who asked for a revision, with which config and command. */
export interface RevisionStart {
  readonly config_text: string;
  readonly who: string;
  readonly command: string;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
}

/** How a revision came to its end. */
export interface RevisionEnd {
  readonly outcome: "applied" | "failed";
  readonly plan_json: string;
  /** One line for people: what failed, or what changed. */
  readonly detail: string;
  /** Milliseconds since 1970. */
  readonly finished_at_ms: number;
}

/** One run that set out to change something. */
export interface Revision extends RevisionStart {
  readonly revision: number;
  /**
   * `interrupted`: it never said how it ended, so it was cut off, or is running right now. `reverted`: it was
   * applied on trial, and nobody has confirmed it.
   */
  readonly outcome: RevisionEnd["outcome"] | "interrupted" | "reverted";
  readonly finished_at_ms: number | null;
  readonly detail: string | null;
}

/** With all that it changed: 10 MB for a first apply of ten thousand services. */
export interface PlannedRevision extends Revision {
  readonly plan_json: string | null;
}

/** A revision without its config, which may be megabytes. */
export interface RevisionSummary extends Omit<Revision, "config_text"> {
  /** Length of the config; 0 after an uninstall. */
  readonly config_bytes: number;
}

/** The engines of services, by their names. */
export interface EnginesByName {
  get(name: string): EngineName | undefined;
}

/** Each holds a whole config text and what was changed: the newest are kept, and whatever is in force. */
const REVISIONS_MAX = 100;

/** Of large configs only so many are kept as have room here, since a hundred would be half a gigabyte. */
const BYTES_MAX = 64_000_000;

/** That many are kept whatever their size. */
const REVISIONS_MIN = 10;

const COLUMNS = `revision, at_ms, who, command,
  iif(reverted_at_ms IS NULL, coalesce(outcome, 'interrupted'), 'reverted') AS outcome,
  finished_at_ms, detail`;

const TABLES = "revision JOIN config_text USING (revision)";

/** Tables `revision` and `config_text`: only what ended "applied" counts as current. */
export class Revisions {
  readonly #db: Database;

  constructor(db: Database) {
    this.#db = db;
  }

  /** The number {@linkcode Revisions.begin} will give next. */
  next(): number {
    const row = this.#db.get<{ seq: number }>(
      "SELECT seq FROM sqlite_sequence WHERE name = 'revision'",
    );
    return Number(row?.seq ?? 0) + 1;
  }

  /** Written before anything is changed. @returns the revision's number; numbers are never used twice */
  begin(start: RevisionStart): number {
    return this.#db.transaction(() => {
      this.#prune();
      const row = "INSERT INTO revision (at_ms, who, command) VALUES (?, ?, ?)";
      const { id } = this.#db.run(row, start.at_ms, start.who, start.command);
      const text = "INSERT INTO config_text (revision, text) VALUES (?, ?)";
      this.#db.run(text, id, start.config_text);
      return id;
    });
  }

  #prune(): void {
    this.#db.run(
      `DELETE FROM revision
       WHERE revision IN (
           SELECT revision FROM (
             SELECT revision, row_number() OVER newest AS place,
               sum(octet_length(text) + octet_length(coalesce(plan_json, ''))) OVER newest AS bytes
             FROM ${TABLES} WINDOW newest AS (ORDER BY revision DESC)
           ) WHERE place > ? OR (place > ? AND bytes > ?)
         )
         AND revision NOT IN (SELECT max(revision) FROM revision WHERE outcome = 'applied')
         AND revision NOT IN (SELECT revision FROM committed)
         AND revision NOT IN (SELECT back_to FROM trial WHERE back_to IS NOT NULL)`,
      REVISIONS_MAX,
      REVISIONS_MIN,
      BYTES_MAX,
    );
  }

  /** Written after everything was changed, or after the change was given up. */
  finish(revision: number, end: RevisionEnd): void {
    this.#db.run(
      `UPDATE revision SET outcome = ?, plan_json = ?, detail = ?, finished_at_ms = ?
       WHERE revision = ?`,
      end.outcome,
      end.plan_json,
      end.detail,
      end.finished_at_ms,
      revision,
    );
  }

  /** What failed at the very same thing before. */
  forgetFailed(command: string): void {
    this.#db.run(
      `DELETE FROM revision WHERE outcome = 'failed' AND command = ?
         AND revision NOT IN (SELECT revision FROM committed)`,
      command,
    );
  }

  /** What was in force on trial was taken back by itself, and so was what that was on top of. @param at_ms since 1970 */
  markReverted({ revision, back_to }: Trial, at_ms: number): void {
    this.#db.run(
      `UPDATE revision SET reverted_at_ms = ?
       WHERE outcome = 'applied' AND revision > ? AND revision <= ?`,
      at_ms,
      back_to ?? 0,
      revision,
    );
  }

  /** Puts on record which engine each service is on, as JSON by their names. */
  keepEngines(revision: number, engines_json: string): void {
    this.#db.run("UPDATE revision SET engines_json = ? WHERE revision = ?", engines_json, revision);
  }

  /** What {@linkcode Revisions.keepEngines} was given; undefined where nothing is on record. */
  enginesText(revision: number): string | undefined {
    const row = "SELECT engines_json AS json FROM revision WHERE revision = ?";
    return this.#db.get<{ json: string | null }>(row, revision)?.json ?? undefined;
  }

  /** Which engine each service of a revision is on, by their names. */
  engines(revision: number): EnginesByName | undefined {
    const json = this.enginesText(revision);
    if (json === undefined) return undefined;
    // Not a map: to make one of 10,000 names takes ten times as long as to parse them.
    const engines = JSON.parse(json) as Record<string, EngineName>;
    return { get: (name) => Object.hasOwn(engines, name) ? engines[name] : undefined };
  }

  /** Number of the revision in force. */
  current(): number | undefined {
    const which = "SELECT max(revision) AS revision FROM revision WHERE outcome = 'applied'";
    return this.#db.get<{ revision: number | null }>(which)?.revision ?? undefined;
  }

  /** Whether the config in force has this word in it; its text stays where it is. */
  currentHolds(word: string): boolean {
    const which = "SELECT instr(text, ?) > 0 AS found FROM config_text WHERE revision = ?";
    const current = this.current();
    return current !== undefined &&
      this.#db.get<{ found: number }>(which, word, current)?.found === 1;
  }

  get(revision: number): PlannedRevision | undefined {
    return this.#db.get<PlannedRevision>(
      `SELECT ${COLUMNS}, text AS config_text, plan_json FROM ${TABLES} WHERE revision = ?`,
      revision,
    );
  }

  latestApplied(): Revision | undefined {
    return this.#select("WHERE outcome = 'applied' ORDER BY revision DESC LIMIT 1")[0];
  }

  /** The one that was current when this one began. */
  appliedBefore(revision: number): Revision | undefined {
    const which = "WHERE outcome = 'applied' AND revision < ? ORDER BY revision DESC LIMIT 1";
    return this.#select(which, revision)[0];
  }

  /** Whether a revision that is kept has exactly this config. */
  holdText(config_text: string): boolean {
    const which = "SELECT 1 FROM config_text WHERE text = ? LIMIT 1";
    return this.#db.get(which, config_text) !== undefined;
  }

  /** Newest first. */
  summaries(limit = 100): RevisionSummary[] {
    return this.#db.all<RevisionSummary>(
      `SELECT ${COLUMNS}, octet_length(text) AS config_bytes FROM ${TABLES}
       ORDER BY revision DESC LIMIT ?`,
      limit,
    );
  }

  /** Newest first. */
  list(limit = 100): Revision[] {
    return this.#select("ORDER BY revision DESC LIMIT ?", limit);
  }

  #select(which: string, ...values: number[]): Revision[] {
    const rows = `SELECT ${COLUMNS}, text AS config_text FROM ${TABLES} ${which}`;
    return this.#db.all<Revision>(rows, ...values);
  }
}
