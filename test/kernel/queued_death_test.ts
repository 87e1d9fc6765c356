/** Deaths of the queue worker that nobody notices, under 500 new connections a second. */
import assert from "node:assert/strict";
import { CLIENT } from "../../lib/demo/layout.ts";
import type { RequestsResult } from "../../lib/demo/role/spec.ts";
import { process } from "../../lib/sys/process.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { eventually, predicted, queuedPackets, type QueueStatus, statusOf } from "./queued_rig.ts";
import { apply, must } from "./steps.ts";

const test = kernelTests({ backends: 3, need: "queue" });

const TIMES = 10;
const PER_SECOND = 500;
const WEIGHTS = [2, 1, 1];
const FIRST_PORT = 20_000;

/** A SYN is sent again after 1 s, and after 2 s more (RFC 6298), when it is 3 s late; the rest is the machine's. */
const TWO_RETRANSMISSIONS_MS = 3_500;

type Worker = QueueStatus["worker"];

/** Does something to the worker, again and again, while connections come in. */
async function under(
  lab: Lab,
  act: (worker: Worker) => Promise<void>,
  times = TIMES,
): Promise<RequestsResult> {
  await apply(lab, { weights: WEIGHTS, scheduler: "maglev", more: 'engine = "nfqueue"' });
  const load = await lab.traffic.steady(lab.topology.client, {
    doors: [door(4)],
    per_second: PER_SECOND,
    seconds_max: 120,
    timeout_ms: 10_000,
    sources: { addresses: [CLIENT[4]], first_port: FIRST_PORT },
  });
  for (let turn = 0; turn < times; turn++) {
    const { worker } = await statusOf(lab);
    assert.equal(worker.state, "answers");
    await act(worker);
  }
  return await load.stop();
}

/** No connection failed, and each has the backend that it would have had with the worker alive. */
function checkAll({ requests, failed, errors, answers }: RequestsResult): void {
  assert.ok(requests > 3 * PER_SECOND, `${requests} connections`);
  assert.deepEqual({ failed, errors }, { failed: 0, errors: {} });
  const astray = answers.filter((name, index) =>
    name !== predicted("maglev", "web", WEIGHTS, { address: CLIENT[4], port: FIRST_PORT + index })
  );
  assert.equal(astray.length, 0, `of ${requests} connections at another backend`);
}

/** Waits until the kernel queues packets that somebody answers, two seconds at most. */
async function backWithin(lab: Lab, limit_ms: number, isOther: (now: Worker) => boolean) {
  const took_ms = await eventually("back in user space", async () => {
    const { worker } = await statusOf(lab);
    return worker.state === "answers" && worker.worker_pid > 0 && isOther(worker);
  });
  const queued = await queuedPackets(lab);
  await eventually("packets are queued", async () => await queuedPackets(lab) > queued);
  assert.ok(took_ms < limit_ms, `after ${Math.round(took_ms)} ms`);
}

test("kill -9 of the process that chooses, ten times: nothing fails, nothing goes astray, back within 2 s", async (lab) => {
  checkAll(
    await under(lab, async ({ worker_pid }) => {
      await must(lab, "kill", "-KILL", `${worker_pid}`);
      await backWithin(lab, 2_000, (now) => now.worker_pid !== worker_pid);
    }),
  );
});

test("kill -9 of its supervisor, ten times: the same", async (lab) => {
  checkAll(
    await under(lab, async ({ pid }) => {
      await must(lab, "kill", "-KILL", `${pid}`);
      await backWithin(lab, 2_000, (now) => now.pid !== pid);
    }),
  );
});

test("SIGSTOP, ten times: nothing fails, and nothing is later than two retransmissions; replaced within 5 s", async (lab) => {
  const result = await under(lab, async ({ worker_pid }) => {
    await must(lab, "kill", "-STOP", `${worker_pid}`);
    await backWithin(lab, 5_000, (now) => now.worker_pid !== worker_pid);
  });
  checkAll(result);
  assert.ok(result.slowest_ms < TWO_RETRANSMISSIONS_MS, `${result.slowest_ms} ms`);
});

/** What runs in the balancer's namespace, a line each: its number, its age in seconds, its state and its command line. */
async function processesOf(lab: Lab): Promise<string> {
  const { stdout } = await process.run(["ip", "netns", "pids", lab.topology.balancer]);
  if (stdout.trim() === "") return "";
  const pids = stdout.trim().split(/\s+/).join(",");
  return (await process.run(["ps", "-o", "pid=,ppid=,etimes=,stat=,args=", "-p", pids])).stdout;
}

test("an uninstall in the middle of a revival leaves no process behind", async (lab) => {
  await apply(lab, { weights: WEIGHTS, more: 'engine = "nfqueue"' });
  const { worker } = await statusOf(lab);
  await must(lab, "kill", "-KILL", `${worker.pid}`);
  const { code, stderr } = await lab.balancer.lb("uninstall", "--yes");
  assert.equal(code, 0, stderr);
  await eventually("all have ended", async () => await processesOf(lab) === "")
    .catch(async (error) => assert.fail(`${error.message}:\n${await processesOf(lab)}`));
  // Nor does one come later.
  await must(lab, "sleep", "2");
  assert.equal(await processesOf(lab), "");
});

test("a supervisor that is stopped is replaced by a reconcile, and nothing fails", async (lab) => {
  checkAll(
    await under(lab, async ({ pid }) => {
      await must(lab, "kill", "-STOP", `${pid}`);
      await lab.balancer.json(1, "reconcile");
      await backWithin(lab, 5_000, (now) => now.pid !== pid);
    }, 2),
  );
});
