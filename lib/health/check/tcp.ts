import { type Call, connect, peerOf } from "./call.ts";

/** Well where a connection comes about. */
export async function checkTcp(call: Call): Promise<void> {
  (await connect(call, peerOf(call))).close();
}
