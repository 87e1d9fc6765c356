/**
 * Makes docs/status.svg, the README's picture: `lb status` as it is over services with real traffic, in
 * network namespaces of their own (root, tmux). Takes ten minutes, since that is what its curves show.
 *
 *   deno task picture [--minutes 10] [--output docs/status.svg] [--captured FILE]
 *
 * `--captured` draws the screen that an earlier run has kept in FILE (it says where), and runs nothing.
 */
import { parseArgs } from "node:util";
import { type Balancer, makeBalancer } from "../lib/demo/balancer.ts";
import { backendAddress, vipAddress } from "../lib/demo/layout.ts";
import { inside } from "../lib/demo/namespace.ts";
import { buildTopology, type Topology } from "../lib/demo/topology.ts";
import { makeTraffic, type Traffic } from "../lib/demo/traffic.ts";
import { children } from "../lib/sys/children.ts";
import { files } from "../lib/sys/files.ts";
import { process } from "../lib/sys/process.ts";
import { svgOf } from "./picture/svg.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const LB = [Deno.execPath(), "run", "--quiet", "--no-prompt", "-A", `${ROOT}main.ts`];
const COLUMNS = 100;
const ROWS = 30;
const BACKENDS = 5;
const PORTS = { tcp: [25, 8080, 8443, 9000], udp: [53] };

interface Setup {
  readonly name: string;
  readonly port: number;
  readonly protocol?: "tcp" | "udp";
  readonly backendPort: number;
  readonly lines: string;
  readonly weights: readonly number[];
  /** Requests a second, as a share of the minutes goes by. */
  readonly rate: (share: number) => number;
}

const wave = (mean: number, swing: number, times: number) => (share: number) =>
  Math.max(1, Math.round(mean + swing * Math.sin(share * times * 2 * Math.PI)));

const SETUPS: readonly Setup[] = [
  {
    name: "web",
    port: 80,
    backendPort: 8080,
    lines: "",
    weights: [100, 100, 100, 50, 50],
    rate: wave(42, 25, 1.5),
  },
  {
    name: "shop",
    port: 443,
    backendPort: 8443,
    lines: 'scheduler = "maglev"\npersistence = "300s"',
    weights: [100, 100, 100],
    rate: wave(14, 11, 3),
  },
  {
    name: "api",
    port: 9000,
    backendPort: 9000,
    lines: 'scheduler = "wlc"\nengine = "nfqueue"',
    weights: [100, 100, 50],
    rate: (share) => share < 0.35 ? 4 : 22,
  },
  {
    name: "mail",
    port: 25,
    backendPort: 25,
    lines: 'scheduler = "rr"',
    weights: [100, 100],
    rate: wave(3, 2, 5),
  },
  {
    name: "dns",
    port: 53,
    protocol: "udp",
    backendPort: 53,
    lines: 'scheduler = "random"\n[service.health]\ntype = "udp"',
    weights: [100, 100, 100],
    rate: (share) => share > 0.6 && share < 0.7 ? 60 : 20,
  },
];

function serviceText({ name, port, protocol = "tcp", backendPort, lines, weights }: Setup): string {
  const backends = weights.map((weight, index) =>
    `[[service.backend]]\naddress = "${
      backendAddress(4, index)
    }"\nport = ${backendPort}\nweight = ${weight}\n`
  );
  const host = 10 + SETUPS.findIndex((one) => one.name === name);
  return `[[service]]\nname = "${name}"\nvip = "${
    vipAddress(4, host)
  }"\nprotocol = "${protocol}"\n` +
    `ports = [${port}]\n${lines}\n${backends.join("")}`;
}

function doorOf({ name, port }: Setup) {
  return { address: vipAddress(4, 10 + SETUPS.findIndex((one) => one.name === name)), port };
}

interface Stage {
  readonly topology: Topology;
  readonly balancer: Balancer;
  readonly traffic: Traffic;
  readonly minutes: number;
}

/** How long the same rate holds. */
const STEP_MS = 15_000;

/** Sends to a service until the minutes are over. */
async function sendTo(setup: Setup, { topology, traffic, minutes }: Stage): Promise<void> {
  const end_ms = minutes * 60_000;
  const begin_ms = Date.now();
  while (Date.now() - begin_ms < end_ms) {
    const per_second = setup.rate((Date.now() - begin_ms) / end_ms);
    const client = await traffic.steady(topology.client, {
      doors: [doorOf(setup)],
      protocol: setup.protocol,
      per_second,
      seconds_max: 60,
    });
    await rest(STEP_MS);
    await client.stop();
  }
}

