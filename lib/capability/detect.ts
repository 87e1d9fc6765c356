import { WORKER_UNIT, workerUnit } from "../kernel/service_manager.ts";
import { kernelRelease } from "../kernel/modules.ts";
import { QUEUE_WAYS, RULES_WAYS, type RulesWay } from "../model/rules_way.ts";
import type { Kernel } from "../sys/ports.ts";
import { type Answer, type Capability, type Facts, WORKER_KEPT } from "./facts.ts";
import {
  type KernelConfig,
  type ModuleEvidence,
  ModuleIndex,
  parseKernelConfig,
  type Presence,
} from "./modules.ts";
import { procSysMount } from "./proc_sys.ts";
import { CONTROL, type Need, NFT_PROBES, PASSIVE_PROBES, type Probe } from "./probes.ts";
import { tracesOf } from "./traces.ts";
import { runTrial, type Trial } from "./trial.ts";

/** Bit of CAP_NET_ADMIN in /proc/PID/status (linux/capability.h). */
const CAP_NET_ADMIN_BIT = 12n;

/** Oldest nft the layout was proved with; older ones may lack its syntax. */
const NFT_VERSION_PROVED = "1.0.6";

/** What is said of something that is not tried out. */
const PASSIVE_ANSWERS: Readonly<Record<Presence, Answer>> = {
  "built-in": "yes",
  "loaded": "yes",
  "loadable": "loadable",
  "absent": "no",
  "unknown": "unknown",
};

/** Modules say nothing of the program that these take. */
const LEGACY: readonly string[] = ["xt-legacy", "xt-queue"];

/** What either of two programs can do. */
const EITHER_WAY: readonly {
  readonly id: string;
  readonly purpose: string;
  readonly ways: readonly RulesWay[];
}[] = [
  { id: "ipvs-rules", purpose: "masquerading and marks beside IPVS", ways: RULES_WAYS },
  { id: "queue-rule", purpose: "handing packets to the queue worker", ways: QUEUE_WAYS },
];

const ANSWERS_WORST_FIRST: readonly Answer[] = ["no", "unknown", "loadable", "yes"];

/** What one look at the machine tells, before any probe. */
interface Ground {
  readonly modules: ModuleIndex;
  readonly program: Capability;
  readonly netAdmin: Capability;
}

/** Asks the machine what it can do. Loads and changes nothing. */
export async function detect(kernel: Kernel): Promise<Facts> {
  const release = kernelRelease(kernel);
  const nft = await nftVersion(kernel);
  const modules = await moduleIndex(kernel);
  const ground = { modules, program: nftProgram(nft), netAdmin: netAdmin(kernel) };
  const control = await tryControl(kernel, ground);
  const probed = await Promise.all(
    NFT_PROBES.map((probe) => answerProbe(kernel, ground, control, probe)),
  );
  const legacy = await legacyProgram(kernel);
  const passive = PASSIVE_PROBES.map((probe) => answerPassive(modules, probe))
    .map((each) => legacy && LEGACY.includes(each.id) ? { ...each, ...legacy } : each);
  const capabilities = [
    ground.program,
    ground.netAdmin,
    sysctlsWritable(kernel),
    workerKept(kernel),
    ...passive,
    ...probed,
  ];
  const traces = tracesOf(kernel.files, release);
  return {
    kernel: release,
    nft,
    processors: processors(kernel),
    capabilities: [...capabilities, ...EITHER_WAY.map((one) => eitherWay(one, capabilities))],
    traces,
  };
}

/**
 * Facts of an earlier run, with what may differ between two runs on one machine looked at anew: that
 * costs two small files, while the rest takes a dozen programs.
 *
 * @returns undefined where something was installed or removed since: then all is to be found out anew
 */
export function refresh(kernel: Kernel, facts: Facts): Facts | undefined {
  if (facts.traces !== tracesOf(kernel.files, facts.kernel)) return undefined;
  const fresh = new Map(passing(kernel).map((each) => [each.id, each]));
  return { ...facts, capabilities: facts.capabilities.map((each) => fresh.get(each.id) ?? each) };
}

