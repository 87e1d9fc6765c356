import {
  type Ground,
  judgeEngines,
  type Judgement,
  namedEngine,
  selectEngine,
} from "../capability/select.ts";
import type { EngineName, Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import { alternativeText, type Held } from "./selection.ts";

/** What each engine would be for a service, and which one it is. */
export interface ServiceReport {
  readonly name: string;
  /** Where none can serve it, the one whose needs are worth a word. */
  readonly chosen: EngineName;
  /** Why this one, or why there is none. */
  readonly reason: string;
  readonly better?: EngineName;
  /** Where none can serve it, what comes nearest to it. */
  readonly nearest?: string;
  /** Best first. */
  readonly engines: readonly Judgement[];
}

/** Every service of a config, held against every engine. Pure. */
export function reportServices(config: Config, held: Held, ground: Ground): ServiceReport[] {
  return config.services.map((service) => reportService(service, config, held, ground));
}

function reportService(
  service: Service,
  { engine: configured }: Config,
  held: Held,
  ground: Ground,
): ServiceReport {
  const { name } = service;
  const asked = { configured, held: held.get(name) };
  const engines = judgeEngines(service, ground);
  const selection = selectEngine(service, asked, ground);
  if (selection.engine) {
    const { engine: chosen, reason, better } = selection;
    return { name, chosen, reason, better, engines };
  }
  const named = namedEngine(service, asked);
  const usual = ground.reports.find(({ possible }) => possible)?.name ?? "nft";
  const reason = selection.reasons.map(({ message }) => message).join("; ");
  const chosen = named === "auto" ? usual : named;
  return { name, chosen, reason, nearest: alternativeText(service, asked, ground), engines };
}
