import { detect, isLasting, nftVersion, refresh } from "../../lib/capability/detect.ts";
import { kernelRelease } from "../../lib/kernel/modules.ts";
import type { Facts } from "../../lib/capability/facts.ts";
import { LbError } from "../../lib/model/error.ts";
import type { Machine } from "../../lib/reconcile/request.ts";
import type { FactsKey } from "../../lib/store/facts.ts";
import type { HostIdentity } from "../../lib/store/journal.ts";
import type { Store } from "../../lib/store/store.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import { context, type Places } from "../context.ts";
import { say } from "./io.ts";
import { VERSION } from "./version.ts";

let wasSignalled = false;

/** Whether somebody wanted this program to end while something was begun, which was finished first. */
export function isToEnd(): boolean {
  return wasSignalled;
}

function finishFirst(): void {
  wasSignalled = true;
  say("lb: finishing what is begun");
}

/** Ends what {@linkcode hold} began. */
let release: (() => void) | undefined;

let isToBeTold = false;

function hold(): void {
  release ??= context.holdSignals(finishFirst);
}

function letEnd(): void {
  if (isToBeTold) return;
  release?.();
  release = undefined;
}

/**
 * A signal that came once `work` had begun to change something waits until it has told of it, too: of what was done
 * once no later pass tells.
 */
export async function untilTold<T>(work: () => Promise<T>): Promise<T> {
  isToBeTold = true;
  try {
    return await work();
  } finally {
    isToBeTold = false;
    letEnd();
  }
}

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
  hold();
  try {
    const store = await context.openStore(places);
    try {
      const kernel = context.kernel(places);
      const host = context.hostIdentity();
      const facts = await knownFacts(kernel, store, host);
      const worker = context.worker(kernel);
      const check = context.checker(places);
      const { packets } = context;
      return await work({ kernel, store, host, facts, version: VERSION, worker, check, packets });
    } finally {
      store.close();
    }
  } finally {
    letEnd();
    lock.release();
  }
}

/** What this kernel can do: probed once per boot, nft version and set of modules. */
async function knownFacts(kernel: Kernel, store: Store, host: HostIdentity): Promise<Facts> {
  const key = await factsKey(kernel, host);
  const held = heldFacts(kernel, store, key);
  if (held) return held;
  const facts = await detect(kernel);
  remember(kernel, store, key, facts);
  return facts;
}

/** The same for a reader, which cannot remember what it finds. */
export async function readFacts(kernel: Kernel, store: Store, host: HostIdentity): Promise<Facts> {
  return heldFacts(kernel, store, await factsKey(kernel, host)) ?? await detect(kernel);
}

/** What was remembered; undefined where nothing was, or it holds no longer. */
function heldFacts(kernel: Kernel, store: Store, key: FactsKey): Facts | undefined {
  const known = store.facts.get(key);
  return known === undefined ? undefined : refresh(kernel, JSON.parse(known) as Facts);
}

/**
 * Lets later runs know what was just found out, in place of what was found earlier. Nothing happens where
 * there is no state, or none that can be written: this is to save time only.
 */
export async function keepFacts(places: Places, facts: Facts): Promise<void> {
  const kernel = context.kernel(places);
  const store = await writableStore(places);
  try {
    if (!store) return;
    remember(kernel, store, await factsKey(kernel, context.hostIdentity()), facts);
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
  } finally {
    store?.close();
  }
}

async function writableStore(places: Places): Promise<Store | undefined> {
  try {
    const found = await context.readStore(places);
    found?.close();
    return found && await context.openStore(places);
  } catch (error) {
    if (error instanceof LbError) return undefined;
    throw error;
  }
}

function remember(kernel: Kernel, store: Store, key: FactsKey, facts: Facts): void {
  if (isLasting(kernel, facts)) store.facts.put(key, JSON.stringify(facts));
  else store.facts.forget();
}

async function factsKey(kernel: Kernel, host: HostIdentity): Promise<FactsKey> {
  return {
    boot_id: host.boot_id,
    kernel_release: kernelRelease(kernel),
    nft_version: await nftVersion(kernel) ?? "",
  };
}
