import { serviceKeyText } from "../../netlink/ipvs/service.ts";
import { isOurs, type Listed } from "./listing.ts";
import type { Step } from "./steps.ts";
import { readFlags, taggedFlags } from "./tag.ts";

/**
 * Puts a run's mark into its steps. One service bears it for all: one that is there already and stays,
 * because that can be written before anything else, so that a run that is cut off after any step has said
 * whose doing that was; else the first new one. Pure.
 *
 * @param before what the kernel holds
 */
export function withMark(
  steps: readonly Step[],
  before: readonly Listed[],
  mark: number,
): readonly Step[] {
  const removed = new Set(
    steps.flatMap((step) => isDelete(step) ? [serviceKeyText(step.key)] : []),
  );
  const kept = before.filter(isOurs).filter(({ name }) => !removed.has(name));
  const bearer = kept.find((one) => markOf(one) > 0) ?? kept[0];
  if (!bearer) return lastBearer(firstNew(steps, mark), before);
  const others = kept.filter((one) => one !== bearer && markOf(one) > 0);
  return [
    marking(bearer, mark),
    ...lastBearer(steps, before).map((step) => isWriteOf(step, bearer) ? marked(step, mark) : step),
    ...others.map((one) => marking(one, 0)),
  ];
}

type Write = Extract<Step, { readonly service: unknown }>;
type Delete = Extract<Step, { readonly op: "delete service" }>;

function firstNew(steps: readonly Step[], mark: number): readonly Step[] {
  const first = steps.findIndex(({ op }) => op === "add service");
  if (first < 0) return steps;
  const others = steps.filter((_step, index) => index !== first);
  return [marked(steps[first] as Write, mark), ...others];
}

/** Whoever bears the mark goes last: until then it says that this is lb's. */
function lastBearer(steps: readonly Step[], before: readonly Listed[]): readonly Step[] {
  const bearers = new Set(before.filter((one) => markOf(one) > 0).map(({ name }) => name));
  const isLast = (step: Step) => isDelete(step) && bearers.has(serviceKeyText(step.key));
  return [...steps.filter((step) => !isLast(step)), ...steps.filter(isLast)];
}

function marking({ name, service }: Listed, mark: number): Step {
  return marked({ op: "set service", service, about: name }, mark);
}

function marked<S extends Write>(step: S, mark: number): S {
  const flags = taggedFlags(readFlags(step.service.flags).plain, mark);
  return { ...step, service: { ...step.service, flags } };
}

function isWriteOf(step: Step, { name }: Listed): step is Write {
  return step.op === "set service" && serviceKeyText(step.service.key) === name;
}

function isDelete(step: Step): step is Delete {
  return step.op === "delete service";
}

function markOf({ service }: Listed): number {
  return readFlags(service.flags).mark;
}
