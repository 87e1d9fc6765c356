import type { FilesPort } from "../sys/ports.ts";

/** How full the kernel's table of connections is. */
export interface ConntrackFill {
  readonly count: number;
  readonly max: number;
}

/** @returns undefined where conntrack has not been used yet */
export function conntrackFill(files: Pick<FilesPort, "read">): ConntrackFill | undefined {
  const read = (key: string) => Number(files.read(`/proc/sys/net/netfilter/${key}`) ?? NaN);
  const [count, max] = [read("nf_conntrack_count"), read("nf_conntrack_max")];
  return count >= 0 && max > 0 ? { count, max } : undefined;
}

/** From here on the table is called short of room. */
const SHORT_RATIO = 0.8;

export function isShortOfRoom({ count, max }: ConntrackFill): boolean {
  return count >= max * SHORT_RATIO;
}

/** What is wrong, and what to do. Pure. */
export function roomTrouble({ count, max }: ConntrackFill): string {
  return `the table of connections is ${
    Math.round(count / max * 100)
  } % full (${count} of ${max}): ` +
    "new connections are dropped when it is full; raise net.netfilter.nf_conntrack_max";
}
