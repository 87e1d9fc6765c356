import { EVENT_SAMPLES } from "../unit/netlink/event_samples.ts";
import { SAMPLES as IPVS_SAMPLES } from "../unit/netlink/ipvs_samples.ts";
import { NFT_SAMPLES } from "../unit/netlink/nft_samples.ts";
import { QUEUE_SAMPLES } from "../unit/netlink/queue_samples.ts";
import { SAMPLES } from "../unit/netlink/samples.ts";

/** Messages of every family lb reads, as kernels sent them. */
export const ALL_SAMPLES: readonly Uint8Array[] = [
  ...SAMPLES,
  ...EVENT_SAMPLES,
  ...IPVS_SAMPLES,
  ...NFT_SAMPLES,
  ...QUEUE_SAMPLES,
];
