/** Kinds of host state whose prior value is kept, so that it can be put back. */
export const JOURNAL_RESOURCES = ["sysctl", "address", "module"] as const;
export type JournalResource = typeof JOURNAL_RESOURCES[number];

/** What is about to be changed on the host, written down before it is changed. */
export interface JournalRecord {
  readonly resource: JournalResource;
  /** `net.ipv4.ip_forward`, or `eth0 203.0.113.10/32`. */
  readonly key: string;
  /** null: it was not there. */
  readonly before: string | null;
  readonly after: string;
  readonly why: string;
  /**
   * Index of the interface that the key names: it stays where the name changes. Absent or null where the
   * key names none, and in what was written before schema 6.
   */
  readonly ifindex?: number | null;
}

/** A change that was journalled. Open until `undone_at` says when it was put back or given up. */
export interface JournalEntry extends JournalRecord {
  readonly id: number;
  /** Milliseconds since 1970. */
  readonly at_ms: number;
  /** Milliseconds since 1970; null while the change stands. */
  readonly undone_at: number | null;
}
