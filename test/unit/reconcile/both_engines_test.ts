/** Services on both engines in one config. */
import assert from "node:assert/strict";
import { listIpvsadm } from "../../fake/ipvsadm.ts";
import { FACTS, type Rig, withRig } from "./rig.ts";

const BOTH: typeof FACTS = {
  ...FACTS,
  capabilities: [
    ...FACTS.capabilities.filter(({ id }) => id !== "ipvs"),
    { id: "ipvs", purpose: "testing", answer: "yes", evidence: "test equipment" },
  ],
};

function service(name: string, host: number, more: string): string {
  return `
[[service]]
name = "${name}"
vip = "192.0.2.${host}"
${more}
  [[service.backend]]
  address = "198.51.100.11"
`;
}

const onNft = (more = "") => service("a", 10, `engine = "nft"\nports = [80]\n${more}`);
const onIpvs = (more = "") => service("b", 11, `engine = "ipvs"\nports = [80]\n${more}`);

function bothTest(name: string, work: (rig: Rig) => Promise<void>): void {
  Deno.test(
    name,
    withRig(async (rig) => {
      rig.facts = BOTH;
      rig.host.inside.ipvs.loaded = true;
      await work(rig);
    }),
  );
}

const nftRules = ({ host: { nft } }: Rig) => {
  const chains = nft.table("inet lb")?.chains.entries() ?? [];
  return Array.from(chains, ([name, { rules }]) => [name, rules.map(({ tokens }) => tokens)]);
};

for (
  const [what, before] of [
    ["changed", onNft() + onIpvs()],
    ["was new", onIpvs()],
  ] as const
) {
  bothTest(`what ${what} on one engine is put back where the other refuses`, async (rig) => {
    await rig.run(before);
    const [rules, virtual] = [nftRules(rig), listIpvsadm(rig.host.inside.ipvs)];
    rig.host.inside.ipvs.schedulers.delete("lc");
    const changed = onNft('deny = ["192.0.2.66"]') + onIpvs('scheduler = "lc"');
    await assert.rejects(
      rig.run(changed),
      (error: Error) =>
        /ENOENT/.test(error.message) &&
        error.message.includes("nft: its rules are put back to what they were."),
    );
    assert.deepEqual(nftRules(rig), rules);
    assert.equal(listIpvsadm(rig.host.inside.ipvs), virtual);
    const after = await rig.run(before);
    assert.deepEqual([after.changes, after.drift], [[], []], "and on record as it was");
  });
}

bothTest("what cannot be put back is said to be in force", async (rig) => {
  await rig.run(onNft() + onIpvs());
  rig.host.inside.ipvs.schedulers.delete("lc");
  let writes = 0;
  rig.host.answerRun = (argv) => {
    if (argv[1] !== "-f" || ++writes < 2) return undefined;
    return { code: 1, stdout: "", stderr: "Error: Operation not permitted" };
  };
  await assert.rejects(
    rig.run(onNft('deny = ["192.0.2.66"]') + onIpvs('scheduler = "lc"')),
    /nft: the new rules are in force, for they could not be put back: .*Operation not permitted/,
  );
  rig.host.answerRun = () => undefined;
  const after = await rig.run(onNft() + onIpvs());
  assert.ok(after.changed, "the next run takes them back");
  assert.deepEqual(after.drift, [], "which were nobody else's");
});

bothTest("udp flows that IPVS translates by itself are not forgotten", async (rig) => {
  const masqueraded = (weight: number) =>
    service("dns", 53, 'engine = "ipvs"\nprotocol = "udp"\nports = [53]\nmasquerade = true') +
    `  weight = ${weight}\n`;
  await rig.run(masqueraded(100));
  rig.host.netfilter.flows.push({ id: 7, protocol: "udp", mark: 0, vip: "192.0.2.53", port: 53 });
  const { notes, changed } = await rig.run(masqueraded(50));
  assert.deepEqual([changed, notes, rig.host.netfilter.flows.length], [true, [], 1]);
});
