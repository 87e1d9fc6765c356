/** What a command took. */
export interface Cost {
  readonly ms: number;
  /** Most memory of the command itself at any time, bytes; undefined where it was too short to be seen. */
  readonly peak_bytes?: number;
  /** The same for the nft it started. */
  readonly nft_peak_bytes?: number;
}

/** How often memory is looked at. The kernel keeps the peak, so only what comes after the last look is lost. */
const LOOK_EVERY_MS = 20;
const TIMEOUT_MS = 240_000;

/**
 * Runs a command to its end.
 *
 * @param codes exit codes that are right
 * @throws {Error} with what it said, where its exit code is another one
 */
export async function measureCommand(
  [program = "", ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
  codes: readonly number[] = [0],
): Promise<Cost> {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const began_ms = performance.now();
  const child = new Deno.Command(program, {
    ...{ args, env: { NO_COLOR: "1", ...env }, signal },
    ...{ stdin: "null", stdout: "null", stderr: "piped" },
  }).spawn();
  const said = new Response(child.stderr).text();
  const watch = new MemoryWatch(child.pid);
  const { code } = await child.status;
  const ms = performance.now() - began_ms;
  const peaks = watch.stop();
  if (!codes.includes(code)) {
    throw new Error(`${program} ${args.join(" ")} ended with ${code}: ${await said}`);
  }
  await said;
  return { ms, ...peaks };
}

class MemoryWatch {
  readonly #pid: number;
  readonly #timer: ReturnType<typeof setInterval>;
  #peak = 0;
  #nftPeak = 0;

  constructor(pid: number) {
    this.#pid = pid;
    this.#timer = setInterval(() => this.#look(), LOOK_EVERY_MS);
  }

  stop() {
    clearInterval(this.#timer);
    return {
      peak_bytes: this.#peak || undefined,
      nft_peak_bytes: this.#nftPeak || undefined,
    };
  }

  #look(): void {
    this.#peak = Math.max(this.#peak, peakOf(this.#pid));
    for (const { name } of Deno.readDirSync("/proc")) {
      // Ids grow: what it started is younger. (Not /proc/PID/task/*/children: not in every kernel.)
      if (!(Number(name) > this.#pid)) continue;
      const status = read(`/proc/${name}/status`);
      if (Number(/^PPid:\s*(\d+)/m.exec(status)?.[1]) !== this.#pid) continue;
      // Until it has become nft, its memory is that of lb, of which it is a copy.
      if (!/^Name:\s*nft$/m.test(status)) continue;
      this.#nftPeak = Math.max(this.#nftPeak, parsePeak(status));
    }
  }
}

function peakOf(pid: number): number {
  return parsePeak(read(`/proc/${pid}/status`));
}

/** VmHWM of /proc/PID/status, bytes; 0 where there is none (a program that has just ended). Pure. */
export function parsePeak(status: string): number {
  return Number(/^VmHWM:\s*(\d+) kB/m.exec(status)?.[1] ?? 0) * 1024;
}

function read(path: string): string {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return "";
  }
}
