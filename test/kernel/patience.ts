/**
 * How many times as long everything may take here as on a processor of its own; random tests try that
 * much less. What starts an emulated machine says so.
 *
 * @default 1
 */
export const PATIENCE = Number(Deno.env.get("LB_TEST_PATIENCE") ?? 1);
