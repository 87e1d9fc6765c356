import { log } from "@clack/prompts";
import { selectEngine } from "../../lib/capability/select.ts";
import type { FirstService } from "../../lib/config/first_service.ts";
import { ENGINE_NAMES, type EngineName, type Service } from "../../lib/model/service.ts";
import { groundOf, selectAll } from "../../lib/reconcile/selection.ts";
import { draftConfig } from "./first_service.ts";
import { type Asking, type Choice, choose } from "./asking.ts";

/**
 * Asked only where there is a choice.
 *
 * @throws {LbError} `unsupported` where no engine here can serve the service
 */
export async function askEngine(service: FirstService, asking: Asking): Promise<FirstService> {
  const draft = await draftConfig(asking.places, service);
  const { facts } = asking.machine;
  const [chosen] = await selectAll(draft, facts);
  const possible = enginesFor(draft.config.services[0]!, asking);
  if (asking.said.engine !== undefined || possible.length < 2) {
    log.info(`Engine: ${chosen?.engine} (${chosen?.reason})`);
    return service;
  }
  const engine = await choose(asking, "On which engine?", [
    { value: "auto", label: "auto", hint: `here ${chosen?.engine}: ${chosen?.reason}` },
    ...possible,
  ]);
  return { ...service, engine };
}

/** Those that can serve it, each with what it is. */
function enginesFor(service: Service, { machine }: Asking): Choice<EngineName>[] {
  const ground = groundOf(machine.facts);
  return ENGINE_NAMES.flatMap((engine) => {
    const selection = selectEngine({ ...service, engine }, { configured: "auto" }, ground);
    if (!selection.engine) return [];
    return [{ value: engine, label: engine, hint: selection.reason.split(";")[0]! }];
  });
}
