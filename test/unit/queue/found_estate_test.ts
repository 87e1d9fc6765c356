import assert from "node:assert/strict";
import { findEstate } from "../../../lib/queue/supervisor/found_estate.ts";
import { FakeFiles } from "../../fake/files.ts";

const RUN = "/run/lb-test";

/** Test equipment: processes with command lines and sockets, and what the kernel tells of these. */
class FakeProc extends FakeFiles {
  readonly #links = new Map<string, string>();

  override readLink(path: string): undefined {
    // The fake's type knows no links.
    return this.#links.get(path) as undefined;
  }

  /** A process with these sockets, by file descriptor. */
  runs(pid: number, words: readonly string[], sockets: Readonly<Record<number, number>>): void {
    this.replace(`/proc/${pid}/cmdline`, words.map((word) => `${word}\0`).join(""));
    this.replace(`/proc/${pid}/stat`, `${pid} (lb) S ${"0 ".repeat(18)}${4_000 + pid} 0\n`);
    for (const [fd, inode] of Object.entries(sockets)) {
      this.replace(`/proc/${pid}/fd/${fd}`, "");
      this.#links.set(`/proc/${pid}/fd/${fd}`, `socket:[${inode}]`);
    }
  }
}

const SUPERVISOR = ["lb", "queue", "--run-dir", RUN];

/** Queues 3 and 4 are bound to the sockets 4711 and 4712; as linux 6.18 writes it. */
function machine(): FakeProc {
  const files = new FakeProc();
  files.replace(
    "/proc/net/netfilter/nfnetlink_queue",
    "    3      7     0 2   192     0     0        5  1\n" +
      "    4 4012345678     0 2   192     0     0        5  1\n",
  );
  files.replace(
    "/proc/net/netlink",
    "sk               Eth Pid        Groups   Rmem     Wmem     Dump  Locks    Drops    Inode\n" +
      "0000000000000000 0   7          00000000 0        0        0     2        0        4710    \n" +
      "0000000000000000 12  7          00000000 0        0        0     2        0        4711    \n" +
      "0000000000000000 12  4012345678 00000000 0        0        0     2        0        4712    \n",
  );
  return files;
}

Deno.test("who has the queues is found by their sockets, the process that chooses by its command line", () => {
  const files = machine();
  files.runs(8, [...SUPERVISOR, "--worker", "{}"], { 5: 4711, 6: 4712, 7: 99 });
  files.runs(9, SUPERVISOR, { 3: 4710, 21: 4711, 22: 4712 });
  assert.deepEqual(findEstate(files, RUN), {
    supervisor: 9,
    worker: 8,
    started: { supervisor: 4_009, worker: 4_008 },
    sockets: [
      { queue: 3, fd: 21, name: "socket:[4711]" },
      { queue: 4, fd: 22, name: "socket:[4712]" },
    ],
  });
});

Deno.test("a worker that is left alone is found, too", () => {
  const files = machine();
  files.runs(8, [...SUPERVISOR, "--worker", "{}"], { 5: 4711 });
  const { supervisor, worker, sockets } = findEstate(files, RUN)!;
  assert.deepEqual({ supervisor, worker }, { supervisor: 0, worker: 8 });
  assert.deepEqual(sockets, [{ queue: 3, fd: 5, name: "socket:[4711]" }]);
});

Deno.test("who has no queue, or is of another folder, or no lb at all, is left alone", () => {
  const files = machine();
  files.runs(5, SUPERVISOR, { 3: 4710 });
  files.runs(6, ["lb", "queue", "--run-dir", "/run/other"], { 3: 4711 });
  files.runs(7, ["suricata", "-q", "3"], { 3: 4711 });
  assert.equal(findEstate(files, RUN), undefined);
});

Deno.test("where nobody has a queue, no process is looked at", () => {
  const files = new FakeProc();
  files.list = () => assert.fail("a look");
  assert.equal(findEstate(files, RUN), undefined);
});
