/** Runs in a guest whose kernel has IPVS: its argument is an IpvsSpec, its last line an IpvsResult. */
import { measureCommand } from "../command.ts";
import { buildTrafficLab, type TrafficLab } from "../lab.ts";
import { CONNECTION_LOAD } from "../load.ts";
import { abbaRounds } from "../order.ts";
import { findPrograms } from "../programs.ts";
import { BACKEND_PORT, lbConfig, VIP, VIP_PORT } from "../servers.ts";
import { whileStanding } from "../standing.ts";
import type { Running } from "../contenders.ts";
import { savedText, servicesText } from "./config.ts";
import type { IpvsResult, IpvsSpec } from "./result.ts";

type Name = "lb" | "ipvsadm";

const NAMES: readonly Name[] = ["lb", "ipvsadm"];

/** Sets a balancer up that holds nothing. */
const STARTS: Readonly<Record<Name, (lab: TrafficLab) => Promise<void>>> = {
  async lb(lab) {
    lab.balancer.writeConfig(lbConfig(lab.backends, "nat", "ipvs"));
    await lab.balancer.json(0, "apply");
  },
  async ipvsadm(lab) {
    const service = ["-t", `${VIP}:${VIP_PORT}`];
    await lab.must(["ip", "address", "add", `${VIP}/32`, "dev", "lo"]);
    await lab.must(["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
    await lab.must(["ipvsadm", "-A", ...service, "-s", "rr"]);
    for (const address of lab.backends) {
      await lab.must(["ipvsadm", "-a", ...service, "-r", `${address}:${BACKEND_PORT}`, "-m"]);
    }
  },
};

async function main([text = "{}"]: readonly string[]): Promise<void> {
  const spec = JSON.parse(text) as IpvsSpec;
  const lab = await buildTrafficLab(await findPrograms(["wrk", "curl", "nginx", "conntrack"]));
  const result = await whileStanding(lab, async (): Promise<IpvsResult> => ({
    kernel: Deno.osRelease(),
    connections: await connections(lab, spec),
    apply: await applies(lab, spec),
  }));
  console.log(JSON.stringify(result));
}

async function connections(
  lab: TrafficLab,
  { pairs, seconds }: IpvsSpec,
): Promise<IpvsResult["connections"]> {
  const rates: Record<Name, number[]> = { lb: [], ipvsadm: [] };
  for (const order of abbaRounds(NAMES, pairs)) {
    for (const name of order) {
      await forget(lab);
      await STARTS[name](lab);
      const sample = await CONNECTION_LOAD.measure(lab, IN_KERNEL, seconds);
      if (sample.errors > 0) throw new Error(`${name}: ${sample.errors} errors`);
      rates[name].push(sample.amount / sample.seconds);
    }
  }
  return rates;
}

const IN_KERNEL: Running = { pids: [], stop: () => Promise.resolve() };

async function applies(lab: TrafficLab, { pairs }: IpvsSpec): Promise<IpvsResult["apply"]> {
  const times = { lb: [] as number[], ipvsadm: [] as number[], unchanged: [] as number[] };
  const inside = (...argv: string[]) => ["ip", "netns", "exec", lab.topology.balancer, ...argv];
  const apply = inside(...lab.balancer.argv("apply"));
  const saved = lab.write("saved", savedText());
  const restore = inside("sh", "-c", `exec ipvsadm -R <${saved}`);
  for (const order of abbaRounds(NAMES, pairs)) {
    for (const name of order) {
      await forget(lab);
      // The file goes with what it brought about.
      lab.balancer.writeConfig(servicesText());
      const { ms } = await measureCommand(name === "lb" ? apply : restore);
      times[name].push(ms);
      if (name === "lb") times.unchanged.push((await measureCommand(apply)).ms);
    }
  }
  return times;
}

/** As if neither had ever been here. */
async function forget(lab: TrafficLab): Promise<void> {
  await lab.balancer.lb("uninstall", "--purge", "--yes");
  await lab.balancer.run(["ipvsadm", "-C"]);
  await lab.reset();
}

await main(Deno.args);
