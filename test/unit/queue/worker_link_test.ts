import assert from "node:assert/strict";
import type { Counts, WorkerLine } from "../../../lib/queue/protocol.ts";
import { type LinkListener, WorkerLink } from "../../../lib/queue/supervisor/worker_link.ts";
import type { Partner } from "../../../lib/sys/ports.ts";

/** Test equipment: a worker that says what it is told to, and what it was told. */
class FakeWorker implements Partner {
  readonly pid = 77;
  readonly told: string[] = [];
  readonly #ended = Promise.withResolvers<void>();
  readonly #stream = new TransformStream<string, string>();
  readonly #writer = this.#stream.writable.getWriter();
  readonly lines = this.#stream.readable.values();
  readonly ended = this.#ended.promise;
  kills = 0;

  say(line: string): void {
    const { op, turn } = JSON.parse(line);
    this.told.push(turn === undefined ? op : `${op} ${turn}`);
  }

  kill(): void {
    this.kills++;
    this.end();
  }

  async says(line: WorkerLine | string): Promise<void> {
    await this.#writer.write(typeof line === "string" ? line : JSON.stringify(line));
  }

  async end(): Promise<void> {
    this.#ended.resolve();
    await this.#writer.close();
  }
}

function linked() {
  const worker = new FakeWorker();
  const heard: unknown[] = [];
  const listener: LinkListener = {
    count: (tally) => heard.push(tally.seen),
    refuse: (message) => heard.push(message),
    end: () => heard.push("end"),
  };
  return { worker, heard, link: new WorkerLink(worker, listener) };
}

const TALLY: Counts = { seen: 3, left_to_kernel: 0, chosen: [], events_lost: 0 };

Deno.test("a worker serves from the first table that its threads agree on", async () => {
  const { worker, link, heard } = linked();
  assert.equal(link.isServing, false);
  await worker.says({ event: "beat", tally: TALLY });
  await worker.says({ event: "table", token: "one" });
  await worker.end();
  assert.deepEqual([link.isServing, link.token, heard[0]], [true, "one", 3]);
});

Deno.test("a table is taken over when the worker has read it, or a later one", async () => {
  for (const token of ["two", "three"]) {
    const { worker, link } = linked();
    const reloaded = link.reload();
    assert.deepEqual(worker.told, ["reload 1"]);
    let isDone = false;
    reloaded.then(() => isDone = true);
    await worker.says({ event: "table", token: "one", turn: 0 });
    await new Promise((resolve) => setTimeout(resolve, 0));
    assert.equal(isDone, false, "that is the one before");
    await worker.says({ event: "table", token, turn: 1 });
    await reloaded;
    assert.equal(link.token, token);
    await worker.end();
  }
});

Deno.test("a worker that cannot count connections serves all the same, and says why it does not", async () => {
  const { worker, link, heard } = linked();
  await worker.says({ event: "uncounted", message: "no conntrack" });
  await worker.says({ event: "table", token: "one", turn: 0 });
  await worker.end();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual([link.uncounted, link.isServing], ["no conntrack", true]);
  assert.deepEqual(heard, ["connections are not counted: no conntrack", "end"]);
});

Deno.test("a table that the worker refuses is not taken over, nor one whose worker ends, nor an older one", async () => {
  const { worker, link, heard } = linked();
  const refused = assert.rejects(link.reload(), /services\[0\]/);
  await worker.says({ event: "refused", message: "services[0] is 7" });
  await refused;
  const older = assert.rejects(link.reload(), /another table/);
  const ended = assert.rejects(link.reload(), /ended/);
  await worker.end();
  await Promise.all([older, ended]);
  assert.deepEqual(heard, ["services[0] is 7", "end"]);
});

Deno.test("a line that the worker's death cut short is passed over", async () => {
  const { worker, heard } = linked();
  await worker.says('{"event":"beat","tally":{"se');
  await worker.says({ event: "beat", tally: TALLY });
  await worker.end();
  await new Promise((resolve) => setTimeout(resolve, 0));
  assert.deepEqual(heard, [3, "end"]);
});

Deno.test("a worker that is told to stop, and ends, is not killed", async () => {
  const { worker, link } = linked();
  const stopped = link.stop();
  assert.deepEqual(worker.told, ["stop"]);
  await worker.end();
  await stopped;
  assert.equal(worker.kills, 0);
});
