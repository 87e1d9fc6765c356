import { first } from "./001_first.ts";
import { settled } from "./002_settled.ts";
import { markMask } from "./003_mark_mask.ts";
import { committedState } from "./004_committed_state.ts";
import { configText } from "./005_config_text.ts";
import { ifindex } from "./006_ifindex.ts";
import { byNamespace } from "./007_by_namespace.ts";
import { engines } from "./008_engines.ts";
import { health } from "./009_health.ts";
import { intents } from "./010_intents.ts";
import { outbox } from "./011_outbox.ts";
import { load } from "./012_load.ts";
import { takenOver } from "./013_taken_over.ts";
import { samples } from "./014_samples.ts";
import { trial } from "./015_trial.ts";
import type { Migration } from "./migration.ts";

/** Every step, oldest first. */
export const MIGRATIONS: readonly Migration[] = [
  first,
  settled,
  markMask,
  committedState,
  configText,
  ifindex,
  byNamespace,
  engines,
  health,
  intents,
  outbox,
  load,
  takenOver,
  samples,
  trial,
];

/** The schema this lb works with. */
export const SCHEMA_VERSION = MIGRATIONS.at(-1)!.version;
