/** Test equipment: a plan as the text that `nft -f` is given. */
import type { NftPlan } from "../../../../lib/engine/nft/plan.ts";

/** Empty where there is nothing to do. */
export function scriptOf({ changes, write }: Pick<NftPlan, "changes" | "write">): string {
  if (changes.length === 0) return "";
  const lines: string[] = [];
  write((statement) => lines.push(statement));
  return `${lines.join("\n")}\n`;
}
