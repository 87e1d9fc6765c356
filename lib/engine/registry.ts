import type { EngineName } from "../model/service.ts";
import type { DataPath, Engine } from "./engine.ts";
import { ipvsEngine } from "./ipvs/engine.ts";
import { nftEngine } from "./nft/engine.ts";
import { NFQUEUE_PATH } from "./nft/queue/supports.ts";

/**
 * The engines there are. Their snapshots and plans are their own business: whoever asks the registry
 * hands back what it was given.
 */
export const ENGINES: readonly Engine[] = [
  nftEngine as unknown as Engine,
  ipvsEngine as unknown as Engine,
];

/** What services can be on: the engines, and what stands upon one of them. */
export const DATA_PATHS: readonly DataPath[] = [nftEngine, NFQUEUE_PATH, ipvsEngine];

/** The engine that holds the rules of a data path; undefined of none. */
export function holderOf(path: EngineName | undefined): EngineName | undefined {
  return path && ENGINES.find(({ serves }) => serves.includes(path))?.name;
}
