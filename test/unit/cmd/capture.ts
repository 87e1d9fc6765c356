/** Test equipment: command lines in this process, with what they print. */
import process from "node:process";
import { runCommandLine } from "../../../cmd/lb.ts";
import { closeLibc } from "../../../lib/sys/ffi.ts";

export interface Captured {
  readonly exitCode: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** What `work` prints; commander writes by Node's streams, lb by Deno's. */
export async function captured(work: () => number | Promise<number>): Promise<Captured> {
  const texts = { stdout: "", stderr: "" };
  const decoder = new TextDecoder();
  const undo = (["stdout", "stderr"] as const).flatMap((name) => [
    replaced(Deno[name], "writeSync", (bytes: Uint8Array) => {
      texts[name] += decoder.decode(bytes);
      return bytes.length;
    }),
    replaced(process[name], "write", (text: string) => {
      texts[name] += text;
      return true;
    }),
  ]);
  try {
    return { exitCode: await work(), ...texts };
  } finally {
    for (const each of undo) each();
  }
}

/** `lb` with these arguments, with folders of its own that do not exist. */
export async function lb(...argv: readonly string[]): Promise<Captured> {
  return await captured(() => runCommandLine(argv));
}

/** Runs a test with an empty folder, gone afterwards. */
export function inFolder(work: (folder: string) => Promise<void>): () => Promise<void> {
  return async () => {
    const folder = Deno.makeTempDirSync({ prefix: `lb-cmd-${Deno.pid}-` });
    try {
      await work(folder);
    } finally {
      // Open resources are counted, and a command line may have spoken to the kernel.
      closeLibc();
      Deno.removeSync(folder, { recursive: true });
    }
  };
}

/** Options that keep a command away from this machine's own lb. */
export function placed(folder: string): string[] {
  const { config, state, run } = { config: "lb.toml", state: "state", run: "run" };
  return [
    ...["--config", `${folder}/${config}`],
    ...["--state", `${folder}/${state}`],
    ...["--run-dir", `${folder}/${run}`],
  ];
}

function replaced<T extends object, Key extends keyof T>(
  object: T,
  key: Key,
  value: unknown,
): () => void {
  const before = object[key];
  object[key] = value as T[Key];
  return () => object[key] = before;
}
