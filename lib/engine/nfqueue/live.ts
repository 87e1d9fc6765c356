import { isRefusal } from "../../model/error.ts";
import { idOfMark, type MarkLayout } from "../../model/mark.ts";
import { isEnded } from "../../netlink/conntrack/count.ts";
import { type EventKind, eventOptions, EventReader } from "../../netlink/conntrack/events.ts";
import { NETLINK_NETFILTER } from "../../netlink/request.ts";
import type { BatchSocket, BatchSocketsPort, SocketsPort } from "../../sys/ports.ts";
import { Due } from "./due.ts";
import { flowHash } from "./flow_hash.ts";
import type { FlowTable } from "./flow_table.ts";
import { Reading } from "./reading.ts";
import { isCounted, type SharedLoads } from "./shared_loads.ts";
import { Tally } from "./tally.ts";

const TCP = 6;

/** Some 40,000 events: four times as long as reading a million entries leaves them unread. */
const BUFFER_BYTES = 32 * 1024 * 1024;

/**
 * Events come in one by one, and to be woken for each costs more than to count it: 4.5 µs an event against 1.1, at
 * 10,000 connections a second. Choices count without them, so that ends alone are known this much later.
 */
const PAUSE_MS = 1;

/** Entries that are read between two looks at events: a tenth of a millisecond. */
const ENTRIES_AT_ONCE = 32;

/** The machine, as far as it is needed. */
export interface LivePorts {
  readonly batchSockets: BatchSocketsPort;
  readonly sockets: SocketsPort;
  /** Any clock that does not jump. */
  readonly now_ms: () => number;
  /** Does nothing for so long; blocks this thread. */
  readonly pause: (ms: number) => void;
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
  readonly #due = new Due();
  /** How many the last look at events found. */
  #events = 0;
  #reading: Reading | undefined;
  /** Whether all entries have been read once: counts are of something before, and of everything from then on. */
  isReady = false;

  /** How often the kernel told that it could not keep events for us. */
  events_lost = 0;

  /**
   * Listens. The first steps read all entries.
   *
   * @throws {KernelError} without CAP_NET_ADMIN
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
  }

  /**
   * Waits for events, for at most the time-out, and counts those that are there; then sees to what is due. Where
   * that is to read entries, it is some of them, and nothing is waited for.
   *
   * @returns how many events there were
   * @throws {KernelError} where the kernel has no conntrack netlink
   */
  step(): number {
    if (!this.isReady && !this.#reading) this.#begin();
    else if (this.#isBusy) this.#ports.pause(PAUSE_MS);
    this.#events = this.#hearEvents(!this.#reading);
    const now_ms = this.#ports.now_ms();
    this.#tally.expire(now_ms);
    const isDrained = this.#events < this.#batch;
    if (this.#reading) this.#read(this.#reading);
    else if (this.#due.isNow(now_ms, isDrained, this.#tally.unheard)) this.#begin();
    return this.#events;
  }

  close(): void {
    this.#reading?.close();
    this.#socket.close();
  }

  /** Whether more may come at once, and none wait already. */
  get #isBusy(): boolean {
    return !this.#reading && this.#events > 0 && this.#events < this.#batch;
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
    this.#due.lose(this.#ports.now_ms());
  }

  #count(kind: EventKind): void {
    const { id, tcp_state, protocol } = this.#reader;
    if (kind === "other") return this.#lose();
    const flow = this.#flow();
    if (kind === "destroy" || isEnded(tcp_state)) this.#tally.delete(id, flow);
    // One that does not tell its state may be about a connection that is over.
    else if (kind === "new" || protocol !== TCP || tcp_state || this.#tally.has(id, flow)) {
      this.#tally.set(id, flow, this.#backend());
    }
  }

  /** 0 for an entry that is nobody's, or none that could be chosen for. */
  #backend(): number {
    const id = idOfMark(this.#marks, this.#reader.mark);
    return isCounted(this.#marks, id) ? id : 0;
  }

  #flow(): number {
    const reader = this.#reader;
    return flowHash(reader.view, reader, reader.address_bytes, this.#seed);
  }

  #begin(): void {
    this.#due.begin(this.#ports.now_ms());
    this.#reading = new Reading(this.#ports.sockets, {
      begin: () => this.#tally.watch(),
      add: (body, into) => this.#addEntry(body, into),
    });
  }

  /** What events tell meanwhile is counted at once, and knows better. */
  #read(reading: Reading): void {
    const entries = reading.step(ENTRIES_AT_ONCE);
    if (!entries) return;
    reading.close();
    this.#reading = undefined;
    this.#tally.replace(entries);
    this.isReady = true;
    this.#due.end(this.#ports.now_ms());
  }

  #addEntry(body: DataView, into: FlowTable): void {
    if (!this.#reader.read(body)) return;
    const backend = this.#backend();
    if (backend === 0 || isEnded(this.#reader.tcp_state)) return;
    into.set(this.#reader.id, this.#flow(), backend);
  }
}
