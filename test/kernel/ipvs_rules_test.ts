/** The marks by which IPVS knows services, on packets; what IPVS makes of them is ipvs_mark_test.ts's. */
import assert from "node:assert/strict";
import { nftUnits } from "../../lib/engine/ipvs/rules/nft.ts";
import { ipvsRules } from "../../lib/engine/ipvs/rules/rule.ts";
import { serviceMarks } from "../../lib/engine/ipvs/by_mark.ts";
import { stateOf } from "../fake/services.ts";
import { able } from "./able.ts";
import { inNamespaces, run } from "./netlink_rig.ts";

const STATE = stateOf([
  {
    ...{ name: "range", vip: ["203.0.113.11", "2001:db8:1::11"], ports: ["8000-8002"] },
    backends: [{ id: 1, address: "198.51.100.11" }, { id: 2, address: "2001:db8:b::11" }],
  },
  {
    ...{ name: "exact", vip: ["203.0.113.11"], ports: [8001] },
    backends: [{ id: 3, address: "198.51.100.12" }],
  },
  {
    ...{ name: "net", vip: ["203.0.113.64/28"], ports: "all" },
    backends: [{ id: 4, address: "198.51.100.12" }],
  },
]);

/** Bits that somebody else gives every packet. */
const OTHERS = 7;

/** Where a client knocks, and whose mark its packet has where IPVS would see it; none: nobody's. */
const KNOCKS = [
  ["203.0.113.11", 8000, "range"],
  ["203.0.113.11", 8002, "range"],
  ["203.0.113.11", 8001, undefined],
  ["203.0.113.11", 8003, "others"],
  ["203.0.113.70", 1234, "net"],
  ["203.0.113.80", 1234, "others"],
  ["2001:db8:1::11", 8001, "range"],
] as const;

/** Marks everything on its way out, and counts packets by mark at IPVS's place (NF_IP_PRI_NAT_SRC - 2). */
function witness(marks: ReadonlyMap<string, number>): string {
  const rules = KNOCKS.map(([address, port, whose]) => {
    const mark = whose === "others" ? OTHERS : marks.get(whose ?? "") ?? 0;
    const family = address.includes(":") ? "ip6" : "ip";
    const syn = "tcp flags & (syn|ack) == syn";
    return `${family} daddr ${address} tcp dport ${port} ${syn} meta mark ${mark} counter`;
  });
  return `table inet witness {
    chain out { type route hook output priority -150; meta mark set ${OTHERS}; }
    chain in { type filter hook input priority 98; policy accept;
      ${rules.join("\n      ")}
    }
  }`;
}

Deno.test({
  ...able(
    "packets to a service by mark have it where IPVS sees them, all others keep what they had",
  ),
  fn: () =>
    inNamespaces(1, async ([name]) => {
      const texts = nftUnits(ipvsRules(STATE)).map(([, { text }]) => text);
      await run(name, "ip", "link", "set", "lo", "up");
      await run(name, "ip", "route", "add", "local", "203.0.113.0/24", "dev", "lo");
      await run(name, "ip", "address", "add", "2001:db8:1::11/128", "dev", "lo", "nodad");
      await nft(name, `${texts.join("")}${witness(serviceMarks(STATE))}\n`);
      for (const [address, port] of KNOCKS) {
        await run(name, "bash", "-c", `(exec 3<>/dev/tcp/${address}/${port}) 2>/dev/null; exit 0`);
      }
      const listing = await run(name, "nft", "list", "chain", "inet", "witness", "in");
      const counted = Array.from(listing.matchAll(/counter packets (\d+)/g), ([, n]) => Number(n));
      assert.deepEqual(counted, KNOCKS.map(() => 1), listing);
    }),
});

async function nft(name: string, text: string): Promise<void> {
  const file = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(file, text);
    await run(name, "nft", "-f", file);
  } finally {
    await Deno.remove(file);
  }
}
