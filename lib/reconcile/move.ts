import type { Engine } from "../engine/engine.ts";
import { holderOf } from "../engine/registry.ts";
import { translatedTo } from "../host/conntrack/translated.ts";
import { contains, type Prefix } from "../model/address.ts";
import { addressOfKey, type EngineName, type Forwarding, type Service } from "../model/service.ts";
import type { DesiredState, PlacedService } from "../model/state.ts";
import { knownLayouts } from "./flows.ts";
import type { BackendRow } from "../store/ids.ts";
import { type Memory, recall, type Rememberer } from "./memory.ts";
import { servicesOn } from "./place.ts";
import type { Run } from "./request.ts";
import type { Chosen } from "./selection.ts";
import { addressesOf, committedTracking, type Watch } from "./tracking.ts";

/** A service that goes from one engine to another. */
interface Move {
  readonly name: string;
  readonly from: EngineName;
  readonly to: EngineName;
  readonly forward: Forwarding;
}

/** The services that change engines in this run. Pure. */
export function movesOf({ request, engineOf, engineWas }: Run): Move[] {
  return request.loaded.config.services.flatMap(({ name, forward }) => {
    const [from, to] = [engineWas.get(name), engineOf.get(name)];
    return from && to && from !== to ? [{ name, from, to, forward }] : [];
  });
}

/** What becomes of established connections, a sentence for all services that have it in common. Pure. */
export function moveNotes(run: Run): string[] {
  const all = movesOf(run);
  const groups = Map.groupBy(all, (move) => `${move.from} to ${move.to}: ${fateOf(move)}`);
  const notes = Array.from(groups, ([words, moves]) => {
    const names = listed(moves.map(({ name }) => name));
    return `${names} ${moves.length === 1 ? "moves" : "move"} from ${words}`;
  });
  const isSwap = new Set(all.filter(leavesEngine).map(({ from }) => holderOf(from))).size > 1;
  return isSwap ? [...notes, SWAP_NOTE] : notes;
}

/** The same engine may hold the rules of both. */
function leavesEngine({ from, to }: Move): boolean {
  return holderOf(from) !== holderOf(to);
}

/** An engine is written in one go: what it gains cannot come before, and what it loses after, another's. */
const SWAP_NOTE =
  "services move both ways at once, and some are refused for a moment: what moves " +
  "the one way in one apply, and the other way in the next, has no such moment";

/** NAT lives on in conntrack, whoever chose the backend; every other table stays where it is. */
function fateOf({ from, forward }: Move): string {
  const isNft = holderOf(from) === "nft";
  if (isNft && forward === "nat") {
    return "established connections go on by their entries in conntrack";
  }
  const why = isNft ? "dr keeps no table of them" : "IPVS's table of them cannot be moved";
  return `established connections are balanced anew, and break at another backend (${why})`;
}

/** What is served worse than it could be, and how to change that. Pure. */
export function betterNotes(chosen: readonly Chosen[]): string[] {
  const could = chosen.filter(({ better }) => better);
  const groups = Map.groupBy(could, ({ engine, better }) => `${better}\n${engine}`);
  return Array.from(groups.values(), (group) => {
    const { engine, better } = group[0]!;
    const [names, them] = [
      listed(group.map(({ name }) => name)),
      group.length === 1 ? "it" : "them",
    ];
    return `engine ${better} would be better for ${names}, now on ${engine}: ` +
      `"lb apply --migrate" moves ${them} ("--plan" tells what becomes of connections)`;
  });
}

/** Services that are named in one sentence. */
const NAMED_MAX = 6;

function listed(names: readonly string[]): string {
  const others = names.length - NAMED_MAX;
  return names.slice(0, NAMED_MAX).join(", ") + (others > 0 ? ` and ${others} more` : "");
}

/** Tasks in the order that leaves no gap: what services leave comes last. */
export function inMovingOrder<T extends { readonly engine: Pick<Engine, "name"> }>(
  run: Run,
  tasks: readonly T[],
): { readonly first: readonly T[]; readonly last: readonly T[] } {
  const left = new Set(movesOf(run).filter(leavesEngine).map(({ from }) => holderOf(from)));
  return {
    first: tasks.filter(({ engine }) => !left.has(engine.name)),
    last: tasks.filter(({ engine }) => left.has(engine.name)),
  };
}

/**
 * Whether an engine that has lost its last service has to stay for connections that go on: without any
 * nat chain the kernel translates nothing, whatever conntrack knows (nf_nat_unregister_fn(),
 * net/netfilter/nf_nat_core.c).
 *
 * @throws {KernelError} where the kernel cannot be asked
 */
export function isAwaited(
  { machine, request }: Run,
  { usesNat }: Engine,
  { services, marks }: DesiredState,
  { record }: Memory,
): boolean {
  const isLeft = services.length === 0 && request.loaded.config.services.length > 0;
  if (!usesNat || !isLeft || !record) return false;
  const layouts = knownLayouts(machine, marks);
  const backends = knownBackends(machine);
  return translatedTo(machine.kernel.sockets, { layouts, backends }).size > 0;
}

/** Why conntrack has to see the packets of services that have moved to IPVS. */
const MOVED = "connections that nft translates, from before services moved to IPVS,";

/**
 * What of the packets of services on IPVS conntrack has to see, because nft has translated connections that go
 * on.
 *
 * @param rows the ids of all backends, as they are to be on record
 * @throws {KernelError} where the kernel cannot be asked
 */
export function watchTranslated(run: Run, rows: readonly BackendRow[]): Watch {
  const { machine, request: { loaded: { config } }, engineOf } = run;
  const balanced = servicesOn(config, engineOf, { serves: ["ipvs"] });
  if (balanced.length === 0 || !recall(machine, "nft").record) return {};
  const layouts = knownLayouts(machine, config.marks);
  const translated = (
    backends: ReadonlySet<string>,
    vips?: readonly Prefix[],
  ) => [...translatedTo(machine.kernel.sockets, { layouts, backends, vips })];
  const vips = balanced.flatMap(({ vip }) => vip);
  const isMoving = committedTracking(machine)?.awaits || areLeft(run, vips);
  if (isMoving && translated(knownBackends(machine), vips).length > 0) {
    return { watched: MOVED, awaits: true };
  }
  const left = leftBackends(rows, balanced);
  return left.size > 0 ? { answering: translated(left) } : {};
}

/** Backends of these services that have left some other service. */
function leftBackends(
  rows: readonly BackendRow[],
  balanced: readonly Service[],
): ReadonlySet<string> {
  const released = rows.filter(({ released_at_ms }) => released_at_ms !== null);
  const left = new Set(released.map(({ backend }) => addressOfKey(backend)));
  return new Set(addressesOf(balanced).filter((address) => left.has(address)));
}

/** Whether nft has served one of these VIPs for a service that leaves it, whatever it is called by now. */
function areLeft({ machine: { store, host }, engineOf }: Run, vips: readonly Prefix[]): boolean {
  const leaving = [...store.commits.services("nft", host)]
    .filter(([name]) => holderOf(engineOf.get(name)) !== "nft")
    .map(([, json]) => JSON.parse(json) as PlacedService);
  return leaving.some(({ vip }) => vip.some((one) => vips.some((other) => overlap(one, other))));
}

function overlap(a: Prefix, b: Prefix): boolean {
  return contains(a, b) || contains(b, a);
}

/** Addresses of all backends that there are, or were not long ago. */
function knownBackends({ store }: Pick<Rememberer, "store">): ReadonlySet<string> {
  return new Set(store.backends.all().map(({ backend }) => addressOfKey(backend)));
}
