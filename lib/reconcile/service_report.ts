import {
  type Asked,
  type Ground,
  judgeEngines,
  type Judgement,
  namedEngine,
  selectEngine,
} from "../capability/select.ts";
import type { EngineName, Service } from "../model/service.ts";
import type { Config } from "../model/settings.ts";
import { alternatives, type Held } from "./selection.ts";

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
  const nearest = alternatives(ground);
  return config.services.map((service) => {
    const asked = { configured: config.engine, held: held.get(service.name) };
    return reportService(service, asked, ground, nearest);
  });
}

function reportService(
  service: Service,
  asked: Asked,
  ground: Ground,
  nearest: ReturnType<typeof alternatives>,
): ServiceReport {
  const { name } = service;
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
  return { name, chosen, reason, nearest: nearest(service, asked, selection.reasons), engines };
}
