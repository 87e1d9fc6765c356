/**
 * Test equipment: brings the host resources of the network namespace it is started in to what it is
 * told, with the real kernel and a real state database, and prints what came of it as JSON.
 * `deno run -A host_inside.ts JSON`
 */
import { addressResource } from "../../lib/host/address/address.ts";
import { interfacesAfter, type VipService } from "../../lib/host/address/placement.ts";
import type { StepsResult } from "../../lib/host/resource.ts";
import { pathOf } from "../../lib/host/sysctl/key.ts";
import type { Need } from "../../lib/host/need.ts";
import { sysctlResource } from "../../lib/host/sysctl/sysctl.ts";
import { openStore } from "../../lib/store/store.ts";
import { clock } from "../../lib/sys/clock.ts";
import { files } from "../../lib/sys/files.ts";
import type { FilesPort, Kernel } from "../../lib/sys/ports.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";

/** What to bring about. */
export interface HostInput {
  readonly state: string;
  readonly need: Need;
  readonly services: readonly VipService[];
  /** kill -9 of this process at this write: nothing of it reaches the kernel. */
  readonly kill_before?: string;
  /** /proc/sys is mounted read-only first; needs a mount namespace of its own. */
  readonly read_only?: boolean;
}

/** What came of it: both resources together. */
export interface HostResult extends StepsResult {
  readonly drift: readonly string[];
}

const HOST = { boot_id: "test", netns: "test" };

async function bringAbout(input: HostInput): Promise<HostResult> {
  if (input.read_only) await mountReadOnly();
  const store = openStore(input.state, { files, uid: Deno.uid() ?? 0 });
  try {
    const journal = store.journal(HOST, clock.now_ms);
    const kernel: Kernel = {
      process,
      files: killing(input.kill_before),
      sockets,
      clock,
      runDir: input.state,
    };
    const interfaces = addressResource.observe(kernel, []);
    const addresses = addressResource.plan(input.services, interfaces, journal.open("address"));
    const want = { need: input.need, interfaces: interfacesAfter(input.services, interfaces) };
    const open = journal.open("sysctl");
    const sysctls = sysctlResource.plan(want, sysctlResource.observe(kernel, open), open);
    const outcomes = [
      await sysctlResource.apply(kernel, sysctls.set, journal),
      await addressResource.apply(kernel, addresses.set, journal),
      await addressResource.apply(kernel, addresses.restore, journal),
      await sysctlResource.apply(kernel, sysctls.restore, journal),
    ];
    return {
      done: outcomes.flatMap(({ done }) => done),
      blocked: [...sysctls.blocked, ...outcomes.flatMap(({ blocked }) => blocked)],
      notes: outcomes.flatMap(({ notes }) => notes),
      drift: [...sysctls.set, ...addresses.set].filter(({ drift }) => drift).map(({ key }) => key),
    };
  } finally {
    store.close();
  }
}

function killing(key: string | undefined): FilesPort {
  return {
    ...files,
    write(path, text) {
      if (key && path === pathOf(key)) Deno.kill(Deno.pid, "SIGKILL");
      files.write(path, text);
    },
  };
}

/** As container runtimes do it. */
async function mountReadOnly(): Promise<void> {
  await process.run(["mount", "--bind", "/proc/sys", "/proc/sys"]);
  await process.run(["mount", "-o", "remount,ro,bind", "/proc/sys"]);
}

if (import.meta.main) {
  console.log(JSON.stringify(await bringAbout(JSON.parse(Deno.args[0] ?? ""))));
}
