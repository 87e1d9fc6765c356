import type { Status } from "./status.ts";

/** What has become of a config file that is not what was applied, and what to do, in a sentence. Pure. */
export function editedWords({ config_trouble, revision }: Status): string {
  return config_trouble === undefined
    ? 'the config file has edits that are not applied; "lb apply --plan" shows them'
    : `${config_trouble}; "lb history ${revision}" prints what is applied`;
}
