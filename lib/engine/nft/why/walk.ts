import { contains, formatEndpoint } from "../../../model/address.ts";
import { plural } from "../../../model/plural.ts";
import type { PlacedBackend, PlacedService } from "../../../model/state.ts";
import { hashSlot, type SlotTable } from "../../../scheduler/slots.ts";
import {
  type Ask,
  type Fate,
  isFor,
  type Share,
  sharesOf,
  type Step,
  type StepName,
  type Surroundings,
  type Way,
  type WorkerWord,
} from "../../why.ts";
import { backendNames, serviceNames } from "../names.ts";
import { serviceForm } from "../service_rules.ts";
import { doubtsAbout } from "./doubts.ts";
import { type Elements, type Match, stickyNetwork, type Tables } from "./tables.ts";
import { overLimitFate, turnReason } from "./words.ts";

/** What a walk looks at. */
export interface Ground {
  readonly tables: Tables;
  readonly around: Surroundings;
  /** Connections at a backend now, by its id. */
  readonly active: (id: number) => number;
}

/** The way of a new connection, rule by rule. Pure but for what the ground looks up. */
export function wayOf(ground: Ground, ask: Ask): Way {
  const match = ground.tables.match(ask);
  return match ? new Walk(ground, ask, match).way() : unserved(ground, ask);
}

function unserved({ tables: { state: { services } }, around }: Ground, ask: Ask): Way {
  const { vip, vip_port, protocol } = ask;
  const asked = `${protocol} ${formatEndpoint(vip, vip_port)}`;
  const step = { step: "vip", message: `no map leads from ${asked} to a service` } as const;
  const meant = services.find((service) => isFor(service, ask));
  const doubts = doubtsAbout(meant, services, around.drift);
  if (meant) {
    const reason = `service ${meant.name} is for it, and nothing in the kernel leads there`;
    return { fate: "unserved", service: meant, steps: [step], reason, doubts };
  }
  const isVip = services.some((service) => service.vip.some((one) => contains(one, vip)));
  const reason = isVip
    ? `${vip.text} is a VIP, and no service has ${protocol} port ${vip_port} of it`
    : `${vip.text} is no VIP in force here`;
  return { fate: isVip ? "refused" : "unserved", steps: [step], reason, doubts };
}

/** One service's rules, as one packet passes them. */
class Walk {
  readonly #ground: Ground;
  readonly #ask: Ask;
  readonly #match: Match;
  readonly #service: PlacedService;
  readonly #names: ReturnType<typeof serviceNames>;
  readonly #slots: SlotTable;
  readonly #steps: Step[] = [];
  readonly #doubts: string[];
  /** Who is remembered does not go to the worker, also where that leads nowhere. */
  #isSpared = false;

  constructor(ground: Ground, ask: Ask, match: Match) {
    this.#ground = ground;
    this.#ask = ask;
    this.#match = match;
    this.#service = match.service;
    this.#names = serviceNames(match.service, ask.client.family);
    this.#slots = ground.tables.slots(match.service, ask.client.family);
    const { state } = ground.tables;
    this.#doubts = doubtsAbout(match.service, state.services, ground.around.drift);
  }

  way(): Way {
    const { table, map, key, service } = this.#match;
    this.#note("vip", `${key} is in map ${map} of table ${table}: service ${service.name}`);
    return this.#kept() ?? this.#limited() ?? this.#empty() ?? this.#remembered() ??
      this.#chosen();
  }

