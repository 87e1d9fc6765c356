import { type CountedDestination, destinationKeyText } from "../../netlink/ipvs/destination.ts";
import { isOurs, type Listed } from "./listing.ts";
import { placeSource } from "./snapshot.ts";
import type { Step } from "./steps.ts";

/** The way back to exactly what was there, marks included, after a plan was refused half-way. Pure. */
export function stepsBack(before: readonly Listed[], now: readonly Listed[]): Step[] {
  const [had, has] = [before, now].map((listed) =>
    new Map(listed.filter(isOurs).map((one) => [one.name, one]))
  ) as [Map<string, Listed>, Map<string, Listed>];
  return [
    ...[...had.values()].flatMap((one) => serviceBack(one, has.get(one.name))),
    ...[...has.values()].filter(({ name }) => !had.has(name))
      .map(({ name, service: { key } }): Step => ({ op: "delete service", key, about: name })),
  ];
}

function serviceBack({ name: about, service, destinations = [] }: Listed, now?: Listed): Step[] {
  const isSame = JSON.stringify(now?.service) === JSON.stringify(service);
  const op = now ? "set service" : "add service";
  const { key } = service;
  const found = byName(now?.destinations);
  const wanted = byName(destinations);
  return [
    ...(isSame ? [] : [{ op, service, about } as const]),
    ...destinations.flatMap((destination): Step[] => {
      const there = found.get(destinationKeyText(destination.key));
      if (!there) return [{ op: "add backend", key, destination, about }];
      const isSame = placeSource({ destination }) === placeSource({ destination: there });
      return isSame ? [] : [{ op: "set backend", key, destination, about }];
    }),
    ...[...found].filter(([name]) => !wanted.has(name)).map(([, { key: destination }]): Step => ({
      ...{ op: "delete backend", key, destination, about },
    })),
  ];
}

function byName(
  destinations: readonly CountedDestination[] = [],
): Map<string, CountedDestination> {
  return new Map(destinations.map((one) => [destinationKeyText(one.key), one]));
}
