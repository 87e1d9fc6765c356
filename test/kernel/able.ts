/** What a test takes of the machine it runs on. */
interface Ability {
  /** Programs that nearly every such test runs. */
  readonly programs: readonly string[];
  /** Answered in a network namespace of its own, and not by lb's own detector: that is under test. */
  readonly question: readonly [string, ...string[]];
  /** What it means where that fails. */
  readonly lacking: string;
}

/** What lb's rules cannot do without. */
const RULES = `add table ip t
add chain ip t c { type nat hook prerouting priority -105; }
add rule ip t c meta l4proto tcp dnat to 192.0.2.1:80
`;

const PROGRAMS = ["ip", "nft", "conntrack", "unshare"];

/** Behind {@linkcode RULES}. */
const QUEUE = "add rule ip t c queue flags bypass to 1\n";

const XT_QUEUE = "iptables-legacy -t mangle -A OUTPUT -j NFQUEUE --queue-bypass";

const ABILITIES = {
  nft: {
    programs: PROGRAMS,
    question: ["nft", RULES],
    lacking: "this kernel's nft cannot translate addresses",
  },
  screen: {
    programs: [...PROGRAMS, "tmux", "stty"],
    question: ["nft", RULES],
    lacking: "this kernel's nft cannot translate addresses",
  },
  ipvs: {
    programs: [...PROGRAMS, "ipvsadm", "iptables-legacy"],
    question: ["ipvsadm", "-Ln"],
    lacking: "this kernel has no IPVS",
  },
  xt_queue: {
    programs: ["ip", "iptables-legacy", "ip6tables-legacy"],
    question: [
      "iptables-legacy",
      ..."-t mangle -A PREROUTING -j NFQUEUE --queue-bypass".split(" "),
    ],
    lacking: "this kernel's iptables cannot queue packets",
  },
  nft_queue: {
    programs: ["ip", "nft"],
    question: [
      "nft",
      "add table inet t; add chain inet t c { type filter hook prerouting priority -150; }; " +
      "add rule inet t c queue flags bypass to 0",
    ],
    lacking: "this kernel's nft cannot queue packets",
  },
  queue: {
    programs: [...PROGRAMS, "iptables-legacy"],
    question: ["sh", "-ec", `nft "$1"; nft "$2" || ${XT_QUEUE}`, "sh", RULES, QUEUE],
    lacking: "it takes nft's translation, and queues",
  },
  both: {
    programs: [...PROGRAMS, "ipvsadm"],
    question: ["sh", "-ec", 'nft "$1"; ipvsadm -Ln', "sh", RULES],
    lacking: "it takes nft's translation and IPVS",
  },
} as const satisfies Record<string, Ability>;

/** What a test can take, by name. */
export type Need = keyof typeof ABILITIES;

const reasons = new Map<Need, string | undefined>();

/**
 * The name of a test that takes nft's translation, or something else, and namespaces: says why where it is
 * skipped. The kernel is asked when the first of them is declared, and has then loaded what it takes.
 */
export function able(name: string, need: Need = "nft"): { name: string; ignore: boolean } {
  if (!reasons.has(need)) reasons.set(need, whyNot(ABILITIES[need]));
  return unless(reasons.get(need), name);
}

/** The name of a test, which says why where it is skipped. */
export function unless(
  reason: string | undefined,
  name: string,
): { name: string; ignore: boolean } {
  return { name: reason ? `${name} (skipped: ${reason})` : name, ignore: reason !== undefined };
}

function whyNot({ programs, question, lacking }: Ability): string | undefined {
  if (Deno.uid() !== 0) return "needs root";
  const missing = programs.find((program) => run("which", program) !== undefined);
  if (missing !== undefined) return `${missing} is missing`;
  const name = `lb-${Deno.pid}-probe`;
  if (run("ip", "netns", "add", name) !== undefined) return "no network namespaces here";
  const refused = run("ip", "netns", "exec", name, ...question);
  run("ip", "netns", "delete", name);
  return refused && `${lacking}: ${refused}`;
}

/** @returns the first line of its complaint where it failed */
function run(program: string, ...args: string[]): string | undefined {
  const { success, stderr } = new Deno.Command(program, { args, stdout: "null" }).outputSync();
  return success ? undefined : new TextDecoder().decode(stderr).split("\n")[0] || "no reason given";
}
