import { deepStrictEqual, ok, throws } from "node:assert/strict";
import { serviceBackends, serviceNames } from "../../../lib/config/edit/outline.ts";
import { BACKEND, SERVICE } from "./refusal.ts";

const SECOND = `[[service]]
vip = "2001:db8::1"
  name = 'dns' # the other
ports = [53]
[service.health]
name = "not-this"
body = """
[[service]]
name = "nor-this"
"""
[[service.backend]]
address = "2001:DB8::0:11"
port = 53
weight = 7
`;

Deno.test("services are named in the order of the file, each once", () => {
  const text =
    `# name = "no"\nname = "nor"\n${SERVICE}${BACKEND}${SECOND}${SERVICE}[tier]\nname = "x"\n`;
  deepStrictEqual(serviceNames(text), ["web", "dns"]);
  deepStrictEqual(serviceNames(`\ufeff${text.replaceAll("\n", "\r\n")}`), ["web", "dns"]);
  deepStrictEqual(serviceNames(""), []);
});

Deno.test("backends are named as lb scale takes them", () => {
  const text = SERVICE + BACKEND + SECOND;
  deepStrictEqual(serviceBackends(text, "dns"), [{ endpoint: "[2001:db8::11]:53", weight: 7 }]);
  deepStrictEqual(serviceBackends(text, "web"), [{ endpoint: "198.51.100.1", weight: undefined }]);
  deepStrictEqual(serviceBackends(text, "shop"), []);
  const inline =
    `${SERVICE}backend = [{ address = "198.51.100.7", port = 8 }, { address = 1 }, 2]\n`;
  deepStrictEqual(serviceBackends(inline, "web"), [{
    endpoint: "198.51.100.7:8",
    weight: undefined,
  }]);
});

Deno.test("a mistake in one service hides no other", () => {
  const text = `${SERVICE}broken\n${SECOND}[[serv`;
  deepStrictEqual(serviceNames(text), ["web", "dns"]);
  throws(() => serviceBackends(text, "web"));
  deepStrictEqual(serviceBackends(SERVICE + "broken\n" + SECOND, "dns").length, 1);
});

Deno.test("ten thousand services are gone through in a moment", () => {
  const text = Array.from(
    { length: 10_000 },
    (_, index) => SERVICE.replace("web", `s${index}`) + BACKEND.repeat(5),
  ).join("");
  const start_ms = performance.now();
  deepStrictEqual(serviceNames(text).length, 10_000);
  deepStrictEqual(serviceBackends(text, "s9999").length, 5);
  ok(performance.now() - start_ms < 1_000, `${performance.now() - start_ms} ms`);
});
