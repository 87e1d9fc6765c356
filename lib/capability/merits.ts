import type { EngineName, Service } from "../model/service.ts";
import { followsLoad, followsMeasure } from "../scheduler/load.ts";

/** What an engine is good at for a service, or what one does without there. */
interface Merit {
  readonly engine: EngineName;
  /** @default every service */
  readonly applies?: (service: Service) => boolean;
  readonly kind: "gain" | "loss";
  readonly words: string;
}

/** What speaks for and against an engine that can serve a service. */
export interface Merits {
  readonly gains: readonly string[];
  readonly losses: readonly string[];
}

/** Whether the choice is by connections at this moment. */
export const isByLoad = ({ scheduler }: Pick<Service, "scheduler">) => followsLoad(scheduler);

/** What weights follow that are measured of backends, in words. */
export const MEASURES = {
  lr: "the times of health checks",
  cpu: "the loads that backends tell of",
} as const;

/** Whether weights follow what is measured of backends: on every engine alike. */
export function isMeasured<Of extends Pick<Service, "scheduler">>(
  service: Of,
): service is Of & { readonly scheduler: keyof typeof MEASURES } {
  return followsMeasure(service.scheduler);
}

const isTranslated = ({ forward }: Service) => forward === "nat";
const isDirect = ({ forward }: Service) => forward === "dr";

/** In the order they are told (docs/engines.md). */
const MERITS: readonly Merit[] = [
  { engine: "nft", kind: "gain", words: "a change is one transaction: all of it or nothing" },
  {
    engine: "nft",
    applies: isByLoad,
    kind: "loss",
    words: "weights follow the connections at each reconcile, step by step: second best to a " +
      "choice by the counts at each connection",
  },
  {
    engine: "nft",
    applies: isTranslated,
    kind: "loss",
    words: "every connection takes an entry in conntrack",
  },
  {
    engine: "nft",
    applies: isDirect,
    kind: "gain",
    words: "packets go on where they come in, without conntrack and routing",
  },
  { engine: "nfqueue", applies: isByLoad, kind: "gain", words: "exact for each new connection" },
  {
    engine: "nfqueue",
    kind: "loss",
    words: "a program of lb's has to run, and chooses for each new connection",
  },
  {
    engine: "ipvs",
    applies: isByLoad,
    kind: "gain",
    words: "the kernel counts the connections itself: exact for each new one",
  },
  { engine: "ipvs", kind: "gain", words: "counts the bytes of each backend" },
  {
    engine: "ipvs",
    kind: "loss",
    words: "a change is a row of small ones, each of them safe; connections are in IPVS's own " +
      "table, and do not move to another engine",
  },
  { engine: "ipvs", kind: "loss", words: "VIPs have to be addresses of this machine" },
  { engine: "relay", kind: "gain", words: "takes neither privileges nor NAT in the kernel" },
  {
    engine: "relay",
    kind: "loss",
    words: "every byte goes through a program, and backends see the address of this machine",
  },
];

/** What is gained and lost with an engine for a service. Pure. */
export function meritsOf(engine: EngineName, service: Service): Merits {
  const found = MERITS.filter((merit) =>
    merit.engine === engine && (merit.applies?.(service) ?? true)
  );
  const words = (kind: Merit["kind"]) =>
    found.filter((merit) => merit.kind === kind).map((merit) => merit.words);
  return { gains: words("gain"), losses: words("loss") };
}
