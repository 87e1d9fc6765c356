/** `deno task bench`: what lb costs beside its peers, on this machine. See options.ts for its options. */
import { measureApply, plannedSeconds as applySeconds } from "./apply.ts";
import type { ApplyResult } from "./apply.ts";
import { checks } from "./checks.ts";
import { CONTENDERS } from "./contenders.ts";
import { measureHealth, plannedSeconds as healthSeconds } from "./health.ts";
import { measureIpvs, plannedSeconds as ipvsSeconds } from "./ipvs/guest.ts";
import { buildTrafficLab } from "./lab.ts";
import { measureLive, plannedSeconds as liveSeconds } from "./live.ts";
import { CONNECTION_LOAD, DOWNLOAD_LOAD } from "./load.ts";
import { describeMachine } from "./machine.ts";
import { type Options, parseOptions, USAGE } from "./options.ts";
import { pageMarkdown, pageText } from "./page.ts";
import { findPrograms, type ProgramName, type Programs } from "./programs.ts";
import { Progress } from "./progress.ts";
import { measureQueues, needsLab, plannedSeconds as queueSeconds } from "./queue/sections.ts";
import type { Results } from "./results.ts";
import { buildSolo } from "./solo.ts";
import { closeAll, whileStanding } from "./standing.ts";
import { measureStartup, plannedSeconds as startupSeconds } from "./startup.ts";
import { measureStatus, plannedSeconds as statusSeconds } from "./status.ts";
import { measureTraffic, plannedSeconds as trafficSeconds, type TrafficResult } from "./traffic.ts";

const PAGE = new URL("../../docs/performance.md", import.meta.url).pathname;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const EXIT_INTERRUPTED = 130;

/** What every measurement of traffic needs, whoever is measured. */
const EQUIPMENT: readonly ProgramName[] = ["wrk", "curl", "nginx", "conntrack"];

/** Of the namespace that `apply` is measured in; 0 is the traffic's. */
const SERIAL = 1;

const LOADS = [CONNECTION_LOAD, DOWNLOAD_LOAD];

async function main(args: readonly string[]): Promise<number> {
  let options: Options;
  try {
    options = parseOptions(args);
  } catch (error) {
    console.error(`${messageOf(error)}\n\n${USAGE}`);
    return EXIT_USAGE;
  }
  if (options.help) {
    console.log(USAGE);
    return 0;
  }
  if (Deno.uid() !== 0) throw new Error("network namespaces need root");
  return await bench(options);
}

async function bench(options: Options): Promise<number> {
  const results = await measure(options);
  if (options.json) console.log(JSON.stringify(results, mapsAsObjects, 2));
  else console.log(pageText(results));
  if (options.write) await writePage(results);
  const missed = checks(results).filter(({ ok }) => !ok);
  if (!options.check || missed.length === 0) return 0;
  for (const { what, goal, measured } of missed) {
    console.error(`missed: ${what}: ${measured}, goal ${goal}`);
  }
  return EXIT_FAILED;
}

async function measure(options: Options): Promise<Results> {
  const loads = LOADS.filter(({ name }) => options.sections.includes(name));
  const contenders = CONTENDERS.filter(({ name }) => options.contenders.includes(name));
  const needs = new Set([...EQUIPMENT, ...contenders.flatMap((contender) => contender.needs)]);
  const programs = loads.length > 0 || needsLab(options)
    ? await findPrograms([...needs])
    : undefined;
  const machine = await describeMachine(programs);
  for (const [name, value] of Object.entries(machine)) console.error(`${name}: ${value}`);
  const progress = new Progress(plannedSeconds(options, loads.length, contenders.length));
  const skipped: string[] = [];
  const traffic = programs && loads.length > 0
    ? await allTraffic(programs, options, progress, skipped)
    : [];
  for (const { load, skipped: left } of traffic) {
    for (const [name, why] of left) skipped.push(`${name} (${load.name}): ${why}`);
  }
  const apply = options.sections.includes("apply")
    ? await allSizes(options, progress, skipped)
    : [];
  const startup = options.sections.includes("startup")
    ? await measureStartup(options.pairs, progress)
    : [];
  const status = options.sections.includes("status")
    ? await measureStatus(options.pairs, progress)
    : [];
  const health = options.sections.includes("health")
    ? await measureHealth(options.pairs, progress)
    : [];
  const live = options.sections.includes("live") ? await measureLive(options.pairs, progress) : [];
  const ipvs = options.sections.includes("ipvs")
    ? await measureIpvs(options, progress, skipped)
    : [];
  const queues = await measureQueues(programs, options, progress, skipped);
  return {
    machine,
    options,
    traffic,
    apply,
    startup,
    status,
    health,
    live,
    ipvs,
    ...queues,
    skipped,
  };
}

function plannedSeconds(options: Options, loads: number, n: number) {
  const { sections, pairs, seconds, services } = options;
  const sizes = sections.includes("apply") ? services : [];
  return loads * trafficSeconds(n, pairs, seconds) +
    sizes.reduce((sum, size) => sum + applySeconds(size, pairs), 0) +
    (sections.includes("startup") ? startupSeconds(pairs) : 0) +
    (sections.includes("status") ? statusSeconds(pairs) : 0) +
    (sections.includes("health") ? healthSeconds(pairs) : 0) +
    (sections.includes("live") ? liveSeconds(pairs) : 0) +
    (sections.includes("ipvs") ? ipvsSeconds(options) : 0) +
    queueSeconds(options);
}

async function allTraffic(
  programs: Programs,
  options: Options,
  progress: Progress,
  skipped: string[],
): Promise<TrafficResult[]> {
  const missing = EQUIPMENT.map((name) => programs.missing(name)).filter((why) => why);
  if (missing.length > 0) {
    skipped.push(`all traffic: ${missing.join("; ")}`);
    return [];
  }
  const contenders = CONTENDERS.filter(({ name }) => options.contenders.includes(name));
  const lab = await buildTrafficLab(programs);
  return await whileStanding(lab, async () => {
    const results: TrafficResult[] = [];
    for (const load of LOADS.filter(({ name }) => options.sections.includes(name))) {
      results.push(await measureTraffic(lab, load, contenders, options, progress));
    }
    return results;
  });
}

/** A size that fails is left out: the others are worth having. */
async function allSizes(
  { services, pairs }: Options,
  progress: Progress,
  skipped: string[],
): Promise<ApplyResult[]> {
  return await whileStanding(await buildSolo(SERIAL), async (solo) => {
    const results: ApplyResult[] = [];
    for (const size of services) {
      try {
        results.push(await measureApply(solo, size, pairs, progress));
      } catch (error) {
        skipped.push(`apply of ${size} services: ${messageOf(error)}`);
        progress.say(skipped.at(-1)!);
      }
    }
    return results;
  });
}

async function writePage(results: Results): Promise<void> {
  await Deno.writeTextFile(PAGE, pageMarkdown(results));
  await new Deno.Command(Deno.execPath(), { args: ["fmt", "--quiet", PAGE] }).output();
  console.error(`written: ${PAGE}`);
}

function mapsAsObjects(_key: string, value: unknown): unknown {
  return value instanceof Map ? Object.fromEntries(value) : value;
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  Deno.addSignalListener(signal, async () => {
    await closeAll();
    Deno.exit(EXIT_INTERRUPTED);
  });
}

try {
  Deno.exit(await main(Deno.args));
} catch (error) {
  console.error(messageOf(error));
  Deno.exit(EXIT_FAILED);
}
