import {
  type Address,
  formatPrefix,
  fullLength,
  networkOf,
  parseAddress,
  parsePrefix,
  type Prefix,
} from "../model/address.ts";
import { MARK_BITS_MIN, type MarkLayout, markLayout } from "../model/mark.ts";
import type { PortRange, StatusRange } from "../model/service.ts";
import { DSCP_NAMES, parseDscp } from "./dscp.ts";
import { DURATION_MS_MAX, parseDuration } from "./duration.ts";
import { leaf, type Schema, text } from "./leaf.ts";
import { didYouMean } from "./suggest.ts";

/** Largest number that the kernel's counters and limits take. */
export const UINT32_MAX = 0xffff_ffff;

/** Text that is not empty. */
export function nonEmptyText(what: string): Schema<string> {
  return text(what, (value) => value === "" ? undefined : value);
}

/** A name of at most 32 of `a-z0-9-`: it becomes part of nft names, metric labels and file names. */
export function serviceName(): Schema<string> {
  const fits = (value: string) => /^[a-z0-9-]{1,32}$/.test(value);
  return text("1 to 32 of a-z, 0-9 and -", (value) => fits(value) ? value : undefined, (value) => {
    if (typeof value !== "string") return undefined;
    const similar = value.toLowerCase().replaceAll(/[_. ]/g, "-");
    return fits(similar) ? `did you mean \`${similar}\`?` : undefined;
  });
}

/** An address in its canonical form. */
export function address(): Schema<Address> {
  return text("an IPv4 or IPv6 address", parseAddress);
}

/** {@linkcode address} where the model keeps the text only. */
export function addressText(): Schema<string> {
  return text("an IPv4 or IPv6 address", (value) => parseAddress(value)?.text);
}

/** Where packets come from: an address, or an interface of a name that could not be meant for an address. */
export function origin(): Schema<string> {
  return text("an IPv4 or IPv6 address, or an interface", (value) => {
    return parseAddress(value)?.text ?? (/^[A-Za-z][^\s/:]{0,14}$/.test(value) ? value : undefined);
  });
}

/** An address or a prefix without bits behind its length. */
export function prefix(): Schema<Prefix> {
  return text("an address or prefix", parsePrefix, (value) => {
    const network = typeof value === "string" ? meantPrefix(value) : undefined;
    return network && `did you mean \`${formatPrefix(network)}\`?`;
  });
}

/** A port from 1 to 65535. */
export function port(): Schema<number> {
  return leaf("a port from 1 to 65535", (value) => {
    return typeof value === "bigint" && value >= 1n && value <= 65535n ? Number(value) : undefined;
  }, (value) => {
    return typeof value === "string" && isPort(Number(value))
      ? "write it without quotes"
      : undefined;
  });
}

/** One port, or a range as text. */
export function portRange(): Schema<PortRange> {
  return leaf(
    'a port from 1 to 65535, or a range such as "8000-8010"',
    (value) => {
      const range = readRange(value);
      return range && isPort(range.first) && isPort(range.last) ? range : undefined;
    },
    turned,
  );
}

/** One HTTP status, or a range as text. */
export function statusRange(): Schema<StatusRange> {
  return leaf(
    'a status from 100 to 599, or a range such as "300-399"',
    (value) => {
      const range = readRange(value);
      return range && range.first >= 100 && range.last <= 599 ? range : undefined;
    },
    turned,
  );
}

/** Milliseconds. */
export function duration(min_ms = 0): Schema<number> {
  const expected = `a duration such as "500ms", "5s", "2m" or "1h"${
    min_ms > 0 ? ", more than 0" : ""
  }`;
  return text(expected, (value) => {
    const duration_ms = parseDuration(value);
    return duration_ms !== undefined && duration_ms >= min_ms ? duration_ms : undefined;
  }, durationHint);
}

/** 32 mark bits, in hexadecimal or as an integer. */
export function mark(): Schema<number> {
  return leaf('mark bits such as "0x100", at most 32', readMark);
}

/** The bits lb may use: see {@linkcode markLayout}. */
export function markMask(): Schema<MarkLayout> {
  return leaf(`one run of at least ${MARK_BITS_MIN} bits, such as "0x00ffff00"`, (value) => {
    const mask = readMark(value);
    return mask === undefined ? undefined : markLayout(mask);
  });
}

/** What `dscp` says: a code point, or undefined in `value` to leave the field alone. */
export interface WrittenDscp {
  readonly value?: number;
}

/** A code point by name or number, or nothing (`""`). */
export function dscp(): Schema<WrittenDscp> {
  return leaf('a name such as "ef" or "af41", or a number from 0 to 63', (value) => {
    if (value === "") return {};
    const code = typeof value === "bigint" || typeof value === "string"
      ? parseDscp(String(value))
      : undefined;
    return code === undefined ? undefined : { value: code };
  }, (value) => {
    return typeof value === "string" ? didYouMean(value, Object.keys(DSCP_NAMES)) : undefined;
  });
}

