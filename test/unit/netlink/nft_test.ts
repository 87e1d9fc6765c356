import assert from "node:assert/strict";
import fc from "fast-check";
import { KernelError } from "../../../lib/model/error.ts";
import { DecodeError, readMessages } from "../../../lib/netlink/codec.ts";
import { dumpChains } from "../../../lib/netlink/nft/chain.ts";
import { dumpElements, type ListedElement } from "../../../lib/netlink/nft/element.ts";
import { awaitCommit } from "../../../lib/netlink/nft/generation.ts";
import { dumpCounters, dumpForeign } from "../../../lib/netlink/nft/object.ts";
import { digestRules, RuleDigester } from "../../../lib/netlink/nft/rule.ts";
import { dumpSets } from "../../../lib/netlink/nft/set.ts";
import { dumpTables, type TableId, withNft } from "../../../lib/netlink/nft/table.ts";
import type { NetlinkConnection } from "../../../lib/netlink/request.ts";
import * as nft from "./nft_samples.ts";
import { bytes, DONE, REFUSED_DELETE } from "./samples.ts";
import { ScriptedSockets } from "./scripted_socket.ts";

const TABLE: TableId = { family: "netdev", name: "t" };

Deno.test("tables have family, name and flags; those of other families are passed over", () => {
  const sockets = new ScriptedSockets(nft.TABLES, DONE);
  assert.deepEqual(withNft(sockets, dumpTables), [
    { family: "inet", name: "t", flags: 1, isDormant: true },
    { family: "netdev", name: "u", flags: 0, isDormant: false },
  ]);
  assert.deepEqual(sockets.protocols, [12]);
  assert.deepEqual(sockets.sent, [bytes(`
    14000000 010a 0103 01000000 00000000  # NFT_MSG_GETTABLE, NLM_F_REQUEST | NLM_F_DUMP
    00 00 0000                            # nfgenmsg: every family
  `)]);
  assert.equal(sockets.open, 0);
});

Deno.test("a base chain has type, hook, priority, policy and interfaces", () => {
  const hook = { type: "filter", hooknum: 0, priority: -7, policy: "drop", devices: ["d0", "lo"] };
  const [chains, sent] = asked(dumpChains, nft.CHAINS, DONE);
  assert.deepEqual(chains, [{ name: "c" }, { name: "b", hook }]);
  assert.deepEqual(sent, [bytes("14000000 040a 0103 01000000 00000000 05000000")]);
});

Deno.test("interfaces are known in the older spelling and in the newer", () => {
  const [chains] = asked(dumpChains, nft.CHAINS_ON_DEVICES, DONE);
  assert.deepEqual(chains.map(({ hook }) => hook?.devices), [["lo"], ["lo", "et*"]]);
});

Deno.test("chains of another table are passed over", () => {
  for (const name of ["u", "tt", ""]) {
    const dump = (connection: NetlinkConnection) =>
      dumpChains(connection, { family: "netdev", name });
    assert.deepEqual(asked(dump, nft.CHAINS, DONE)[0], []);
  }
});

Deno.test("rules are asked for chain by chain", () => {
  const both = (connection: NetlinkConnection) => digestRules(connection, TABLE, ["c", "b"]);
  const [digests, sent] = asked(both, DONE, ...rules(2));
  assert.deepEqual([...digests.keys()], ["b"], "c has none");
  assert.equal(digests.get("b")?.rules, 2);
  assert.deepEqual(sent, [
    bytes(`
      24000000 070a 0103 01000000 00000000  # NFT_MSG_GETRULE, NLM_F_REQUEST | NLM_F_DUMP
      05 00 0000                            # nfgenmsg: netdev
      0600 0100 7400 0000                   # NFTA_RULE_TABLE "t"
      0600 0200 6300 0000                   # NFTA_RULE_CHAIN "c"
    `),
    bytes(`
      24000000 070a 0103 02000000 00000000 05 00 0000
      0600 0100 7400 0000  0600 0200 6200 0000
    `),
  ]);
});

Deno.test("a digest is of the expressions and their order, and of nothing else in a rule", () => {
  const { digest, rules, first_handle, last_handle } = digestOf(nft.RULES);
  assert.deepEqual([rules, first_handle, last_handle], [2, 11, 12]);
  const same = nft.RULES.slice();
  const [firstHandle, secondHandle, position] = [47, 147, 159];
  for (const at of [firstHandle, secondHandle, position]) same[at] = 0x77;
  assert.deepEqual([digestOf(same).digest, digestOf(same).rules], [digest, rules]);
  const [first, second] = [nft.RULES.slice(0, 100), nft.RULES.slice(100)];
  const seen = [nft.RULES, first, second, new Uint8Array([...second, ...first])]
    .map((rules) => digestOf(rules).digest);
  assert.equal(new Set(seen).size, 4);
});

Deno.test("every bit of an expression counts", () => {
  const first = nft.RULES.slice(0, 100);
  const whole = digestOf(first).digest;
  for (let at = 52; at < 100; at++) {
    for (let bit = 1; bit < 256; bit *= 2) {
      const changed = first.slice();
      changed[at]! ^= bit;
      assert.notEqual(digestOf(changed).digest, whole, `bit ${bit} of byte ${at}`);
    }
  }
});

