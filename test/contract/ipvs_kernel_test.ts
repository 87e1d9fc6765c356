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

const RUNS = Math.ceil(25 / PATIENCE);

/** The kernel adds up what its processors counted every two seconds (net/netfilter/ipvs/ip_vs_est.c). */
const COUNT_MS = 2_200;

/** VIPs and backends are this machine's own, so that a connection comes back at once with a reset. */
const LOCAL = ["203.0.113.0/24", "198.51.100.0/24"];

async function realHost(): Promise<IpvsHost> {
  await run("ipvsadm", "-C");
  for (const prefix of LOCAL) await run("ip", "route", "replace", "local", prefix, "dev", "lo");
  const kernel: Kernel = { process, files, sockets, clock, runDir: "/run/lb" };
  return {
    kernel,
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
    close: closeLibc,
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
