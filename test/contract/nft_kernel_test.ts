import assert from "node:assert/strict";
import { nftEngine } from "../../lib/engine/nft/engine.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import { clock } from "../../lib/sys/clock.ts";
import { closeLibc } from "../../lib/sys/ffi.ts";
import { files } from "../../lib/sys/files.ts";
import { process } from "../../lib/sys/process.ts";
import { sockets } from "../../lib/sys/socket.ts";
import { PATIENCE } from "../kernel/patience.ts";
import { lackedAtIngress, makeEntrances } from "./links.ts";
import { engineContract } from "./engine_contract.ts";
import { testInNamespace } from "./namespace.ts";
import { dynamicContract } from "./nft_dynamic.ts";
import { ingressContract } from "./nft_ingress.ts";
import { makeNftRig, type NftHost } from "./nft_rig.ts";
import { smallContract } from "./nft_small.ts";

/** Each is half a dozen runs of nft. */
const RUNS = Math.ceil(25 / PATIENCE);

/** VIPs and backends are this machine's own, so that a connection comes back at once with a reset. */
const LOCAL = ["203.0.113.0/24", "198.51.100.0/24"];

/** What the fake nft has no idea of. */
const RARITIES: NftHost["rarities"] = [
  ["an object of a kind lb never makes", "quota q", "add quota inet lb q { 1000 bytes }"],
  [
    "the table put to sleep",
    "a flag that makes it dormant",
    "add table inet lb { flags dormant; }",
  ],
];

async function realHost(): Promise<NftHost> {
  await run("nft", "flush", "ruleset");
  await makeEntrances();
  for (const prefix of LOCAL) await run("ip", "route", "replace", "local", prefix, "dev", "lo");
  const runDir = Deno.makeTempDirSync({ prefix: "lb-contract-" });
  const kernel: Kernel = { process, files, sockets, clock, runDir };
  return {
    kernel,
    lacks: await lackedAtIngress(),
    rarities: RARITIES,
    async edit(...lines) {
      await run("nft", lines.join("\n"));
    },
    async tables() {
      const listing = JSON.parse(await run("nft", "-j", "list", "tables"));
      const rows = listing.nftables as { table?: { family: string; name: string } }[];
      return rows.flatMap(({ table }) => table ? [`${table.family} ${table.name}`] : []);
    },
    async connect(vip) {
      const [hostname = "", port] = vip.split(":");
      await Deno.connect({ hostname, port: Number(port) }).then(
        (connection) => connection.close(),
        () => {},
      );
    },
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
  engineContract("nft on this kernel", async () => makeNftRig(await realHost()), nftEngine, RUNS);
  dynamicContract("nft on this kernel", realHost);
  ingressContract("nft on this kernel", realHost);
  smallContract("nft on this kernel", realHost, 950);
});
