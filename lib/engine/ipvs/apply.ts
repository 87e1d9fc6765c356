import { KernelError } from "../../model/error.ts";
import { type IpvsConnection, withIpvs } from "../../netlink/ipvs/connection.ts";
import { destinationKeyText } from "../../netlink/ipvs/destination.ts";
import { serviceKeyText } from "../../netlink/ipvs/service.ts";
import type { Kernel } from "../../sys/ports.ts";
import type { Recorded } from "../../model/state.ts";
import { type Applied, StalePlanError } from "../engine.ts";
import { stepsBack } from "./back.ts";
import { type Listings, listUnits, type Sought } from "./rules/listing.ts";
import { foundUnits, recordedUnits } from "./rules/unit.ts";
import { type Before, takeUnitsBack, writeUnits } from "./rules/write.ts";
import { leavingRecord } from "./leaving.ts";
import { type Listed, listWith, readSnapshot, stampOf } from "./listing.ts";
import { withMark } from "./mark.ts";
import type { IpvsPlan } from "./plan.ts";
import { connectionsOf, placeObject, type Snapshot } from "./snapshot.ts";
import { disturbance, refuseStale } from "./stale.ts";
import type { Step } from "./steps.ts";
import { markOfText } from "./tag.ts";

/** By which the kernel says that something came or went since it was looked at. */
const STALE_ERRNOS: Readonly<Record<Step["op"], readonly string[]>> = {
  "add service": ["EEXIST"],
  "set service": ["ESRCH"],
  "delete service": ["ESRCH"],
  "add backend": ["EEXIST", "ESRCH"],
  "set backend": ["ENOENT", "ESRCH"],
  "delete backend": ["ENOENT", "ESRCH"],
  "delete idle backends": ["ENOENT", "ESRCH"],
};

/** Engine.apply: where something is refused, what was done before it is taken back. */
export async function applyPlan(kernel: Kernel, plan: IpvsPlan, stamp: string): Promise<Applied> {
  if (plan.changes.length === 0) throw new TypeError("a plan without changes is not applied");
  const sought = soughtUnits(plan);
  const listings = await listUnits(kernel, sought);
  const before = { units: plan.have.units, listings, sought };
  const carryOutAll = isRemovalOnly(plan) ? rulesFirst : stepsFirst;
  const done = await carryOutAll(kernel, plan, stamp, before);
  const written = await listUnits(kernel, sought);
  const units = recordedUnits(plan.unit_steps, plan.want.units, foundUnits(written));
  // Somebody unloaded it, with everything that was to go.
  if (!done) return { objects: units, isWhole: true, stamp: stampOf(undefined, written) };
  return {
    objects: new Map([...leavingObjects(plan, done.after), ...units]),
    isWhole: false,
    stamp: done.isAsPlanned ? stampOf(done.after, written) : undefined,
  };
}

/** @returns undefined where IPVS is not loaded */
type CarryOut = (
  kernel: Kernel,
  plan: IpvsPlan,
  stamp: string,
  before: Before,
) => Promise<Done | undefined>;

/** What took services away would be left without the rules that go with them: so these come last. */
const stepsFirst: CarryOut = async (kernel, plan, stamp, before) => {
  const done = carryOutOn(kernel, plan, stamp, before);
  try {
    await writeUnits(kernel, plan.unit_steps, before);
  } catch (error) {
    if (done) withIpvs(kernel.sockets, (ipvs) => takeBack(ipvs, done.before, plan.have));
    throw error;
  }
  return done;
};

const rulesFirst: CarryOut = async (kernel, plan, stamp, before) => {
  withIpvs(kernel.sockets, (ipvs) => look(ipvs, plan, { stamp, listings: before.listings }));
  await writeUnits(kernel, plan.unit_steps, before);
  try {
    return carryOutOn(kernel, plan, stamp, before);
  } catch (error) {
    await takeUnitsBack(kernel, plan.unit_steps, before);
    throw error;
  }
};

function carryOutOn(
  { sockets }: Kernel,
  plan: IpvsPlan,
  stamp: string,
  { listings }: Before,
): Done | undefined {
  const done = withIpvs(sockets, (ipvs) => carryOut(ipvs, plan, { stamp, listings }));
  if (!done && plan.want.present) throw new StalePlanError("ipvs", "IPVS is not loaded any more");
  return done;
}

function soughtUnits({ want, have }: IpvsPlan): Sought {
  return { chains: true, isKnown: (unit) => want.units.has(unit) || have.units.has(unit) };
}

/**
 * Whether services go and none comes. Then rules go first: another engine may have taken the services over,
 * and has none of their packets as long as conntrack passes over them.
 */
function isRemovalOnly({ want, have }: IpvsPlan): boolean {
  return want.virtuals.size < have.virtuals.size &&
    [...want.virtuals.keys()].every((key) => have.virtuals.has(key));
}

/** What the kernel held before and after the steps. */
interface Done {
  readonly before: readonly Listed[];
  readonly after: readonly Listed[];
  /** Nobody else was there. */
  readonly isAsPlanned: boolean;
}

/** What it was planned against. */
interface Planned {
  readonly stamp: string;
  readonly listings: Listings;
}

