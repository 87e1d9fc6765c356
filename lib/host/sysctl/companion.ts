import { starOf } from "./key.ts";
import type { Companion, Rule } from "./rules.ts";

/** One key that moves with a rule's, and the pattern that says so. */
export interface MovedKey extends Companion {
  readonly pattern: string;
}

/** The keys among these that the kernel moves with the rule's key. */
export function companionsOf(rule: Rule, keys: Iterable<string>): MovedKey[] {
  return [...keys].flatMap((key) => companionOf(rule, key) ?? []);
}

/** How the kernel moves this key with the rule's, if it does. */
export function companionOf(rule: Rule, key: string): MovedKey | undefined {
  const companion = rule.companions?.find((one) => {
    const star = starOf(one.key, key);
    // conf.all.forwarding is the very variable of the rule's key, under its own or another name.
    return star !== undefined && star !== "all" && key !== rule.key;
  });
  return companion && { ...companion, key, pattern: companion.key };
}

/** The rule that sets the key, or with whose key the kernel moves it: the first, where there are several. */
export function ruleOf(rules: readonly Rule[], key: string): Rule | undefined {
  return rulesOf(rules, key)[0];
}

/** All of them: a key may have to be one thing or another. */
export function rulesOf(rules: readonly Rule[], key: string): readonly Rule[] {
  const own = rules.filter((rule) => starOf(rule.key, key) !== undefined);
  return own.length > 0 ? own : rules.filter((rule) => companionOf(rule, key));
}
