import { detect, kernelRelease, nftVersion } from "../lib/capability/detect.ts";
import type { Facts } from "../lib/capability/facts.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { FactsKey } from "../lib/store/facts.ts";
import type { HostIdentity } from "../lib/store/journal.ts";
import type { Store } from "../lib/store/store.ts";
import type { Kernel } from "../lib/sys/ports.ts";
import { context, type Places } from "./context.ts";
import { VERSION } from "./version.ts";

/**
 * Runs `work` as the only lb of this run folder, with the state open.
 *
 * @throws {LbError} `busy` where another run does not end in time, `not-permitted` unless root
 */
export async function withMachine<T>(
  places: Places,
  lockTimeout_ms: number,
  work: (machine: Machine) => Promise<T>,
): Promise<T> {
  const lock = await context.lock(places, lockTimeout_ms);
  try {
    const store = await context.openStore(places);
    try {
      const kernel = context.kernel(places);
      const host = context.hostIdentity();
      const facts = await knownFacts(kernel, store, host);
      return await work({ kernel, store, host, facts, version: VERSION });
    } finally {
      store.close();
    }
  } finally {
    lock.release();
  }
}

/** What this kernel can do: probed once per boot and nft version, then remembered. */
async function knownFacts(kernel: Kernel, store: Store, host: HostIdentity): Promise<Facts> {
  const key = await factsKey(kernel, host);
  const known = store.facts.get(key);
  if (known) return JSON.parse(known) as Facts;
  const facts = await detect(kernel);
  // What could not be tried without privilege is not worth remembering.
  if (facts.capabilities.every(({ answer }) => answer !== "unknown")) {
    store.facts.put(key, JSON.stringify(facts));
  }
  return facts;
}

/** The same for a reader, which cannot remember what it finds. */
export async function readFacts(kernel: Kernel, store: Store, host: HostIdentity): Promise<Facts> {
  const known = store.facts.get(await factsKey(kernel, host));
  return known ? JSON.parse(known) as Facts : await detect(kernel);
}

async function factsKey(kernel: Kernel, host: HostIdentity): Promise<FactsKey> {
  return {
    boot_id: host.boot_id,
    kernel_release: kernelRelease(kernel),
    nft_version: await nftVersion(kernel) ?? "",
  };
}
