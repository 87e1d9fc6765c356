import assert from "node:assert/strict";
import { FILE } from "../../lib/config/schema.ts";
import { outcomeOf } from "./docs/outcome.ts";
import { keysByTable } from "./docs/schema.ts";

const TEXT = Deno.readTextFileSync(new URL("../../templates/lb.toml", import.meta.url));
const LATER = "# not yet: ";

/** One setting of the sample, as it would be written. */
interface Setting {
  /** `[lb]` or `[[service.backend]]`. */
  readonly table: string;
  readonly code: string;
  readonly isLater: boolean;
  /** Other values that the remark names, and those it says are of a later version. */
  readonly values: readonly string[];
  readonly later: readonly string[];
}

/** A service that works, with everything that settings of other tables stand on. */
const SERVICE = `[[service]]
name = "web"
vip = ["203.0.113.10", "2001:db8:1::10"]
ports = [80, 443]
`;
const BACKENDS = `
[[service.backend]]
address = "198.51.100.101"

[[service.backend]]
address = "2001:db8:2::101"
`;

/** What remarks say in place of a word, and a word of that kind. */
const KINDS: Readonly<Record<string, string>> = {
  "an interface lb puts the VIP on": "eth0",
};

/** What a value works with only. */
const REQUIRED: Readonly<Record<string, string>> = {
  'forward = "dr"': 'scheduler = "maglev"',
  'type = "dns"': 'query = "example.com"',
  'type = "exec"': 'command = ["/usr/local/bin/check"]',
  'scheduler = "lr"': "[service.health]",
  'scheduler = "cpu"': "agent_port = 9777",
  'type = "snmp"': 'snmp = { community_file = "/etc/lb/community", oid = "1.3" }',
};

const SETTINGS = settings(TEXT);

/** Every setting, with the table it is in, whether it is offered or not. */
function settings(text: string): Setting[] {
  let table = "";
  return text.split("\n").flatMap((line) => {
    const isLater = line.startsWith(LATER);
    const [, code = "", remark = ""] = /^(.*?)\s*(?:# (.*))?$/.exec(bare(line, isLater)) ?? [];
    if (/^\[/.test(code)) table = code;
    if (!/^[a-z_0-9]+ = /.test(code)) return [];
    return [{ table, code, isLater, ...choices(remark) }];
  });
}

function bare(line: string, isLater: boolean): string {
  return isLater ? line.slice(LATER.length) : line.replace(/^#+(?! )/, "");
}

/** `auto | nft (not yet: ipvs | relay): …` */
function choices(remark: string): Pick<Setting, "values" | "later"> {
  const [, now = "", later = ""] = /^([^(:]+?)(?: \(not yet: ([^)]+)\))?(?::|$)/.exec(remark) ?? [];
  const words = (list: string) => list.split(" | ").map((word) => KINDS[word] ?? word);
  const isChoice = /^[a-z]+$/.test(now.split(" | ")[0] ?? "") &&
    (now.includes(" | ") || later !== "");
  return {
    values: isChoice ? words(now) : [],
    later: isChoice && later !== "" ? words(later) : [],
  };
}

/** The setting alone, in a config that works without it. */
function configWith({ table, code }: Pick<Setting, "table" | "code">): string {
  const key = code.split(" ")[0];
  const service = SERVICE.replace(new RegExp(`^${key} = .*\\n`, "m"), "");
  if (table === "[[service]]") return `${service}${code}\n${BACKENDS}`;
  if (table === "[[service.backend]]") {
    const address = key === "address" ? "" : 'address = "198.51.100.13"\n';
    return `${SERVICE}${BACKENDS}\n${table}\n${address}${code}\n`;
  }
  return table.startsWith("[service.")
    ? `${SERVICE}\n${table}\n${code}\n${BACKENDS}`
    : `${table}\n${code}\n\n${SERVICE}${BACKENDS}`;
}

async function outcomeWith(setting: Setting, value?: string): Promise<string> {
  const code = value === undefined ? setting.code : setting.code.replace(/= .*/, `= "${value}"`);
  const more = REQUIRED[code];
  return await outcomeOf(configWith({ ...setting, code: more ? `${code}\n${more}` : code }));
}

Deno.test("every key is in the sample config", () => {
  const keys = [...new Set([...keysByTable(FILE).values()].flat())];
  assert.deepEqual(keys.filter((key) => !new RegExp(`\\b${key}\\b`).test(TEXT)), []);
});

Deno.test("the sample's service works in this version once it is uncommented", async () => {
  const [, example = ""] = TEXT.split(/^# An example of a service/m);
  assert.equal(await outcomeOf(example.replaceAll(/^#(?! )/gm, "").replace(/^.*\n/, "")), "works");
});

for (const setting of SETTINGS.filter(({ isLater }) => !isLater)) {
  Deno.test(`the sample offers ${setting.table} ${setting.code}, and it works`, async () => {
    assert.equal(await outcomeWith(setting), "works", configWith(setting));
    for (const value of setting.values) {
      assert.equal(await outcomeWith(setting, value), "works", value);
    }
    for (const value of setting.later) {
      assert.equal(await outcomeWith(setting, value), "unsupported", value);
    }
  });
}

for (const setting of SETTINGS.filter(({ isLater }) => isLater)) {
  Deno.test(`the sample does not offer ${setting.table} ${setting.code}, which is refused`, async () => {
    assert.notEqual(await outcomeWith(setting), "works", configWith(setting));
  });
}

Deno.test("the equipment finds what is offered, what is not, and the choices", () => {
  assert.ok(SETTINGS.some(({ later }) => later.includes("relay")));
  const scheduler = SETTINGS.find(({ code }) => code.startsWith("scheduler"));
  assert.ok(scheduler?.values.includes("maglev"));
  const vipOn = SETTINGS.find(({ code }) => code.startsWith("vip_on"));
  assert.deepEqual(vipOn?.values, ["auto", "eth0", "none"]);
  assert.ok(SETTINGS.length > 40, `${SETTINGS.length}`);
});