Deno.test("the same expressions cut into other rules are another chain", () => {
  const parts = fc.array(fc.uint8Array({ minLength: 1, maxLength: 8 }), {
    minLength: 1,
    maxLength: 5,
  });
  fc.assert(fc.property(parts, parts, (one, other) => {
    const isSame = JSON.stringify(one) === JSON.stringify(other);
    const joined = concat(one);
    const cuts = [digestOf(rulesOf(one)), digestOf(rulesOf([joined])), digestOf(rulesOf(other))];
    assert.equal(cuts[0]!.digest === cuts[1]!.digest, one.length === 1);
    assert.equal(cuts[0]!.digest === cuts[2]!.digest, isSame);
  }));
});

Deno.test("sets have what they were declared with", () => {
  const [sets, sent] = asked(dumpSets, nft.SETS, nft.OBJECT_MAP, DONE);
  assert.deepEqual(sets, [
    {
      name: "v",
      flags: 0x8c,
      key_type: 7 << 6 | 12,
      key_bytes: 8,
      data_type: 0xffffff00,
      data_bytes: 16,
      hasExpressions: false,
    },
    {
      name: "d",
      flags: 0x30,
      key_type: 7,
      key_bytes: 4,
      timeout_ms: 10_000,
      size: 65_535,
      hasExpressions: false,
    },
    { name: "o", flags: 0x140, key_type: 7, key_bytes: 4, hasExpressions: true },
  ]);
  assert.deepEqual(sent, [
    bytes("1c000000 0a0a 0103 01000000 00000000 05000000 06000100 74000000"),
  ]);
});

Deno.test("elements have keys, ends, verdicts and values", () => {
  const accept = { isIntervalEnd: false, isCatchAll: false, data: undefined, key_end: undefined };
  const key = Uint8Array.of(192, 0, 2, 0);
  const [intervals, sent] = asked(elementsOf("a"), nft.INTERVALS, DONE);
  assert.deepEqual(intervals, [
    { ...accept, key: Uint8Array.of(192, 0, 3, 0), isIntervalEnd: true },
    { ...accept, key },
    { ...accept, key: new Uint8Array(4), isIntervalEnd: true },
  ]);
  assert.deepEqual(sent, [bytes(`
    24000000 0d0a 0103 01000000 00000000  # NFT_MSG_GETSETELEM, NLM_F_REQUEST | NLM_F_DUMP
    05 00 0000
    0600 0100 7400 0000                   # NFTA_SET_ELEM_LIST_TABLE "t"
    0600 0200 6100 0000                   # NFTA_SET_ELEM_LIST_SET "a"
  `)]);
  assert.deepEqual(asked(elementsOf("v"), nft.RANGES, DONE)[0], [
    {
      ...accept,
      key: Uint8Array.of(192, 0, 2, 0, 6, 0, 0, 0),
      key_end: Uint8Array.of(192, 0, 2, 1, 6, 0, 0, 0),
      data: { verdict: "goto", chain: "c" },
    },
    {
      ...accept,
      key: Uint8Array.of(0, 0, 0, 0, 17, 0, 0, 0),
      key_end: Uint8Array.of(255, 255, 255, 255, 17, 0, 0, 0),
      data: { verdict: "drop" },
    },
  ]);
  assert.deepEqual(asked(elementsOf("i"), nft.SLOTS, nft.CATCH_ALL, DONE)[0], [
    { ...accept, key: Uint8Array.of(1, 0, 0, 0), data: Uint8Array.of(3, 0, 2, 0) },
    { ...accept, key: new Uint8Array(), isCatchAll: true },
  ]);
});

Deno.test("every verdict has its name", () => {
  const codes = { 0: "drop", 1: "accept", "-1": "continue", "-2": "break", "-3": "jump" };
  const others = { "-4": "goto", "-5": "return", 3: "other", 0x10003: "other" };
  for (const [code, verdict] of Object.entries({ ...codes, ...others })) {
    const sample = nft.RANGES.slice();
    new DataView(sample.buffer).setInt32(sample.length - 4, Number(code));
    const [, last] = asked(elementsOf("v"), sample, DONE)[0];
    assert.deepEqual(last?.data, { verdict });
  }
});

Deno.test("nobody is visited twice where a dump begins again, and only from the last", () => {
  const INTERRUPTED = 0x10;
  const interrupted = nft.SLOTS.slice();
  interrupted[6]! |= INTERRUPTED;
  const again = atSequence(2, nft.CATCH_ALL);
  const [elements] = asked(elementsOf("i"), interrupted, DONE, again, atSequence(2, DONE));
  assert.deepEqual(elements.map(({ isCatchAll }) => isCatchAll), [true]);
});

