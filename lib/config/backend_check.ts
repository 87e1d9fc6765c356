import type { Address, Family } from "../model/address.ts";
import { backendKey } from "../model/service.ts";
import { isUnreadable } from "./draft.ts";
import { type Inspection, mayRelay, readableFamilies } from "./inspection.ts";
import { type Path, type Problem, valueError } from "./problem.ts";
import { whyUnusable } from "./special.ts";

/** An error without its place. */
type Finding = Pick<Problem, "message" | "hint" | "other">;

/** Families that a backend may have; undefined where any will do. */
type Allowed = readonly Family[] | undefined;

type AddressCheck = (address: Address, view: Inspection, allowed: Allowed) => Finding | undefined;

const ADDRESS_CHECKS: readonly AddressCheck[] = [isVip, isSpecial, isForeign];

/** What is wrong with the addresses of a service's backends. */
export function checkAddresses(view: Inspection): void {
  const { service, path, problems } = view;
  const allowed = mayRelay(view) ? undefined : readableFamilies(view);
  service.backend?.forEach((backend, index) => {
    if (!backend?.address) return;
    for (const check of ADDRESS_CHECKS) {
      const found = check(backend.address, view, allowed);
      if (found) problems.push(addressError(path, index, found));
    }
  });
}

/** A connection is translated once: what is sent to a VIP from here is answered by this machine itself. */
function isVip({ text }: Address, { vips }: Inspection): Finding | undefined {
  const other = vips.get(text);
  const message = "a backend cannot be a VIP of lb's: name the machines behind it";
  return other && { message, other };
}

function isSpecial(address: Address): Finding | undefined {
  const message = whyUnusable(address);
  return message === undefined ? undefined : { message };
}

function isForeign(
  { family, text }: Address,
  _view: Inspection,
  allowed: Allowed,
): Finding | undefined {
  if (!allowed || allowed.includes(family)) return undefined;
  return {
    message: `${text} is IPv${family}, and the service has no such VIP`,
    hint: "give the service a VIP of that family, or the engine `relay`",
  };
}

/** Backends that a service has twice. */
export function checkTwins(view: Inspection): void {
  // One address twice is rare, and keys for all backends would be as many texts again as there are.
  if (!isAnyTwice(view)) return;
  const { service, path, problems } = view;
  const owners = new Map<string, number>();
  service.backend?.forEach((backend, index) => {
    if (!backend?.address || isUnreadable(backend, "port")) return;
    const { address, port } = backend;
    const key = backendKey({ address, port });
    const owner = owners.get(key);
    if (owner === undefined) return void owners.set(key, index);
    const message = "this service has a backend with the same address and port";
    const other = [...path, "backend", owner, "address"];
    problems.push(addressError(path, index, { message, other }));
  });
}

function isAnyTwice({ service, users }: Inspection): boolean {
  let isTwice = false;
  service.backend?.forEach((backend) => {
    const text = backend?.address?.text;
    if (text === undefined) return;
    isTwice ||= users.get(text) === service;
    users.set(text, service);
  });
  return isTwice;
}

function addressError(path: Path, index: number, { message, ...extra }: Finding): Problem {
  return valueError([...path, "backend", index, "address"], message, extra);
}
