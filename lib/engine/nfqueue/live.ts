import { isRefusal } from "../../model/error.ts";
import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { dumpRequest } from "../../netlink/conntrack/dump.ts";
import { type EventKind, eventOptions, EventReader } from "../../netlink/conntrack/events.ts";
import { NETLINK_NETFILTER, withNetlink } from "../../netlink/request.ts";
import type { BatchSocket, BatchSocketsPort, SocketsPort } from "../../sys/ports.ts";
import { flowHash } from "./flow_hash.ts";
import { FlowTable } from "./flow_table.ts";
import type { SharedLoads } from "./shared_loads.ts";
import { Tally } from "./tally.ts";

const TCP = 6;

/** Some 40,000 events: four times as long as reading a million entries leaves them unread. */
const BUFFER_BYTES = 32 * 1024 * 1024;

/** Entries that are read between two looks at events. */
const ENTRIES_AT_ONCE = 16;

/** A backlog that does not end is no reason to count wrong for longer. */
const BACKLOG_MS_MAX = 1_000;

/** Reading all entries takes a tenth of this thread's time at most, and where it is only to be sure, a fiftieth. */
const REST_FACTOR = 10;
const SURE_FACTOR = 50;
const SURE_MS_MIN = 5_000;

/** The machine, as far as it is needed. */
export interface LivePorts {
  readonly batchSockets: BatchSocketsPort;
  readonly sockets: SocketsPort;
  /** Any clock that does not jump. */
  readonly now_ms: () => number;
}

/** How events are waited for. */
export interface LiveOptions {
  readonly timeout_ms: number;
  /** What the kernel may keep until it is read. @default 32 MiB */
  readonly buffer_bytes?: number;
}

/**
 * Keeps the counts of connections true to conntrack: by its events, and by all entries where events got lost, or
 * cannot be expected. From linux 5.19 on an entry sends events only if somebody listened when it was made
 * (nf_conntrack_events = 2), so those of before are looked for now and then until they are gone.
 */
export class LiveCounts {
  readonly #ports: LivePorts;
  readonly #marks: MarkLayout;
  readonly #seed: number;
  readonly #tally: Tally;
  readonly #socket: BatchSocket;
  /** Most datagrams at once. */
  readonly #batch: number;
  readonly #view: DataView;
  readonly #reader = new EventReader();
  /** Since when events are known to be lost, and not yet made up for. */
  #lost_since_ms: number | undefined;
  #read_at_ms = 0;
  #read_took_ms = 0;

  /** How often the kernel told that it could not keep events for us. */
  events_lost = 0;
  /** How often all entries were read, but for the first time. */
  resyncs = 0;

  /**
   * Listens, and reads all entries.
   *
   * @throws {KernelError} where the kernel has no conntrack netlink, or without CAP_NET_ADMIN
   */
  constructor(
    ports: LivePorts,
    marks: MarkLayout,
    shared: SharedLoads,
    { timeout_ms, buffer_bytes = BUFFER_BYTES }: LiveOptions,
  ) {
    this.#ports = ports;
    this.#marks = marks;
    this.#seed = shared.seed;
    this.#tally = new Tally(shared);
    const options = eventOptions(timeout_ms, buffer_bytes);
    this.#batch = options.datagrams;
    this.#socket = ports.batchSockets.netlink(NETLINK_NETFILTER, options);
    const { bytes } = this.#socket;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    try {
      this.#readAll();
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Connections with backends, now. */
  get entries(): number {
    return this.#tally.entries;
  }

  /**
   * Waits for events, for at most the time-out, and counts those that are there; then sees to what is due.
   *
   * @returns how many there were
   * @throws {KernelError}
   */
  step(): number {
    const events = this.#hearEvents(true);
    this.#tally.expire(this.#ports.now_ms());
    if (this.#isReadingDue(events)) {
      this.resyncs++;
      this.#readAll();
    }
    return events;
  }

  close(): void {
    this.#socket.close();
  }

  #hearEvents(waits: boolean): number {
    const datagrams = this.#receive(waits);
    this.#tally.hear(this.#ports.now_ms());
    for (let index = 0; index < datagrams; index++) {
      this.#reader.begin(
        this.#view,
        index * this.#socket.stride_bytes,
        Math.min(this.#socket.lengthOf(index), this.#socket.stride_bytes),
      );
      for (let kind = this.#reader.next(); kind !== undefined; kind = this.#reader.next()) {
        this.#count(kind);
      }
    }
    return datagrams;
  }

  /** Once some are lost, none are kept until all that are there have been read (netlink_overrun()). */
  #receive(waits: boolean): number {
    for (;;) {
      try {
        return this.#socket.receive(waits);
      } catch (error) {
        if (!isRefusal(error, ["ENOBUFS"])) throw error;
        this.#lose();
      }
    }
  }

  #lose(): void {
    this.events_lost++;
    this.#lost_since_ms ??= this.#ports.now_ms();
  }

  #count(kind: EventKind): void {
    const { mark, id, tcp_state, protocol } = this.#reader;
    if (kind === "other") return this.#lose();
    const flow = this.#flow();
    if (kind === "destroy" || isEnded(tcp_state)) this.#tally.delete(id, flow);
    // One that does not tell its state may be about a connection that is over.
    else if (kind === "new" || protocol !== TCP || tcp_state || this.#tally.has(id, flow)) {
      this.#tally.set(id, flow, idOfMark(this.#marks, mark));
    }
  }

  #flow(): number {
    const reader = this.#reader;
    return flowHash(reader.view, reader, reader.address_bytes, this.#seed);
  }

  #isReadingDue(events: number): boolean {
    const now_ms = this.#ports.now_ms();
    const rested_ms = now_ms - this.#read_at_ms;
    if (this.#lost_since_ms === undefined) {
      return this.#tally.unheard > 0 &&
        rested_ms > Math.max(SURE_MS_MIN, SURE_FACTOR * this.#read_took_ms);
    }
    // What is older than the loss must be counted before, or it would be taken for news.
    const isDrained = events < this.#batch ||
      now_ms - this.#lost_since_ms > BACKLOG_MS_MAX;
    return isDrained && rested_ms > REST_FACTOR * this.#read_took_ms;
  }

  /** Reads all entries; what events tell meanwhile is counted at once, and knows better. */
  #readAll(): void {
    const start_ms = this.#ports.now_ms();
    this.#lost_since_ms = undefined;
    const read = withNetlink(
      this.#ports.sockets,
      NETLINK_NETFILTER,
      (connection) =>
        connection.dump(
          dumpRequest({}),
          () => {
            this.#tally.watch();
            return { entries: new FlowTable(), seen: 0 };
          },
          (into, { body }) => {
            this.#addEntry(into.entries, body);
            if (++into.seen % ENTRIES_AT_ONCE === 0) this.#hearEvents(false);
          },
        ),
    );
    this.#tally.replace(read.entries);
    this.#read_at_ms = this.#ports.now_ms();
    this.#read_took_ms = this.#read_at_ms - start_ms;
  }

  #addEntry(entries: FlowTable, body: DataView): void {
    if (!this.#reader.read(body)) return;
    const backend = idOfMark(this.#marks, this.#reader.mark);
    if (backend === 0 || isEnded(this.#reader.tcp_state)) return;
    entries.set(this.#reader.id, this.#flow(), backend);
  }
}