function rest(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

async function serve({ topology, traffic }: Stage) {
  return await Promise.all(
    topology.backends.map((namespace, index) =>
      traffic.serve(namespace, { name: `b${index + 1}`, ...PORTS })
    ),
  );
}

/** `lb` as it is on a machine of one's own: its places are nobody's options, on the screen either. */
function lb({ balancer }: Stage, ...words: readonly string[]): string[] {
  const folder = balancer.config_path.replace(/\/[^/]*$/, "");
  const places = [
    `LB_CONFIG=${balancer.config_path}`,
    `LB_STATE=${folder}/state`,
    `LB_RUN=${folder}/run`,
  ];
  return ["env", ...places, ...LB, ...words];
}

/** Passes, as cron has them, until the end. */
function passes(stage: Stage): void {
  const words = ["reconcile", "--every", "5s", "--for", `${Math.ceil(stage.minutes * 60) + 60}s`];
  stage.traffic.program(stage.topology.balancer, lb(stage, ...words));
}

/** Connections that stay: of each service so many. */
const LONG: Readonly<Record<string, number>> = { web: 60, shop: 14, api: 24 };

async function stay(stage: Stage): Promise<void> {
  const { topology, traffic, minutes } = stage;
  for (const setup of SETUPS) {
    const count = LONG[setup.name];
    if (count === undefined) continue;
    const seconds = Math.ceil(minutes * 60) + 60;
    const downloads = await traffic.download(topology.client, {
      doors: [doorOf(setup)],
      count,
      seconds,
    });
    // They end with everything else.
    downloads.result.catch(() => {});
  }
}

/** What happens meanwhile, so that there is something to see: a backend dies and comes back, a weight changes. */
async function happen(stage: Stage, servers: Awaited<ReturnType<typeof serve>>): Promise<void> {
  const { topology, traffic, minutes } = stage;
  const begin_ms = Date.now();
  const at = (share: number) => rest(Math.max(0, begin_ms + share * minutes * 60_000 - Date.now()));
  await at(0.4);
  await servers[4]!.stop();
  await at(0.55);
  await traffic.serve(topology.backends[4]!, { name: "b5", ...PORTS });
  await at(0.65);
  await stay(stage);
  await at(0.8);
  await scale(stage, "--weight", `${backendAddress(4, 2)}=150`);
}

async function scale(stage: Stage, ...words: readonly string[]): Promise<void> {
  const { code, stderr } = await stage.balancer.run(lb(stage, "scale", "web", ...words));
  if (code !== 0) throw new Error(stderr);
}

async function tmux(...words: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command("tmux", {
    args: ["-L", `lb-picture-${Deno.pid}`, ...words],
  })
    .output();
  if (!success) throw new Error(`tmux ${words[0]}: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

/** The first service's healthy backends, and its rate. */
const RATE = / 4\/5 +\d/;
const SCREEN_MS_MAX = 40_000;

/** The screen, with what colours it. */
async function captured(stage: Stage): Promise<string> {
  const argv = inside(stage.topology.balancer, lb(stage, "status"));
  const size = ["-x", `${COLUMNS}`, "-y", `${ROWS}`];
  const command = ["env", "TERM=xterm-256color", "COLORTERM=", ...argv];
  await tmux("new-session", "-d", "-s", "t", ...size, ...command);
  try {
    const end_ms = Date.now() + SCREEN_MS_MAX;
    // Rates take two looks.
    while (Date.now() < end_ms && !RATE.test(await tmux("capture-pane", "-p", "-t", "t"))) {
      await rest(500);
    }
    await rest(3_000);
    return await tmux("capture-pane", "-e", "-p", "-t", "t");
  } finally {
    await tmux("kill-server");
  }
}

async function record(minutes: number): Promise<string> {
  const topology = await buildTopology(process, files, { backends: BACKENDS, pid: Deno.pid });
  const traffic = makeTraffic(children, LB);
  const stage = { topology, traffic, balancer: makeBalancer(topology, files, LB), minutes };
  try {
    const servers = await serve(stage);
    stage.balancer.writeConfig(SETUPS.map(serviceText).join("\n"));
    await stage.balancer.json(0, "apply");
    passes(stage);
    const all = [happen(stage, servers), ...SETUPS.map((setup) => sendTo(setup, stage))];
    await rest(minutes * 60_000 - 20_000);
    await scale(stage, "--drain", backendAddress(4, 3));
    const screen = await captured(stage);
    await Promise.all(all);
    return screen;
  } finally {
    await traffic.close();
    await topology.close();
  }
}

const { values } = parseArgs({
  args: Deno.args,
  options: {
    minutes: { type: "string", default: "10" },
    output: { type: "string", default: `${ROOT}docs/status.svg` },
    captured: { type: "string" },
  },
});

const screen = values.captured === undefined
  ? await record(Number(values.minutes))
  : Deno.readTextFileSync(values.captured);
if (values.captured === undefined) {
  const kept = Deno.makeTempFileSync({ prefix: "lb-picture-" });
  Deno.writeTextFileSync(kept, screen);
  console.log(`the screen: ${kept}`);
}
Deno.writeTextFileSync(
  values.output,
  svgOf(screen, {
    title: "lb status",
    columns: COLUMNS,
    description:
      "The screen of lb status: services with their rates and curves, what needs attention, and the last events.",
  }),
);
