import type { SocketsPort } from "../../sys/ports.ts";
import type { AttributeWriter } from "../attribute_writer.ts";
import { findFamily, genlmsghdr, loadFamily, NETLINK_GENERIC } from "../genetlink.ts";
import { type NetlinkConnection, withNetlink } from "../request.ts";
import {
  type CountedDestination,
  type Destination,
  type DestinationKey,
  readDestination,
  writeDestination,
  writeDestinationKey,
} from "./destination.ts";
import { CMD, IPVS_GENL_NAME } from "./protocol.ts";
import {
  readService,
  type ServiceKey,
  serviceKeyText,
  type VirtualService,
  writeService,
  writeServiceKey,
} from "./service.ts";

/**
 * Speaks to the kernel's IPVS for the time of `use`.
 *
 * @returns undefined where IPVS is not loaded: nothing is loaded by asking
 * @throws {KernelError}
 */
export function withIpvs<Result>(
  sockets: SocketsPort,
  use: (ipvs: IpvsConnection) => Result,
): Result | undefined {
  return withNetlink(sockets, NETLINK_GENERIC, (connection) => {
    const family = findFamily(connection, IPVS_GENL_NAME);
    return family === undefined ? undefined : use(new IpvsConnection(connection, family));
  });
}

/** Loads IPVS, where it is a module that is not loaded. @throws {KernelError} ENOENT where there is none */
export function loadIpvs(sockets: SocketsPort): void {
  withNetlink(
    sockets,
    NETLINK_GENERIC,
    (connection) => loadFamily(connection, IPVS_GENL_NAME),
  );
}

/**
 * Virtual services and their destinations. Every method throws a KernelError with the errno; `about` is
 * how the object is named in it. Nothing here flushes: other people's services are never touched.
 */
export class IpvsConnection {
  readonly #connection: NetlinkConnection;
  readonly #family: number;

  constructor(connection: NetlinkConnection, family: number) {
    this.#connection = connection;
    this.#family = family;
  }

  /** Every virtual service of the network namespace, foreign ones too, in no order. */
  services(): VirtualService[] {
    return this.#connection.dump(
      this.#request("list", "IPVS services", CMD.get_service),
      () => new Array<VirtualService>(),
      (list, { body }) => {
        const service = readService(body);
        if (service) list.push(service);
      },
    );
  }

  /** The destinations of one service; none where there is no such service. */
  destinations(key: ServiceKey): CountedDestination[] {
    return this.#connection.dump(
      this.#request(
        "list destinations",
        serviceKeyText(key),
        CMD.get_dest,
        (writer) => writeServiceKey(writer, key),
      ),
      () => new Array<CountedDestination>(),
      (list, { body }) => list.push(readDestination(body)),
    );
  }

  /** EEXIST where it is there; ENOENT where the kernel has no such scheduler. */
  newService(service: VirtualService, about: string): void {
    this.#write("add service", about, CMD.new_service, (writer) => writeService(writer, service));
  }

  /** Changes what can be changed: everything but the key. ESRCH where it is not there. */
  setService(service: VirtualService, about: string): void {
    this.#write(
      "change service",
      about,
      CMD.set_service,
      (writer) => writeService(writer, service),
    );
  }

  /** With all its destinations, and cuts their connections. ESRCH where it is not there. */
  deleteService(key: ServiceKey, about: string): void {
    this.#write("delete service", about, CMD.del_service, (writer) => writeServiceKey(writer, key));
  }

  /** EEXIST where it is there; ESRCH where its service is not. */
  newDestination(key: ServiceKey, destination: Destination, about: string): void {
    this.#write("add backend", about, CMD.new_dest, (writer) => {
      writeServiceKey(writer, key);
      writeDestination(writer, destination);
    });
  }

  /** Changes everything but the key. ENOENT where it is not there, ESRCH where its service is not. */
  setDestination(key: ServiceKey, destination: Destination, about: string): void {
    this.#write("change backend", about, CMD.set_dest, (writer) => {
      writeServiceKey(writer, key);
      writeDestination(writer, destination);
    });
  }

  /** And cuts its connections. ENOENT where it is not there, ESRCH where its service is not. */
  deleteDestination(key: ServiceKey, destination: DestinationKey, about: string): void {
    this.#write("delete backend", about, CMD.del_dest, (writer) => {
      writeServiceKey(writer, key);
      writeDestinationKey(writer, destination);
    });
  }

  #write(
    operation: string,
    object: string,
    command: number,
    attributes: (writer: AttributeWriter) => void,
  ): void {
    this.#connection.transact(this.#request(operation, object, command, attributes));
  }

  #request(
    operation: string,
    object: string,
    command: number,
    attributes?: (writer: AttributeWriter) => void,
  ) {
    const header = genlmsghdr(command);
    return { operation, object, type: this.#family, header, attributes };
  }
}
