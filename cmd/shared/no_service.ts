import { LbError } from "../../lib/model/error.ts";

/** That nothing in force is called so, with what may have been meant. @param names of those there are */
export async function noService(name: string, names: readonly string[]): Promise<LbError> {
  const { serviceHint } = await import("../../lib/config/suggest.ts");
  return new LbError("usage", `there is no service ${name} in force; ${serviceHint(name, names)}`);
}
