import type { DesiredState, PlacedService } from "../../model/state.ts";
import { Draft } from "./draft.ts";
import { fillNat } from "./fill_nat.ts";
import { fillIngress } from "./ingress/fill_ingress.ts";
import { type Snapshot, snapshotOf, type Table, withToken } from "./snapshot.ts";
import { INGRESS_TABLE, isSplit, layoutsOf, type TableName } from "./table.ts";

/** What the tables should hold for these services; without services there is no table. Pure. */
export function desiredSnapshot(state: DesiredState): Snapshot {
  return snapshotOf(tablesOf(state, () => false));
}

/**
 * Both states without what they have in common as far as services go, for a comparison that costs no more
 * than what differs. A service that is in both has to be the same object in both. What several services
 * share (a VIP, a backend's address) is left out where one of those that stay has it.
 */
export function narrowed(
  want: DesiredState,
  have: DesiredState,
  token: string,
): { want: Snapshot; have: Snapshot } {
  const isComparable = want.marks.mask === have.marks.mask && isSplit(want) === isSplit(have);
  const before = new Set(isComparable ? have.services : []);
  const stays = new Set(want.services.filter((service) => before.has(service)));
  const [wanted, found] = [want, have].map((state) =>
    snapshotOf(tablesOf(state, (service) => stays.has(service)))
  );
  return { want: wanted!, have: withToken(found!, token) };
}

/**
 * A table is there even where nothing of it differs: every transaction moves the token of all of them.
 *
 * @param isLeftOut says of which services the tables hold nothing
 */
function tablesOf(
  state: DesiredState,
  isLeftOut: (service: PlacedService) => boolean,
): Map<TableName, Table> {
  const isDirect = ({ forward }: PlacedService) => forward === "dr";
  const part = (services: readonly PlacedService[]) => ({
    services: services.filter((service) => !isLeftOut(service)),
    without: services.filter(isLeftOut),
  });
  const direct = part(state.services.filter(isDirect));
  const translated = { ...state, services: state.services.filter((one) => !isDirect(one)) };
  return new Map(
    layoutsOf(state).map(({ table, families }) => {
      const draft = new Draft();
      if (table === INGRESS_TABLE) fillIngress(draft, state, direct.services);
      else fillNat(draft, translated, families, part(translated.services));
      return [table, draft.table()];
    }),
  );
}
