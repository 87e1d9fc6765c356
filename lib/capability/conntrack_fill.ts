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
