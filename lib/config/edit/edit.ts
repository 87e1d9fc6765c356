import type { Edited } from "./apply.ts";
import type { Edit } from "./document.ts";
import { editSingle } from "./single.ts";
import { editWhole } from "./whole.ts";
import { withoutBom } from "../parse.ts";

export type { Edit } from "./document.ts";

/**
 * Edits a config, all edits or none, and keeps everything else in it byte for byte: comments, layout,
 * line endings.
 *
 * @param file its name, for messages only
 * @returns the new text. It was parsed again and says what was intended, nothing more and nothing less
 * @throws {LbError} `usage` where there is no such service, or not exactly one such backend
 * @throws {LbError} `config-invalid` where the text is not TOML, or is written in a way that cannot be
 * edited safely
 */
export async function editConfig(
  text: string,
  edits: readonly Edit[],
  file = "lb.toml",
): Promise<Edited> {
  const source = withoutBom(text);
  const edited = await editSingle(source, edits) ?? await editWhole(source, edits, file);
  return { ...edited, text: text.slice(0, text.length - source.length) + edited.text };
}
