/** What lb says of a kernel where it may not do all that the kernel can: as in containers. */
import assert from "node:assert/strict";
import { process } from "../../lib/sys/process.ts";
import { unless } from "./able.ts";
import { type Alone, alone } from "./alone.ts";

interface Told {
  readonly capabilities: readonly { readonly id: string; readonly answer: string }[];
  readonly engines: readonly { readonly name: string; readonly possible: boolean }[];
  readonly attention: readonly string[];
}

function test(name: string, act: (machine: Alone) => Promise<void>): void {
  const reason = Deno.uid() === 0 ? undefined : "needs root";
  Deno.test({ ...unless(reason, name), fn: () => alone(act) });
}

/** What doctor says when it is started by another program. */
function told({ argv }: Alone, ...around: [string, ...string[]]): Promise<Told> {
  return toldBy(...around, ...argv("doctor", "--json"));
}

async function toldBy(...argv: [string, ...string[]]): Promise<Told> {
  const { stdout, stderr } = await process.run(argv);
  assert.notEqual(stdout, "", stderr);
  return JSON.parse(stdout) as Told;
}

const answers = ({ capabilities }: Told) =>
  new Map(capabilities.map(({ id, answer }) => [id, answer]));

test("without CAP_NET_ADMIN nothing that the kernel can is said to be missing", async (machine) => {
  const able = await told(machine, "env");
  const unable = await told(
    machine,
    "setpriv",
    "--bounding-set=-net_admin",
    "--inh-caps=-net_admin",
  );
  assert.deepEqual([answers(able).get("net-admin"), answers(unable).get("net-admin")], [
    "yes",
    "no",
  ]);
  for (const [id, answer] of answers(able)) {
    if (answer === "yes" && id !== "net-admin") assert.notEqual(answers(unable).get(id), "no", id);
  }
  assert.ok(unable.engines.every(({ possible }) => !possible));
});

test("with /proc/sys read-only, sysctls are said to be set from outside, and all else is as ever", async (machine) => {
  const frozen =
    'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  const able = await told(machine, "env");
  const unable = await told(machine, "unshare", "--mount", "sh", "-c", frozen, "sh");
  assert.deepEqual(answers(unable), new Map(answers(able)).set("proc-sys", "no"));
  assert.deepEqual(unable.engines, able.engines);
  const words = /net\.ipv4\.ip_forward is 0, .*\/proc\/sys is read-only here, set it from outside/;
  assert.match(unable.attention.join("\n"), words);
});

test("in a user's own namespaces lb is as able as the kernel lets it be there", async (machine) => {
  const able = await told(machine, "env");
  // Without `ip netns exec NAME`: such a user has a network namespace of its own.
  const lb = machine.argv("doctor", "--json").slice(4);
  const user = await toldBy("unshare", "--user", "--map-root-user", "--net", ...lb);
  assert.equal(answers(user).get("net-admin"), "yes", "of that namespace");
  for (const [id, answer] of answers(user)) {
    if (/^nft-/.test(id)) assert.equal(answer, answers(able).get(id), id);
  }
});
