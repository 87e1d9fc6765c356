import assert from "node:assert/strict";
import { closeLibc, libc } from "../../../lib/sys/ffi.ts";
import { serviceManager } from "../../../lib/sys/service_manager.ts";
import { inFolder } from "./folder.ts";

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const MSG_DONTWAIT = 0x40;

/** Test equipment: a service manager's socket, and what came in there. */
function manager(name: string) {
  const path = new TextEncoder().encode(name.replace(/^@/, "\0"));
  const address = new Uint8Array([AF_UNIX, 0, ...path]);
  const fd = libc().socket(AF_UNIX, SOCK_DGRAM, 0);
  assert.equal(libc().bind(fd, address, address.length), 0);
  return {
    next() {
      const bytes = new Uint8Array(1_000);
      const length = libc().recv(fd, bytes, 1_000n, MSG_DONTWAIT);
      return length < 0n ? undefined : new TextDecoder().decode(bytes.subarray(0, Number(length)));
    },
    close: () => libc().close(fd),
  };
}

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
      const socket = manager(name);
      withEnvironment({ NOTIFY_SOCKET: name, WATCHDOG_USEC: "10000000" }, () => {
        const us = serviceManager();
        assert.equal(us?.watchdog_ms, 10_000);
        us.tell("READY=1", "STATUS=all is well");
        assert.equal(socket.next(), "READY=1\nSTATUS=all is well");
        assert.equal(socket.next(), undefined);
      });
      socket.close();
    }
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
