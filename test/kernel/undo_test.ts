import assert from "node:assert/strict";
import { differences, lookAround, type Witness } from "../../lib/demo/witness.ts";
import { FAMILIES } from "../../lib/model/address.ts";
import { door, serviceText } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, type Applied, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

function look({ balancer }: Lab): Promise<Witness> {
  return lookAround(balancer.run);
}

async function uninstall({ balancer }: Lab, ...flags: string[]): Promise<void> {
  const { code, stderr } = await balancer.lb("uninstall", "--yes", ...flags);
  assert.equal(code, 0, stderr);
}

/** Sysctls as a machine has them that never was a router; reset by hand, not by lb. */
async function pristine(lab: Lab): Promise<void> {
  for (const name of ["all", "default", "front", "back"]) {
    await must(lab, "sysctl", "-q", "-w", `net.ipv4.conf.${name}.send_redirects=1`);
  }
}

test("after uninstall every sysctl, address, route and rule is as before", async (lab) => {
  await pristine(lab);
  const foreign = "table inet filter {\n chain in { tcp dport 22 accept; }\n}";
  await lab.balancer.run(["nft", "-f", "-"], { stdin: foreign });
  const before = await look(lab);
  await apply(
    lab,
    { weights: [1, 1], more: 'vip_on = "front"' },
    {
      name: "dns",
      vips: [11],
      protocol: "udp",
      ports: "[53]",
      weights: [1],
      more: 'vip_on = "back"',
    },
  );
  await lab.balancer.json(0, "scale", "web", "--weight", "198.51.100.11:8080=3");
  await apply(lab, { weights: [1], more: 'masquerade = true\nvip_on = "back"' });
  allAnswered(await send(lab, { doors: FAMILIES.map((family) => door(family)), count: 20 }));
  const during = differences(before, await look(lab));
  for (const what of ["ip_forward", "send_redirects", "addresses", "ruleset"]) {
    assert.ok(
      during.some((line) => line.includes(what)),
      `${what} was not changed: nothing was shown`,
    );
  }
  await uninstall(lab);
  assert.deepEqual(differences(before, await look(lab)), []);
});

test("apply names the sysctls that it set", async (lab) => {
  await pristine(lab);
  const applied = await apply(lab, { weights: [1] });
  const keys = applied.sysctls.map(({ key }) => key);
  assert.ok(keys.includes("net.ipv4.ip_forward") && keys.includes("net.ipv6.conf.all.forwarding"));
  await uninstall(lab);
});

test("an interface that was renamed gets its sysctls back and loses its VIP under its new name", async (lab) => {
  await pristine(lab);
  const link = (...words: string[]) => must(lab, "ip", "link", ...words);
  await link("add", "spare", "up", "type", "veth", "peer", "name", "spare2");
  await must(lab, "ip", "address", "add", "10.9.0.1/24", "dev", "spare");
  const seen = () => must(lab, "ip", "-4", "-o", "address", "show", "dev", "wan0");
  const key = (name: string) => `net.ipv4.conf.${name}.send_redirects`;
  await apply(lab, { weights: [1], families: [4], more: 'vip_on = "spare"' });
  await link("set", "spare", "down");
  await link("set", "spare", "name", "wan0");
  assert.match(await seen(), /203\.0\.113\.10\/32/);
  const { stdout } = await lab.balancer.lb("doctor");
  assert.match(stdout, /vip_on = "spare" .*: this interface is called wan0 now/);
  assert.match(stdout, /spare was renamed to wan0 since lb changed something there/);
  const { notes } = await lab.balancer.json<{ notes: string[] }>(1, "status");
  assert.match(notes.join("\n"), /spare was renamed to wan0/);
  await uninstall(lab);
  assert.doesNotMatch(await seen(), /203\.0\.113\.10\/32/);
  assert.equal((await must(lab, "sysctl", "-n", key("wan0"))).trim(), "1");
  await link("delete", "wan0");
});

test("an uninstall leaves alone what somebody else has changed since", async (lab) => {
  const key = "net.ipv4.conf.front.rp_filter";
  const read = async () => (await must(lab, "sysctl", "-n", key)).trim();
  await must(lab, "sysctl", "-q", "-w", `${key}=1`);
  await apply(lab, { weights: [1] });
  assert.equal(await read(), "2", "strict would drop replies that come in elsewhere");
  await uninstall(lab);
  assert.equal(await read(), "1");
  await apply(lab, { weights: [1] });
  await must(lab, "sysctl", "-q", "-w", `${key}=0`);
  await uninstall(lab);
  assert.equal(await read(), "0");
});

test("a machine that forwarded before goes on forwarding", async (lab) => {
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  await apply(lab, { weights: [1] });
  await uninstall(lab);
  assert.equal((await must(lab, "sysctl", "-n", "net.ipv4.ip_forward")).trim(), "1");
});

test("uninstall can be run twice, and where there never was an lb", async (lab) => {
  const before = await look(lab);
  await uninstall(lab);
  await apply(lab, { weights: [1] });
  await uninstall(lab);
  await uninstall(lab);
  assert.deepEqual(differences(before, await look(lab)), []);
});