  /** Allow and deny. */
  #kept(): Way | undefined {
    const { allow, deny } = this.#service;
    const { client } = this.#ask;
    if (deny.length > 0 && this.#has(this.#names.deny)) {
      return this.#denied(`${client.text} is in set ${this.#names.deny}: denied`);
    }
    if (allow.length > 0 && !this.#has(this.#names.allow)) {
      return this.#denied(`${client.text} is not in set ${this.#names.allow}: not allowed`);
    }
    const isOpen = allow.length + deny.length === 0;
    this.#note("access", isOpen ? "everybody is let in" : `${client.text} is let in`);
    return undefined;
  }

  #has(set: string): boolean {
    return this.#ground.tables.hasAddress(this.#match, set, this.#ask.client);
  }

  #denied(message: string): Way {
    this.#note("access", message);
    return this.#end("dropped", { reason: message });
  }

  #limited(): Way | undefined {
    const { max_new_per_second: rate, max_connections: most, over_limit, backends } = this.#service;
    const words = rate > 0 ? [`up to ${rate} new ones a second of a source`] : [];
    if (most === 0) {
      this.#note("limit", words[0] ?? "none");
      return undefined;
    }
    const count = backends.reduce((sum, { id }) => sum + this.#ground.active(id), 0);
    const message = [...words, `${count} of at most ${plural(most, "connection")} now`].join("; ");
    this.#note("limit", message);
    if (count < most) return undefined;
    const fate = overLimitFate(over_limit);
    return this.#end(fate, {
      reason: `the service has all its ${plural(most, "connection")}: ${fate}`,
    });
  }

  #empty(): Way | undefined {
    if (this.#slots.slots.length > 0) return undefined;
    const reason = "no backend takes new connections";
    this.#note("slot", reason);
    return this.#end("refused", { reason });
  }

  #remembered(): Way | undefined {
    const { persistence } = this.#service;
    if (!persistence) {
      this.#note("persistence", "none");
      return undefined;
    }
    const { sticky } = this.#names;
    const { tables } = this.#ground;
    const { text: key } = stickyNetwork(this.#service, this.#ask.client);
    const found = tables.remembered(this.#match, this.#ask.client);
    if (found === undefined) {
      const seconds = persistence.timeout_ms / 1000;
      this.#note(
        "persistence",
        `${key} is not in map ${sticky}: chosen for, then kept for ${seconds} s`,
      );
      return undefined;
    }
    this.#isSpared = true;
    const backend = this.#leadingTo(this.#fromId(found));
    if (backend) {
      this.#note("persistence", `${key} is in map ${sticky}: ${nameOf(backend)}`);
      return this.#arrive(backend);
    }
    const gone = "a backend that takes no new connections";
    this.#note("persistence", `${key} is in map ${sticky} with ${gone}: chosen for anew`);
    return undefined;
  }

  #chosen(): Way {
    const isQueued = this.#service.queued && !this.#isSpared;
    const word = isQueued ? this.#ground.around.worker(this.#service) : undefined;
    if (word) this.#note("worker", word.message);
    if (word?.doubt !== undefined) this.#doubts.push(word.doubt);
    if (word?.reason !== undefined) return this.#shared(word.reason);
    return this.#slots.index.kind === "hash" ? this.#hashed(word) : this.#inTurn();
  }

  #hashed(word: WorkerWord | undefined): Way {
    const { index, slots } = this.#slots;
    const { scheduler } = this.#service;
    const { client, client_port } = this.#ask;
    const isByPort = index.kind === "hash" && index.fields.includes("sport");
    if (isByPort && client_port === undefined) {
      return this.#shared(`${scheduler} hashes the source port, too, and none is given`);
    }
    const slot = hashSlot(this.#slots, client, client_port ?? 0)!;
    const source = isByPort ? formatEndpoint(client, client_port) : client.text;
    const { idSlots } = this.#names;
    const id = this.#ground.tables.idInSlot(this.#match, client.family, slot);
    const backend = this.#leadingTo(id === undefined ? undefined : this.#fromId(id));
    const place =
      `${scheduler}: jhash of ${source} is slot ${slot} of ${slots.length} in map ${idSlots}`;
    if (!backend) return this.#missed(place);
    this.#note("slot", `${place}: ${nameOf(backend)}`);
    return this.#arrive(backend, word);
  }

  /** What the last rule does with a look-up that leads nowhere. */
  #missed(place: string): Way {
    if (this.#service.forward === "dr") {
      this.#note("slot", `${place}, which leads nowhere: dropped`);
      return this.#end("dropped", { reason: "its slot leads nowhere" });
    }
    const lowest = Math.min(...this.#slots.slots);
    const backend = this.#backendOf(lowest)!;
    this.#note("slot", `${place}, which leads nowhere: the last rule has ${nameOf(backend)}`);
    return this.#arrive(backend);
  }

  #inTurn(): Way {
    const { scheduler } = this.#service;
    const { verdictSlots } = this.#names;
    const slots = plural(this.#slots.slots.length, "slot");
    this.#note("slot", `${scheduler}: ${slots} in map ${verdictSlots}`);
    return this.#shared(turnReason(scheduler));
  }

  /** One of those that the kernel's slots lead to. */
  #shared(reason: string): Way {
    const shares = this.#shares();
    const only = shares.length === 1 ? this.#backendOf(shares[0]!.id) : undefined;
    if (only) {
      this.#note("slot", `all slots lead to ${nameOf(only)}`);
      return this.#arrive(only);
    }
    return this.#end("shared", { reason, shares });
  }

  /** @param isMeant of backends that take part */
  #shares(isMeant: (backend: PlacedBackend) => boolean = () => true): Share[] {
    const { idSlots, verdictSlots, backends } = this.#names;
    const { idSlots: hasIds } = serviceForm(this.#service, this.#slots);
    const led = hasIds
      ? [...this.#elements(idSlots).values()].map((id) => this.#elements(backends).get(id))
      : [...this.#elements(verdictSlots).values()];
    const reached = led.flatMap((verdict) => this.#leadingTo(verdict) ?? []);
    return sharesOf(reached.filter(isMeant).map(({ id }) => id));
  }

  #arrive(backend: PlacedBackend, word?: WorkerWord): Way {
    const most = backend.max_connections;
    const count = most > 0 ? this.#ground.active(backend.id) : 0;
    if (!this.#hasRoom(backend)) return this.#full(backend, word);
    const { chain } = backendNames(backend.id);
    const limit = most > 0 ? `, ${count} of at most ${plural(most, "connection")} now` : "";
    this.#note("backend", `chain ${chain}: to ${nameOf(backend)}${limit}`);
    this.#note("engine", engineWords(this.#service));
    return this.#end("backend", { backend: backend.id });
  }

  #full(backend: PlacedBackend, word?: WorkerWord): Way {
    const message = `${nameOf(backend)} has all its ${
      plural(backend.max_connections, "connection")
    }`;
    this.#note("backend", message);
    const others = word?.goesOn ? this.#shares((other) => this.#hasRoom(other)) : [];
    if (others.length > 0) {
      const reason = `${message}: the worker goes on to another one`;
      return this.#end("shared", { reason, shares: others });
    }
    const fate = overLimitFate(this.#service.over_limit);
    return this.#end(fate, { reason: `${message}: ${fate}` });
  }

  #hasRoom({ id, max_connections: most }: PlacedBackend): boolean {
    return most === 0 || this.#ground.active(id) < most;
  }

  #elements(name: string): Elements {
    return this.#ground.tables.elements(this.#match, name);
  }

  #fromId(id: string): string | undefined {
    return this.#ground.tables.leadingFrom(this.#match, this.#ask.client.family, id);
  }

  /** `jump b-3`, or `goto b-3`. */
  #leadingTo(verdict: string | undefined): PlacedBackend | undefined {
    const id = /^(?:jump|goto) b-(\d+)$/.exec(verdict ?? "")?.[1];
    return id === undefined ? undefined : this.#backendOf(Number(id));
  }

  #backendOf(id: number): PlacedBackend | undefined {
    return this.#service.backends.find((backend) => backend.id === id);
  }

  #note(step: StepName, message: string): void {
    this.#steps.push({ step, message });
  }

  #end(fate: Fate, more: Partial<Way>): Way {
    return { fate, service: this.#service, steps: this.#steps, doubts: this.#doubts, ...more };
  }
}

function nameOf({ address, port }: PlacedBackend): string {
  return formatEndpoint(address, port);
}

function engineWords({ forward, queued, masquerade }: PlacedService): string {
  if (forward === "dr") {
    return "nft: each packet is sent on by its hash, no table knows connections";
  }
  const path = queued ? "nfqueue" : "nft";
  const source = masquerade ? ", from this machine's address" : "";
  return `${path}: translated by NAT${source}; conntrack keeps the connection there`;
}
