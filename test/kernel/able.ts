/** Programs that nearly every test here runs. */
const PROGRAMS = ["ip", "nft", "conntrack", "unshare"];

/** What lb's rules cannot do without. */
const RULES = `add table ip t
add chain ip t c { type nat hook prerouting priority -105; }
add rule ip t c meta l4proto tcp dnat to 192.0.2.1:80
`;

let found: { readonly reason?: string } | undefined;

/**
 * The name of a test that takes nft's translation and namespaces: says why where it is skipped. The
 * kernel is asked when the first of them is declared, and has then loaded what it takes.
 */
export function able(name: string): { name: string; ignore: boolean } {
  found ??= { reason: whyNot() };
  return unless(found.reason, name);
}

/** The name of a test, which says why where it is skipped. */
export function unless(
  reason: string | undefined,
  name: string,
): { name: string; ignore: boolean } {
  return { name: reason ? `${name} (skipped: ${reason})` : name, ignore: reason !== undefined };
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
