import { nameOfKey } from "../model/service.ts";
import type { Event } from "../store/events.ts";
import type { FilesPort } from "../sys/ports.ts";
import type { Telling } from "./channel.ts";

/** What is posted, and handed to programs (docs/notifications.md). */
export interface Message {
  /** Of the event: grows, and is the same each time it is tried. 0 of a test. */
  readonly id: number;
  /** When it happened. */
  readonly at: string;
  /** When this was sent: what a receiver can tell old copies by. */
  readonly sent_at: string;
  /** From 1. */
  readonly attempt: number;
  /** The balancer's name. */
  readonly host: string;
  readonly kind: string;
  readonly service: string | null;
  readonly backend: string | null;
  /** One line for people. */
  readonly message: string;
  readonly data: unknown;
  /** Of lb. */
  readonly version: string;
}

/** An event as others are told of it. */
export function messageOf(
  { event, attempt, now_ms }: Telling,
  about: { readonly host: string; readonly version: string },
): Message {
  return {
    id: event.id,
    at: isoTime(event.at_ms),
    sent_at: isoTime(now_ms),
    attempt,
    host: about.host,
    kind: event.kind,
    service: event.service ?? null,
    backend: event.backend === undefined ? null : nameOfKey(event.backend),
    message: event.message,
    data: dataOf(event),
    version: about.version,
  };
}

/** What this machine calls itself (uname(2), nodename). */
export function hostName(files: Pick<FilesPort, "read">): string {
  return files.read("/proc/sys/kernel/hostname")?.trim() ?? "";
}

function dataOf({ data_json }: Event): unknown {
  return data_json === undefined ? null : JSON.parse(data_json);
}

function isoTime(at_ms: number): string {
  return new Date(at_ms).toISOString();
}
