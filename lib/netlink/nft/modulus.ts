import { type AttributeReader, DecodeError, readAttributes } from "../attribute_reader.ts";
import { NLM_F_REPLACE } from "../codec.ts";
import { NFGENMSG_BYTES } from "../nfnetlink.ts";
import type { NetlinkConnection, Request } from "../request.ts";
import * as NFT from "./protocol.ts";
import { rulesRequest } from "./rule.ts";
import { nameBytes, requestOf, type TableId } from "./table.ts";

/** A rule that counts, draws or hashes, and is to do so modulo another number. */
export interface ModulusChange {
  readonly table: TableId;
  readonly chain: string;
  /** The rule's place in its chain, from 0. */
  readonly rule: number;
  readonly from: number;
  readonly to: number;
}

/**
 * The request that replaces such a rule: all of it as the kernel tells it, but for the number. So nothing has
 * to know how nft puts the rest into expressions.
 *
 * @returns undefined where the rule there is not the one to be changed
 * @throws {KernelError}
 * @throws {DecodeError}
 */
export function modulusRequest(
  connection: NetlinkConnection,
  { table, chain, rule, from, to }: ModulusChange,
): Request | undefined {
  const bodies = connection.dump(
    rulesRequest(table, chain),
    () => new Array<DataView>(),
    (all, { body }) => all.push(body),
  );
  const body = bodies[rule];
  const found = body && readRule(body);
  if (found?.moduli.length !== 1 || found.moduli[0]!.value !== from) return undefined;
  const { handle, expressions, userdata, moduli } = found;
  const changed = expressions.slice();
  new DataView(changed.buffer).setUint32(moduli[0]!.at, to);
  const request = requestOf(table, `rule ${rule + 1} of chain ${chain}`, NFT.NEW_RULE, (writer) => {
    writer.bytes(NFT.NFTA_RULE_TABLE, nameBytes(table.name));
    writer.bytes(NFT.NFTA_RULE_CHAIN, nameBytes(chain));
    writer.bytes(NFT.NFTA_RULE_HANDLE, handle);
    writer.nested(NFT.NFTA_RULE_EXPRESSIONS, (list) => list.raw(changed));
    if (userdata) writer.bytes(NFT.NFTA_RULE_USERDATA, userdata);
  });
  return { ...request, operation: "replace", flags: NLM_F_REPLACE };
}

/** A rule in the kernel's bytes, and where in its expressions a modulus stands. */
interface ReadRule {
  readonly handle: Uint8Array;
  readonly expressions: Uint8Array;
  readonly userdata?: Uint8Array;
  readonly moduli: readonly { readonly at: number; readonly value: number }[];
}

/** Which attribute of an expression is its modulus. */
const MODULI: Readonly<Record<string, number>> = {
  numgen: NFT.NFTA_NG_MODULUS,
  hash: NFT.NFTA_HASH_MODULUS,
};

function readRule(body: DataView): ReadRule {
  let [handle, expressions]: [Uint8Array?, Uint8Array?] = [];
  let userdata: Uint8Array | undefined;
  const moduli: { at: number; value: number }[] = [];
  readAttributes(body, NFGENMSG_BYTES, (attribute) => {
    if (attribute.type === NFT.NFTA_RULE_HANDLE) handle = attribute.bytes(8);
    else if (attribute.type === NFT.NFTA_RULE_USERDATA) userdata = attribute.bytes();
    else if (attribute.type === NFT.NFTA_RULE_EXPRESSIONS) {
      const { start } = attribute;
      expressions = attribute.bytes();
      attribute.nested((expression) => findModulus(expression, start, moduli));
    }
  });
  if (!handle || !expressions) throw new DecodeError("a rule without a handle or expressions");
  return { handle, expressions, userdata, moduli };
}

/** The kernel tells an expression's name before its data (nf_tables_fill_expr_info). */
function findModulus(
  expression: AttributeReader,
  start: number,
  moduli: { at: number; value: number }[],
): void {
  let wanted: number | undefined;
  expression.nested((part) => {
    if (part.type === NFT.NFTA_EXPR_NAME) wanted = MODULI[part.text()];
    else if (part.type === NFT.NFTA_EXPR_DATA && wanted !== undefined) {
      part.nested((field) => {
        if (field.type !== wanted) return;
        moduli.push({ at: field.start - start, value: field.u32be() });
      });
    }
  });
}
