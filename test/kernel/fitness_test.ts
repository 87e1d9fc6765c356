/** What keepalived and BIRD go by: templates/check-lb.sh, and the templates for both. */
import assert from "node:assert/strict";
import { unless } from "./able.ts";
import { serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";

const TEMPLATES = new URL("../../templates/", import.meta.url).pathname;
const test = kernelTests({ backends: 2 });

/** The check, with an `lb` on PATH that has this lab's places. */
async function check({ balancer, topology }: Lab) {
  const [program, ...args] = balancer.argv("status").filter((word) => word !== "status");
  const at = args.indexOf("--config");
  const words = [program, ...args.slice(0, at)].map((word) => `'${word}'`).join(" ");
  const places = args.slice(at).map((word) => `'${word}'`).join(" ");
  const folder = `${topology.folder}/bin`;
  Deno.mkdirSync(folder, { recursive: true });
  const script = `#!/bin/sh\nexec ${words} "$@" ${places}\n`;
  Deno.writeTextFileSync(`${folder}/lb`, script, { mode: 0o755 });
  const path = `PATH=${folder}:${Deno.env.get("PATH")}`;
  return await balancer.run(["env", path, `${TEMPLATES}check-lb.sh`]);
}

/** Believed at the first failure, though all fail. */
const AT_ONCE = `
[service.health]
type = "tcp"
fall = 1
panic = 0
timeout = "500ms"
`;

test("a balancer is fit while its rules are in force and somebody serves", async (lab) => {
  const before = await check(lab);
  assert.deepEqual([before.code, before.stdout], [1, "lb is not fit here: nothing was applied\n"]);
  lab.balancer.writeConfig(serviceText({ weights: [1, 1], families: [4], more: AT_ONCE }));
  await lab.balancer.json(0, "apply");
  const fit = await check(lab);
  assert.deepEqual([fit.code, fit.stdout], [0, ""], fit.stderr);
  await lab.balancer.run(["nft", "delete", "table", "inet", "lb"]);
  const drifted = await check(lab);
  assert.equal(drifted.code, 1);
  assert.match(drifted.stdout, /^lb is not fit here: table inet lb differs from what was applied/);
  await lab.balancer.lb("reconcile");
  assert.equal((await check(lab)).code, 0);
});

test("an ill backend is no reason, a service that nobody serves is one", async (lab) => {
  const ports = [8080, 9].map((port) => ({ weights: [1], families: [4] as const, port }));
  const [well, ill] = ports.map((one) => serviceText({ ...one, more: AT_ONCE }));
  const backend = "[[service.backend]]";
  const [, illBackend] = ill!.split(backend);
  lab.balancer.writeConfig(`${well}${backend}${illBackend}`);
  await lab.balancer.lb("apply");
  const half = await check(lab);
  assert.deepEqual([half.code, half.stdout], [0, ""], half.stderr);
  lab.balancer.writeConfig(ill!);
  await lab.balancer.lb("apply");
  const none = await check(lab);
  assert.equal(none.code, 1);
  assert.match(none.stdout, /no backend of web gets connections/);
});

test("where lb itself fails, the balancer is not fit", async (lab) => {
  Deno.mkdirSync(`${lab.topology.folder}/state`, { mode: 0o777 });
  Deno.chmodSync(`${lab.topology.folder}/state`, 0o777);
  Deno.writeTextFileSync(`${lab.topology.folder}/state/lb.db`, "");
  const { code, stdout } = await check(lab);
  assert.equal(code, 1);
  assert.match(stdout, /lb status ended with 5: .*writable by others/);
});

/** Rows of: a program, and how it reads a template. */
const READERS: readonly (readonly [program: string, script: string])[] = [
  ["bird", `bird -p -c "$1/bird/bird.conf"`],
  [
    "keepalived",
    `sed -e "s#/usr/local/lib/lb/notify#$1/keepalived/notify#; s#/usr/local/lib/lb/#$1/#" \\
      "$1/keepalived/keepalived.conf" >"$2/keepalived.conf"
    keepalived -t -f "$2/keepalived.conf"`,
  ],
];

for (const [program, script] of READERS) {
  const found = new Deno.Command("which", { args: [program], stdout: "null" }).outputSync().success;
  const why = Deno.uid() !== 0 ? "needs root" : found ? undefined : `no ${program}`;
  Deno.test({
    ...unless(why, `${program} takes its template as it is`),
    async fn() {
      const folder = Deno.makeTempDirSync({ prefix: "lb-ha-" });
      try {
        const links =
          "ip link add eth0 type veth peer name p0; ip link add eth1 type veth peer name p1";
        const shell = [
          "sh",
          "-ec",
          `${links}\n${script}`,
          "sh",
          TEMPLATES.replace(/\/$/, ""),
          folder,
        ];
        const { success, stdout, stderr } = await new Deno.Command("unshare", {
          args: ["--net", ...shell],
        }).output();
        const said = new TextDecoder().decode(stderr) + new TextDecoder().decode(stdout);
        assert.deepEqual([success, said], [true, ""]);
      } finally {
        Deno.removeSync(folder, { recursive: true });
      }
    },
  });
}
