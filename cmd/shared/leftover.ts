import { LbError } from "../../lib/model/error.ts";
import { context, type Places } from "../context.ts";

/** What the kernel has of lb's, whatever is on record. */
export interface Leftover {
  /** Names of the engines that have rules here. */
  readonly engines: readonly string[];
  /** Why there may be more; "" where all was seen. For the end of a sentence. */
  readonly doubt: string;
}

/** Rules of lb's can be here without a state that tells of them: somebody has deleted it. */
export async function lookForRules(places: Places): Promise<Leftover> {
  const [{ ENGINES }, { unusedEngines }] = await Promise.all([
    import("../../lib/engine/registry.ts"),
    import("../../lib/capability/unused.ts"),
  ]);
  const kernel = context.kernel(places);
  const unused = await unusedEngines(kernel);
  const engines: string[] = [];
  let doubt = "";
  for (const engine of ENGINES.filter(({ name }) => !unused.has(name))) {
    try {
      if ((await engine.observe(kernel)).have.present) engines.push(engine.name);
    } catch (error) {
      if (!(error instanceof LbError)) throw error;
      doubt = `, as far as can be seen (${error.message})`;
    }
  }
  return { engines, doubt };
}

/** The same in sentences for whoever has nothing on record, each with what the operator can do. */
export async function unrecordedRules(places: Places): Promise<string[]> {
  const { engines } = await lookForRules(places);
  return engines.map((engine) =>
    `${engine}: there are rules that an lb left, and nothing in ${places.state} tells of them; ` +
    '"lb apply" takes them over, "lb uninstall" removes them'
  );
}
