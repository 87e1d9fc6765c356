import { ConfigError } from "./diagnostic.ts";
import { lineAt, withoutBom } from "./parse.ts";

/** What a decoder puts in the place of bytes that it cannot read; a text may hold it by right. */
const REPLACEMENT = "\ufffd";
const REPLACEMENT_BYTES = [0xef, 0xbf, 0xbd];

const HINT = "TOML is UTF-8: save the file as that (iconv -f ISO-8859-1 -t UTF-8 if it is Latin-1)";

/**
 * The text in a file, byte order mark included. What is not UTF-8 is refused, also in a comment: an
 * edit would write it back as something else.
 *
 * @throws {ConfigError} with the place of the first byte that is not
 */
export function decodeText(bytes: Uint8Array, file: string): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    throw notUtf8(bytes, file);
  }
}

function notUtf8(bytes: Uint8Array, file: string): ConfigError {
  const mended = new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes);
  const { at, byte } = firstWrong(mended, bytes);
  const lines = withoutBom(mended.slice(0, at)).split("\n");
  const line = lines.length;
  return new ConfigError([{
    severity: "error",
    file,
    line,
    column: lines.at(-1)!.length + 1,
    length: 1,
    source_line: lineAt(withoutBom(mended), line),
    message: `the byte 0x${byte.toString(16).padStart(2, "0")} is not UTF-8`,
    hint: HINT,
  }]);
}

/** Where in the mended text the first replacement is that was not in the file. */
function firstWrong(mended: string, bytes: Uint8Array): { at: number; byte: number } {
  const encoder = new TextEncoder();
  let offset = 0;
  let from = 0;
  for (;;) {
    const at = mended.indexOf(REPLACEMENT, from);
    offset += encoder.encode(mended.slice(from, at)).length;
    const isOwn = REPLACEMENT_BYTES.every((byte, index) => bytes[offset + index] === byte);
    if (!isOwn) return { at, byte: bytes[offset] ?? 0 };
    offset += REPLACEMENT_BYTES.length;
    from = at + 1;
  }
}
