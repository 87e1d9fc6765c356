import assert from "node:assert/strict";
import { vipAddress } from "../../lib/demo/layout.ts";
import { FAMILIES, type Family } from "../../lib/model/address.ts";
import { door } from "./config.ts";
import { kernelTests, type Lab } from "./harness.ts";
import { allAnswered, apply, must, send } from "./steps.ts";

const test = kernelTests({ backends: 2 });

/** Service on VIP 10 with these lines, to b1; service on VIP 11 without, to b2. */
async function applyBoth(lab: Lab, more: string): Promise<void> {
  await apply(
    lab,
    { weights: [1], more },
    { name: "plain", vips: [11], weights: [undefined, 1] },
  );
}

/** Loads a table of counters in place of the one before. */
async function witness(lab: Lab, namespace: string, rules: string): Promise<void> {
  const body = rules.replaceAll("}", "\n}\n");
  const stdin = `table inet witness\ndelete table inet witness\ntable inet witness {\n${body}\n}\n`;
  const { code, stderr } = await lab.topology.run(namespace, ["nft", "-f", "-"], { stdin });
  assert.equal(code, 0, stderr);
}

/** Packets seen by each counting rule, in the order of the rules. */
async function counted(lab: Lab, namespace: string): Promise<number[]> {
  const { stdout } = await lab.topology.run(namespace, ["nft", "list", "table", "inet", "witness"]);
  return [...stdout.matchAll(/counter packets (\d+)/g)].map(([, packets]) => Number(packets));
}

const ip = (family: Family) => family === 4 ? "ip" : "ip6";

