/** What becomes of connections tells of backends, down to conntrack. */
import assert from "node:assert/strict";
import { parseConfig } from "../../../lib/config/load.ts";
import { EVERYBODY, healthPass } from "../../../lib/reconcile/health/health.ts";
import { type Rig, withRig } from "./rig.ts";

const [FIRST, SECOND, THIRD] = ["198.51.100.11", "198.51.100.12", "198.51.100.13"] as const;

const CONFIG = `
[[service]]
name = "web"
vip = "192.0.2.10"
ports = [80]
health = { passive = true, fall = 1 }
${[FIRST, SECOND, THIRD].map((text) => `[[service.backend]]\naddress = "${text}"\n`).join("")}`;

/** A pass a second after the one before. */
async function pass(rig: Rig, text = CONFIG): Promise<readonly string[]> {
  rig.host.inside.clock.advance(1_000);
  const { config } = await parseConfig(text, "lb.toml");
  const told = await healthPass(rig.machine, config, EVERYBODY);
  return told.map(({ message }) => message);
}

/** So many new connections come to a backend, all of which look like this in conntrack. */
function connect(
  rig: Rig,
  address: string,
  count: number,
  flow: { readonly tcp_state: "SYN_SENT" | "CLOSE" | "ESTABLISHED"; readonly timeout_s: number },
): void {
  const id = rig.ids()[`web ${address}|`]!;
  const counter = rig.host.nft.table("inet lb")!.counters.get(`n-${id}`)!;
  counter.packets += count;
  const { flows } = rig.host.netfilter;
  for (let one = 0; one < count; one++) {
    flows.push({
      id: flows.length + 1,
      protocol: "tcp",
      mark: id << 8,
      answered_by: address,
      ...flow,
    });
  }
}

/** As they look a second and a half after their last packet, half a second after, and any time. */
const UNANSWERED = { tcp_state: "SYN_SENT", timeout_s: 118 } as const;
const RESET = { tcp_state: "CLOSE", timeout_s: 9 } as const;
const WELL = { tcp_state: "ESTABLISHED", timeout_s: 400_000 } as const;

Deno.test(
  "who does not answer, or resets, is found by conntrack where its checks find nothing",
  withRig(async (rig) => {
    await rig.run(CONFIG);
    assert.deepEqual(await pass(rig), [], "the first look only counts");
    connect(rig, FIRST, 12, UNANSWERED);
    connect(rig, SECOND, 20, WELL);
    connect(rig, THIRD, 5, WELL);
    assert.deepEqual(await pass(rig), [
      `web ${FIRST} is unhealthy: 12 of 12 new connections were not answered (1 failed check)`,
    ]);
    connect(rig, THIRD, 5, WELL);
    connect(rig, THIRD, 5, RESET);
    assert.match((await pass(rig)).join(), /13 is unhealthy: 5 of 10 new connections were reset/);
  }),
);

Deno.test(
  "what was counted at one look is not counted at the next, and what is a moment old may still be answered",
  withRig(async (rig) => {
    await rig.run(CONFIG);
    await pass(rig);
    connect(rig, FIRST, 20, { tcp_state: "SYN_SENT", timeout_s: 119 });
    connect(rig, SECOND, 20, { tcp_state: "SYN_SENT", timeout_s: 110 });
    connect(rig, THIRD, 20, { tcp_state: "CLOSE", timeout_s: 5 });
    assert.deepEqual(await pass(rig), []);
  }),
);

Deno.test(
  "conntrack's own times are asked for, and nothing is known where nobody watches",
  withRig(async (rig) => {
    rig.host.proc.sysctl("net.netfilter.nf_conntrack_tcp_timeout_syn_sent", "20");
    await rig.run(CONFIG);
    await pass(rig);
    connect(rig, FIRST, 12, { tcp_state: "SYN_SENT", timeout_s: 18 });
    assert.equal((await pass(rig)).length, 1);
    assert.equal(rig.store.opened.all().length, 3);
    await pass(rig, CONFIG.replace("passive = true", "passive = false"));
    assert.deepEqual(rig.store.opened.all(), []);
  }),
);
