import { plural } from "../../model/plural.ts";
import { tame } from "../../model/text.ts";
import { Unwell } from "./failure.ts";
import { Chunks } from "./http_chunks.ts";
import { bytesOf, latin } from "./text.ts";

/** More than any server takes of a client. */
const HEAD_BYTES_MAX = 64 * 1024;

/** How much of an answer is read; what is as long is well. */
const BODY_BYTES_MAX = 256 * 1024;

/** The next bytes; undefined at the end. */
type Receive = () => Promise<Uint8Array | undefined>;

/** How an answer begins. */
export interface HttpHead {
  readonly status: number;
  /** In small letters. */
  readonly fields: ReadonlyMap<string, string>;
  /** What came behind it already. */
  readonly rest: string;
}

/**
 * Reads the head of an answer, after those that only say that one will come (1xx).
 *
 * @throws {Unwell} where it is none
 */
export async function readHead(receive: Receive): Promise<HttpHead> {
  let text = "";
  for (;;) {
    const [block, head] = /^([\s\S]*?)\r?\n\r?\n/.exec(text) ?? [];
    if (block !== undefined && head !== undefined) {
      const read = parseHead(head, text.slice(block.length));
      if (read.status >= 200) return read;
      text = read.rest;
      continue;
    }
    if (text.length > HEAD_BYTES_MAX) throw new Unwell("the head of its answer has no end");
    text += await more(receive, text);
  }
}

/** Bytes as characters. @throws {Unwell} where nothing more comes, or it is something else than HTTP */
async function more(receive: Receive, text: string): Promise<string> {
  if (!"HTTP/1.".startsWith(text.slice(0, 7))) throw notHttp(text);
  const bytes = await receive();
  if (bytes) return latin(bytes);
  if (text === "") throw new Unwell("it closed the connection without an answer");
  throw new Unwell("its answer ends in the middle of the head");
}

function parseHead(head: string, rest: string): HttpHead {
  const [first = "", ...lines] = head.split(/\r?\n/);
  const status = /^HTTP\/1\.\d (\d{3})(?: |$)/.exec(first)?.[1];
  if (status === undefined) throw notHttp(first);
  const fields = lines.map((line): [string, string] => {
    const [, name = "", value = ""] = /^([^:]*):\s*(.*?)\s*$/.exec(line) ?? [];
    return [name.toLowerCase(), value.toLowerCase()];
  });
  return { status: Number(status), fields: new Map(fields), rest };
}

function notHttp(text: string): Unwell {
  return new Unwell(`its answer is not HTTP: ${JSON.stringify(tame(text, 40))}`);
}

/** How the end of a body is known, and what it is. */
interface Body {
  /** Takes bytes, and gives those of the body among them. */
  readonly take: (text: string) => string;
  readonly isWhole: () => boolean;
  /** Whether the end of the connection is its end. */
  readonly endsOpen: boolean;
}

/**
 * Reads what is behind the head, until it is whole or the text is found.
 *
 * @param wanted must be in it
 * @throws {Unwell} where it is not, or the answer ends too early
 */
export async function readBody(head: HttpHead, receive: Receive, wanted?: string): Promise<void> {
  const body = bodyOf(head);
  const needle = wanted === undefined ? undefined : bytesOf(wanted);
  let [text, arrived] = [body.take(head.rest), head.rest.length];
  for (;;) {
    if (needle !== undefined && text.includes(needle)) return;
    if (body.isWhole() || text.length >= BODY_BYTES_MAX || arrived > 2 * BODY_BYTES_MAX) break;
    const bytes = await receive();
    if (!bytes && !body.endsOpen) {
      throw new Unwell(`its answer ends after ${plural(text.length, "byte")}`);
    }
    if (!bytes) break;
    arrived += bytes.length;
    text += body.take(latin(bytes));
  }
  if (needle === undefined) return;
  throw new Unwell(`its answer does not contain ${JSON.stringify(tame(wanted ?? ""))}`);
}

/** RFC 9112, 6.3. */
function bodyOf({ status, fields }: HttpHead): Body {
  if (status === 204 || status === 304) return ofLength(0);
  const coding = fields.get("transfer-encoding");
  if (coding !== undefined && /(?:^|,)\s*chunked$/.test(coding)) return chunked();
  const length = fields.get("content-length");
  if (length === undefined || coding !== undefined) {
    return { take: (text) => text, isWhole: () => false, endsOpen: true };
  }
  if (!/^\d{1,15}$/.test(length)) throw new Unwell("its Content-Length is not a number");
  return ofLength(Number(length));
}

function ofLength(length: number): Body {
  let left = length;
  return {
    take(text) {
      const taken = text.slice(0, left);
      left -= taken.length;
      return taken;
    },
    isWhole: () => left === 0,
    endsOpen: false,
  };
}

function chunked(): Body {
  const chunks = new Chunks();
  return { take: (text) => chunks.take(text), isWhole: () => chunks.isWhole, endsOpen: false };
}