function carryOut(ipvs: IpvsConnection, plan: IpvsPlan, planned: Planned): Done {
  const { before, isAlone } = look(ipvs, plan, planned);
  const busy = carryOutSteps(ipvs, plan, before);
  const after = withBusy(listWith(ipvs), busy);
  const isAsPlanned = isAlone && disturbance(plan, before, after) === undefined;
  return { before, after, isAsPlanned };
}

/** @throws {StalePlanError} where the plan is for another state than this */
function look(ipvs: IpvsConnection, plan: IpvsPlan, { stamp, listings }: Planned) {
  const before = listWith(ipvs, (key) => plan.have.virtuals.has(key));
  const isAlone = stampOf(before, listings) === stamp;
  if (!isAlone) refuseStale(plan, before);
  return { before, isAlone };
}

/** What is there besides what is wanted stays for its connections' sake. */
function leavingObjects(
  { want, have }: IpvsPlan,
  after: readonly Listed[],
): Map<string, Recorded | undefined> {
  const objects = new Map<string, Recorded | undefined>();
  const now = readSnapshot(after);
  for (const [key, { places }] of want.virtuals) {
    const had = have.virtuals.get(key)?.places;
    for (const name of had?.keys() ?? []) objects.set(placeObject(key, name), undefined);
    for (const name of now.virtuals.get(key)?.places.keys() ?? []) {
      if (places.has(name)) continue;
      objects.set(placeObject(key, name), leavingRecord(had?.get(name)?.id));
    }
  }
  return objects;
}

/** @returns backends that were to be deleted when idle, and were not idle */
function carryOutSteps(
  ipvs: IpvsConnection,
  { steps, token, have }: IpvsPlan,
  before: readonly Listed[],
): Set<string> {
  const busy = new Set<string>();
  try {
    for (const step of withMark(steps, before, markOfText(token))) carryOutStep(ipvs, step, busy);
  } catch (error) {
    takeBack(ipvs, before, have);
    throw error;
  }
  return busy;
}

/** As far as the kernel lets us: the first refusal is the one worth telling. */
function takeBack(ipvs: IpvsConnection, before: readonly Listed[], { virtuals }: Snapshot): void {
  const now = listWith(ipvs, (key) => virtuals.has(key));
  for (const step of stepsBack(before, now)) {
    try {
      carryOutStep(ipvs, step, new Set());
    } catch (error) {
      if (!(error instanceof StalePlanError) && !(error instanceof KernelError)) throw error;
    }
  }
}

function carryOutStep(ipvs: IpvsConnection, step: Step, busy: Set<string>): void {
  try {
    request(ipvs, step, busy);
  } catch (error) {
    if (!(error instanceof KernelError)) throw error;
    if (STALE_ERRNOS[step.op].includes(error.refusal.errno ?? "")) {
      throw new StalePlanError("ipvs", "IPVS changed since the plan was made", { cause: error });
    }
    throw explained(error, step);
  }
}

function request(ipvs: IpvsConnection, step: Step, busy: Set<string>): void {
  switch (step.op) {
    case "add service":
      return ipvs.newService(step.service, step.about);
    case "set service":
      return ipvs.setService(step.service, step.about);
    case "delete service":
      return ipvs.deleteService(step.key, step.about);
    case "add backend":
      return ipvs.newDestination(step.key, step.destination, step.about);
    case "set backend":
      return ipvs.setDestination(step.key, step.destination, step.about);
    case "delete backend":
      return ipvs.deleteDestination(step.key, step.destination, step.about);
    case "delete idle backends":
      return deleteIdle(ipvs, step, busy);
  }
}

function deleteIdle(
  ipvs: IpvsConnection,
  { key, names, about }: Extract<Step, { readonly op: "delete idle backends" }>,
  busy: Set<string>,
): void {
  for (const found of ipvs.destinations(key)) {
    const name = destinationKeyText(found.key);
    if (!names.has(name)) continue;
    if (connectionsOf(found) > 0) busy.add(placeObject(serviceKeyText(key), name));
    else ipvs.deleteDestination(key, found.key, `${name} behind ${about}`);
  }
}

/**
 * What was busy when it was to be deleted counts as busy, also where its last connection ended a moment
 * later: it is the next run that deletes it.
 */
function withBusy(listed: readonly Listed[], busy: ReadonlySet<string>): readonly Listed[] {
  if (busy.size === 0) return listed;
  return listed.map(({ name, service, destinations }) => ({
    name,
    service,
    destinations: destinations?.map((one) =>
      busy.has(placeObject(name, destinationKeyText(one.key))) && connectionsOf(one) === 0
        ? { ...one, inactive_connections: 1 }
        : one
    ),
  }));
}

/** The kernel itself gives no reasons. */
function explained(error: KernelError, step: Step): KernelError {
  const { errno } = error.refusal;
  if (errno !== "ENOENT" || !("service" in step)) return error;
  const message = `this kernel has no scheduler ${step.service.scheduler}, nor a module ` +
    `ip_vs_${step.service.scheduler} that can be loaded`;
  return new KernelError({ ...error.refusal, message }, { cause: error });
}
