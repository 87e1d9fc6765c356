import type { Machine } from "../../lib/reconcile/request.ts";
import type { Remnant } from "../../lib/store/remains.ts";
import { backupsOf } from "./backup.ts";
import { context, type Places } from "../context.ts";

/** What lb makes, by name: somebody may have pointed --state at a folder with other things in it. */
const OURS = /^(lb\.db(-wal|-shm)?|(transaction|cut)\.nft|queue\.(json|pid|sock|sockets))$/;

/**
 * Removes config, state and what else lb made. Locks (`lock`, `queue.lock`, `notify.lock`) stay: who waits on one
 * and who makes a new one would both hold it.
 */
export function purge({ config, state, runDir }: Places): void {
  const { files } = context;
  for (const file of [config, ...backupsOf(files, config)]) files.remove(file);
  context.sweepDrafts(runDir, 0);
  for (const folder of [state, runDir]) removeOurs(folder);
}

/** What lb has in other network namespaces, where nothing is put back from here. */
export function remainsElsewhere({ store, host }: Machine): Remnant[] {
  return store.remains.of(host.boot_id).filter(({ netns }) => netns !== host.netns);
}

/**
 * Why config and state are still needed: they alone tell how to put back what is left.
 *
 * @param elsewhere what was on record of other namespaces before this run
 * @returns lines for the operator; none where they can go
 */
export function whyKept(
  { store, host }: Machine,
  elsewhere: readonly Remnant[],
  isBlocked: boolean,
): string[] {
  const here = store.remains.of(host.boot_id).filter(({ netns }) => netns === host.netns);
  const namespaces = [...new Set(elsewhere.map(({ netns }) => netns))];
  const reasons = [
    ...here.map(({ resource, key }) => `${resource} ${key} is not put back`),
    ...namespaces.map((netns) =>
      `lb was applied in network namespace ${netns}, too: run "lb uninstall" there (if it is gone, a ` +
      "reboot ends this, or you remove the state folder)"
    ),
  ];
  const kept = "--purge removed nothing, since config and state tell how to put back what is left";
  if (reasons.length > 0) return [kept, ...reasons];
  return isBlocked ? [kept] : [];
}

function removeOurs(folder: string): void {
  const { files } = context;
  for (const name of files.list(folder)) {
    if (OURS.test(name)) files.remove(`${folder}/${name}`);
  }
  if (files.stat(folder) && files.list(folder).length === 0) files.remove(folder);
}
