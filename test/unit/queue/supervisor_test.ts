import assert from "node:assert/strict";
import type { QueueTable } from "../../../lib/engine/nfqueue/table.ts";
import { DEFAULT_MARK_MASK, markLayout } from "../../../lib/model/mark.ts";
import { QueueSet } from "../../../lib/queue/queue_set.ts";
import type { Predecessor } from "../../../lib/queue/supervisor/predecessor.ts";
import { Supervisor } from "../../../lib/queue/supervisor/supervisor.ts";
import { succeed } from "../../../lib/queue/supervisor/take_over.ts";
import type {
  AdoptedSocketsPort,
  HeldSocket,
  HeldSocketsPort,
  Partner,
} from "../../../lib/sys/ports.ts";
import { FakeFiles } from "../../fake/files.ts";
import { FakeClock } from "../../fake/kernel.ts";

const RUN = "/run/lb-test";
const TABLE = `${RUN}/queue.json`;

/** Test equipment: a worker that takes every table over, says so, and ends when it is told. */
class FakeWorker implements Partner {
  readonly pid: number;
  readonly told: string[] = [];
  readonly #stream = new TransformStream<string, string>();
  readonly #writer = this.#stream.writable.getWriter();
  readonly #ended = Promise.withResolvers<void>();
  readonly #token: () => string;
  readonly lines = this.#stream.readable.values();
  readonly ended = this.#ended.promise;

  constructor(pid: number, token: () => string) {
    this.pid = pid;
    this.#token = token;
    this.#tell();
  }

  say(line: string): void {
    const { op, turn } = JSON.parse(line);
    this.told.push(op);
    if (op === "stop") this.kill();
    else this.#tell(turn);
  }

  kill(): void {
    this.#ended.resolve();
    this.#writer.close().catch(() => {});
  }

  #tell(turn = 0): void {
    this.#writer.write(JSON.stringify({ event: "table", token: this.#token(), turn }));
  }
}

function tableOf(token: string, more: Partial<QueueTable> = {}): string {
  const marks = markLayout(DEFAULT_MARK_MASK)!;
  return JSON.stringify({ token, marks, queues: { first: 3, count: 1 }, services: [], ...more });
}

/** Test equipment: a supervisor that holds queue 3, and the workers that it started. */
function rig(table?: string, revivals = 0) {
  const files = new FakeFiles();
  if (table) files.replace(TABLE, table);
  const [workers, orders, logged]: [FakeWorker[], string[][], string[]] = [[], [], []];
  const state = { startable: true, broken: false };
  const closed: number[] = [];
  const socket: HeldSocket = {
    ...{ fd: 21, name: "socket:[1]" },
    send: () => {
      if (state.broken) throw new Error("the kernel refuses");
    },
    discard: () => {},
    close: () => void closed.push(21),
  };
  const none = {} as HeldSocketsPort & AdoptedSocketsPort;
  const queues = new QueueSet({ files, heldSockets: none, batchSockets: none });
  queues.adopt(3, socket);
  const clock = new FakeClock();
  const partner = (argv: readonly string[]) => {
    if (!state.startable) throw new Error("no memory");
    orders.push([...argv]);
    const worker = new FakeWorker(100 + workers.length, () => JSON.parse(files.read(TABLE)!).token);
    workers.push(worker);
    return worker;
  };
  const ports = {
    ...{ files, clock, runDir: RUN, version: "0.1.0", pid: 99, revivals },
    daemons: { partner },
    log: (line: string) => logged.push(line),
    worker: ["lb", "queue"] as const,
  };
  const supervisor = new Supervisor(ports, queues);
  return { supervisor, queues, files, clock, workers, orders, logged, state, closed };
}

const soon = () => new Promise((resolve) => setTimeout(resolve, 0));

Deno.test("without a table nobody is started, and the first one starts a worker with the queues", async () => {
  const { supervisor, files, orders, logged } = rig();
  supervisor.tick();
  assert.deepEqual([orders, supervisor.isServing, logged.length], [[], true, 1]);
  files.replace(TABLE, tableOf("one"));
  assert.equal(await supervisor.reload(), "one");
  const order = '{"queues":[{"queue":3,"fd":21}],"revivals":0}';
  assert.deepEqual(orders, [["lb", "queue", "--worker", order]]);
  assert.equal(supervisor.status().token, "one");
  await supervisor.stop();
});

Deno.test("another table goes to the worker that there is; other marks take another worker", async () => {
  const { supervisor, files, workers } = rig(tableOf("one"));
  supervisor.tick();
  await soon();
  files.replace(TABLE, tableOf("two"));
  assert.equal(await supervisor.reload(), "two");
  assert.deepEqual(workers.map(({ told }) => told), [["reload"]]);
  files.replace(TABLE, tableOf("three", { marks: markLayout(0x7ff00)! }));
  assert.equal(await supervisor.reload(), "three");
  assert.deepEqual(workers.map(({ told }) => told), [["reload", "stop"], []]);
  assert.deepEqual([supervisor.status().worker_pid, supervisor.status().restarts], [101, 0]);
  await supervisor.stop();
});

Deno.test("a damaged table changes nothing, and the next one is taken", async () => {
  const { supervisor, files, workers } = rig(tableOf("one"));
  supervisor.tick();
  await soon();
  files.replace(TABLE, "{");
  await assert.rejects(supervisor.reload(), /JSON/);
  files.replace(TABLE, tableOf("two"));
  assert.equal(await supervisor.reload(), "two");
  assert.deepEqual(workers.map(({ told }) => told), [["reload"]]);
  await supervisor.stop();
});

