import { type AttributeReader, readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection } from "../request.ts";
import * as NFT from "./protocol.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

const NF_DROP = 0;

/** Where a base chain hangs. */
export interface ListedHook {
  /** For instance `filter`, `nat`, `route`. */
  readonly type: string;
  /** NF_INET_* of linux/netfilter.h (prerouting 0 … postrouting 4, ingress 5); for netdev, ingress is 0. */
  readonly hooknum: number;
  readonly priority: number;
  readonly policy: "accept" | "drop";
  /** Interfaces of a chain at ingress or egress; one that stands for many ends in `*`, as nft writes it. */
  readonly devices: readonly string[];
}

export interface ListedChain {
  readonly name: string;
  /** Base chains only. */
  readonly hook?: ListedHook;
}

/** Chains of the family's other tables are passed over by this, for the kernel sends them all. */
type Wanted = (attribute: AttributeReader) => boolean;

/**
 * The chains of a table, as the kernel orders them; none where there is no such table.
 *
 * @throws {KernelError} EINTR where they kept changing
 */
export function dumpChains(connection: NetlinkConnection, table: TableId): ListedChain[] {
  const name = nameBytes(table.name);
  const isOurs: Wanted = (attribute) => attribute.equals(name);
  return connection.dump(
    requestOf(table, "chains", NFT.GET_CHAIN),
    () => new Array<ListedChain>(),
    (chains, { body }) => {
      const chain = readChain(body, isOurs);
      if (chain) chains.push(chain);
    },
  );
}

/** Reads an NFT_MSG_NEWCHAIN; undefined where it is another table's. @throws {DecodeError} */
export function readChain(body: DataView, isOurs: Wanted = () => true): ListedChain | undefined {
  let wanted = true;
  let name = "";
  let place: Place | undefined;
  const rest: { type: string; policy: ListedHook["policy"] } = { type: "", policy: "accept" };
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (!wanted) return;
    if (attribute.type === NFT.NFTA_CHAIN_TABLE) wanted = isOurs(attribute);
    else if (attribute.type === NFT.NFTA_CHAIN_NAME) name = attribute.text();
    else if (attribute.type === NFT.NFTA_CHAIN_HOOK) place = readPlace(attribute);
    else if (attribute.type === NFT.NFTA_CHAIN_TYPE) rest.type = attribute.text();
    else if (attribute.type === NFT.NFTA_CHAIN_POLICY) rest.policy = policyOf(attribute.u32be());
  });
  if (!wanted) return undefined;
  return place ? { name, hook: { ...rest, ...place } } : { name };
}

type Place = Pick<ListedHook, "hooknum" | "priority" | "devices">;

/** Reads an NFTA_CHAIN_HOOK. A single interface is named twice: alone and in the list. */
function readPlace(hook: AttributeReader): Place {
  let hooknum = 0;
  let priority = 0;
  let single: string | undefined;
  const devices: string[] = [];
  hook.nested((field) => {
    if (field.type === NFT.NFTA_HOOK_HOOKNUM) hooknum = field.u32be();
    else if (field.type === NFT.NFTA_HOOK_PRIORITY) priority = field.u32be() | 0;
    else if (field.type === NFT.NFTA_HOOK_DEV) single = field.text();
    else if (field.type === NFT.NFTA_HOOK_DEVS) {
      field.nested((device) => {
        if (device.type === NFT.NFTA_DEVICE_NAME) devices.push(device.text());
        else if (device.type === NFT.NFTA_DEVICE_PREFIX) devices.push(`${device.text()}*`);
      });
    }
  });
  return {
    hooknum,
    priority,
    devices: devices.length === 0 && single !== undefined ? [single] : devices,
  };
}

function policyOf(code: number): ListedHook["policy"] {
  return code === NF_DROP ? "drop" : "accept";
}