for (const family of FAMILIES) {
  const back = family === 4 ? "198.51.100.0/24" : "2001:db8:b::/64";
  const requests = (host: number, count = 10) => ({ doors: [door(family, host)], count });

  test(`dscp is on every packet of both directions, and on no other service's, IPv${family}`, async (lab) => {
    await applyBoth(lab, 'dscp = "ef"');
    const { client, backends } = lab.topology;
    const rules = `chain in { type filter hook input priority 0
      tcp dport 8080 ${ip(family)} dscp ef counter
      tcp dport 8080 ${ip(family)} dscp != ef counter
      tcp sport 80 ${ip(family)} dscp ef counter
      tcp sport 80 ${ip(family)} dscp != ef counter }`;
    for (const namespace of [client, ...backends]) await witness(lab, namespace, rules);
    allAnswered(await send(lab, requests(10)));
    const [marked = 0, plain] = await counted(lab, backends[0]!);
    assert.ok(marked >= 40 && plain === 0, `${marked} and ${plain} at the backend`);
    const [, , answered = 0, bare] = await counted(lab, client);
    assert.ok(answered >= 40 && bare === 0, `${answered} and ${bare} at the client`);
    allAnswered(await send(lab, requests(11)));
    assert.equal((await counted(lab, backends[1]!))[0], 0, "the other service's");
  });

  test(`tcpdump at the backend sees the dscp in the header, whose checksum holds, IPv${family}`, async (lab) => {
    await applyBoth(lab, "dscp = 34");
    const [backend] = lab.topology.backends;
    const filter = `${family === 4 ? "ip" : "ip6"} and tcp dst port 8080`;
    const argv = ["timeout", "10", "tcpdump", "-i", "eth0", "-l", "-n", "-v", "-c", "20", filter];
    const dump = lab.traffic.program(backend!, ["sh", "-c", `${argv.map(quote).join(" ")} 2>&1`]);
    assert.match((await dump.lines.next()).value, /listening on eth0/);
    allAnswered(await send(lab, requests(10)));
    const lines: string[] = [];
    for await (const line of dump.lines) lines.push(line);
    const heads = lines.filter((line) => / (IP|IP6) \(/.test(line));
    assert.ok(heads.length >= 10, lines.join("\n"));
    const expected = family === 4 ? /tos 0x88/ : /class 0x88/;
    for (const head of heads) assert.match(head, expected);
    assert.doesNotMatch(lines.join("\n"), /bad cksum/);
  });

  test(`a mark is routed by: ip rule fwmark decides for this service alone, IPv${family}`, async (lab) => {
    await applyBoth(lab, 'mark = "0x1"');
    const rule = ["ip", `-${family}`, "rule"];
    const route = ["ip", `-${family}`, "route"];
    const match = ["fwmark", "0x1/0x1", "lookup", "77"];
    await must(lab, ...rule, "add", ...match);
    try {
      await must(lab, ...route, "add", "unreachable", back, "table", "77");
      const refused = await send(lab, { ...requests(10, 4), timeout_ms: 500 });
      assert.equal(refused.failed, 4, "the rule's table has no way to the backend");
      allAnswered(await send(lab, requests(11)));
      await must(lab, ...route, "replace", back, "dev", "back", "table", "77");
      allAnswered(await send(lab, requests(10)));
    } finally {
      await lab.balancer.run([...rule, "delete", ...match]);
      await lab.balancer.run([...route, "flush", "table", "77"]);
    }
  });

  for (const place of ["client", "balancer"] as const) {
    test(`the mark is on each packet to the backend, on no answer, and the user's bits survive: from the ${place}, IPv${family}`, async (lab) => {
      const { topology, traffic } = lab;
      await applyBoth(lab, 'mark = "0x80000001"');
      // The user's own marks, before lb; the counters behind it.
      await witness(
        lab,
        topology.balancer,
        `chain pre { type filter hook prerouting priority -300
          meta mark set meta mark | 0x00000070 }
        chain out { type route hook output priority -300
          meta mark set meta mark | 0x00000070 }
        chain ours { type filter hook prerouting priority -160
          ct mark set ct mark | 0x5a00005a }
        chain own { type filter hook output priority -160
          ct mark set ct mark | 0x5a00005a }
        chain post { type filter hook postrouting priority 150
          tcp dport 8080 meta mark 0x80000071 ct mark & 0xff0000ff == 0x5a00005a counter
          tcp dport 8080 meta mark != 0x80000071 counter
          tcp sport 80 meta mark & 0x80000001 == 0 counter
          tcp sport 80 meta mark & 0x80000001 != 0 counter }`,
      );
      allAnswered(await traffic.send(topology[place], requests(10)));
      const [marked = 0, others, answers = 0, markedAnswers] = await counted(
        lab,
        topology.balancer,
      );
      assert.ok(marked >= 40, `${marked} packets with all bits`);
      assert.deepEqual([others, markedAnswers], [0, 0]);
      // What comes back to the balancer itself leaves by no postrouting.
      assert.ok(place === "balancer" || answers >= 40, `${answers}`);
      const entries = await must(
        lab,
        "conntrack",
        "-L",
        "-f",
        `ipv${family}`,
        "-d",
        vipAddress(family, 10),
      );
      for (const [, mark] of entries.matchAll(/mark=(\d+)/g)) {
        assert.equal((Number(mark) & 0xff0000ff) >>> 0, 0x5a00005a);
        assert.notEqual(Number(mark) & 0x007fff00, 0, "the backend's id is there, too");
      }
      allAnswered(await traffic.send(topology[place], requests(11)));
      assert.ok((await counted(lab, topology.balancer))[1]! > 0, "the other service has no mark");
    });
  }

  test(`priority picks the class of a queueing discipline, both ways, IPv${family}`, async (lab) => {
    await applyBoth(lab, 'priority = "1:10"');
    try {
      for (const device of ["back", "front"]) {
        await must(
          lab,
          "tc",
          "qdisc",
          "add",
          "dev",
          device,
          ..."root handle 1: htb default 20".split(" "),
        );
        for (const id of ["1:10", "1:20"]) {
          const rest = `parent 1: classid ${id} htb rate 1gbit`.split(" ");
          await must(lab, "tc", "class", "add", "dev", device, ...rest);
        }
      }
      const classes = async (device: string) => {
        const text = await must(lab, "tc", "-s", "class", "show", "dev", device);
        const found = text.matchAll(/class htb (\S+) [^]*?Sent \d+ bytes (\d+) pkt/g);
        return Object.fromEntries([...found].map(([, id, packets]) => [id!, Number(packets)]));
      };
      allAnswered(await send(lab, requests(10)));
      for (const device of ["back", "front"]) {
        const { "1:10": own = 0, "1:20": rest = 0 } = await classes(device);
        assert.ok(own >= 40 && rest < 10, `${device}: ${own} and ${rest}`);
      }
      allAnswered(await send(lab, requests(11)));
      for (const device of ["back", "front"]) {
        const { "1:20": rest = 0 } = await classes(device);
        assert.ok(rest >= 40, `${device}: ${rest} of the other service`);
      }
    } finally {
      for (const device of ["back", "front"]) {
        await lab.balancer.run(["tc", "qdisc", "delete", "dev", device, "root"]);
      }
    }
  });

  test(`mark, dscp and priority go with persistence and maglev, IPv${family}`, async (lab) => {
    const { balancer } = lab.topology;
    const more = 'mark = "0x1"\ndscp = "af41"\npriority = "1:10"\npersistence = "5m"';
    await apply(lab, { weights: [1, 1], scheduler: "maglev", more });
    await witness(
      lab,
      balancer,
      `chain post { type filter hook postrouting priority 150
        tcp dport 8080 meta mark 0x1 meta priority 1:10 ${ip(family)} dscp af41 counter
        tcp dport 8080 meta priority != 1:10 counter }`,
    );
    allAnswered(await send(lab, requests(10, 20)));
    const [all = 0, others] = await counted(lab, balancer);
    assert.ok(all >= 80 && others === 0, `${all} and ${others}`);
  });
}

function quote(word: string): string {
  return `'${word}'`;
}
