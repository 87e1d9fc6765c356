import assert from "node:assert/strict";
import { runChecks } from "../../../../lib/health/check/check.ts";
import { whyUnsafe } from "../../../../lib/kernel/file_safety.ts";
import type { FilesPort, FileStat, RunResult } from "../../../../lib/sys/ports.ts";
import { fakePorts, target } from "./rig.ts";

/** What is at a path: a mode, whose it is, and where it leads. */
type Entry = readonly [mode: number, uid: number, kind: "file" | "folder" | string];

function filesOf(entries: Readonly<Record<string, Entry>>): Pick<FilesPort, "stat" | "readLink"> {
  return {
    stat(path): FileStat | undefined {
      const [mode, uid, kind] = entries[path] ?? [];
      if (mode === undefined || uid === undefined) return undefined;
      const [isFile, isDirectory] = [kind === "file", kind === "folder"];
      return { mode, uid, isFile, isDirectory, isSymlink: !isFile && !isDirectory, size_bytes: 1 };
    },
    readLink: (path) => entries[path]?.[2],
  };
}

const TREE: Readonly<Record<string, Entry>> = {
  "/": [0o755, 0, "folder"],
  "/bin": [0o777, 0, "usr/bin"],
  "/usr": [0o755, 0, "folder"],
  "/usr/bin": [0o755, 0, "folder"],
  "/usr/bin/check": [0o755, 0, "file"],
  "/usr/bin/theirs": [0o755, 1000, "file"],
  "/usr/bin/group": [0o775, 0, "file"],
  "/usr/bin/link": [0o777, 0, "../../bin/check"],
  "/usr/bin/away": [0o777, 0, "/home/me/check"],
  "/usr/bin/loop": [0o777, 0, "loop"],
  "/usr/bin/mine": [0o777, 1000, "/usr/bin/check"],
  "/tmp": [0o1777, 0, "folder"],
  "/tmp/check": [0o755, 0, "file"],
  "/open": [0o777, 0, "folder"],
  "/open/check": [0o755, 0, "file"],
  "/home": [0o755, 0, "folder"],
  "/home/me": [0o755, 1000, "folder"],
  "/home/me/check": [0o755, 0, "file"],
};

Deno.test("a program is safe where nobody but root has a say in it", () => {
  const rows: readonly (readonly [string, string | undefined])[] = [
    ["/usr/bin/check", undefined],
    ["/bin/check", undefined],
    ["/usr/bin/link", undefined],
    ["/usr//bin/./../bin/check", undefined],
    ["/tmp/check", undefined],
    ["/usr/bin/theirs", "/usr/bin/theirs belongs to user 1000, not to root"],
    ["/usr/bin/group", "/usr/bin/group is writable by others than root (mode 0775)"],
    ["/open/check", "/open is writable by others than root (mode 0777)"],
    ["/home/me/check", "/home/me belongs to user 1000, not to root"],
    ["/usr/bin/away", "/home/me belongs to user 1000, not to root"],
    ["/usr/bin/mine", "/usr/bin/mine belongs to user 1000, not to root"],
    ["/usr/bin/loop", "/usr/bin/loop has too many symbolic links"],
    ["/usr/bin/absent", "/usr/bin/absent does not exist"],
    ["/usr/bin", "/usr/bin is no plain file"],
    ["/", "/ is no plain file"],
  ];
  const files = filesOf(TREE);
  for (const [path, wanted] of rows) assert.equal(whyUnsafe(files, path), wanted, path);
});

async function judged(result: RunResult, program = "/usr/bin/check") {
  const ports = { ...fakePorts({}, result), files: { ...fakePorts().files, ...filesOf(TREE) } };
  const health = { type: "exec", command: [program, "$(id)", "a b"], source: "192.0.2.9" } as const;
  const [checked] = await runChecks([target(health, 8080)], { ...ports, files: asFiles(ports) });
  return { reason: checked!.reason, runs: ports.runs };
}

function asFiles({ files }: { files: Pick<FilesPort, "stat" | "readLink"> }): FilesPort {
  return Object.assign(Object.create(fakePorts().files), files);
}

Deno.test("a program hears of the backend, and gets its arguments as they are", async () => {
  const { reason, runs: [run] } = await judged({ code: 0, stdout: "", stderr: "" });
  assert.equal(reason, "");
  const [argv, options] = run!;
  assert.deepEqual(argv, ["/usr/bin/check", "$(id)", "a b"]);
  assert.deepEqual(options?.env, {
    LB_SERVICE: "web",
    LB_ADDRESS: "192.0.2.1",
    LB_PORT: "8080",
    LB_SOURCE: "192.0.2.9",
    LB_TIMEOUT_MS: "900",
  });
  assert.equal(options?.timeout_ms, 900);
  assert.equal(options?.isApart, true);
});

Deno.test("a program's exit code and its first line are the reason", async () => {
  const reason = async (code: number, stdout: string, stderr = "") =>
    (await judged({ code, stdout, stderr })).reason;
  assert.equal(await reason(0, "CRITICAL"), "");
  assert.equal(await reason(2, "CRITICAL - load\nmore"), "exit code 2: CRITICAL - load");
  assert.equal(await reason(1, "", "no\x1b[2J"), "exit code 1: no?[2J");
  assert.equal(await reason(139, ""), "ended by signal 11");
  assert.equal((await reason(1, "x".repeat(500))).length, "exit code 1: ".length + 80);
});

Deno.test("a program in which others have a say is not run", async () => {
  const { reason, runs } = await judged({ code: 0, stdout: "", stderr: "" }, "/open/check");
  assert.match(reason, /^not run: \/open is writable/);
  assert.equal(runs.length, 0);
});
