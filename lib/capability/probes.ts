/**
 * What the kernel must be able to do, one probe each. A probe is answered by evidence that loads nothing;
 * only what is built in or loaded is tried out, in a network namespace made for it and thrown away.
 */
export interface Probe {
  readonly id: string;
  readonly purpose: string;
  /** Module and config option it lives in (linux, net/netfilter/Kconfig). */
  readonly module: string;
  readonly option: string;
  /** Rules that use it, beside as little else as can be. */
  readonly rules: string;
}

const NAT_CHAIN = "add table inet t; " +
  "add chain inet t c { type nat hook prerouting priority -105; policy accept; }; ";

/** The nft engine's needs. */
export const NFT_PROBES: readonly Probe[] = [
  {
    id: "nft-inet-nat",
    purpose: "one table for IPv4 and IPv6 with NAT (linux 5.2)",
    module: "nft_nat",
    option: "NFT_NAT",
    rules: NAT_CHAIN + "add rule inet t c meta l4proto tcp dnat ip to 192.0.2.1:80",
  },
  {
    id: "nft-numgen",
    purpose: "schedulers rr, wrr and random",
    module: "nft_numgen",
    option: "NFT_NUMGEN",
    rules: NAT_CHAIN + "add rule inet t c numgen inc mod 2 == 0 accept",
  },
  {
    id: "nft-jhash",
    purpose: "schedulers sh and maglev",
    module: "nft_hash",
    option: "NFT_HASH",
    rules: NAT_CHAIN + "add rule inet t c jhash ip saddr . th sport mod 2 seed 0x1 == 0 accept",
  },
  {
    id: "nft-vmap",
    purpose: "finding the service of a packet in one step",
    module: "nf_tables",
    option: "NF_TABLES",
    rules: NAT_CHAIN +
      "add map inet t m { typeof ip daddr . meta l4proto . th dport : verdict; }; " +
      "add rule inet t c ip daddr . meta l4proto . th dport vmap @m",
  },
  {
    id: "nft-reject",
    purpose: "refusing at once where there is no backend (at prerouting: linux 5.9)",
    module: "nft_reject_inet",
    option: "NFT_REJECT_INET",
    rules: NAT_CHAIN + "add rule inet t c meta l4proto tcp reject with tcp reset",
  },
  {
    id: "nft-masquerade",
    purpose: "one-arm set-ups, and backends that are clients of their own service",
    module: "nft_masq",
    option: "NFT_MASQ",
    rules: "add table inet t; " +
      "add chain inet t c { type nat hook postrouting priority 95; policy accept; }; " +
      "add rule inet t c masquerade",
  },
  {
    id: "nft-ct-mark",
    purpose: "knowing the backend of an established connection",
    module: "nft_ct",
    option: "NFT_CT",
    rules: NAT_CHAIN + "add rule inet t c ct mark set ct mark & 0xff0000ff | 0x00000100",
  },
  {
    id: "nft-counter",
    purpose: "counting new connections",
    module: "nf_tables",
    option: "NF_TABLES",
    rules: NAT_CHAIN + 'add counter inet t n; add rule inet t c counter name "n"',
  },
];

/** Known to work wherever nf_tables does: if this fails, it is not the probed expression that is missing. */
export const CONTROL_RULES = "add table inet t; add chain inet t c; add rule inet t c accept";
