import type { NetlinkConnection } from "../request.ts";
import { type ListedElement, readElements } from "./element.ts";
import { elementRequest } from "./element_change.ts";
import { GET_ELEMENT } from "./protocol.ts";
import type { TableId } from "./table.ts";

/**
 * Looks one key up, as a packet would (nft_get_set_elem, since linux 4.16): what has expired is not there.
 *
 * @returns undefined where it is not there, nor where the set or table is not
 * @throws {KernelError}
 * @throws {DecodeError}
 */
export function getElement(
  connection: NetlinkConnection,
  table: TableId,
  set: string,
  key: Uint8Array,
): ListedElement | undefined {
  let found: ListedElement | undefined;
  const request = { ...elementRequest(GET_ELEMENT, table, set, [{ key }]), operation: "look up" };
  connection.transactUnless(["ENOENT"], request, ({ body }) => {
    readElements(body, (element) => found = element);
  });
  return found;
}
