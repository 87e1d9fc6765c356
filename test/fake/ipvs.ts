/**
 * Test equipment: the kernel's IPVS behind a generic netlink socket. Bytes come in and go out as on the real
 * kernel, written here by hand; services stand in the table as their own attributes.
 */
import {
  type Answer,
  type Asked,
  attribute,
  attributesOf,
  FakeSocket,
  joined,
  type Message,
  text,
  u16,
  u32,
  u64,
  viewOf,
} from "./wire.ts";

const GENL_ID_CTRL = 0x10;
const IPVS_FAMILY = 0x1c;
const GENLMSGHDR_BYTES = 4;
const FAMILY_ID = 1;
const FAMILY_NAME = 2;
const [ENOENT, ESRCH, EEXIST, ERANGE] = [-2, -3, -17, -34] as const;
const NEW_SERVICE = 1;
const NEW_DEST = 5;
const SERVICE = 1;
const DEST = 2;
/** Attributes by which a service is known: family, protocol, address, port, mark. */
const SERVICE_KEY = [1, 2, 3, 4, 5];
/** And a destination: family, address, port. */
const DEST_KEY = [11, 1, 2];
const [SCHED_NAME, FLAGS] = [6, 7] as const;
const [WEIGHT, U_THRESH, L_THRESH, ACTIVE, INACTIVE, STATS64] = [4, 5, 6, 7, 8, 12] as const;
const STATS_CONNS = 1;
const HASHED = 2;

type Attributes = Map<number, Uint8Array>;

/** A destination as the table has it. */
export interface FakeDestination {
  attributes: Attributes;
  /** Connections scheduled to it since it was put there. */
  scheduled: number;
  active: number;
}

/** A service as the table has it. */
export interface FakeVirtual {
  attributes: Attributes;
  readonly destinations: Map<string, FakeDestination>;
}

export class FakeIpvs {
  /** Whether it is loaded. */
  loaded: boolean;
  /** Schedulers whose modules there are. */
  readonly schedulers = new Set(["rr", "wrr", "lc", "wlc", "sed", "nq", "sh", "mh"]);
  readonly services = new Map<string, FakeVirtual>();
  /** Requests that asked for a change. */
  writes = 0;
  /** What was listed since it was last emptied: all services, or the destinations of one. */
  readonly dumps: ("services" | "destinations")[] = [];
  /** What the module brings along. */
  onLoad: () => void = () => {};
  /** Called before each: to play somebody else who acts at that moment. */
  beforeWrite: () => void = () => {};

  constructor(loaded = true) {
    this.loaded = loaded;
  }

  socket(): FakeSocket {
    return new FakeSocket((asked) => this.#answer(asked));
  }

  /** A new connection: wrr, whatever the scheduler, because that is all the tests count. */
  connect(isWanted: (service: FakeVirtual) => boolean): void {
    const service = [...this.services.values()].find(isWanted);
    const [next] = [...service?.destinations.values() ?? []].filter((one) => weightOf(one) > 0)
      .sort((a, b) => turn(a) - turn(b));
    if (next) next.scheduled++;
  }

  #answer({ type, body }: Asked): Answer {
    const attributes = attributesOf(body.slice(GENLMSGHDR_BYTES));
    if (type === GENL_ID_CTRL) return this.#families(attributes);
    if (type !== IPVS_FAMILY || !this.loaded) return ENOENT;
    return this.#command(body[0]!, attributes);
  }

  /** By name it loads the module; a dump does not. */
  #families(asked: Attributes): Answer {
    const name = asked.get(FAMILY_NAME);
    if (name && !this.loaded) {
      this.loaded = true;
      this.onLoad();
    }
    const own = this.loaded ? [family(IPVS_FAMILY, "IPVS")] : [];
    return name ? own : [family(GENL_ID_CTRL, "nlctrl"), ...own];
  }

  #command(command: number, asked: Attributes): Answer {
    const given = attributesOf(asked.get(SERVICE) ?? new Uint8Array());
    const key = keyOf(given, SERVICE_KEY);
    if (command === 4) {
      this.dumps.push("services");
      return [...this.services.values()].map(serviceMessage);
    }
    if (command === 8) {
      this.dumps.push("destinations");
      return [...this.services.get(key)?.destinations.values() ?? []].map(destinationMessage);
    }
    this.writes++;
    this.beforeWrite();
    const service = this.services.get(key);
    if (command === NEW_SERVICE) return service ? EEXIST : this.#put(key, given);
    if (!service) return ESRCH;
    if (command === 2) return this.#put(key, given, service);
    if (command === 3) return this.services.delete(key) ? [] : ESRCH;
    return changeDestination(service, command, attributesOf(asked.get(DEST)!));
  }

  #put(key: string, attributes: Attributes, known?: FakeVirtual): Answer {
    const scheduler = new TextDecoder().decode(attributes.get(SCHED_NAME)).replace("\0", "");
    if (!this.schedulers.has(scheduler)) return ENOENT;
    // struct ip_vs_flags: what is not in its mask stays; the kernel adds one of its own.
    const flags = attributes.get(FLAGS)!.slice();
    viewOf(flags).setUint32(0, viewOf(flags).getUint32(0, true) | HASHED, true);
    const whole = new Map([...attributes, [FLAGS, flags]]);
    if (known) known.attributes = whole;
    else this.services.set(key, { attributes: whole, destinations: new Map() });
    return [];
  }
}

function changeDestination(service: FakeVirtual, command: number, given: Attributes): Answer {
  const key = keyOf(given, DEST_KEY);
  const known = service.destinations.get(key);
  if (command === 7) return service.destinations.delete(key) ? [] : ENOENT;
  if (numberOf(given, L_THRESH) > numberOf(given, U_THRESH)) return ERANGE;
  if (command === NEW_DEST) {
    if (known) return EEXIST;
    service.destinations.set(key, { attributes: given, scheduled: 0, active: 0 });
    return [];
  }
  if (!known) return ENOENT;
  known.attributes = given;
  return [];
}

function serviceMessage({ attributes }: FakeVirtual): Message {
  return { type: IPVS_FAMILY, body: joined(header(NEW_SERVICE), nest(SERVICE, attributes)) };
}

function destinationMessage({ attributes, scheduled, active }: FakeDestination): Message {
  const counted: Attributes = new Map([
    ...attributes,
    [ACTIVE, u32(active)],
    [INACTIVE, u32(0)],
    [STATS64, attribute(STATS_CONNS, u64(scheduled))],
  ]);
  return { type: IPVS_FAMILY, body: joined(header(NEW_DEST), nest(DEST, counted)) };
}

function family(id: number, name: string): Message {
  const attributes = [attribute(FAMILY_NAME, text(name)), attribute(FAMILY_ID, u16(id))];
  return { type: GENL_ID_CTRL, body: joined(header(1), ...attributes) };
}

function header(command: number): Uint8Array {
  return Uint8Array.of(command, 1, 0, 0);
}

function nest(type: number, attributes: Attributes): Uint8Array {
  return attribute(
    type,
    joined(...Array.from(attributes, ([type, value]) => attribute(type, value))),
  );
}

function keyOf(attributes: Attributes, types: readonly number[]): string {
  return types.map((type) => attributes.get(type)?.toHex() ?? "").join(" ");
}

function numberOf(attributes: Attributes, type: number): number {
  return viewOf(attributes.get(type)!).getUint32(0, true);
}

function weightOf({ attributes }: FakeDestination): number {
  return numberOf(attributes, WEIGHT);
}

function turn(destination: FakeDestination): number {
  return (destination.scheduled + 1) / weightOf(destination);
}
