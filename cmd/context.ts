import type { ScheduleFolders } from "../lib/host/schedule/schedule.ts";
import type { WorkerHost } from "../lib/host/worker/worker.ts";
import { LbError } from "../lib/model/error.ts";
import { RUN_DIR_BYTES_MAX } from "../lib/model/worker.ts";
import type { CheckPorts } from "../lib/health/check/call.ts";
import type { ChannelPorts } from "../lib/notify/channel.ts";
import type { Machine } from "../lib/reconcile/request.ts";
import type { HostIdentity } from "../lib/store/journal.ts";
import { secureFolder } from "../lib/store/folder.ts";
import type { Store } from "../lib/store/store.ts";
import { children } from "../lib/sys/children.ts";
import { daemons } from "../lib/sys/daemons.ts";
import { clock } from "../lib/sys/clock.ts";
import { files, folderOf, sweepDrafts } from "../lib/sys/files.ts";
import { locks } from "../lib/sys/lock.ts";
import { netnsCookie } from "../lib/sys/netns.ts";
import { openPackets } from "../lib/sys/packets.ts";
import type { Kernel, Lock } from "../lib/sys/ports.ts";
import { process } from "../lib/sys/process.ts";
import { holdSignals } from "../lib/sys/signals.ts";
import { sockets } from "../lib/sys/socket.ts";
import { terminal } from "../lib/sys/terminal.ts";

/** Where lb keeps its things: the options every command has. */
export interface Places {
  readonly config: string;
  readonly state: string;
  readonly runDir: string;
}

