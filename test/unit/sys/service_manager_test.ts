import assert from "node:assert/strict";
import { closeLibc } from "../../../lib/sys/ffi.ts";
import { serviceManager } from "../../../lib/sys/service_manager.ts";
import { serviceManager as managerAt } from "../../service_manager.ts";
import { inFolder } from "./folder.ts";

function withEnvironment(values: Readonly<Record<string, string>>, act: () => void): void {
  try {
    for (const [name, value] of Object.entries(values)) Deno.env.set(name, value);
    act();
  } finally {
    for (const name of Object.keys(values)) Deno.env.delete(name);
  }
}

Deno.test("where no service manager waits there is none", () => {
  assert.equal(serviceManager(), undefined);
});

Deno.test("a service manager hears what it is told, by a path and by an abstract name", async () => {
  await inFolder((folder) => {
    for (const name of [`${folder}/notify`, `@lb-test-${Deno.pid}`]) {
      const manager = managerAt(name);
      withEnvironment({ NOTIFY_SOCKET: name, WATCHDOG_USEC: "10000000" }, () => {
        const us = serviceManager();
        assert.equal(us?.watchdog_ms, 10_000);
        us.tell("READY=1", "STATUS=all is well");
        us.tell("WATCHDOG=1");
      });
      assert.deepEqual(manager.close(), ["READY=1\nSTATUS=all is well", "WATCHDOG=1"]);
    }
    closeLibc();
  });
});

Deno.test("a service manager that does not read is not waited for", async () => {
  await inFolder((folder) => {
    const manager = managerAt(`${folder}/notify`);
    withEnvironment({ NOTIFY_SOCKET: `${folder}/notify` }, () => {
      const us = serviceManager();
      // The kernel keeps as many as net.unix.max_dgram_qlen says, ten as a rule.
      for (let turn = 0; turn < 2_000; turn++) us?.tell("WATCHDOG=1");
    });
    assert.ok(manager.close().length < 2_000);
    closeLibc();
  });
});

Deno.test("a service manager that has gone is no reason to fail", () => {
  withEnvironment({ NOTIFY_SOCKET: "/nowhere/at/all" }, () => {
    const us = serviceManager();
    us?.tell("READY=1");
    assert.equal(us?.watchdog_ms, undefined);
    closeLibc();
  });
});