/** `MAJOR:MINOR` in hexadecimal, as tc writes it; in nft's own spelling. */
export function trafficClass(): Schema<string> {
  return text('a traffic class such as "1:10"', (value) => {
    const match = /^([0-9a-f]{1,4}):([0-9a-f]{1,4})$/i.exec(value);
    return match
      ? match.slice(1).map((part) => parseInt(part!, 16).toString(16)).join(":")
      : undefined;
  });
}

/** `auto`, `none`, or a name that the kernel accepts for an interface (dev_valid_name). */
export function vipOn(): Schema<string> {
  return text("auto, none, or the name of an interface", (value) => {
    return /^[^\s/:]{1,15}$/.test(value) && value !== "." && value !== ".." ? value : undefined;
  });
}

/** A number from 0, whole or not. */
export function fraction(): Schema<number> {
  return leaf("a number from 0", (value) => {
    if (typeof value !== "bigint" && typeof value !== "number") return undefined;
    const number = Number(value);
    return number >= 0 && Number.isFinite(number) ? number : undefined;
  });
}

/** A path from the root: cron and service managers run lb in folders and with a PATH of their own. */
export function absolutePath(): Schema<string> {
  return text("an absolute path", (value) => /^\/[^\0]*$/.test(value) ? value : undefined);
}

/** A program and its arguments. */
export function argv(): Schema<string[]> {
  return leaf("a list that begins with the absolute path of a program", (value) => {
    if (!Array.isArray(value) || value.length === 0) return undefined;
    if (!value.every((word) => typeof word === "string" && !word.includes("\0"))) return undefined;
    return value[0].startsWith("/") ? value : undefined;
  });
}

/** A path in a URL, with its query if there is one. */
export function urlPath(): Schema<string> {
  return text("a path that begins with /", (value) => /^\/[!-~]*$/.test(value) ? value : undefined);
}

/** A host name or address, with or without a port. */
export function hostName(): Schema<string> {
  return text("a host name", (value) => /^[A-Za-z0-9._:[\]-]+$/.test(value) ? value : undefined);
}

/** An SNMP object in numbers. */
export function oid(): Schema<string> {
  return text('an object id such as "1.3.6.1.4.1.2021.10.1.5.1"', (value) => {
    return /^\.?\d+(\.\d+)+$/.test(value) ? value : undefined;
  });
}

/** Where events are posted. */
export function webUrl(): Schema<string> {
  return text("a URL that begins with https:// or http://", (value) => {
    return /^https?:\/\/[^\s/]\S*$/.test(value) ? value : undefined;
  });
}

function readMark(value: unknown): number | undefined {
  if (typeof value === "string") {
    return /^0x[0-9a-f]{1,8}$/i.test(value) ? Number(value) : undefined;
  }
  return typeof value === "bigint" && value >= 0n && value <= UINT32_MAX
    ? Number(value)
    : undefined;
}

function readRange(value: unknown): { first: number; last: number } | undefined {
  if (typeof value === "bigint") return { first: Number(value), last: Number(value) };
  if (typeof value !== "string") return undefined;
  const [, first, last = first] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(value) ?? [];
  if (first === undefined || Number(first) > Number(last)) return undefined;
  return { first: Number(first), last: Number(last) };
}

function turned(value: unknown): string | undefined {
  const [, high, low] = /^(\d+)-(\d+)$/.exec(typeof value === "string" ? value : "") ?? [];
  return Number(high) > Number(low) ? `did you mean \`${low}-${high}\`?` : undefined;
}

function isPort(number: number): boolean {
  return Number.isInteger(number) && number >= 1 && number <= 65535;
}

function durationHint(value: unknown): string | undefined {
  if (typeof value === "bigint" && value >= 0n) return `with a unit: "${value}s"`;
  if (typeof value !== "string") return undefined;
  if (/^\d+$/.test(value)) return `with a unit: "${value}s"`;
  const [, digits, unit = ""] = /^(\d+)(ms|s|m|h)$/.exec(value) ?? [];
  return digits && unit && parseDuration(value) === undefined
    ? `at most ${DURATION_MS_MAX / 3_600_000}h`
    : undefined;
}

/** The prefix that an address with bits behind the prefix length lies in. */
function meantPrefix(value: string): Prefix | undefined {
  const [head = "", tail = ""] = value.split("/");
  const host = parseAddress(head);
  if (!host || !/^\d{1,3}$/.test(tail) || Number(tail) > fullLength(host.family)) return undefined;
  return networkOf(host, Number(tail));
}
