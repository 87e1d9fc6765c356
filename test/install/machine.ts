const ROOT = new URL("../..", import.meta.url).pathname;

/** What a program said and how it ended. */
export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** A folder of our own that stands for the machine, so that nothing of the real one is touched. */
export interface Machine {
  readonly folder: string;
  readonly bin: string;
  readonly cache: string;
  /** The only environment that programs on it get. */
  readonly env: Readonly<Record<string, string>>;
  /** Runs a program with only this machine's environment. */
  run(argv: readonly [string, ...string[]], env?: Record<string, string>): Promise<Ended>;
  /** `install.sh` of this checkout, with this machine's prefix. */
  install(args?: readonly string[], env?: Record<string, string>): Promise<Ended>;
  remove(): void;
}

export const IS_ROOT = Deno.uid() === 0;

/** Name of a test that only root can run: says why where it is skipped. */
export function forRoot(name: string): { name: string; ignore: boolean } {
  return { name: IS_ROOT ? name : `${name} (skipped: needs root)`, ignore: !IS_ROOT };
}

/** The same for a test that runs this checkout's install.sh as nobody: below /root nobody gets at it. */
export function forRootAndNobody(name: string): { name: string; ignore: boolean } {
  if (!IS_ROOT) return forRoot(name);
  const asNobody = ["--reuid", "65534", "--regid", "65534", "--clear-groups"];
  const { success } = new Deno.Command("setpriv", {
    args: [...asNobody, "test", "-r", `${ROOT}install.sh`],
  }).outputSync();
  const why = " (skipped: other users cannot read this checkout)";
  return { name: success ? name : name + why, ignore: !success };
}

export function makeMachine(): Machine {
  const folder = Deno.makeTempDirSync({ prefix: "lb-install-" });
  const env = {
    PATH: `${Deno.execPath().replace(/\/[^/]*$/, "")}:/usr/sbin:/usr/bin:/sbin:/bin`,
    HOME: `${folder}/home`,
    LB_CACHE: `${folder}/cache`,
    LB_BUILD_CACHE: `${folder}/build`,
    LB_STATE: `${folder}/state`,
    // What was fetched once need not be fetched again.
    DENO_DIR: Deno.env.get("DENO_DIR") ?? `${Deno.env.get("HOME")}/.cache/deno`,
    DENO_TLS_CA_STORE: "system,mozilla",
  };
  const machine: Machine = {
    folder,
    bin: `${folder}/usr/bin/lb`,
    cache: env.LB_CACHE,
    env,
    run: (argv, more = {}) => runWith(argv, { ...env, ...more }),
    install: (args = [], more = {}) =>
      machine.run([`${ROOT}install.sh`, "--prefix", `${folder}/usr`, ...args], more),
    remove: () => Deno.removeSync(folder, { recursive: true }),
  };
  return machine;
}

async function runWith(argv: readonly [string, ...string[]], env: Record<string, string>) {
  const [program, ...args] = argv;
  const options = { args, env, clearEnv: true, cwd: "/", stdin: "null" } as const;
  const { code, stdout, stderr } = await new Deno.Command(program, options).output();
  const text = new TextDecoder();
  return { code, out: text.decode(stdout), err: text.decode(stderr) };
}

/** Names in a folder; empty where there is none. */
export function names(folder: string): string[] {
  try {
    return Array.from(Deno.readDirSync(folder), ({ name }) => name).sort();
  } catch {
    return [];
  }
}

/** Files below a folder, however deep. */
export function filesBelow(folder: string): string[] {
  return Array.from(Deno.readDirSync(folder)).flatMap(({ name, isDirectory }) =>
    isDirectory ? filesBelow(`${folder}/${name}`) : [`${folder}/${name}`]
  );
}
