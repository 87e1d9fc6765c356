import { isCancel, select, text } from "@clack/prompts";
import type { FirstService } from "../../lib/config/first_service.ts";
import type { Places } from "../context.ts";
import type { Said } from "./first_service.ts";
import type { Survey } from "./survey.ts";

/** What questions are asked with. */
export interface Asking {
  readonly places: Places;
  /** What flags have said is not asked again. */
  readonly said: Said;
  readonly machine: Survey;
  /** The sample config. */
  readonly sample: string;
  /** Ends the conversation. */
  readonly signal: AbortSignal;
}

/** Adds an answer to a service. */
export type Question = (service: FirstService, asking: Asking) => Promise<FirstService>;

/** Whoever is asked does not want to go on. */
export class Cancelled extends Error {
  override readonly name = "Cancelled";
}

/** One of several answers. */
export interface Choice<Value> {
  readonly value: Value;
  readonly label: string;
  readonly hint?: string;
}

/** @throws {Cancelled} */
export async function choose<const Value>(
  { signal }: Pick<Asking, "signal">,
  message: string,
  choices: readonly Choice<Value>[],
  initial?: Value,
): Promise<Value> {
  const options = choices.map(({ label, hint }, value) => ({ value, label, hint }));
  const initialValue = Math.max(0, choices.findIndex(({ value }) => value === initial));
  const answer = await select<number>({ message, options, initialValue, signal });
  if (isCancel(answer)) throw new Cancelled();
  return choices[answer]!.value;
}

/** A line of text. */
export interface Line {
  readonly message: string;
  readonly initialValue?: string;
  readonly placeholder?: string;
  /** What is wrong with it, if anything. */
  readonly trouble: (answer: string) => string | undefined;
}

/** @throws {Cancelled} */
export async function askLine(
  { signal }: Pick<Asking, "signal">,
  { trouble, ...line }: Line,
): Promise<string> {
  const validate = (answer = "") => trouble(answer.trim());
  const answer = await text({ ...line, signal, validate });
  if (isCancel(answer)) throw new Cancelled();
  return (answer ?? "").trim();
}
