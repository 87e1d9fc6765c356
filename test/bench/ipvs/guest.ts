import { qemu } from "../../kernel/machine/qemu.ts";
import { uml } from "../../kernel/machine/uml.ts";
import { findPrograms } from "../programs.ts";
import type { Progress } from "../progress.ts";
import type { IpvsResult, IpvsSpec } from "./result.ts";
import { runInside } from "./run_inside.ts";

/** The kernels with IPVS that every machine can have: this one's own may lack it. */
const GUESTS = [uml, qemu];

/** A pair of everything, and starting: on a processor that is emulated and shared. */
const PAIR_S = 60;

const LIMIT_MS = 1_800_000;

/** What `measureIpvs` takes, seconds. */
export function plannedSeconds({ pairs, seconds }: IpvsSpec): number {
  return GUESTS.length * pairs * (PAIR_S + 2 * seconds);
}

/** A result of the guest's, with what it ran on. */
export interface GuestResult extends IpvsResult {
  readonly machine: string;
}

/** lb beside ipvsadm, on each kernel that has IPVS. One that fails is left out. */
export async function measureIpvs(
  spec: IpvsSpec,
  progress: Progress,
  skipped: string[],
): Promise<GuestResult[]> {
  // A guest reaches no network: what it lacks is unpacked here.
  await findPrograms(["wrk", "curl", "nginx", "conntrack"]);
  const results: GuestResult[] = [];
  for (const guest of GUESTS) {
    try {
      const result = await runInside(
        guest,
        "inside.ts",
        JSON.stringify(spec),
        LIMIT_MS,
      ) as IpvsResult;
      results.push({ machine: guest.what, ...result });
      progress.step(plannedSeconds(spec) / GUESTS.length, `IPVS on ${guest.what}`);
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      skipped.push(`IPVS on ${guest.what}: ${error.message}`);
      progress.say(skipped.at(-1)!);
    }
  }
  return results;
}
