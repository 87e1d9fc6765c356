import assert from "node:assert/strict";
import { ipvsEngine } from "../../lib/engine/ipvs/engine.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import { clock } from "../../lib/sys/clock.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { engineContract } from "./engine_contract.ts";
import { type IpvsHost, makeIpvsRig } from "./ipvs_rig.ts";
import { ipvsPairs, ipvsStates } from "./ipvs_states.ts";
import { PATIENCE } from "../kernel/patience.ts";
import { testInNamespace } from "./namespace.ts";

/** Each is a dozen programs, where rules are iptables'. */
const RUNS = Math.ceil(10 / PATIENCE);

/** The kernel adds up what its processors counted every two seconds (net/netfilter/ipvs/ip_vs_est.c). */
const COUNT_MS = 2_200;

/** VIPs and backends are this machine's own, so that a connection comes back at once with a reset. */
const LOCAL = ["203.0.113.0/24", "198.51.100.0/24"];

/** What of iptables is there, by the kernel: asking itself would make it. */
const XT_TABLES = "/proc/net/ip_tables_names";

/** By whichever program has them. */
async function rules(): Promise<string> {
  const tables = await Promise.all(
    ["ip", "ip6"].map((family) => process.run(["nft", "list", "table", family, "lb-ipvs"])),
  );
  const chains = files.read(XT_TABLES) ? await run("iptables-legacy-save") : "";
  const lines = chains.split("\n").filter((line) => line.includes("LB-IPVS"));
  // Elements come in no order.
  const words = tables.map(({ stdout }) => stdout.split(/[\s,]+/).sort().join(" "));
  return [...words, ...lines.map((line) => line.replace(/\[.*\]/, ""))].join("\n");
}

/** Where nft has no tables for IP it is iptables that gets them: as programs other than lb say. */
const BY_NFT: IpvsHost["damages"] = [
  ["nft table ip lb-ipvs", damage("nft", "flush chain ip lb-ipvs pre-raw")],
  ["nft table ip6 lb-ipvs", damage("nft", "delete table ip6 lb-ipvs")],
  ["nft table ip lb-ipvs", damage("nft", "add element ip lb-ipvs to { 192.0.2.9 . tcp . 9 }")],
];
const BY_XTABLES: IpvsHost["damages"] = [
  ["iptables-legacy table raw", damage("iptables-legacy", "-t", "raw", "-F", "LB-IPVS")],
  ["ip6tables-legacy table raw", damage("ip6tables-legacy", "-t", "raw", "-F", "PREROUTING")],
];

function damage(...argv: [string, ...string[]]): () => Promise<void> {
  return async () => {
    await run(...argv);
  };
}

async function realHost(): Promise<IpvsHost> {
  await run("ipvsadm", "-C");
  await run("nft", "flush", "ruleset");
  for (const family of ["ip", "ip6"]) {
    const there = files.read(`/proc/net/${family}_tables_names`)?.split("\n") ?? [];
    for (const table of there.filter((name) => name !== "")) {
      for (const act of ["-F", "-X"]) await run(`${family}tables-legacy`, "-t", table, act);
    }
  }
  const runDir = Deno.makeTempDirSync({ prefix: "lb-contract-" });
  for (const prefix of LOCAL) await run("ip", "route", "replace", "local", prefix, "dev", "lo");
  const kernel: Kernel = { process, files, sockets, clock, runDir };
  const { code } = await process.run(["nft", "add table ip t; delete table ip t"]);
  return {
    kernel,
    rules,
    damages: code === 0 ? BY_NFT : BY_XTABLES,
    lacks: code === 0 ? [] : ["nft-notrack"],
    async ipvsadm(...args) {
      await run("ipvsadm", ...args);
    },
    save: () => run("ipvsadm", "-Sn"),
    async connect(vip) {
      const [hostname = "", port] = vip.split(":");
      await Deno.connect({ hostname, port: Number(port) }).then(
        (connection) => connection.close(),
        () => {},
      );
    },
    counted: () => clock.sleep(COUNT_MS),
    close() {
      Deno.removeSync(runDir, { recursive: true });
      closeLibc();
    },
  };
}

async function run(...argv: [string, ...string[]]): Promise<string> {
  const { code, stdout, stderr } = await process.run(argv);
  assert.equal(code, 0, `${argv.join(" ")}: ${stderr}`);
  return stdout;
}

testInNamespace(import.meta.url, () => {
  const makeRig = async () => makeIpvsRig(await realHost());
  engineContract("ipvs on this kernel", makeRig, ipvsEngine, RUNS, {
    states: ipvsStates,
    pairs: ipvsPairs,
  });
}, "ipvs");