/**
 * Whether the facts will do for later runs of this boot. A "no" will: what is installed later shows in the
 * traces. What could not be found out may be found out a minute later.
 */
export function isLasting(kernel: Kernel, facts: Facts): boolean {
  const passes = new Set(passing(kernel).map(({ id }) => id));
  return facts.capabilities.every(({ id, answer }) => passes.has(id) || answer !== "unknown");
}

/** What depends on who asks, and from which container. */
function passing(kernel: Kernel): readonly Capability[] {
  return [netAdmin(kernel), sysctlsWritable(kernel), workerKept(kernel)];
}

/** Where this kernel's modules are. */
export async function moduleIndex(kernel: Pick<Kernel, "files">): Promise<ModuleIndex> {
  const release = kernelRelease(kernel);
  return new ModuleIndex(kernel.files, release, await kernelConfig(kernel, release));
}

/** Version of the nft program; undefined where there is none. */
export async function nftVersion(kernel: Pick<Kernel, "process">): Promise<string | undefined> {
  try {
    const { stdout } = await kernel.process.run(["nft", "--version"]);
    return /v(\d+(?:\.\d+)*)/.exec(stdout)?.[1];
  } catch {
    return undefined;
  }
}

/** @returns what is wrong with the program; undefined where it is there */
async function legacyProgram(
  kernel: Pick<Kernel, "process">,
): Promise<Pick<Capability, "answer" | "evidence"> | undefined> {
  try {
    await kernel.process.run(["iptables-legacy", "--version"]);
    return undefined;
  } catch {
    return { answer: "no", evidence: "no program iptables-legacy on the PATH" };
  }
}

/** nft's tables come first, where both can. */
function eitherWay(
  { id, purpose, ways: all }: typeof EITHER_WAY[number],
  capabilities: readonly Capability[],
): Capability {
  const ways = all.map(({ program, needs }) => {
    const parts = capabilities.filter(({ id }) => needs.includes(id));
    const worst = ANSWERS_WORST_FIRST.find((answer) =>
      parts.some((part) => part.answer === answer)
    );
    const { evidence = "" } = parts.find(({ answer }) => answer === worst) ?? {};
    return { program, answer: worst ?? "no", evidence };
  });
  const best = ways.find(({ answer }) => answer !== "no");
  return {
    id,
    purpose,
    answer: best?.answer ?? "no",
    // The name of the module comes first: see modulesToLoad().
    evidence: (best ? [best] : ways).map(({ program, evidence }) => `${evidence} (by ${program})`)
      .join("; "),
  };
}

/** Without nf_tables nothing is tried: the first rule would load it. */
async function tryControl(kernel: Kernel, ground: Ground): Promise<Trial> {
  const { presence, evidence, mightLoad } = weakest(ground.modules, CONTROL.needs);
  if (mightLoad) return { answer: "unknown", evidence };
  if (presence === "absent") return { answer: "no", evidence };
  return await tryRules(kernel, ground, CONTROL.rules);
}

/** From what rules cannot do without to what they surely have. */
const WEAKEST_FIRST: readonly Presence[] = ["absent", "unknown", "loadable", "loaded", "built-in"];

/** The need that is met least. */
function weakest(modules: ModuleIndex, needs: readonly Need[]): ModuleEvidence {
  const [first, ...others] = needs.map((need) => modules.find(need));
  const rank = ({ presence }: ModuleEvidence) => WEAKEST_FIRST.indexOf(presence);
  // In the case of a tie the first, which is what the probe is about.
  return others.reduce((least, each) => rank(each) < rank(least) ? each : least, first!);
}

