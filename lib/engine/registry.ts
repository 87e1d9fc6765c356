import type { Engine } from "./engine.ts";
import { ipvsEngine } from "./ipvs/engine.ts";
import { nftEngine } from "./nft/engine.ts";

/**
 * The engines there are. Their snapshots and plans are their own business: whoever asks the registry
 * hands back what it was given.
 */
export const ENGINES: readonly Engine[] = [
  nftEngine as unknown as Engine,
  ipvsEngine as unknown as Engine,
];