Deno.test("a program that cannot be started now is tried again in a second", async () => {
  const { supervisor, clock, orders, logged, state } = rig(tableOf("one"));
  state.startable = false;
  for (let turn = 0; turn < 5; turn++) supervisor.tick();
  assert.deepEqual(logged, ["no memory"]);
  state.startable = true;
  supervisor.tick();
  assert.equal(orders.length, 0);
  clock.advance(1_000);
  supervisor.tick();
  assert.equal(orders.length, 1);
  await supervisor.stop();
});

Deno.test("a worker that ends as soon as it is started is not started again at once", async () => {
  const { supervisor, clock, workers } = rig(tableOf("one"));
  supervisor.tick();
  workers[0]!.kill();
  await soon();
  supervisor.tick();
  assert.equal(workers.length, 1);
  clock.advance(1_000);
  supervisor.tick();
  assert.deepEqual([workers.length, supervisor.status().restarts], [2, 1]);
  await supervisor.stop();
});

Deno.test("who is in charge leaves no file behind, and who was succeeded leaves all of them", async () => {
  for (const successor of [false, true]) {
    const { supervisor, files, closed } = rig(tableOf("one"));
    supervisor.takeCharge();
    assert.equal(files.read(`${RUN}/queue.pid`), "99\n");
    if (successor) {
      files.replace(`${RUN}/queue.pid`, "101\n");
      files.replace("/proc/101/cmdline", `lb\0queue\0--run-dir\0${RUN}\0`);
    }
    await supervisor.stop();
    const left = files.list(RUN);
    assert.deepEqual(
      left,
      successor ? ["queue.json", "queue.pid", "queue.sockets"] : ["queue.json"],
    );
    assert.deepEqual(closed, [21]);
  }
});

Deno.test("where it cannot be written who is in charge, whoever was goes on, and keeps its files", async () => {
  for (const broken of ["queue.pid", "queue.sockets"]) {
    const { supervisor, files, closed } = rig(tableOf("one"));
    files.replace(`${RUN}/queue.pid`, "101\n");
    files.replace(`${RUN}/queue.sockets`, "theirs");
    files.replace("/proc/101/cmdline", `lb\0queue\0--run-dir\0${RUN}\0`);
    supervisor.hasHelp = true;
    const { replace } = files;
    files.replace = (path, ...rest) => {
      if (path === `${RUN}/${broken}`) throw new Error("no space left");
      replace.call(files, path, ...rest);
    };
    assert.throws(() => supervisor.takeCharge(), /no space/);
    await supervisor.stop();
    assert.equal(files.read(`${RUN}/queue.pid`), "101\n");
    assert.equal(files.read(`${RUN}/queue.sockets`), "theirs");
    assert.deepEqual(closed, [21]);
  }
});

Deno.test("an end that fails is told in the log, and everybody who waits for it goes on", async () => {
  const { supervisor, logged, state } = rig(tableOf("one"));
  supervisor.takeCharge();
  state.broken = true;
  await Promise.all([supervisor.stop(), supervisor.stop(), supervisor.run()]);
  assert.deepEqual(logged, ["the kernel refuses"]);
});

Deno.test("a worker is told how many supervisors died before, unless this one has come far", async () => {
  const { supervisor, clock, orders, workers } = rig(tableOf("one"), 3);
  supervisor.tick();
  clock.advance(60_000);
  workers[0]!.kill();
  await soon();
  supervisor.tick();
  assert.deepEqual(orders.map((order) => JSON.parse(order.at(-1)!).revivals), [3, 0]);
  await supervisor.stop();
});

Deno.test("a reload whose table was replaced meanwhile ends with the later one's token", async () => {
  const { supervisor, files, workers } = rig(tableOf("one"));
  supervisor.tick();
  await soon();
  const say = workers[0]!.say;
  workers[0]!.say = (line) => {
    // Somebody applies between the supervisor's look and the worker's.
    files.replace(TABLE, tableOf("three"));
    say.call(workers[0]!, line);
  };
  files.replace(TABLE, tableOf("two"));
  assert.equal(await supervisor.reload(), "three");
  await supervisor.stop();
});

Deno.test("whoever takes over ends when what it was to choose by is removed before it serves", async () => {
  const { supervisor, queues, files, clock, workers, state, closed } = rig(tableOf("one"), 1);
  state.startable = false;
  const began_ms = clock.now_ms();
  files.remove(TABLE);
  const predecessor = { pids: [] } as unknown as Predecessor;
  assert.equal(await succeed({ supervisor, queues, predecessor, clock }), false);
  assert.deepEqual([clock.now_ms() - began_ms, workers.length, closed], [0, 0, [21]]);
});

Deno.test("one that a worker has started ends where the table was removed before it could read it", async () => {
  const { supervisor, queues, files, clock, workers, closed } = rig(undefined, 1);
  files.replace(`${RUN}/lock`, "");
  const predecessor = { pids: [] } as unknown as Predecessor;
  assert.equal(await succeed({ supervisor, queues, predecessor, clock }), false);
  assert.deepEqual([workers.length, closed], [0, [21]]);
  const first = rig();
  first.files.replace(`${RUN}/lock`, "");
  assert.ok(first.supervisor.isWanted, "a service manager's waits for the first table");
});
