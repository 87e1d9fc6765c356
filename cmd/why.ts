import { InvalidArgumentError } from "@commander-js/extra-typings";
import { type FlowEnd, hasPort, parseEnd, parseFlow } from "../lib/model/flow.ts";
import { EXIT_ATTENTION, EXIT_OK, LbError } from "../lib/model/error.ts";
import type { Onlooker } from "../lib/reconcile/status.ts";
import type { FlowExplanation, FlowRequest } from "../lib/reconcile/why.ts";
import { painter } from "../lib/report/table.ts";
import { calmly } from "./shared/calm.ts";
import { context, type Places } from "./context.ts";
import { print, printJson, stdoutPaint } from "./shared/io.ts";
import { noService } from "./shared/no_service.ts";
import { type End, examples, placedCommand, placesOf } from "./shared/options.ts";
import { VERSION } from "./shared/version.ts";

/** Reads flows from stdin. */
const STDIN = "-";

/** `lb why` */
export function whyCommand(end: End) {
  return placedCommand("why")
    .summary("which backend a flow goes to, and why")
    .description(
      "Tells where a client's connection goes by what the kernel holds now: the connection where there is " +
        "one, else the choice that its tables would make, step by step. FLOW is a client (ADDR:PORT, " +
        "[V6]:PORT, or ADDR alone), or a client and a VIP with its port, with tcp, udp or sctp before it. " +
        `"${STDIN}" reads flows from stdin, one a line. Changes nothing.`,
    )
    .argument("<flow...>", `[tcp|udp|sctp] CLIENT [-> VIP:PORT], or "${STDIN}"`)
    .option("--service <name>", "of this service only")
    .option("--to <vip:port>", "the VIP and port that the client asks for", parseTo)
    .addHelpText(
      "after",
      examples(
        ["lb why 203.0.113.9:51234", "of each service"],
        ["lb why 203.0.113.9:51234 --service web", "of one"],
        ["lb why tcp 203.0.113.9:51234 198.51.100.10:80", "one flow"],
        ["lb why [2001:db8::9]:51234 --to [2001:db8:1::10]:80", "the same of IPv6"],
        ["lb why 203.0.113.9 --service web", "whatever its port: shares, where ports are hashed"],
        ["lb why --json - <flows.txt", "many at once, for scripts"],
      ),
    )
    .action(async (words, options) => {
      context.needRoot("why");
      const { service, to, json } = options;
      const questions = (await flowsOf(words)).map((text) => questionOf(text, { service, to }));
      const explanations = await explain(placesOf(options), questions, service);
      const { whyJson, whyText } = await import("../lib/report/why.ts");
      if (json) printJson(whyJson(explanations));
      else print(whyText(explanations, stdoutPaint()));
      end(explanations.every(isPlain) ? EXIT_OK : EXIT_ATTENTION);
    });
}

/**
 * As `lb why FLOW` prints it. @param service of this one only, where the flow names no VIP
 *
 * @throws {LbError}
 */
export async function whyLines(
  places: Places,
  flow: string,
  service: string | undefined,
): Promise<readonly string[]> {
  const asked = questionOf(flow, {});
  const { to } = asked;
  const question = to || service === undefined ? asked : { ...asked, service };
  const explanations = await explain(places, [question], to ? undefined : service);
  const { whyText } = await import("../lib/report/why.ts");
  return whyText(explanations, painter(false)).split("\n");
}

/** It has a backend, or one of several, and nothing makes that uncertain. */
function isPlain({ answer, backend, shares, doubts }: FlowExplanation): boolean {
  const isServed = answer === "shared" ? shares.length > 0 : backend !== null;
  return isServed && doubts.length === 0;
}

async function flowsOf(words: readonly string[]): Promise<readonly string[]> {
  if (words.length !== 1 || words[0] !== STDIN) return [words.join(" ")];
  const lines = (await context.stdin()).split("\n").map((line) => line.trim());
  const flows = lines.filter((line) => line !== "" && !line.startsWith("#"));
  if (flows.length > 0) return flows;
  throw new LbError("usage", "no flow came by stdin: write one a line");
}

/** @throws {LbError} `usage` */
function questionOf(
  text: string,
  { service, to }: { readonly service?: string; readonly to?: Required<FlowEnd> },
): FlowRequest {
  const flow = parseFlow(text);
  if (typeof flow === "string") throw new LbError("usage", flow);
  if (flow.to && to) throw new LbError("usage", `${text.trim()} names a VIP, and so does --to`);
  const target = flow.to ?? to;
  if (target && target.address.family !== flow.client.address.family) {
    const both = `${flow.client.address.text} and ${target.address.text}`;
    throw new LbError("usage", `${both} are of two IP versions`);
  }
  return { ...flow, ...target && { to: target }, ...service !== undefined && { service } };
}

async function explain(
  places: Places,
  questions: readonly FlowRequest[],
  service: string | undefined,
): Promise<readonly FlowExplanation[]> {
  const { explainFlows, servicesInForce } = await import("../lib/reconcile/why.ts");
  return await withReader(places, async (machine) => {
    const names = servicesInForce(machine);
    if (service !== undefined && !names.includes(service)) throw await noService(service, names);
    const found = await calmly(places, () => explainFlows(machine, questions), isDoubtful);
    if (found.length > 0) return found;
    const nothing = names.length === 0
      ? 'nothing is in force in this network namespace; "lb apply" brings the config about'
      : "no service in force has a VIP of the client's IP version, and its protocol";
    throw new LbError("usage", nothing);
  });
}

function isDoubtful(explanations: readonly FlowExplanation[]): boolean {
  return explanations.some(({ doubts }) => doubts.length > 0);
}

/** With what is on record, for reading. @throws {LbError} `usage` where nothing is */
async function withReader<T>(
  places: Places,
  work: (machine: Onlooker) => Promise<T>,
): Promise<T> {
  const store = await context.readStore(places);
  if (!store) {
    throw new LbError("usage", `nothing was ever applied with the state in ${places.state}`);
  }
  try {
    const kernel = context.kernel(places);
    const host = context.hostIdentity();
    return await work({ kernel, store, host, version: VERSION, worker: context.worker(kernel) });
  } finally {
    store.close();
  }
}

function parseTo(text: string): Required<FlowEnd> {
  const end = parseEnd(text);
  if (hasPort(end)) return end;
  throw new InvalidArgumentError("write VIP:PORT or [V6]:PORT, for instance 203.0.113.10:80.");
}
