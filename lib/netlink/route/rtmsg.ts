/** What is asked and told of routes: numbers of linux/rtnetlink.h. */
export const RTM_GETROUTE = 26;
export const RTMSG_BYTES = 12;
export const RTA_DST = 1;
export const RTA_OIF = 4;
export const RTN_LOCAL = 2;

/** No way there, as the kernel puts it for unreachable, prohibit and blackhole routes, and for none. */
export const NO_ROUTE: readonly string[] = ["ENETUNREACH", "EHOSTUNREACH", "EACCES", "EINVAL"];
