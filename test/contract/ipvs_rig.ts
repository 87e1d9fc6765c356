import type { IpvsPlan } from "../../lib/engine/ipvs/plan.ts";
import type { Kernel } from "../../lib/sys/ports.ts";
import type { Rig, Tampering } from "./rig.ts";

/** What differs between the fake IPVS and the real one. */
export interface IpvsHost {
  readonly kernel: Kernel;
  /** Runs `ipvsadm` with these arguments. @throws where it is refused */
  ipvsadm(...args: readonly string[]): Promise<void>;
  /** `ipvsadm -Sn`. */
  save(): Promise<string>;
  /** Every rule beside IPVS, as a witness lists them. */
  rules(): Promise<string>;
  /** Ways to damage these, and what each damages. */
  readonly damages: readonly (readonly [string, () => Promise<void>])[];
  /** Capabilities it has not. */
  readonly lacks?: readonly string[];
  connect: Rig<IpvsPlan>["connect"];
  counted?: Rig<IpvsPlan>["counted"];
  close(): void;
}

/** Somebody else's service, which no engine may touch. */
const FOREIGN = "203.0.113.99:80";

/** Begins the VIPs of others that come later. */
const NEIGHBOUR = "203.0.113.2";

const WEB = ["-t", "203.0.113.10:80"] as const;
const WEB6 = ["-t", "[2001:db8:1::10]:80"] as const;
const FIRST = ["-r", "198.51.100.11:80"] as const;

/** A rig for the IPVS engine around a fresh host. */
export async function makeIpvsRig(host: IpvsHost): Promise<Rig<IpvsPlan>> {
  await host.ipvsadm("-A", "-t", FOREIGN, "-s", "rr");
  await host.ipvsadm("-a", "-t", FOREIGN, "-r", "198.51.100.99:80", "-m", "-w", "7");
  let neighbours = 0;
  const lines = async (isWanted: (line: string) => boolean) =>
    (await host.save()).split("\n").filter(isWanted).sort().join("\n");
  return {
    kernel: host.kernel,
    lacks: host.lacks,
    tamperings: [
      ...tamperings(host),
      ...host.damages.map(([unit, act], index) => ({
        ...{ name: `rules damaged, way ${index + 1}`, act, drift: [`rules of ${unit}`] },
      })),
    ],
    whole: async () => await lines((line) => !line.includes(` ${NEIGHBOUR}`)) + await host.rules(),
    foreign: () => lines((line) => line.includes(FOREIGN)),
    touchForeign: () => host.ipvsadm("-A", "-t", `${NEIGHBOUR}${++neighbours}:80`, "-s", "rr"),
    // What ipvsadm has changed does not bear lb's tag any more.
    async ruin() {
      await host.ipvsadm("-E", ...WEB, "-s", "wlc");
      await host.ipvsadm("-E", "-t", "203.0.113.10:443", "-s", "wlc");
    },
    connect: host.connect,
    counted: host.counted,
    spoils: [
      (plan) => ({ ...plan, steps: [...plan.steps, impossible(plan)] }),
      (plan) => ({ ...plan, unit_steps: withNonsense(plan.unit_steps) }),
    ],
    close: host.close,
  };
}

/** A lower threshold above the upper one is ERANGE, which no plan of ours can meet by being stale. */
function impossible({ want }: IpvsPlan): IpvsPlan["steps"][number] {
  const [{ key, places }] = [...want.virtuals.values()] as [
    typeof want.virtuals extends ReadonlyMap<string, infer Value> ? Value : never,
  ];
  const [{ destination }] = [...places.values()] as [
    typeof places extends ReadonlyMap<string, infer Value> ? Value : never,
  ];
  const wrong = { ...destination, upper_threshold: 1, lower_threshold: 2 };
  return { op: "set backend", key, destination: wrong, about: "nobody" };
}

/** The last of them is what is written last. */
function withNonsense(steps: IpvsPlan["unit_steps"]): IpvsPlan["unit_steps"] {
  return steps.map((step, index) =>
    index < steps.length - 1 ? step : { ...step, text: `${step.text}\n${nonsense(step.name)}\n` }
  );
}

function nonsense(unit: string): string {
  return unit.startsWith("nft table ")
    ? `add rule ${unit.slice("nft table ".length)} nowhere accept`
    : "-A LB-IPVS -j LB-NOWHERE";
}

function tamperings(host: IpvsHost): Tampering[] {
  const service = "service tcp 203.0.113.10:80";
  const service6 = "service tcp [2001:db8:1::10]:80";
  const first = "backend 198.51.100.11:80 of tcp 203.0.113.10:80";
  const by = (
    name: string,
    drift: readonly string[],
    ...lines: readonly (readonly string[])[]
  ): Tampering => ({
    name,
    drift,
    async act() {
      for (const line of lines) await host.ipvsadm(...line);
    },
  });
  return [
    by("a backend deleted", [first], ["-d", ...WEB, ...FIRST]),
    by("a weight changed", [first], ["-e", ...WEB, ...FIRST, "-m", "-w", "5"]),
    by("a limit set", [first], ["-e", ...WEB, ...FIRST, "-m", "-w", "200", "-x", "9"]),
    by("another way to a backend", [first], ["-e", ...WEB, ...FIRST, "-i", "-w", "200"]),
    by(
      "a backend added",
      ["backend 198.51.100.66:80 of tcp 203.0.113.10:80"],
      ["-a", ...WEB, "-r", "198.51.100.66:80", "-m", "-w", "1"],
    ),
    by("another scheduler", [service], ["-E", ...WEB, "-s", "rr"]),
    by("the same settings written by hand", [service6], ["-E", ...WEB6, "-s", "wrr"]),
    by("a service deleted", [service], ["-D", ...WEB]),
    by("all services deleted", [service, service6], ["-D", ...WEB], ["-D", ...WEB6]),
    by(
      "a service made anew",
      [service, first, "backend 198.51.100.12:80 of tcp 203.0.113.10:80"],
      ["-D", ...WEB],
      ["-A", ...WEB, "-s", "wrr"],
    ),
    by(
      "two things at once",
      [first, service6],
      ["-e", ...WEB, ...FIRST, "-m", "-w", "0"],
      ["-E", ...WEB6, "-s", "lc"],
    ),
  ];
}
