import { LbError } from "../../model/error.ts";
import { isTable, parseToml, type Table } from "../parse.ts";
import { scanHeaders, slicesOf } from "../scan.ts";
import { type Edited, parseAgain } from "./apply.ts";
import { endOfText, lineEnding, nextLine } from "./block.ts";
import { isEqual } from "./document.ts";

/** `nodes = 1`, alone on its line but for a comment. */
const NODES = /^([ \t]*nodes[ \t]*=[ \t]*)[+\d_xob]+(?=[ \t]*(?:#.*)?\r?$)/m;

/**
 * Sets `[tier] nodes`, and keeps everything else byte for byte.
 *
 * @param file its name, for messages only
 * @throws {LbError} `config-invalid` where the text is not TOML, or written in a way that cannot be edited
 */
export function editTier(text: string, nodes: number, file = "lb.toml"): Edited {
  const before = parseToml(text, file);
  const wanted: Table = { ...before, tier: { ...tierOf(before), nodes: BigInt(nodes) } };
  if (isEqual(before, wanted)) return { text, document: before };
  const edited = withNodes(text, nodes);
  const document = parseAgain(edited);
  if (document && isEqual(document, wanted)) return { text: edited, document };
  throw new LbError(
    "config-invalid",
    `${file} is written in a way that lb cannot edit safely; nothing was written. ` +
      `Please set nodes = ${nodes} in [tier] by hand, then: lb apply`,
  );
}

function tierOf({ tier }: Table): Table {
  return isTable(tier) ? tier : {};
}

function withNodes(text: string, nodes: number): string {
  const newline = lineEnding(text);
  const line = `nodes = ${nodes}${newline}`;
  const [, table] = slicesOf(text, scanHeaders(text), "tier");
  if (!table) {
    const gap = text === "" ? "" : text.endsWith("\n") ? newline : newline + newline;
    return `${text}${gap}[tier]${newline}${line}`;
  }
  const part = text.slice(table.start, table.end);
  if (NODES.test(part)) {
    return text.slice(0, table.start) + part.replace(NODES, `$1${nodes}`) + text.slice(table.end);
  }
  const at = nextLine(text, endOfText(text, table.start));
  const gap = at > 0 && text[at - 1] === "\n" ? "" : newline;
  return text.slice(0, at) + gap + line + text.slice(at);
}
