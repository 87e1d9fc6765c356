/** Test equipment: a /proc/sys that behaves like the kernel's, and a journal, both in memory. */
import type { JournalPort } from "../../../lib/host/resource.ts";
import type { Interface } from "../../../lib/host/interface.ts";
import { starOf } from "../../../lib/host/sysctl/key.ts";
import type { JournalEntry } from "../../../lib/model/journal.ts";
import type { SysctlFiles } from "../../../lib/host/sysctl/observe.ts";

const PER_INTERFACE = [
  "net.ipv4.conf.*.forwarding",
  "net.ipv4.conf.*.accept_redirects",
  "net.ipv4.conf.*.rp_filter",
  "net.ipv4.conf.*.send_redirects",
  "net.ipv6.conf.*.forwarding",
  "net.ipv6.conf.*.accept_ra",
] as const;

const FORWARDING_4 = "net.ipv4.conf.*.forwarding";
const FORWARDING_6 = "net.ipv6.conf.*.forwarding";

/** Keys and values, as sysctl -a prints them. */
export type Values = Record<string, string>;

/** What a kernel has for these interfaces before anybody changed anything. */
export function freshValues(names: readonly string[]): Values {
  const values: Values = { "net.ipv4.ip_forward": "0" };
  for (const name of ["all", "default", ...names]) {
    for (const pattern of PER_INTERFACE) {
      const isOn = /redirects|accept_ra/.test(pattern);
      values[pattern.replace("*", pathPart(name))] = isOn ? "1" : "0";
    }
  }
  return values;
}

/** Only /proc/sys, with the kernel's side effects (inet_forward_change, addrconf_forward_change). */
export class FakeProc implements SysctlFiles {
  readonly values: Values;
  /** Called before each write that a program makes. */
  beforeWrite: (key: string, value: string) => void = () => {};

  constructor(values: Values) {
    this.values = { ...values };
  }

  read(path: string): string | undefined {
    const value = this.values[keyOf(path)];
    return value === undefined ? undefined : `${value}\n`;
  }

  write(path: string, text: string): void {
    const key = keyOf(path);
    this.beforeWrite(key, text);
    if (!(key in this.values)) throw errno("ENOENT");
    this.sysctl(key, text);
  }

  /** What sysctl -w does. */
  sysctl(key: string, value: string): void {
    const before = this.values[key];
    this.values[key] = value;
    if (key === "net.ipv4.conf.all.forwarding") this.values["net.ipv4.ip_forward"] = value;
    if (key === "net.ipv4.ip_forward") this.values["net.ipv4.conf.all.forwarding"] = value;
    if (key === "net.ipv4.ip_forward" && before !== value) {
      this.values["net.ipv4.conf.all.accept_redirects"] = value === "0" ? "1" : "0";
      this.#setAll(FORWARDING_4, value);
    }
    if (key === "net.ipv6.conf.all.forwarding") this.#setAll(FORWARDING_6, value);
  }

  /** A link appears: it takes its values from "default". */
  addLink(name: string): void {
    for (const pattern of PER_INTERFACE) {
      this.values[pattern.replace("*", name)] = this.values[pattern.replace("*", "default")]!;
    }
  }

  removeLink(name: string): void {
    for (const key of Object.keys(this.values)) {
      if (key.split(".")[3] === name) delete this.values[key];
    }
  }

  /** As devinet and addrconf do it: the values move with the name. */
  renameLink(before: string, now: string): void {
    for (const [key, value] of Object.entries(this.values)) {
      if (key.split(".")[3] !== before) continue;
      delete this.values[key];
      this.values[key.replace(`.${before}.`, `.${now}.`)] = value;
    }
  }

  list(path: string): string[] {
    const prefix = `${keyOf(path)}.`;
    const below = Object.keys(this.values).filter((key) => key.startsWith(prefix));
    return [...new Set(below.map((key) => pathPart(key.slice(prefix.length).split(".")[0]!)))]
      .sort();
  }

  #setAll(pattern: string, value: string): void {
    for (const key of Object.keys(this.values)) {
      if (starOf(pattern, key) !== undefined) this.values[key] = value;
    }
  }
}

/** A journal that forgets when the test ends. */
export class FakeJournal implements JournalPort {
  readonly entries: JournalEntry[] = [];

  record(records: Parameters<JournalPort["record"]>[0]): JournalEntry[] {
    return records.map((record) => {
      const entry = { ...record, id: this.entries.length + 1, at_ms: 0, undone_at: null };
      this.entries.push(entry);
      return entry;
    });
  }

  amend(ids: readonly number[], after: string): void {
    for (const id of ids) this.entries[id - 1] = { ...this.entries[id - 1]!, after };
  }

  undone(id: number): void {
    this.entries[id - 1] = { ...this.entries[id - 1]!, undone_at: 1 };
  }

  open(resource: JournalEntry["resource"]): JournalEntry[] {
    return this.entries.filter((entry) => entry.resource === resource && entry.undone_at === null);
  }
}

/** An interface that is up, with an ethernet address and one IPv4 address, unless told otherwise. */
export function link(name: string, more: Partial<Interface> = {}): Interface {
  return {
    name,
    index: 1 + ["lo", "eth0", "eth1", "eth2"].indexOf(name),
    up: true,
    loopback: name === "lo",
    mac: Uint8Array.of(2, 0, 0, 0, 0, 1),
    addresses: [{ family: 4, text: "192.0.2.1", length: 24 }],
    ...more,
  };
}

export function errno(code: string): Error {
  return Object.assign(new Error(code), { code });
}

function keyOf(path: string): string {
  return pathPart(path.replace(/^\/proc\/sys\//, ""));
}

function pathPart(text: string): string {
  return text.replace(/[./]/g, (separator) => separator === "." ? "/" : ".");
}
