/** Posts to a URL, and prints the status, or why there is none. */
import { web } from "../../../lib/sys/web.ts";

const [url = ""] = Deno.args;
try {
  console.log(await web.post(url, { headers: {}, body: "{}", timeout_ms: 3_000 }));
} catch (error) {
  console.log(error instanceof Error ? error.message : error);
}
