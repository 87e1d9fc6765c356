/** The fake nft is only worth something where it refuses what nft refuses. Seen on nft 1.0.6, linux 6.18. */
import assert from "node:assert/strict";
import { FakeNft } from "../../../fake/nft.ts";

const BASE = [
  "create table inet lb",
  "add counter inet lb n",
  "add chain inet lb c",
  "add chain inet lb d",
  "add chain inet lb base { type nat hook output priority -105; policy accept; }",
  "add map inet lb m { typeof ip daddr : verdict; }",
  "add set inet lb s { typeof ip daddr; }",
  "add element inet lb m { 192.0.2.1 : goto d, 192.0.2.2 : drop }",
  "add element inet lb s { 192.0.2.1 }",
  "add map inet lb i { typeof ip daddr . th dport : verdict; flags interval; }",
  "add element inet lb i { 192.0.2.0/24 . 80-90 : drop, 192.0.2.0/25 . 443 : drop }",
  "add set inet lb y { typeof ip saddr; flags dynamic,timeout; size 9; timeout 10s; }",
  'add rule inet lb c counter name "n"',
  "add rule inet lb c ip daddr vmap @m",
];

const REFUSED: readonly (readonly [string, RegExp])[] = [
  ["create table inet lb", /File exists/],
  ["delete table inet other", /No such file/],
  ["add chain inet other c", /No such file/],
  ["flush chain inet lb x", /No such file/],
  ["delete chain inet lb x", /No such file/],
  ["delete chain inet lb d", /busy/],
  ["delete map inet lb m", /busy/],
  ["delete counter inet lb n", /busy/],
  ["delete counter inet lb x", /No such file/],
  ["add rule inet lb x drop", /No such file/],
  ["add rule inet lb c jump x", /No such file/],
  ["add rule inet lb c ip daddr @x drop", /No such file/],
  ['add rule inet lb c counter name "x"', /No such file/],
  ["delete rule inet lb c handle 99", /No such file/],
  ["add element inet lb x { 192.0.2.1 }", /No such file/],
  ["add element inet lb m { 192.0.2.9 : goto x }", /No such file/],
  ["add element inet lb m { 192.0.2.2 : goto d }", /File exists/],
  ["create element inet lb s { 192.0.2.1 }", /File exists/],
  ["delete element inet lb s { 192.0.2.9 }", /No such file/],
  ["add element inet lb i { 192.0.2.7 . 85 : drop }", /File exists/],
  ["add element inet lb i { 192.0.0.0/16 . 90-99 : drop }", /File exists/],
  ["add element inet lb i { 192.0.2.0/24 . 80-90 : goto d }", /File exists/],
  ["delete element inet lb i { 192.0.2.0/24 . 80-89 }", /No such file/],
  ["add set inet lb y { typeof ip saddr; flags dynamic,timeout; size 8; timeout 10s; }", /File ex/],
  ["add map inet lb m { typeof ip saddr : verdict; }", /File exists/],
  ["add chain inet lb base { type nat hook output priority 0; policy accept; }", /File exists/],
];

for (const [line, words] of REFUSED) {
  Deno.test(`fake nft refuses: ${line}`, () => {
    const nft = new FakeNft();
    nft.edit(...BASE);
    const before = [nft.list("table inet lb").stdout, nft.generation];
    const { code, stderr } = nft.run(`add set inet lb fresh { typeof ip daddr; }\n${line}\n`);
    assert.equal(code, 1);
    assert.match(stderr, words);
    assert.deepEqual(
      [nft.list("table inet lb").stdout, nft.generation],
      before,
      "wholly or not at all",
    );
  });
}

const ACCEPTED = [
  "add element inet lb i { 192.0.2.0/24 . 80-90 : drop }",
  "add element inet lb i { 192.0.2.0/24 . 91-442 : drop, 192.0.3.0/24 . 80-90 : drop }",
  "flush map inet lb i",
  "add table inet lb",
  "add chain inet lb c",
  "delete chain inet lb c",
  "delete set inet lb s",
  "add counter inet lb n { packets 5 bytes 6; }",
  "add element inet lb s { 192.0.2.1 }",
  "add element inet lb m { 192.0.2.1 : goto d }",
  "add chain inet lb base { type nat hook output priority -105; policy drop; }",
  "delete table inet lb",
];

for (const line of ACCEPTED) {
  Deno.test(`fake nft accepts: ${line}`, () => {
    const nft = new FakeNft();
    nft.edit(...BASE);
    const { generation } = nft;
    nft.edit(line);
    assert.equal(nft.generation, generation + 1);
  });
}

const UNKNOWN = [
  "add element inet lb s { 192.0.2.0/24 }",
  "add element inet lb i { 192.0.2.9 . tcp-udp : drop }",
  "add map inet lb n { typeof ip saddr; flags dynamic; }",
  "add set inet lb n { typeof ip saddr : mark; }",
  "add set inet lb n { type ipv4_addr; }",
  "table inet lb { }",
  "add flowtable inet lb f { hook ingress priority 0; }",
  "reset counter inet lb n",
  "add element inet lb s { 192.0.2.1 : drop }",
  "add element inet lb m { 192.0.2.1 . tcp : drop }",
  "insert rule inet lb c drop",
  "flush ruleset",
];

for (const line of UNKNOWN) {
  Deno.test(`fake nft fails the test on what it does not know: ${line}`, () => {
    const nft = new FakeNft();
    nft.edit(...BASE);
    const before = nft.list("table inet lb").stdout;
    assert.throws(() => nft.run(line), SyntaxError);
    assert.equal(nft.list("table inet lb").stdout, before);
  });
}

Deno.test("fake nft: what was named is free again once nothing names it", () => {
  const nft = new FakeNft();
  nft.edit(...BASE);
  nft.edit(
    "flush chain inet lb c",
    "delete map inet lb m",
    "delete chain inet lb d",
    "delete counter inet lb n",
  );
});

Deno.test("fake nft: a listing does not repeat what was written", () => {
  const nft = new FakeNft();
  nft.edit(...BASE);
  assert.ok(!nft.list("table inet lb").stdout.includes("ip daddr vmap @m"));
});
