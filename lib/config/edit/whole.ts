import { LbError } from "../../model/error.ts";
import { applyEdit, type Edited, parseAgain, servicesIn } from "./apply.ts";
import { type Edit, findService, intend, isEqual } from "./document.ts";
import { parseToml } from "../parse.ts";

/**
 * Edits a text by all that it says.
 *
 * @param file its name, for messages only
 * @throws {LbError} as `editConfig` of edit.ts
 */
export async function editWhole(
  source: string,
  edits: readonly Edit[],
  file: string,
): Promise<Edited> {
  let text = source;
  let wanted = parseToml(source, file);
  for (const edit of edits) {
    const service = findService(wanted, edit.service);
    const { document, backend } = intend(wanted, service, edit);
    text = await applyEdit(text, servicesIn(text)[service], edit, backend);
    wanted = document;
  }
  const document = parseAgain(text);
  if (!document || !isEqual(document, wanted)) throw unsafe(file);
  return { text, document };
}

function unsafe(file: string): LbError {
  const message = `${file} is written in a way that lb cannot edit safely; nothing was written`;
  return new LbError(
    "config-invalid",
    `${message}. Please make this change by hand, then: lb apply`,
  );
}
