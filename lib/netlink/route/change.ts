import type { SocketsPort } from "../../sys/ports.ts";
import { NETLINK_ROUTE, type Request, withNetlink } from "../request.ts";

/**
 * Makes one change to addresses or routes.
 *
 * @param needless errnos by which the kernel says that it is so already
 * @returns false where it said that
 * @throws {KernelError} with any other errno
 */
export function changes(
  sockets: SocketsPort,
  request: Request,
  needless: readonly string[],
): boolean {
  return withNetlink(
    sockets,
    NETLINK_ROUTE,
    (connection) => connection.transactUnless(needless, request),
  );
}
