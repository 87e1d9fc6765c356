import { deepStrictEqual } from "node:assert/strict";
import { type Edit, editConfig as edit } from "../../../lib/config/edit/edit.ts";
import { parseToml, withoutBom } from "../../../lib/config/parse.ts";

/** An edited config's text, which must say what comes with it. */
export async function editConfig(
  text: string,
  edits: readonly Edit[],
  file?: string,
): Promise<string> {
  const edited = await edit(text, edits, file);
  deepStrictEqual(parseToml(withoutBom(edited.text), "edited"), edited.document);
  return edited.text;
}
