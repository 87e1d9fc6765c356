/** Kernel's unit of time in /proc: USER_HZ is 100 on every architecture Debian has. */
const TICKS_PER_SECOND = 100;

/** Seconds of all cores together since boot. */
export interface CpuTimes {
  /** In programs, the kernel and interrupts. */
  readonly busy_s: number;
  readonly idle_s: number;
  /** Taken by the host of a virtual machine. */
  readonly steal_s: number;
}

/** Who had the processors while something was measured: seconds of all cores together. */
export interface CpuUse extends CpuTimes {
  readonly client_s: number;
  readonly backends_s: number;
  /** Programs that carry the traffic; what the kernel does is in whoever it interrupted. */
  readonly balancer_s: number;
}

/** First line of /proc/stat (proc_stat(5)): user nice system idle iowait irq softirq steal. */
export function parseCpuTimes(text: string): CpuTimes {
  const [user = 0, nice = 0, system = 0, idle = 0, iowait = 0, irq = 0, softirq = 0, steal = 0] =
    (text.split("\n")[0] ?? "").split(/\s+/).slice(1).map((ticks) =>
      Number(ticks) / TICKS_PER_SECOND
    );
  return {
    busy_s: user + nice + system + irq + softirq,
    idle_s: idle + iowait,
    steal_s: steal,
  };
}

/** Of one line of /proc/PID/stat: its parent, and the seconds it and its ended children have used. */
export function parseProcessStat(text: string) {
  // The name in brackets may hold anything; what follows the last bracket is numbers.
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const seconds = (index: number) => Number(fields[index] ?? 0) / TICKS_PER_SECOND;
  return {
    parent: Number(fields[1]),
    own_s: seconds(11) + seconds(12),
    children_s: seconds(13) + seconds(14),
  };
}

/** Times of all cores by now. */
export function cpuTimes(): CpuTimes {
  return parseCpuTimes(Deno.readTextFileSync("/proc/stat"));
}

/** Seconds that these processes have used; one that has ended counts as 0. */
export function processSeconds(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => sum + (processStat(pid)?.own_s ?? 0), 0);
}

/** Seconds that ended children of this program have used. */
export function endedChildrenSeconds(): number {
  return processStat(Deno.pid)?.children_s ?? 0;
}

/** A process and the processes it started. */
export function family(parent: number): number[] {
  const younger = [...Deno.readDirSync("/proc")].map(({ name }) => Number(name))
    .filter((pid) => pid > parent);
  return [parent, ...younger.filter((pid) => processStat(pid)?.parent === parent)];
}

function processStat(pid: number) {
  try {
    return parseProcessStat(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    // Ended meanwhile: ESRCH or ENOENT, by how far it was gone.
    return undefined;
  }
}

/** Share of idle time under which the cores count as the bottleneck: scheduling leaves a little. */
const IDLE_MIN = 0.05;
const CORE_FULL = 0.95;

/** What held a measurement back, in words. Pure. */
export function bottleneck(use: CpuUse, seconds: number): string {
  const all = use.busy_s + use.idle_s + use.steal_s;
  if (use.steal_s / all > IDLE_MIN) return "the host (steal)";
  if (use.idle_s / all < IDLE_MIN) return "all cores";
  const full = ([["client", use.client_s], ["balancer", use.balancer_s]] as const)
    .find(([, used_s]) => Math.abs(used_s / seconds - 1) < 1 - CORE_FULL);
  return full ? `one core of the ${full[0]}` : "waiting";
}
