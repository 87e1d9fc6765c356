/** The guests that other tests run on: what comes out of them, and that nothing of them stays. */
import assert from "node:assert/strict";
import { unless } from "./able.ts";
import { type Job, type Machine, ROOT, Stopped, Unavailable } from "./machine/machine.ts";
import { qemu } from "./machine/qemu.ts";
import { uml } from "./machine/uml.ts";

/** Far longer than it takes to start; the shortest time-out of a job that is to be ended. */
const START_MS = 60_000;

async function whyNot(machine: Machine): Promise<string | undefined> {
  try {
    await machine.prepare();
  } catch (error) {
    if (error instanceof Unavailable) return error.message;
    throw error;
  }
}

async function inFolder(act: (folder: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "lb-machine-test-" });
  try {
    await act(folder);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

function shell(folder: string, script: string, ...words: string[]): Job {
  return { argv: ["sh", "-c", script, ...words], folder, timeout_ms: START_MS };
}

/** Programs that run for this folder. */
function programsOf(folder: string): string[] {
  return Array.from(Deno.readDirSync("/proc"), ({ name }) => name).filter((name) => {
    try {
      return /^\d+$/.test(name) && Deno.readTextFileSync(`/proc/${name}/cmdline`).includes(folder);
    } catch {
      // It has ended meanwhile.
      return false;
    }
  });
}

const OWN_RELEASE = Deno.osRelease();

for (const machine of [uml, qemu]) {
  const reason = await whyNot(machine);
  const test = (name: string, act: (folder: string) => Promise<void>) =>
    Deno.test({
      ...unless(reason, `${machine.name}: ${name}`),
      fn: () => inFolder(act),
    });

  test("a program runs on another kernel, as root, in the checkout, with the words it was given", async (folder) => {
    const words = ["it's", "two\nlines", "", "$HOME", " * "];
    const script = 'uname -r; id -u; pwd; echo "$LB_X" >&2; printf "<%s>" "$@"; exit 44';
    const job = { ...shell(folder, script, "sh", ...words), env: { LB_X: "a 'b'" } };
    const { code, stdout, stderr } = await machine.run(job);
    const [release, uid, place, ...rest] = stdout.split("\n");
    assert.notEqual(release, OWN_RELEASE);
    assert.deepEqual([uid, `${place}/`, code, stderr], ["0", ROOT, 44, "a 'b'\n"]);
    assert.equal(rest.join("\n"), words.map((word) => `<${word}>`).join(""));
  });

  test("only what is written in the folder stays, and Deno runs from its cache", async (folder) => {
    const other = await Deno.makeTempFile({ prefix: "lb-machine-test-" });
    const script = 'echo there >"$1"; cat "$1"; "$2" eval "console.log(6 * 7)" >"$3/answer"';
    const job = shell(folder, script, "sh", other, Deno.execPath(), folder);
    const { code, stdout, stderr } = await machine.run({ ...job, env: { NO_COLOR: "1" } });
    const [there, here] = [stdout, await Deno.readTextFile(other)];
    await Deno.remove(other);
    assert.deepEqual([code, there, here, stderr], [0, "there\n", "", ""]);
    assert.equal(await Deno.readTextFile(`${folder}/answer`), "42\n");
  });

  test("modules of its kernel can be loaded, and are not loaded before", async (folder) => {
    const script =
      "grep -c ^nf_tables /proc/modules; nft list tables && grep ^nf_tables /proc/modules";
    const { stdout, stderr } = await machine.run(shell(folder, script));
    assert.match(stdout, /^0\nnf_tables /, stderr);
  });

  test("a kernel that breaks shows its last words", async (folder) => {
    const job = shell(folder, "echo before; sync; echo c >/proc/sysrq-trigger; sleep 60");
    await assert.rejects(machine.run(job), (error) => {
      assert.ok(error instanceof Stopped);
      assert.match(error.message, /The program:\nbefore\n[^]*Kernel panic/);
      return true;
    });
  });

  test("a program that does not end is ended, with its machine and all that belongs to it", async (folder) => {
    const job = { ...shell(folder, "echo started; exec sleep 1000"), timeout_ms: 6_000 };
    const run = machine.run(job);
    await new Promise((resolve) => setTimeout(resolve, 2_000));
    assert.notDeepEqual(programsOf(folder), []);
    await assert.rejects(run, Stopped);
    assert.deepEqual(programsOf(folder), []);
  });
}
