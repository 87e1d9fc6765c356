import type { Edit } from "../lib/config/edit/edit.ts";
import { formatEndpoint } from "../lib/model/address.ts";
import { LbError } from "../lib/model/error.ts";
import type { Store } from "../lib/store/store.ts";
import { report } from "./change.ts";
import { changeConfig, type NewConfig } from "./config_change.ts";
import { context, type Places } from "./context.ts";
import {
  collect,
  type Endpoint,
  parseEndpoint,
  parseWeightedEndpoint,
  type WeightedEndpoint,
} from "./endpoint.ts";
import { type End, examples, lockingCommand, placesOf } from "./options.ts";

const NO_ENDPOINTS: readonly Endpoint[] = [];
const NO_WEIGHTED: readonly WeightedEndpoint[] = [];

/** `lb scale` */
export function scaleCommand(end: End) {
  return lockingCommand("scale")
    .summary("add backends, change weights, take backends out")
    .description(
      "Edits lb.toml, keeping its comments and layout, and applies it: all changes of one call as " +
        "one. Established connections are not touched.",
    )
    .argument("<service>", "the service's name")
    .option(
      "--add <addr[:port][=weight]>",
      "add a backend",
      collect(parseWeightedEndpoint),
      NO_WEIGHTED,
    )
    .option(
      "--weight <addr[:port]=weight>",
      "change a weight",
      collect(parseWeightedEndpoint),
      NO_WEIGHTED,
    )
    .option(
      "--remove <addr[:port]>",
      "take a backend out; needs --now",
      collect(parseEndpoint),
      NO_ENDPOINTS,
    )
    .option(
      "--now",
      "with --remove: at once; established tcp ends by itself, udp flows move",
      false,
    )
    .option("--plan", "print what would change, and change nothing", false)
    .addHelpText(
      "after",
      examples(
        ["lb scale web --weight 198.51.100.11=50", "half of its 100"],
        ["lb scale web --weight 198.51.100.11=0", "no new connections, the established go on"],
        ["lb scale web --add [2001:db8:b::13]:8080=100", "one more backend"],
        ["lb scale web --remove 198.51.100.12 --now", "out of the tables at once"],
      ),
    )
    .action(async (service, options) => {
      context.needRoot("scale");
      const places = placesOf(options);
      const edits = editsOf(service, options);
      const notes: string[] = [];
      const outcome = await changeConfig({
        places,
        lockTimeout_ms: options.lockTimeout,
        dryRun: options.plan,
        config: ({ store }) => editedConfig(store, places, edits, notes),
      });
      const told = { ...outcome, notes: [...notes, ...outcome.notes] };
      end(await report(told, { json: options.json, planned: options.plan }));
    });
}

interface ScaleOptions {
  readonly add: readonly WeightedEndpoint[];
  readonly weight: readonly WeightedEndpoint[];
  readonly remove: readonly Endpoint[];
  readonly now: boolean;
}

function editsOf(service: string, options: ScaleOptions): Edit[] {
  const { add, weight, remove } = options;
  if (add.length + weight.length + remove.length === 0) {
    throw new LbError("usage", "nothing to do: give --add, --weight or --remove");
  }
  if (remove.length > 0 && !options.now) {
    throw new LbError(
      "unsupported",
      "draining before a removal is not built yet: add --now (established tcp goes on to its end), " +
        "or set the weight to 0 first and remove the backend when lb status shows no active connections",
    );
  }
  if (weight.some((each) => each.weight === undefined)) {
    throw new LbError("usage", "--weight needs a weight: --weight ADDR[:PORT]=WEIGHT");
  }
  return [
    ...add.map((each): Edit => ({ kind: "add", service, ...each })),
    ...weight.map((each): Edit => ({ kind: "weight", service, ...each, weight: each.weight! })),
    ...remove.map((each): Edit => ({ kind: "remove", service, ...each })),
  ];
}

/** @param notes is told of edits that are not ours, and come with them */
async function editedConfig(
  store: Store,
  places: Places,
  edits: readonly Edit[],
  notes: string[],
): Promise<NewConfig> {
  const [{ editConfig }, { parseConfig }] = await Promise.all([
    import("../lib/config/edit/edit.ts"),
    import("../lib/config/load.ts"),
  ]);
  const found = await context.readConfig(places);
  notes.push(...await unappliedNotes(store, found, places.config));
  const { text, document } = await editConfig(found, edits, places.config);
  return { loaded: await parseConfig(text, places.config, document), command: commandOf(edits) };
}

/** Of what somebody wrote into the file and did not apply. */
async function unappliedNotes(store: Store, text: string, file: string): Promise<string[]> {
  const applied = store.revisions.latestApplied()?.config_text ?? "";
  // The usual case, and the only one that may not take time: it passed every check when it was applied.
  if (applied === text) return [];
  const [{ parseConfig }, { configChanges, unappliedNote }] = await Promise.all([
    import("../lib/config/load.ts"),
    import("../lib/report/unapplied.ts"),
  ]);
  // What is wrong with the file is said of the file as it is.
  const found = await parseConfig(text, file);
  try {
    const { config } = await parseConfig(applied, "what is in force");
    return unappliedNote(file, configChanges(config, found.config));
  } catch (error) {
    if (!(error instanceof LbError)) throw error;
    return unappliedNote(file, ["all of it (this lb cannot read what is in force)"]);
  }
}

/** For the record: what was done, without the options that only say where. */
function commandOf(edits: readonly Edit[]): string {
  const words = edits.map((edit) => {
    const weight = edit.kind === "remove" || edit.weight === undefined ? "" : `=${edit.weight}`;
    return `--${edit.kind} ${formatEndpoint(edit.address, edit.port)}${weight}`;
  });
  return ["lb scale", edits[0]?.service ?? "", ...words].join(" ");
}
