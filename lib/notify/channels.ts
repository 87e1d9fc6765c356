import type { Notify } from "../model/settings.ts";
import type { Channel, Teller } from "./channel.ts";
import { program } from "./program.ts";
import { webhook } from "./webhook.ts";

/** The channels that a config has. */
export function channelsOf(notify: Notify | undefined, teller: Teller): Channel[] {
  const { webhook: url, program: argv } = notify ?? {};
  return [
    ...(notify && url !== undefined ? [webhook({ ...notify, webhook: url }, teller)] : []),
    ...(argv ? [program(argv, teller)] : []),
  ];
}
