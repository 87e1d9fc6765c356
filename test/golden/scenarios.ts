/** The golden scenarios, for tests that load their rulesets into the kernel. */
import { able, type Need } from "../kernel/able.ts";

const HERE = new URL(".", import.meta.url).pathname;

/** What nft has to find in a kernel to take a scenario's ruleset, beyond the usual. */
export function needOf(folder: string): Need | undefined {
  return readIfThere(`${folder}/needs`)?.trim() as Need | undefined;
}

/** The folders of those with a ruleset that this kernel's nft takes. */
export function loadableScenarios(): string[] {
  return [...Deno.readDirSync(HERE)].map(({ name }) => `${HERE}${name}`).filter((folder) => {
    const need = needOf(folder);
    return readIfThere(`${folder}/ruleset.nft`) !== undefined &&
      (need === undefined || !able("", need).ignore);
  }).sort();
}

/** undefined where there is no such file. */
export function readIfThere(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) {
      return undefined;
    }
    throw error;
  }
}