/** The composition root: builds the real ports, each when it is first asked for. */
export const context = {
  files,
  clock,
  process,
  children,
  daemons,
  sweepDrafts,
  packets: openPackets,
  terminal,

  /** Everything an engine or a host resource may touch. */
  kernel(places: Places): Kernel {
    return { process, files, sockets, clock, runDir: places.runDir };
  },

  /** What the queue worker is started and asked with. */
  worker(kernel: Kernel): WorkerHost {
    return { kernel, daemons, self: context.selfCommand() };
  },

  /** Checks backends, each in its time. What checks are made of is loaded with the first of them. */
  checker(places: Pick<Places, "config">): Machine["check"] {
    return async (targets, limits) => {
      const { runChecks } = await import("../lib/health/check/check.ts");
      const config = context.configPath(places);
      return await runChecks(targets, await context.checkPorts(), { config, ...limits });
    };
  },

  /** What checks of backends take of the machine. */
  async checkPorts(): Promise<CheckPorts> {
    const { peers } = await import("../lib/sys/peers.ts");
    return {
      peers,
      tls: async () => (await import("../lib/sys/tls.ts")).tls,
      process,
      files,
      clock,
    };
  },

  /** What telling people of events takes of the machine. */
  channelPorts(): ChannelPorts {
    return { files, process, web: async () => (await import("../lib/sys/web.ts")).web };
  },

  /** The config's path from the root on: who runs programs looks at every folder above it. */
  configPath({ config }: Pick<Places, "config">): string {
    return context.fullPath(config);
  },

  /** A path from the root on. */
  fullPath(path: string): string {
    return path.startsWith("/") ? path : `${Deno.cwd()}/${path}`;
  },

  /** The state database, for writing; made where there is none. SQLite is loaded only here. */
  async openStore(places: Places): Promise<Store> {
    const { openStore } = await import("../lib/store/store.ts");
    return openStore(places.state, { files, uid: uid() });
  },

  /** The state database, for reading; undefined where there is none. */
  async readStore(
    places: Pick<Places, "state">,
    options: { readonly immutable?: boolean } = {},
  ): Promise<Store | undefined> {
    const { readStore } = await import("../lib/store/store.ts");
    return readStore(places.state, { files, uid: uid() }, options);
  },

  /**
   * Makes it where it is not there.
   *
   * @throws {LbError} `not-permitted` where others could write in it, `usage` where a socket in it could have no name
   */
  secureRunDir(runDir: string): void {
    if (new TextEncoder().encode(runDir).length > RUN_DIR_BYTES_MAX) {
      throw new LbError(
        "usage",
        `--run-dir ${runDir}: a socket in it would have too long a name; ` +
          `choose a path of ${RUN_DIR_BYTES_MAX} bytes at most`,
      );
    }
    secureFolder(runDir, { files, uid: uid(), option: "--run-dir" });
  },

  /** Whether a service manager started this process, and starts another one when it ends. */
  isManaged(): boolean {
    return Deno.env.get("NOTIFY_SOCKET") !== undefined;
  },

  /**
   * @throws {LbError} `busy` after the time-out, `not-permitted` where somebody else could write in the
   * run folder
   */
  async lock({ runDir, config }: Places, timeout_ms: number): Promise<Lock> {
    context.secureRunDir(runDir);
    const lock = await locks.acquire(`${runDir}/lock`, timeout_ms);
    for (const folder of [runDir, folderOf(config)]) sweepDrafts(folder);
    return lock;
  },

  /**
   * Who holds it tells people of events.
   *
   * @returns undefined where another lb does just now
   */
  async tellerLock({ runDir }: Pick<Places, "runDir">): Promise<Lock | undefined> {
    context.secureRunDir(runDir);
    try {
      return await locks.acquire(`${runDir}/notify.lock`, 0);
    } catch (error) {
      if (error instanceof LbError && error.code === "busy") return undefined;
      throw error;
    }
  },

  /** Runs with an empty private folder, which is gone afterwards. */
  async inTemporaryFolder<T>(work: (folder: string) => Promise<T>): Promise<T> {
    const folder = Deno.makeTempDirSync({ prefix: "lb-" });
    try {
      return await work(folder);
    } finally {
      Deno.removeSync(folder, { recursive: true });
    }
  },

  /** Whether somebody sits there who can be asked: what is read and what is shown are a terminal. */
  isInteractive(): boolean {
    return Deno.stdin.isTerminal() && Deno.stdout.isTerminal() && Deno.stderr.isTerminal();
  },

  /** Whether the terminal's keys go to other programs (`lb … &`): the kernel stops who takes them all the same. */
  isInBackground(): boolean {
    // proc_pid_stat(5): pgrp is the third field after the name, which may have blanks in it, tpgid the sixth.
    const [, stat = ""] = /\) (.*)/.exec(files.read("/proc/self/stat") ?? "") ?? [];
    const fields = stat.split(" ");
    return fields[2] !== fields[5];
  },

  /** Whether there is a state database. */
  hasState({ state }: Pick<Places, "state">): boolean {
    return files.stat(`${state}/lb.db`) !== undefined;
  },

  /** The config's text, without a look at what it says. */
  async readConfig(places: Places): Promise<string> {
    const { readConfig } = await import("../lib/config/read.ts");
    return readConfig(files, places.config, { privileged: uid() === 0 });
  },

  /**
   * What is in the config file, for comparing; undefined where there is none.
   *
   * @throws {LbError} where something else is in its place, or it cannot be read
   */
  async peekConfig({ config }: Pick<Places, "config">): Promise<string | undefined> {
    const { peekConfig } = await import("../lib/config/read.ts");
    return peekConfig(files, config);
  },

  async loadConfig(places: Places) {
    const { loadConfig } = await import("../lib/config/load.ts");
    return loadConfig(files, places.config, { privileged: uid() === 0 });
  },

  /** {@linkcode holdSignals} */
  holdSignals,

  /** This boot and this network namespace: what is true here need not be elsewhere. */
  hostIdentity(): HostIdentity {
    const inode = files.readLink("/proc/self/ns/net") ?? "unknown";
    const cookie = netnsCookie();
    return {
      boot_id: files.read("/proc/sys/kernel/random/boot_id")?.trim() ?? "unknown",
      netns: cookie === undefined ? inode : `${inode} ${cookie}`,
      isReusable: cookie === undefined,
    };
  },

  /** Whom a revision is put down to: the user behind sudo, if there is one. */
  who(): string {
    const name = Deno.env.get("SUDO_USER") ?? Deno.env.get("LOGNAME") ?? Deno.env.get("USER") ??
      (uid() === 0 ? "root" : `uid ${uid()}`);
    // It is printed again later: what comes from the environment must not steer a terminal.
    return name.replaceAll(/[^\x20-\x7e]/g, "?");
  },

  /** Folder with the templates: set by the launcher, else beside main.ts. */
  home(): string {
    return Deno.env.get("LB_HOME") ?? new URL("..", import.meta.url).pathname.replace(/\/$/, "");
  },

  /** All that comes by stdin. */
  async stdin(): Promise<string> {
    return await new Response(Deno.stdin.readable).text();
  },

  /** How to start this very program again: a prefix of an argument list. */
  selfCommand(): [string, ...string[]] {
    if (Deno.build.standalone) return [Deno.execPath()];
    const flags = ["--quiet", "--no-prompt", "-A"];
    return [Deno.execPath(), "run", ...flags, new URL(Deno.mainModule).pathname];
  },

  /** The same for somebody who starts it tomorrow, when what this lb unpacked may be gone. */
  installedCommand(): readonly string[] {
    const cache = Deno.env.get("LB_CACHE");
    const installed = Deno.build.standalone ? Deno.execPath() : Deno.env.get("LB_SELF");
    const command = installed ? [installed] : context.selfCommand();
    return cache ? ["/usr/bin/env", `LB_CACHE=${cache}`, ...command] : command;
  },

  /** Where schedules are kept: as install.sh has it. */
  scheduleFolders(): ScheduleFolders {
    return {
      cron: Deno.env.get("LB_CRON") || "/etc/cron.d",
      units: Deno.env.get("LB_UNITS") || "/etc/systemd/system",
      systemd: Deno.env.get("LB_SYSTEMD") || "/run/systemd/system",
    };
  },

  isRoot(): boolean {
    return uid() === 0;
  },

  /** @throws {LbError} `not-permitted` unless root: said before anything is tried. */
  needRoot(command: string): void {
    if (context.isRoot()) return;
    throw new LbError("not-permitted", `lb ${command} works on the kernel: run it as root`);
  },
};

/** Type of the one and only {@linkcode context}. */
export type Context = typeof context;

function uid(): number {
  return Deno.uid() ?? -1;
}
