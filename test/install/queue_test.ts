import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import {
  startWorker,
  stopWorker,
  type WorkerHost,
  writeTable,
} from "../../lib/host/worker/worker.ts";
import { queueStatistics } from "../../lib/netlink/queue/statistics.ts";
import { clock } from "../../lib/sys/clock.ts";
import { daemons } from "../../lib/sys/daemons.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { able } from "../kernel/able.ts";
import { tableOf } from "../kernel/worker_rig.ts";
import { executableIn, NEXT_VERSION, nextRelease, release } from "./built.ts";
import { makeMachine } from "./machine.ts";

const NAMESPACE = `lb-${Deno.pid}-queue`;

/** Who has which queue in the namespace. */
async function listeners() {
  const argv = inside(NAMESPACE, ["cat", "/proc/net/netfilter/nfnetlink_queue"]);
  const { stdout } = await process.run(argv);
  return queueStatistics({ read: () => stdout })?.map(({ queue, peer_portid }) => [
    queue,
    peer_portid,
  ]);
}

Deno.test({
  ...able(
    "the executable's queue worker chooses, and a later one takes its very sockets",
    "xt_queue",
  ),
  // Daemons are not waited for.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const machine = makeMachine();
    const runDir = `${machine.folder}/run`;
    files.mkdir(runDir, 0o700);
    const hostOf = (folder: string): WorkerHost => ({
      kernel: { files, process, clock, runDir },
      daemons,
      self: inside(NAMESPACE, ["env", `LB_CACHE=${machine.cache}`, executableIn(folder)]),
    });
    const [host, next] = [hostOf(await release()), hostOf(await nextRelease())];
    await process.run(["ip", "netns", "add", NAMESPACE]);
    try {
      writeTable(host, tableOf("one", 2));
      const first = await startWorker(host);
      const bound = await listeners();
      assert.equal(bound?.length, 2);
      const second = await startWorker(next);
      assert.deepEqual([second.version, second.token], [NEXT_VERSION, "one"]);
      assert.notEqual(first.version, NEXT_VERSION);
      assert.deepEqual(await listeners(), bound);
      await stopWorker(next);
      assert.deepEqual(await listeners(), []);
    } finally {
      await stopWorker(next).catch(() => {});
      await process.run(["ip", "netns", "delete", NAMESPACE]);
      machine.remove();
    }
  },
});