async function answerProbe(
  kernel: Kernel,
  ground: Ground,
  control: Trial,
  probe: Probe,
): Promise<Capability> {
  const { id, purpose, needs, apart = [] } = probe;
  const isApart = (need: Need) => ground.modules.find(need).presence === "loadable";
  const found = weakest(ground.modules, [...needs, ...apart.filter(isApart)]);
  const isHopeless = control.answer === "no";
  // Trying it out might load it.
  if (found.presence === "absent" || found.mightLoad && !isHopeless) {
    const { presence, evidence } = found;
    return { id, purpose, answer: PASSIVE_ANSWERS[presence], evidence };
  }
  if (control.answer !== "yes") {
    return {
      id,
      purpose,
      answer: control.answer,
      evidence: `${found.evidence}; ${control.evidence}`,
    };
  }
  const tried = await tryRules(kernel, ground, probe.rules);
  return { id, purpose, answer: tried.answer, evidence: `${found.evidence}; ${tried.evidence}` };
}

/** @returns what is known without a trial, where there can be none */
async function tryRules(kernel: Kernel, ground: Ground, rules: string): Promise<Trial> {
  if (ground.program.answer === "no") return { answer: "no", evidence: ground.program.evidence };
  if (ground.netAdmin.answer === "no") {
    return { answer: "unknown", evidence: "not tried: it takes CAP_NET_ADMIN" };
  }
  return await runTrial(kernel, rules);
}

/** One where it cannot be told. */
function processors({ files }: Pick<Kernel, "files">): number {
  return files.read("/proc/cpuinfo")?.match(/^processor\s*:/gm)?.length ?? 1;
}

function nftProgram(version: string | undefined): Capability {
  const purpose = "changing the rules (Debian package nftables)";
  if (version === undefined) {
    return { id: "nft-program", purpose, answer: "no", evidence: "no program nft on the PATH" };
  }
  const proved = compareVersions(version, NFT_VERSION_PROVED) >= 0;
  const evidence = `nft ${version}` + (proved ? "" : `, older than ${NFT_VERSION_PROVED}`);
  return { id: "nft-program", purpose, answer: proved ? "yes" : "unknown", evidence };
}

function compareVersions(a: string, b: string): number {
  const left = a.split(".").map(Number);
  const right = b.split(".").map(Number);
  for (let index = 0; index < Math.max(left.length, right.length); index++) {
    const difference = (left[index] ?? 0) - (right[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

function netAdmin(kernel: Kernel): Capability {
  const status = kernel.files.read("/proc/self/status") ?? "";
  const effective = /^CapEff:\s*([0-9a-f]+)/m.exec(status)?.[1] ?? "0";
  const held = (BigInt(`0x${effective}`) >> CAP_NET_ADMIN_BIT) & 1n;
  return {
    id: "net-admin",
    purpose: "changing rules, addresses and sysctls",
    answer: held ? "yes" : "no",
    evidence: `CapEff ${effective} in /proc/self/status, bit 12 is ${held}`,
  };
}

function sysctlsWritable(kernel: Kernel): Capability {
  const { path, isReadOnly } = procSysMount(kernel.files);
  return {
    id: "proc-sys",
    purpose: "setting sysctls and putting them back",
    answer: isReadOnly ? "no" : "yes",
    evidence: `${path} is mounted ${isReadOnly ? "read-only" : "read-write"}`,
  };
}

function workerKept({ files }: Pick<Kernel, "files">): Capability {
  const unit = workerUnit(files);
  return {
    id: WORKER_KEPT,
    purpose: "the queue worker as a service; without, lb starts it and lb reconcile looks after it",
    answer: unit ? "yes" : "no",
    evidence: unit ?? `no systemd runs here with ${WORKER_UNIT}`,
  };
}

function answerPassive(
  modules: ModuleIndex,
  { id, purpose, needs }: Omit<Probe, "rules">,
): Capability {
  const { presence, evidence } = weakest(modules, needs);
  return { id, purpose, answer: PASSIVE_ANSWERS[presence], evidence };
}

async function kernelConfig(
  { files }: Pick<Kernel, "files">,
  release: string,
): Promise<KernelConfig | undefined> {
  const boot = `/boot/config-${release}`;
  const text = files.read(boot);
  if (text !== undefined) return parseKernelConfig(boot, text);
  const packed = files.readBytes("/proc/config.gz");
  if (packed === undefined) return undefined;
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return parseKernelConfig("/proc/config.gz", await new Response(stream).text());
}
