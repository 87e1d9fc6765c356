/** Test equipment: the ipvsadm program, as far as tests use it, on the fake kernel's table. */
import { addressBytes, addressFromBytes, parseAddress } from "../../lib/model/address.ts";
import type { FakeDestination, FakeIpvs, FakeVirtual } from "./ipvs.ts";
import { attribute, FakeSocket, joined, text, u16, u16be, u32, viewOf } from "./wire.ts";

const COMMANDS: Readonly<Record<string, number>> = {
  ...{ "-A": 1, "-E": 2, "-D": 3 },
  ...{ "-a": 5, "-e": 6, "-d": 7 },
};
const FORWARDING = ["-m", "", "-i", "-g"];
const IPVS_FAMILY = 0x1c;
const [AF_INET, AF_INET6] = [2, 10];

/** `ipvsadm ARGUMENTS`. @throws where it is refused */
export function runIpvsadm(ipvs: FakeIpvs, args: readonly string[]): void {
  const command = COMMANDS[args[0] ?? ""];
  if (command === undefined) throw new SyntaxError(`the fake ipvsadm does not know ${args[0]}`);
  const option = (name: string, otherwise: string) => {
    const at = args.indexOf(name);
    return at < 0 ? otherwise : args[at + 1] ?? otherwise;
  };
  const service = command === 3 || command > 3 ? key(args) : [
    ...key(args),
    attribute(6, text(option("-s", "wlc"))),
    attribute(7, joined(u32(0), u32(0xffff_ffff))),
    attribute(8, u32(0)),
    attribute(9, args[2]!.startsWith("[") ? u32(128) : u32(0xffff_ffff)),
  ];
  const nests = [attribute(1, joined(...service))];
  if (command > 3) nests.push(attribute(2, joined(...destination(args, option))));
  send(ipvs, command, nests);
}

function key(args: readonly string[]): Uint8Array[] {
  const { family, bytes, port } = endpoint(args[2]!);
  const protocol = args[1] === "-t" ? 6 : 17;
  return [
    ...[attribute(1, u16(family)), attribute(2, u16(protocol))],
    ...[attribute(3, bytes), attribute(4, u16be(port))],
  ];
}

function destination(
  args: readonly string[],
  option: (name: string, otherwise: string) => string,
): Uint8Array[] {
  const { family, bytes, port } = endpoint(option("-r", ""));
  const method = FORWARDING.findIndex((flag) => args.includes(flag));
  return [
    ...[attribute(11, u16(family)), attribute(1, bytes), attribute(2, u16be(port))],
    ...[attribute(3, u32(method < 0 ? 3 : method)), attribute(4, u32(Number(option("-w", "1"))))],
    ...[attribute(5, u32(Number(option("-x", "0")))), attribute(6, u32(Number(option("-y", "0"))))],
  ];
}

function endpoint(written: string) {
  const [, address = "", port] = /^\[?([^\]]+)\]?:(\d+)$/.exec(written) ?? [];
  const parsed = parseAddress(address);
  if (!parsed) throw new SyntaxError(`the fake ipvsadm cannot read ${written}`);
  const bytes = new Uint8Array(16);
  bytes.set(addressBytes(parsed));
  return { family: parsed.family === 4 ? AF_INET : AF_INET6, bytes, port: Number(port) };
}

function send(ipvs: FakeIpvs, command: number, nests: readonly Uint8Array[]): void {
  const socket: FakeSocket = ipvs.socket();
  const body = joined(Uint8Array.of(command, 1, 0, 0), ...nests);
  const bytes = joined(new Uint8Array(16), body);
  viewOf(bytes).setUint32(0, bytes.length, true);
  viewOf(bytes).setUint16(4, IPVS_FAMILY, true);
  socket.send(bytes);
  const code = viewOf(socket.receive()).getInt32(16, true);
  if (code !== 0) throw new Error(`ipvsadm: error ${code}`);
}

/** `ipvsadm -Sn`, roughly: one line for each service and destination, counters left out. */
export function listIpvsadm(ipvs: FakeIpvs): string {
  return [...ipvs.services.values()].flatMap((virtual) => {
    const name = virtualText(virtual);
    const lines = [...virtual.destinations.values()].map((one) => `-a ${name} ${placeText(one)}`);
    return [`-A ${name} ${settingsText(virtual)}`, ...lines];
  }).join("\n");
}

function virtualText({ attributes }: FakeVirtual): string {
  const mark = attributes.get(5);
  if (mark) {
    const isV4 = viewOf(attributes.get(1)!).getUint16(0, true) === AF_INET;
    return `-f ${viewOf(mark).getUint32(0, true)}${isV4 ? "" : " -6"}`;
  }
  const protocol = viewOf(attributes.get(2)!).getUint16(0, true) === 6 ? "-t" : "-u";
  return `${protocol} ${endpointText(attributes, 1, 3, 4)}`;
}

function settingsText({ attributes }: FakeVirtual): string {
  // Tag and mark are none of ipvsadm's business.
  const flags = viewOf(attributes.get(7)!).getUint8(0) & 0x3f;
  const name = new TextDecoder().decode(attributes.get(6)).replace("\0", "");
  return `-s ${name} ${flags} ${attributes.get(8)!.toHex()} ${attributes.get(9)!.toHex()}`;
}

function placeText({ attributes }: FakeDestination): string {
  const numbers = [3, 4, 5, 6].map((type) => viewOf(attributes.get(type)!).getUint32(0, true));
  return `-r ${endpointText(attributes, 11, 1, 2)} ${numbers.join(" ")}`;
}

function endpointText(
  attributes: ReadonlyMap<number, Uint8Array>,
  ...[family, address, port]: [number, number, number]
): string {
  const isV4 = viewOf(attributes.get(family)!).getUint16(0, true) === AF_INET;
  const bytes = attributes.get(address)!.subarray(0, isV4 ? 4 : 16);
  const number = viewOf(attributes.get(port)!).getUint16(0);
  const { text } = addressFromBytes(bytes);
  return isV4 ? `${text}:${number}` : `[${text}]:${number}`;
}
