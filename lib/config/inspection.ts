import type { Family } from "../model/address.ts";
import { type DraftFile, type DraftService, isUnreadable } from "./draft.ts";
import type { Path, Problem } from "./problem.ts";

/** What checks of one service look at, and where they note what they find. */
export interface Inspection {
  readonly file: DraftFile;
  readonly service: DraftService;
  readonly path: Path;
  /** Where each VIP of any service is written. */
  readonly vips: ReadonlyMap<string, Path>;
  /** Which service had an address among its backends last. */
  readonly users: Map<string, DraftService>;
  /** One list for all: of ten thousand services hardly one has any. */
  readonly problems: Problem[];
}

/** Undefined unless every VIP could be read. */
export function readableFamilies({ service: { vip: vips } }: Inspection): Family[] | undefined {
  if (!vips) return undefined;
  const families: Family[] = [];
  for (const vip of vips) {
    if (!vip) return undefined;
    if (!families.includes(vip.family)) families.push(vip.family);
  }
  return families;
}

/** Whether backends may be of any family: so is assumed, too, of an engine that could not be read. */
export function mayRelay({ service, file }: Inspection): boolean {
  if (isUnreadable(service, "engine")) return true;
  if (service.engine !== undefined) return service.engine === "relay";
  return file.lb !== undefined && (file.lb.engine === "relay" || isUnreadable(file.lb, "engine"));
}
