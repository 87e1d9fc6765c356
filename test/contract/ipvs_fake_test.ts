import { ipvsEngine } from "../../lib/engine/ipvs/engine.ts";
import { listIpvsadm, runIpvsadm } from "../fake/ipvsadm.ts";
import { FakeKernel } from "../fake/kernel.ts";
import { engineContract } from "./engine_contract.ts";
import { type IpvsHost, makeIpvsRig } from "./ipvs_rig.ts";
import { ipvsPairs, ipvsStates } from "./ipvs_states.ts";

const RUNS = 200;

/** Numbers that grow with each table and rule. */
const HANDLES = /"handle":\d+/g;

/** Where nft has no such tables, and iptables has. */
const WITHOUT_NFT = ["nft-notrack"];

function fakeHost(lacks: readonly string[] = []): IpvsHost {
  const kernel = new FakeKernel();
  const { ipvs } = kernel;
  ipvs.loaded = true;
  const tables = ["table ip lb-ipvs", "table ip6 lb-ipvs"];
  const listed = (what: string) => kernel.nft.list(what).stdout.replace(HANDLES, "");
  const edit = (line: string) => Promise.resolve(kernel.nft.edit(line));
  const saved = ["ip", "ip6"].map((family) => [`${family}tables-legacy-save`]);
  const restore = (family: string, table: string, line: string) => {
    const text = `*${table}\n${line}\nCOMMIT\n`;
    kernel.xtables.run([`${family}tables-legacy-restore`, "--noflush"], text);
    return Promise.resolve();
  };
  return {
    kernel,
    ipvsadm: (...args) => Promise.resolve(runIpvsadm(ipvs, args)),
    save: () => Promise.resolve(listIpvsadm(ipvs)),
    lacks,
    rules: () =>
      Promise.resolve(
        [
          ...tables.map(listed),
          ...saved.flatMap((argv) => kernel.xtables.run(argv)!.stdout.split("\n"))
            .filter((line) => line.includes("LB-IPVS")),
        ].join("\n"),
      ),
    damages: lacks.length > 0
      ? [
        ["iptables-legacy table raw", () => restore("ip", "raw", "-F LB-IPVS")],
        ["ip6tables-legacy table raw", () => restore("ip6", "raw", "-F PREROUTING")],
      ]
      : [
        ["nft table ip lb-ipvs", () => edit("flush chain ip lb-ipvs pre-raw")],
        ["nft table ip6 lb-ipvs", () => edit("delete table ip6 lb-ipvs")],
      ],
    connect(vip) {
      const [address = "", port] = vip.split(":");
      const bytes = Uint8Array.from(address.split("."), Number).toHex();
      ipvs.connect(({ attributes }) =>
        attributes.get(3)!.toHex().startsWith(bytes) &&
        attributes.get(4)!.toHex() === Number(port).toString(16).padStart(4, "0")
      );
      return Promise.resolve();
    },
    close() {},
  };
}

for (const [where, lacks] of [["", []], [" without nft", WITHOUT_NFT]] as const) {
  engineContract(
    `ipvs on a fake kernel${where}`,
    () => makeIpvsRig(fakeHost(lacks)),
    ipvsEngine,
    RUNS,
    { states: ipvsStates, pairs: ipvsPairs },
  );
}
