import { type AttributeReader, readAttributes } from "../attribute_reader.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection } from "../request.ts";
import * as NFT from "./protocol.ts";
import { rulesRequest } from "./rule.ts";
import type { TableId } from "./table.ts";

/** What of an expression tells whether a rule looks at a state, and whether it decides. */
interface Expression {
  readonly name: string;
  /** Of `ct` what is looked at; of others, where their verdict goes. */
  readonly number?: number;
  /** Of an extension of iptables'. */
  readonly extension?: string;
}

/** Keys of `ct` that a packet without an entry has not: its state and its status. */
const STATE_KEYS = new Set([NFT.NFT_CT_STATE, NFT.NFT_CT_STATUS]);

const STATE_EXTENSIONS = new Set(["conntrack", "state"]);

/** Where each kind of expression has the number that counts. */
const NUMBERS: Readonly<Record<string, number>> = {
  ct: NFT.NFTA_CT_KEY,
  immediate: NFT.NFTA_IMMEDIATE_DREG,
  lookup: NFT.NFTA_LOOKUP_DREG,
};

/** Whether any rule of a chain decides by conntrack's state of a packet. @throws {KernelError} */
export function decidesByState(
  connection: NetlinkConnection,
  table: TableId,
  chain: string,
): boolean {
  return connection.dump(
    rulesRequest(table, chain),
    () => ({ found: false }),
    (result, { body }) => {
      result.found ||= ruleDecidesByState(body);
    },
  ).found;
}

/** The same of one NFT_MSG_NEWRULE. @throws {DecodeError} */
export function ruleDecidesByState(body: DataView): boolean {
  const expressions: Expression[] = [];
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type !== NFT.NFTA_RULE_EXPRESSIONS) return;
    attribute.nested((element) => expressions.push(readExpression(element)));
  });
  return expressions.some(looksAtState) && expressions.some(decides);
}

function looksAtState({ name, number, extension = "" }: Expression): boolean {
  return name === "ct" && number !== undefined && STATE_KEYS.has(number) ||
    name === "match" && STATE_EXTENSIONS.has(extension);
}

/** Register 0 is the verdict. */
function decides({ name, number }: Expression): boolean {
  return name === "reject" || name === "target" || name === "queue" ||
    (name === "immediate" || name === "lookup") && number === 0;
}

function readExpression(element: AttributeReader): Expression {
  let name = "";
  let number: number | undefined;
  let extension: string | undefined;
  element.nested((part) => {
    if (part.type === NFT.NFTA_EXPR_NAME) name = part.text();
    else if (part.type === NFT.NFTA_EXPR_DATA) {
      part.nested((field) => {
        if (field.type === NUMBERS[name]) number = field.u32be();
        else if (name === "match" && field.type === NFT.NFTA_MATCH_NAME) extension = field.text();
      });
    }
  });
  return { name, number, extension };
}
