import { files } from "../../../lib/sys/files.ts";
import { type Contender, onBackends, type Running, VIP_ON_BACKENDS } from "../contenders.ts";
import { end, type TrafficLab } from "../lab.ts";
import { lbConfig } from "../servers.ts";
import { FIRST_MARK, layOutRules, QUEUE, takeAwayRules } from "./rules.ts";
import { endWorker, startPlainWorker, workerStatus } from "./worker.ts";

export const NFQLB = "nfqlb";
export const LB_ON_ITS_RULES = "lb-queue";
export const LB_ON_OWN_RULES = "lb-nfqueue";

/** nfqlb between the two that are compared with it, so that it stands beside each. */
export function queueContenders(nfqlb: string): readonly Contender[] {
  return [
    {
      name: LB_ON_ITS_RULES,
      what:
        "lb's worker, as it is, behind nfqlb's rules: its table gives backends the ids by which " +
        "those rules know them, and marks that begin at bit 0; scheduler maglev",
      needs: [],
      start: (lab) => onItsRules(lab, () => startWorkerAlone(lab)),
    },
    {
      name: NFQLB,
      what: "nfqlb lb on the rules of its syn-only.md: marks choose routes, without DNAT",
      needs: [],
      start: (lab) => onItsRules(lab, () => startNfqlb(lab, nfqlb)),
    },
    {
      name: LB_ON_OWN_RULES,
      what:
        'lb apply with engine = "nfqueue", scheduler maglev: DNAT, counters and refusals included',
      needs: [],
      start: startLb,
    },
  ];
}

/** The VIP is an address of the backends', as nothing is translated. */
async function onItsRules(
  lab: TrafficLab,
  start: () => Promise<Running>,
): Promise<Running> {
  await onBackends(lab, VIP_ON_BACKENDS.add);
  await layOutRules(lab);
  const takeAway = async () => {
    await takeAwayRules(lab);
    await onBackends(lab, VIP_ON_BACKENDS.remove);
  };
  try {
    const { pids, stop } = await start();
    return {
      pids,
      async stop() {
        await stop();
        await takeAway();
      },
    };
  } catch (error) {
    await takeAway();
    throw error;
  }
}

async function startWorkerAlone(lab: TrafficLab): Promise<Running> {
  const { pid, worker_pid } = await startPlainWorker(lab, "maglev");
  return { pids: [pid, worker_pid], stop: () => endWorker(lab) };
}

/** Where shared memory is, and the one piece of nfqlb's whose name cannot be chosen. */
const SHARED = "/dev/shm";
const TRACE = "nfqlb-trace";

/** Sizes as its set-up has them. Its shared memory is named by us, so that no other's is touched. */
async function startNfqlb(lab: TrafficLab, nfqlb: string): Promise<Running> {
  const [targets, fragments] = ["targets", "fragments"].map((what) =>
    `lb-bench-${Deno.pid}-${what}`
  ) as [string, string];
  const isOthers = files.stat(`${SHARED}/${TRACE}`) !== undefined;
  const shared = isOthers ? [targets, fragments] : [targets, fragments, TRACE];
  const marks = lab.backends.map((_, index) => `${FIRST_MARK + index}`);
  await lab.must([nfqlb, "init", `--shm=${targets}`, "--M=1000", "--N=100"]);
  await lab.must([nfqlb, "activate", `--shm=${targets}`, ...marks]);
  const child = lab.start(lab.topology.balancer, [
    ...[nfqlb, "lb", `--queue=${QUEUE}`, `--tshm=${targets}`, `--ft_shm=${fragments}`],
  ]);
  const stop = async () => {
    await end(child);
    for (const name of shared) files.remove(`${SHARED}/${name}`);
  };
  try {
    await listening(lab);
  } catch (error) {
    await stop();
    throw error;
  }
  return { pids: [child.pid], stop };
}

const START_MS_MAX = 5_000;

async function listening(lab: TrafficLab): Promise<void> {
  const until_ms = performance.now() + START_MS_MAX;
  while (performance.now() < until_ms) {
    const listeners = await lab.must(["cat", "/proc/net/netfilter/nfnetlink_queue"]);
    if (new RegExp(`^ *${QUEUE} `, "m").test(listeners)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nfqlb does not listen after ${START_MS_MAX / 1000} s`);
}

async function startLb(lab: TrafficLab): Promise<Running> {
  lab.balancer.writeConfig(lbConfig(lab.backends, "nat", "nfqueue", "maglev"));
  await lab.balancer.json(0, "apply");
  const { pid, worker_pid } = await workerStatus(lab);
  return {
    pids: [pid, worker_pid],
    async stop() {
      await lab.balancer.lb("uninstall", "--purge", "--yes");
    },
  };
}
