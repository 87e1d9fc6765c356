import { formatEnd } from "../model/flow.ts";
import type { FlowExplanation } from "../reconcile/why.ts";
import { percentText } from "./percent.ts";
import { columns, type Paint } from "./table.ts";

/** `lb why --json` (docs/cli.md). */
export function whyJson(explanations: readonly FlowExplanation[]): Record<string, unknown> {
  return { flows: explanations.map(flowJson) };
}

function flowJson(explanation: FlowExplanation): Record<string, unknown> {
  const { ask, answer, service, engine, backend, shares, reason, doubts, connection, steps } =
    explanation;
  return {
    protocol: ask.protocol,
    client: ask.client.text,
    client_port: ask.client_port ?? null,
    vip: ask.vip.text,
    vip_port: ask.vip_port,
    service,
    engine,
    answer,
    backend: backend && { address: backend.address.text, port: backend.port ?? null },
    shares: shares.map(({ backend: { address, port }, share }) => ({
      address: address.text,
      port: port ?? null,
      share,
    })),
    reason,
    certain: doubts.length === 0,
    doubts,
    connection: connection && {
      known_by: connection.known_by,
      state: connection.state,
      over: connection.isOver,
    },
    steps,
  };
}

/** The same for people: the answer first, then how it comes about. */
export function whyText(explanations: readonly FlowExplanation[], paint: Paint): string {
  return explanations.map((one) => explanationText(one, paint)).join("\n\n");
}

function explanationText(explanation: FlowExplanation, paint: Paint): string {
  const { doubts, steps, shares } = explanation;
  return [
    `${paint(flowText(explanation), "bold")}  ${answerText(explanation, paint)}`,
    columns(
      shares.map(({ backend, share }) => [`  ${percentText(share)}`, formatEnd(backend)]),
    ),
    columns(steps.map(({ step, message }) => [`  ${paint(step, "dim")}`, message])),
    ...doubts.map((doubt) => paint(`  ! uncertain: ${doubt}`, "yellow")),
  ].filter((part) => part !== "").join("\n");
}

/** `tcp 203.0.113.9:51234 → 198.51.100.10:80` */
export function flowText({ ask }: FlowExplanation): string {
  const { protocol, client, client_port, vip, vip_port } = ask;
  const from = formatEnd({ address: client, port: client_port });
  return `${protocol} ${from} → ${formatEnd({ address: vip, port: vip_port })}`;
}

function answerText(explanation: FlowExplanation, paint: Paint): string {
  const { answer, backend, service, engine, reason } = explanation;
  const where = service === null ? "" : ` (${service}, ${engine})`;
  const to = backend ? formatEnd(backend) : "";
  switch (answer) {
    case "connected":
      return backend
        ? `is connected to ${paint(to, "green")}${where}`
        : `${paint("goes to no backend", "yellow")}${where}: ${reason}`;
    case "backend":
      return `would go to ${paint(to, "green")}${where}`;
    case "shared":
      return `${paint("cannot be told", "yellow")}${where}: ${reason}`;
    case "refused":
    case "dropped":
      return `would be ${paint(answer, "red")}${where}: ${reason}`;
    case "unserved":
      return `${paint("is for no service", "yellow")}${where}: ${reason}`;
  }
}
