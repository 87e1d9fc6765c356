import { offeredTimers, type WantedTimer } from "../shared/timer.ts";
import { type Asking, choose } from "./asking.ts";

/** Whether there is to be a service at once. */
export async function askWhetherService(asking: Asking): Promise<boolean> {
  return await choose(asking, "Set up a first service now?", [
    {
      value: true,
      label: "yes",
      hint: "some questions; Ctrl-C at any of them, and nothing was written",
    },
    {
      value: false,
      label: "no",
      hint: `write ${asking.places.config} with everything explained, to edit`,
    },
  ]);
}

/** What is to run `lb reconcile`, unless that was said. */
export async function askTimer(asking: Asking, said: WantedTimer): Promise<WantedTimer> {
  if (said !== "auto") return said;
  const { possible, usual } = await offeredTimers(asking.places);
  const others = possible.filter((timer) => timer !== usual.kind)
    .map((timer) => ({ value: timer, label: timer }));
  const none = { value: "none" as const, label: "nobody", hint: "I see to that myself" };
  return await choose<WantedTimer>(asking, "Who runs lb reconcile (checks, drains, repairs)?", [
    { value: "auto", label: usual.kind === "none" ? "nobody" : usual.kind, hint: usual.why },
    ...others,
    ...usual.kind === "none" ? [] : [none],
  ]);
}

/** The last question: whether what was shown is to be done. */
export async function askWhatNow(asking: Asking, applies: boolean): Promise<boolean> {
  return await choose(asking, "And now?", [
    { value: true, label: "write the config and apply it" },
    { value: false, label: "write the config only", hint: '"lb apply" applies it' },
  ], applies);
}
