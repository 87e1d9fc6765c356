const ROOT = "/proc/sys/";

/** Stands for one interface, or for `all` or `default`, in a pattern such as `net.ipv4.conf.*.rp_filter`. */
const ANY = "*";

/**
 * Path of a key. As in sysctl(8) a dot inside an interface's name is a slash in the key:
 * `net.ipv4.conf.eth0/100.rp_filter`.
 */
export function pathOf(key: string): string {
  return ROOT + swapSeparators(key);
}

/** The key of a pattern for one interface. */
export function keyFor(pattern: string, interfaceName: string): string {
  return pattern.replace(ANY, swapSeparators(interfaceName));
}

/** Whether the pattern is a single key. */
export function isSingleKey(pattern: string): boolean {
  return !pattern.includes(ANY);
}

/**
 * The folder whose entries a pattern's star stands for, as a path.
 *
 * @example `folderOf("net.ipv4.conf.*.rp_filter")` is `/proc/sys/net/ipv4/conf`.
 */
export function folderOf(pattern: string): string {
  return pathOf(pattern.slice(0, pattern.indexOf(ANY) - 1));
}

/** What the star stands for in this key; `""` for the key itself; undefined where it does not match. */
export function starOf(pattern: string, key: string): string | undefined {
  if (isSingleKey(pattern)) return pattern === key ? "" : undefined;
  const [head = "", tail = ""] = pattern.split(ANY);
  if (!key.startsWith(head) || !key.endsWith(tail)) return undefined;
  const star = key.slice(head.length, key.length - tail.length);
  return star === "" || star.includes(".") ? undefined : star;
}

/** An address family's settings of one interface: the folders that the kernel renames with it. */
const OF_INTERFACE = /^(net\.ipv[46]\.(?:conf|neigh)\.)([^.]+)(\..+)$/;

/** The interface whose setting a key is; undefined where it is of none, or of all. */
export function interfaceIn(key: string): string | undefined {
  const name = OF_INTERFACE.exec(key)?.[2];
  return name === undefined || name === "all" || name === "default"
    ? undefined
    : swapSeparators(name);
}

/** The same setting of another interface. */
export function withInterface(key: string, interfaceName: string): string {
  return key.replace(OF_INTERFACE, (_, head: string, _name: string, tail: string) => {
    return head + swapSeparators(interfaceName) + tail;
  });
}

function swapSeparators(text: string): string {
  return text.replace(/[./]/g, (separator) => separator === "." ? "/" : ".");
}
