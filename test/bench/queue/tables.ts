import { figure } from "../figure.ts";
import type { Sample } from "../load.ts";
import { ratioSpread, spread } from "../statistics.ts";
import { ranged, ratio, type Table } from "../table.ts";
import { NFQLB } from "./contenders.ts";
import type { EnduranceResult } from "./endure.ts";
import { type FloodSample, passedBy } from "./flood.ts";
import { type QueueResult, type Samples, STEADY_PER_SECOND } from "./measure.ts";

const MICROSECONDS = 1e6;

/** What is compared: figures of one sample. */
export const QUEUE_FIGURES = {
  connectionRate: ({ amount, seconds }: Sample) => amount / seconds,
  connectionCost: ({ amount, cpu }: Sample) => cpu.balancer_s / amount * MICROSECONDS,
  machineCost: ({ amount, cpu }: Sample) => cpu.busy_s / amount * MICROSECONDS,
  synRate: ({ answered, seconds }: FloodSample) => answered / seconds,
  synCost: ({ answered, cpu_s }: FloodSample) => cpu_s / answered * MICROSECONDS,
  perCore: ({ answered, cpu_s }: FloodSample) => answered / cpu_s,
};

/** A figure as a part of nfqlb's of the same round. Pure. */
export function ofNfqlb<Kind>(
  samples: Samples<Kind>,
  name: string,
  value: (sample: Kind) => number,
) {
  return ratioSpread(samples.get(name)!.map(value), samples.get(NFQLB)!.map(value));
}

/** Pure. */
export function enduranceTable(result: EnduranceResult): Table {
  const { memory, seed, hostile, hostile_seen, restarts, released } = result;
  const megabytes = (bytes: number) => `${figure(bytes / 1e6)} MB`;
  return {
    title: "Queues: what the worker holds out",
    text:
      "Resident memory of its processes under a flood of SYNs, scheduler wlc, from a warm-up on. Then " +
      `${hostile} hostile packets of seed ${seed}: headers that are cut, repeated or noise, ICMP errors ` +
      `about nothing; ${hostile_seen} came before the worker, the others were passed by, or lost ` +
      `before. It was started anew ${restarts} times, and left ${released} packets behind.`,
    head: ["verdicts", "supervisor", "worker"],
    rows: memory.map(({ verdicts, supervisor_bytes, worker_bytes }) => [
      `${verdicts}`,
      megabytes(supervisor_bytes),
      megabytes(worker_bytes),
    ]),
  };
}

/** Pure. */
export function queueTables({ connections, steady, flood }: QueueResult): Table[] {
  return [connectionTable(connections), steadyTable(steady), floodTable(flood)];
}

function connectionTable(samples: Samples<Sample>): Table {
  const { connectionRate, connectionCost, machineCost } = QUEUE_FIGURES;
  return {
    title: "Queues: connections per second",
    text:
      "As above, but a program in user space chooses for each connection. CPU of the program is " +
      "what its processes used for it, what the kernel does for them included: the SYN's way on to " +
      "the backend, which begins with the verdict. CPU of the machine: clients and backends too.",
    head: [
      ...["", "connections/s", "of nfqlb", "CPU of the program, µs", "of nfqlb"],
      ...["CPU of the machine, µs", "of nfqlb"],
    ],
    rows: [...samples].map(([name, all]) => [
      errorsOf(name, all),
      ...compared(samples, name, connectionRate),
      ...compared(samples, name, connectionCost),
      ...compared(samples, name, machineCost),
    ]),
  };
}

function errorsOf(name: string, samples: readonly Sample[]): string {
  const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
  return errors > 0 ? `${name} (${errors} errors)` : name;
}

function steadyTable(samples: Samples<FloodSample>): Table {
  return {
    title: `Queues: ${STEADY_PER_SECOND} SYNs per second`,
    text:
      "From a generator, each from another port, and dropped behind the choice: what one costs the " +
      "program when as a rule nothing else waits with it.",
    head: ["", "SYNs/s", "CPU of the program, µs", "of nfqlb", "dropped", "left to the kernel"],
    rows: [...samples].map(([name, all]) => [
      name,
      ranged(spread(all.map(QUEUE_FIGURES.synRate)), figure),
      ...compared(samples, name, QUEUE_FIGURES.synCost),
      ...lostOf(all),
    ]),
  };
}

function floodTable(samples: Samples<FloodSample>): Table {
  const { synRate, perCore } = QUEUE_FIGURES;
  return {
    title: "Queues: the most SYNs per second",
    text:
      "As many as a generator can send with a core of its own; the program has the other. Per core " +
      "is what a second of the program's processor time answers. What the queue has no room for is " +
      "dropped by nfqlb's, and left to the kernel's own choice by lb's; on lb's own rules so is what " +
      "finds no room in the set of flows that were queued within 3 s (65,535).",
    head: ["", "SYNs/s", "of nfqlb", "per core", "of nfqlb", "dropped", "left to the kernel"],
    rows: [...samples].map(([name, all]) => [
      name,
      ...compared(samples, name, synRate),
      ...compared(samples, name, perCore),
      ...lostOf(all),
    ]),
  };
}

function compared<Kind>(samples: Samples<Kind>, name: string, value: (sample: Kind) => number) {
  return [
    ranged(spread(samples.get(name)!.map(value)), figure),
    name === NFQLB ? "" : ranged(ofNfqlb(samples, name, value), ratio),
  ];
}

/** Shares of what was offered in all rounds. */
function lostOf(samples: readonly FloodSample[]): string[] {
  const sum = (of: (sample: FloodSample) => number) =>
    samples.reduce((total, sample) => total + of(sample), 0);
  const offered = sum((sample) => sample.offered);
  return [sum(({ dropped }) => dropped), sum(passedBy)]
    .map((count) => `${(count / offered * 100).toFixed(1)} %`);
}