test("after uninstall an apply starts anew", async (lab) => {
  await apply(lab, { weights: [1] });
  await uninstall(lab);
  assert.equal((await lab.balancer.json<Applied>(0, "apply")).changed, true);
  allAnswered(await send(lab, { doors: [door(4), door(6)], count: 10 }));
  await uninstall(lab);
});

/** Names of lb's things that there are. */
function things({ topology: { folder } }: Lab): string[] {
  const ours = ["lb.toml", "state", "run"];
  return Array.from(Deno.readDirSync(folder), ({ name }) => name).filter((name) =>
    ours.includes(name)
  ).sort();
}

test("--purge removes config and state too, and leaves the lock for who waits on it", async (lab) => {
  await apply(lab, { weights: [1] });
  await uninstall(lab, "--purge");
  assert.deepEqual(things(lab), ["run"]);
  const left = Array.from(Deno.readDirSync(`${lab.topology.folder}/run`), ({ name }) => name);
  assert.deepEqual(left, ["lock"]);
});

test("--purge removes nothing while a sysctl cannot be put back, and says so", async (lab) => {
  const { balancer } = lab;
  await pristine(lab);
  const before = await look(lab);
  await apply(lab, { weights: [1] });
  const frozen =
    'mount --bind /proc/sys /proc/sys && mount -o remount,bind,ro /proc/sys && exec "$@"';
  const argv = balancer.argv("uninstall", "--yes", "--purge");
  const stuck = await balancer.run(["unshare", "--mount", "sh", "-c", frozen, "sh", ...argv]);
  assert.equal(stuck.code, 1, stuck.stderr);
  assert.match(stuck.stderr, /--purge removed nothing/);
  assert.match(stuck.stderr, /sysctl net\.ipv4\.ip_forward is not put back/);
  assert.deepEqual(things(lab), ["lb.toml", "run", "state"]);
  await uninstall(lab, "--purge");
  assert.deepEqual(differences(before, await look(lab)), []);
  assert.deepEqual(things(lab), ["run"]);
});

test("--purge in another network namespace leaves the state, which the first one needs", async (lab) => {
  const { balancer, topology } = lab;
  await pristine(lab);
  const before = await look(lab);
  await apply(lab, { weights: [1] });
  const argv = balancer.argv("uninstall", "--yes", "--purge");
  const astray = await topology.run(topology.client, argv);
  assert.equal(astray.code, 1, astray.stderr);
  assert.match(astray.stderr, /in network namespace net:.* too: run "lb uninstall" there/);
  assert.deepEqual(things(lab), ["lb.toml", "run", "state"]);
  await uninstall(lab, "--purge");
  assert.deepEqual(differences(before, await look(lab)), []);
  assert.deepEqual(things(lab), ["run"]);
});

test("with the state gone, uninstall removes the rules and says what it cannot know", async (lab) => {
  const { balancer, topology } = lab;
  await apply(lab, { weights: [1] });
  Deno.removeSync(`${topology.folder}/state`, { recursive: true });
  const { code, stderr } = await balancer.lb("uninstall", "--yes");
  assert.equal(code, 1, stderr);
  assert.match(stderr, /there was no state in .*: which sysctls and addresses lb set/);
  assert.equal((await balancer.run(["nft", "list", "table", "inet", "lb"])).code, 1);
  await uninstall(lab, "--purge");
});

test("after a state was lost and its rules taken over, uninstall says what it cannot know, once", async (lab) => {
  const { balancer, topology } = lab;
  await apply(lab, { weights: [1], more: 'vip_on = "front"' });
  Deno.removeSync(`${topology.folder}/state`, { recursive: true });
  assert.equal((await balancer.lb("apply")).code, 0);
  const { code, stderr } = await balancer.lb("uninstall", "--yes");
  assert.equal(code, 1, stderr);
  assert.match(stderr, /rules were taken over .* no state told of: .*such as 203\.0\.113\.10, /);
  await uninstall(lab, "--purge");
});

test('sysctl = "check" reports and changes none', async (lab) => {
  await pristine(lab);
  const before = (await look(lab)).sysctls;
  lab.balancer.writeConfig(`[lb]\nsysctl = "check"\n${serviceText({ weights: [1] })}`);
  const { stdout, stderr } = await lab.balancer.lb("apply");
  assert.deepEqual((await look(lab)).sysctls, before);
  assert.match(stdout + stderr, /net\.ipv4\.ip_forward/);
  // Set by the operator, it works.
  await must(lab, "sysctl", "-q", "-w", "net.ipv4.ip_forward=1");
  allAnswered(await send(lab, { doors: [door(4)], count: 10 }));
});

test("a service taken out of the config takes its VIP and rules with it", async (lab) => {
  const more = 'vip_on = "front"';
  await apply(lab, { weights: [1], more }, {
    name: "dns",
    vips: [11],
    ports: "[53]",
    weights: [1],
    more,
  });
  await apply(lab, { weights: [1], more });
  const addresses = await must(lab, "ip", "-oneline", "address", "show");
  assert.ok(addresses.includes("203.0.113.10/32") && !addresses.includes("203.0.113.11/32"));
  assert.doesNotMatch(await must(lab, "nft", "list", "table", "inet", "lb"), /203\.0\.113\.11|dns/);
  await uninstall(lab);
});
