/** First argument with which the shells' completion functions call lb. */
export const COMPLETE = "__complete";

/** Shells there are completions for. */
export const SHELLS = ["bash", "zsh", "fish"] as const;
export type Shell = typeof SHELLS[number];
