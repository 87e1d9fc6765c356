/** Test equipment: what the fake nft answers to netlink requests, in the kernel's terms. */
import type { FakeNft } from "./nft.ts";
import type { FakeTable } from "./nft_table.ts";
import {
  chainAttributes,
  counterAttributes,
  elementAttributes,
  ruleAttributes,
  setAttributes,
  tableAttributes,
} from "./nft_wire.ts";
import {
  type Answer,
  type Asked,
  attribute,
  attributesOf,
  joined,
  textOf,
  u16be,
  u32be,
  viewOf,
} from "./wire.ts";

const NFTABLES = 10;
const BATCH_BEGIN = 16;

const COUNTER = 1;

const ENOENT = 2;
const ERESTART = 85;

/** NFPROTO_*; 0 stands for all. */
const FAMILIES: Readonly<Record<string, number>> = {
  inet: 1,
  ip: 2,
  arp: 3,
  netdev: 5,
  bridge: 7,
  ip6: 10,
};

/** NFT_MSG_GET* by number: what is asked for, and the type of the answer. */
const REQUESTS: Readonly<Record<number, Dump>> = {
  1: { name: "tables", answer: 0, list: tables },
  4: { name: "chains", answer: 3, list: chains },
  7: { name: "rules", answer: 6, list: rules },
  10: { name: "sets", answer: 9, list: sets, mustExist: true },
  13: { name: "elements", answer: 12, list: elements, mustExist: true },
  19: { name: "objects", answer: 18, list: objects },
  23: { name: "flowtables", answer: 22, list: () => [] },
};
const GET_GENERATION = 16;
const NEW_GENERATION = 15;

interface Dump {
  readonly name: string;
  readonly answer: number;
  readonly list: (table: Found, asked: Filter) => Iterable<Uint8Array>;
  /** ENOENT where what is asked for is not there; the others answer nothing. */
  readonly mustExist?: true;
}

/** A table and its name without the family. */
interface Found {
  readonly name: string;
  readonly family: number;
  readonly table: FakeTable;
}

/** Attributes of a request. */
type Filter = ReadonlyMap<number, Uint8Array>;

/** How a message is called that asks nft something; undefined for others. */
export function nftRequestName(type: number): string | undefined {
  if (type === BATCH_BEGIN) return "wait for a commit";
  if (type >> 8 !== NFTABLES) return undefined;
  if ((type & 0xff) === GET_GENERATION) return "read generation";
  const dump = REQUESTS[type & 0xff];
  return dump && `list ${dump.name}`;
}

/** @throws {SyntaxError} on a request that the fake does not know */
export function answerNft(nft: FakeNft, { type, body }: Asked): Answer {
  if (type === BATCH_BEGIN) return refuseBatch(nft, body);
  const message = type & 0xff;
  if (message === GET_GENERATION) {
    const generation = attribute(1, u32be(nft.generation));
    return [reply(nft, NEW_GENERATION, 0, generation)];
  }
  const dump = REQUESTS[message];
  if (!dump) throw new SyntaxError(`the fake kernel does not know nf_tables message ${message}`);
  return answerDump(nft, dump, body);
}

function answerDump(nft: FakeNft, dump: Dump, body: Uint8Array): Answer {
  const filter = attributesOf(body.slice(4));
  const wanted = tablesOf(nft).filter(({ name, family }) =>
    [0, family].includes(body[0]!) && isNamed(filter, 1, name)
  );
  const isThere = ({ table }: Found) =>
    dump.list !== elements || table.collections.has(nameIn(filter, 2));
  if (dump.mustExist && !wanted.some(isThere)) return -ENOENT;
  return wanted.flatMap((found) =>
    Array.from(
      dump.list(found, filter),
      (attributes) => reply(nft, dump.answer, found.family, attributes),
    )
  );
}

/** A transaction that is not of this generation; nobody but nft makes any other. */
function refuseBatch(nft: FakeNft, body: Uint8Array): number {
  const generation = attributesOf(body.slice(4)).get(1);
  if (!generation || viewOf(generation).getUint32(0) === nft.generation) {
    throw new SyntaxError("the fake kernel takes transactions from the fake nft only");
  }
  return -ERESTART;
}

function tablesOf(nft: FakeNft): Found[] {
  return nft.tables.map((path) => {
    const [family = "", name = ""] = path.split(" ");
    const number = FAMILIES[family];
    if (number === undefined) throw new SyntaxError(`the fake kernel does not know ${family}`);
    return { name, family: number, table: nft.table(path)! };
  });
}

function nameIn(filter: Filter, type: number): string {
  return textOf(filter.get(type) ?? new Uint8Array());
}

/** Whether what has this name is asked for: where no name is said, everything is. */
function isNamed(filter: Filter, type: number, name: string): boolean {
  return !filter.has(type) || nameIn(filter, type) === name;
}

/** struct nfgenmsg with the generation's lower half, then the attributes. */
function reply(nft: FakeNft, answer: number, family: number, attributes: Uint8Array) {
  const header = joined(Uint8Array.of(family, 0), u16be(nft.generation & 0xffff));
  return { type: NFTABLES << 8 | answer, body: joined(header, attributes) };
}

function tables({ name, table }: Found): Uint8Array[] {
  return [tableAttributes(name, table)];
}

/** The kernel's filter is the family: it tells the chains of all its tables. */
function chains({ name: table, table: { chains } }: Found): Uint8Array[] {
  return Array.from(chains, ([name, chain]) => chainAttributes({ table, name }, chain));
}

function rules({ name: table, table: { chains } }: Found, filter: Filter): Uint8Array[] {
  return [...chains].filter(([name]) => isNamed(filter, 2, name))
    .flatMap(([name, { rules }]) => rules.map((rule) => ruleAttributes({ table, name }, rule)));
}

function sets({ name: table, table: { collections } }: Found): Uint8Array[] {
  return Array.from(collections, ([name, set]) => setAttributes({ table, name }, set));
}

function elements({ name: table, table: { collections } }: Found, filter: Filter) {
  const name = nameIn(filter, 2);
  return elementAttributes({ table, name }, collections.get(name)!);
}

/** Counters are all the objects there are. */
function objects({ name: table, table: { counters } }: Found, filter: Filter): Uint8Array[] {
  const type = filter.get(3);
  if (type && viewOf(type).getUint32(0) !== COUNTER) return [];
  return Array.from(counters, ([name, counter]) => counterAttributes({ table, name }, counter));
}