Deno.test("counters have packets and bytes", () => {
  const [counters, sent] = asked(dumpCounters, nft.COUNTER, DONE);
  assert.deepEqual(counters, [{ name: "n", packets: 70_000, bytes: Number.MAX_SAFE_INTEGER }]);
  assert.deepEqual(sent, [bytes(`
    24000000 130a 0103 01000000 00000000  # NFT_MSG_GETOBJ, NLM_F_REQUEST | NLM_F_DUMP
    05 00 0000
    0600 0100 7400 0000                   # NFTA_OBJ_TABLE "t"
    0800 0300 00000001                    # NFTA_OBJ_TYPE: counter
  `)]);
});

Deno.test("objects that are no counters, and flowtables, are foreign", () => {
  const answers = [nft.COUNTER, nft.QUOTA, nft.NEWER_OBJECT, DONE];
  const flowtables = [atSequence(2, nft.FLOWTABLE), atSequence(2, DONE)];
  const [foreign, sent] = asked(dumpForeign, ...answers, ...flowtables);
  assert.deepEqual(foreign, ["quota q", "object of type 99 z", "flowtable f"]);
  assert.deepEqual(sent, [
    bytes("1c000000 130a 0103 01000000 00000000 05000000 06000100 74000000"),
    bytes("1c000000 170a 0103 02000000 00000000 05000000 06000100 74000000"),
  ]);
});

Deno.test("where there is no table there are no sets and no elements; other refusals are errors", () => {
  assert.deepEqual(asked(dumpSets, nft.ABSENT)[0], []);
  const visit = () => assert.fail();
  const dump = (connection: NetlinkConnection) => dumpElements(connection, TABLE, "a", visit);
  assert.equal(asked(dump, nft.ABSENT)[0], false);
  assert.equal(asked(elementsOf("a"), DONE)[0].length, 0);
  const denied = nft.ABSENT.slice();
  new DataView(denied.buffer).setInt32(16, -1, true);
  for (const dump of [dumpSets, elementsOf("a"), dumpTables, dumpChains, dumpCounters]) {
    assert.throws(() => asked<unknown>(dump, denied), isRefusal("EPERM"));
  }
});

Deno.test("whoever waits for a commit asks for a transaction that is refused", () => {
  const refused = (errno: number) => {
    const answer = REFUSED_DELETE.slice();
    new DataView(answer.buffer).setInt32(16, -errno, true);
    return answer;
  };
  const [ERESTART, EPERM] = [85, 1];
  const [, sent] = asked(awaitCommit, refused(ERESTART));
  assert.deepEqual(sent, [bytes(`
    1c000000 1000 0500 01000000 00000000  # NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST | NLM_F_ACK
    00 00 000a                            # nfgenmsg: NFNL_SUBSYS_NFTABLES
    0800 0100 ffffffff                    # NFNL_BATCH_GENID
  `)]);
  assert.throws(() => asked(awaitCommit, refused(EPERM)), isRefusal("EPERM"));
});

Deno.test("an element whose key is no value is an error, and not visited", () => {
  const sample = nft.SLOTS.slice();
  sample[sample.length - 18] = 2; // the key's NFTA_DATA_VALUE is a verdict now
  assert.throws(() => asked(elementsOf("i"), sample, DONE), DecodeError);
});

/** What a dump makes of these answers, and what it asked. */
function asked<Result>(
  dump: (connection: NetlinkConnection, table: TableId) => Result,
  ...answers: Uint8Array[]
): [Result, Uint8Array[]] {
  const sockets = new ScriptedSockets(...answers);
  const result = withNft(sockets, (connection) => dump(connection, TABLE));
  return [result, sockets.sent];
}

function elementsOf(set: string) {
  return (connection: NetlinkConnection) => {
    const found: ListedElement[] = [];
    assert.ok(dumpElements(connection, TABLE, set, (element) => found.push(element)));
    return found;
  };
}

function isRefusal(errno: string) {
  return (error: unknown) => error instanceof KernelError && error.refusal.errno === errno;
}

/** The rules of chain b, as the answer to request number `sequence`. */
function rules(sequence: number): Uint8Array[] {
  return [atSequence(sequence, nft.RULES), atSequence(sequence, DONE)];
}

/** The same messages as the answer to another request. */
function atSequence(sequence: number, sample: Uint8Array): Uint8Array {
  const copy = sample.slice();
  const view = new DataView(copy.buffer);
  for (let at = 0; at < copy.length; at += view.getUint32(at, true)) {
    view.setUint32(at + 8, sequence, true);
  }
  return copy;
}

function digestOf(messages: Uint8Array) {
  const digester = new RuleDigester();
  for (const { body } of readMessages(messages)) digester.add(body);
  return digester.result();
}

/** A message for each rule, with made-up bytes for its expressions. */
function rulesOf(expressions: readonly Uint8Array[]): Uint8Array {
  return concat(expressions.map((value) => {
    const message = new Uint8Array((16 + 4 + 4 + value.length + 3) & ~3);
    const view = new DataView(message.buffer);
    view.setUint32(0, message.length, true);
    view.setUint16(20, 4 + value.length, true);
    view.setUint16(22, 4, true);
    message.set(value, 24);
    return message;
  }));
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}
