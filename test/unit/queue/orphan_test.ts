import assert from "node:assert/strict";
import { workerPlaces } from "../../../lib/model/worker.ts";
import { findSuccessor } from "../../../lib/queue/worker/orphan.ts";
import { FakeFiles } from "../../fake/files.ts";
import { FakeClock } from "../../fake/kernel.ts";

const RUN = "/run/lb-test";

/** Test equipment: a worker that is alone, the supervisors that it starts, and what it says. */
function orphan({ revivals = 0, age_ms = 500, isManaged = false } = {}) {
  const files = new FakeFiles();
  files.replace(workerPlaces(RUN).table, "{}");
  const [started, said]: [string[][], string[]] = [[], []];
  const ports = {
    ...{ clock: new FakeClock(), files, runDir: RUN, revivals, age_ms },
    daemons: { start: (argv: readonly string[]) => started.push([...argv]) },
    supervisor: isManaged ? undefined : ["lb", "queue"] as const,
    say: (line: string) => said.push(line),
  };
  return { ports, files, started, said };
}

const never = new Promise<void>(() => {});

Deno.test("a supervisor is started until one has taken over", async () => {
  const { ports, started } = orphan();
  assert.equal(await findSuccessor(ports, Promise.resolve()), true);
  assert.deepEqual(started, [["lb", "queue", "--revivals", "1"]]);
  assert.equal(await findSuccessor(ports, never), false);
  assert.equal(started.length, 7);
});

Deno.test("where thirty in a row died soon, no other is started; one that came far begins anew", async () => {
  const { ports, started, said } = orphan({ revivals: 30 });
  assert.equal(await findSuccessor(ports, never), false);
  assert.deepEqual([started, said.length], [[], 1]);
  const far = orphan({ revivals: 30, age_ms: 60_000 });
  assert.equal(await findSuccessor(far.ports, Promise.resolve()), true);
  assert.deepEqual(far.started, [["lb", "queue", "--revivals", "1"]]);
});

Deno.test("nobody is started where a service manager does that, or its table is gone", async () => {
  const managed = orphan({ revivals: 31, isManaged: true });
  assert.equal(await findSuccessor(managed.ports, Promise.resolve()), true);
  const { ports, files, started } = orphan();
  files.remove(workerPlaces(RUN).table);
  assert.equal(await findSuccessor(ports, never), false);
  assert.deepEqual([managed.started, started], [[], []]);
});
