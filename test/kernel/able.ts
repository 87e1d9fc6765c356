/** Programs that nearly every test here runs. */
const PROGRAMS = ["ip", "nft", "conntrack", "unshare"];

/** What lb's rules cannot do without, in one: a table for both families, and a chain that translates. */
const RULES = `add table inet t
add chain inet t c { type nat hook prerouting priority -105; }
add rule inet t c meta l4proto tcp dnat ip to 192.0.2.1:80
`;

/** Why nothing that takes rules and namespaces can run here; undefined where it can. */
const UNABLE = whyNot();

/** The name of a test that needs them: says why where it is skipped. */
export function able(name: string): { name: string; ignore: boolean } {
  return { name: UNABLE ? `${name} (skipped: ${UNABLE})` : name, ignore: UNABLE !== undefined };
}

function whyNot(): string | undefined {
  if (Deno.uid() !== 0) return "needs root";
  const missing = PROGRAMS.find((program) => run("which", program) !== undefined);
  if (missing !== undefined) return `${missing} is missing`;
  const name = `lb-${Deno.pid}-probe`;
  if (run("ip", "netns", "add", name) !== undefined) return "no network namespaces here";
  // The program, not lb's own detector: that is under test.
  const refused = run("ip", "netns", "exec", name, "nft", RULES);
  run("ip", "netns", "delete", name);
  return refused && `this kernel's nft cannot translate addresses: ${refused}`;
}

/** @returns the first line of its complaint where it failed */
function run(program: string, ...args: string[]): string | undefined {
  const { success, stderr } = new Deno.Command(program, { args, stdout: "null" }).outputSync();
  return success ? undefined : new TextDecoder().decode(stderr).split("\n")[0] || "no reason given";
}
