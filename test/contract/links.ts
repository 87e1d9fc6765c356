/** Test equipment: interfaces that rules hang on, in the network namespace that the tests are in. */
import assert from "node:assert/strict";
import { NFT_PROBES } from "../../lib/capability/probes.ts";
import { INGRESS_REJECT } from "../../lib/engine/nft/ingress/supports.ts";
import { process } from "../../lib/sys/process.ts";

/** Of all golden scenarios (`links`), and of the contract. Before linux 6.16 a hook wants them to be there. */
const ENTRANCES = ["eth0", "eth1", "vlan.7"];

/** Variants of rules at ingress that this kernel lacks. */
export async function lackedAtIngress(): Promise<string[]> {
  const { rules } = NFT_PROBES.find(({ id }) => id === INGRESS_REJECT)!;
  const stdin = `${rules.replaceAll("; ", "\n")}\n`;
  const { code } = await process.run(["unshare", "--net", "nft", "-f", "-"], { stdin });
  return code === 0 ? [] : [INGRESS_REJECT];
}

/** Makes those that are not there yet: Ethernet, and nothing comes in at them. */
export async function makeEntrances(): Promise<void> {
  for (const name of ENTRANCES) {
    const { code } = await process.run(["ip", "link", "show", name]);
    if (code === 0) continue;
    const { stderr } = await process.run(["ip", "link", "add", name, "type", "bridge"]);
    assert.equal(stderr, "");
  }
}
