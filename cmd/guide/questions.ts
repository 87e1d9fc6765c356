import { log } from "@clack/prompts";
import { type FirstService, troubleWith } from "../../lib/config/first_service.ts";
import { placements } from "../../lib/host/address/placement.ts";
import { subnetOf } from "../../lib/host/interface.ts";
import { contains, isSingle, parseAddress, parsePrefix } from "../../lib/model/address.ts";
import { PROTOCOLS, type Scheduler } from "../../lib/model/service.ts";
import { parseWeightedEndpoint } from "../shared/endpoint.ts";
import { draftConfig, triedWords, tryBackends } from "./first_service.ts";
import { type Asking, askLine, choose, type Question } from "./asking.ts";
import { askEngine } from "./engine_question.ts";

/** In the order in which each follows from those before it. */
export const QUESTIONS: readonly Question[] = [
  askName,
  askProtocol,
  askVip,
  askVipOn,
  askPorts,
  askBackends,
  askMasquerade,
  askScheduler,
  askEngine,
];

async function askName(service: FirstService, asking: Asking): Promise<FirstService> {
  if (asking.said.service !== undefined) return service;
  const name = await askLine(asking, {
    message: "What is the service to be called?",
    initialValue: service.name,
    trouble: (name) => troubleWith(asking.sample, { ...service, name }, "name"),
  });
  return { ...service, name };
}

async function askProtocol(service: FirstService, asking: Asking): Promise<FirstService> {
  if (asking.said.protocol !== undefined) return service;
  const choices = PROTOCOLS.map((value) => ({ value, label: value }));
  const protocol = await choose(asking, "Which protocol?", choices, service.protocol);
  return { ...service, protocol };
}

async function askVip(service: FirstService, asking: Asking): Promise<FirstService> {
  if (service.vip.length > 0) return service;
  const text = await askLine(asking, {
    message: "Where do clients connect to? One address (VIP) or more, with blanks between them",
    placeholder: "203.0.113.10 2001:db8:1::10",
    trouble: (text) => troubleWith(asking.sample, { ...service, vip: words(text) }, "vip"),
  });
  return { ...service, vip: words(text) };
}

/** Asked only where the VIP's own subnet does not tell. */
async function askVipOn(service: FirstService, asking: Asking): Promise<FirstService> {
  const { interfaces } = asking.machine;
  const vip = service.vip.flatMap((text) => parsePrefix(text) ?? []).filter(isSingle);
  if (asking.said.vipOn !== undefined || vip.length === 0) return service;
  const placed = placements([{ ...service, vip }], interfaces);
  for (const { vip, link } of placed) {
    log.info(`${vip.text} goes on ${link.name}, in whose subnet it is`);
  }
  const homeless = vip.filter(({ text }) => !placed.some(({ vip }) => vip.text === text));
  if (homeless.length === 0) return service;
  const names = homeless.map(({ text }) => text).join(", ");
  const message = `No subnet of this machine has ${names}. How do packets for it get here?`;
  const vip_on = await choose<string>(asking, message, [
    // Where another VIP has its place, that is found by "auto" only.
    {
      value: placed.length > 0 ? "auto" : "none",
      label: "a router sends them here",
      hint: "a route, BGP, keepalived",
    },
    ...interfaces.map(({ name }) => ({ value: name, label: `lb puts it on ${name}` })),
  ]);
  return { ...service, vip_on };
}

async function askPorts(service: FirstService, asking: Asking): Promise<FirstService> {
  if (service.ports.length > 0) return service;
  const text = await askLine(asking, {
    message: 'On which ports? Ports and ranges with blanks between them, or "all"',
    placeholder: "80 443 8000-8010",
    trouble: (text) => troubleWith(asking.sample, { ...service, ports: words(text) }, "ports"),
  });
  return { ...service, ports: words(text) };
}

async function askBackends(service: FirstService, asking: Asking): Promise<FirstService> {
  const isSaid = service.backends.length > 0;
  const answered = isSaid ? service : await askForBackends(service, asking);
  const { config } = await draftConfig(asking.places, answered);
  log.step("Trying the backends");
  const tried = await tryBackends(asking.places, config.services);
  for (const one of tried) one.ok ? log.success(triedWords(one)) : log.warn(triedWords(one));
  if (isSaid || tried.every(({ ok }) => ok)) return answered;
  const again = await choose(asking, "Not all of them answer from here. Go on with them?", [
    { value: false, label: "yes, they will" },
    { value: true, label: "no, I name others" },
  ]);
  return again ? await askBackends(service, asking) : answered;
}

async function askForBackends(service: FirstService, asking: Asking): Promise<FirstService> {
  const withThese = (text: string) => ({
    ...service,
    backends: words(text).map(parseWeightedEndpoint),
  });
  const text = await askLine(asking, {
    message: "Who serves it? ADDR[:PORT][=WEIGHT] of each backend, with blanks between them",
    placeholder: "198.51.100.11:8080 198.51.100.12:8080=50",
    trouble(text) {
      if (text === "") return "name one at least";
      try {
        return troubleWith(asking.sample, withThese(text), "backend");
      } catch (error) {
        return error instanceof Error ? error.message : String(error);
      }
    },
  });
  return withThese(text);
}

async function askMasquerade(service: FirstService, asking: Asking): Promise<FirstService> {
  if (service.masquerade) return service;
  const masquerade = await choose(asking, "How do the backends' answers come back?", [
    {
      value: false,
      label: "through this machine",
      hint: "it is their gateway; they see the clients' addresses",
    },
    {
      value: true,
      label: "any other way",
      hint: "to them, all connections come from this machine: masquerade",
    },
  ], isOneArm(service, asking));
  return { ...service, masquerade };
}

/** Whether a backend is where the VIP is: its clients' packets are, too, as a rule. */
function isOneArm({ vip, backends }: FirstService, { machine }: Asking): boolean {
  const vips = vip.flatMap((text) => parseAddress(text) ?? []);
  const subnets = machine.interfaces.flatMap(({ addresses }) => addresses.map(subnetOf));
  return subnets.some((subnet) =>
    vips.some((one) => contains(subnet, one)) &&
    backends.some(({ address }) => contains(subnet, address))
  );
}

/** Those that need nothing else, in words. */
const OFFERED: readonly (readonly [Scheduler, string])[] = [
  ["wrr", "in turn, by weight"],
  ["random", "by lot, by weight"],
  ["maglev", "by the client's address and port; few move when a backend comes or goes"],
  ["sh", "by the client's address"],
  ["wlc", "the fewest connections, by weight"],
  ["lc", "the fewest connections"],
  ["rr", "in turn"],
];

async function askScheduler(service: FirstService, asking: Asking): Promise<FirstService> {
  if (asking.said.scheduler !== undefined) return service;
  const choices = OFFERED.map(([value, hint]) => ({ value, label: value, hint }));
  const message = "How is a backend picked for a new connection?";
  return { ...service, scheduler: await choose(asking, message, choices, service.scheduler) };
}

function words(text: string): string[] {
  return text.split(/[\s,]+/).filter((word) => word !== "");
}
