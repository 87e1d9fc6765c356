import type { HostResource } from "../resource.ts";
import { applySysctls } from "./apply.ts";
import { observeSysctls, type SysctlValues } from "./observe.ts";
import { planSysctls } from "./plan.ts";
import { SYSCTL_RULES } from "./rules.ts";
import type { SysctlStep } from "./step.ts";
import type { SysctlWant } from "./wanted.ts";

/** The sysctls of {@linkcode SYSCTL_RULES}, as a host resource. */
export const sysctlResource: HostResource<SysctlWant, SysctlValues, SysctlStep> = {
  name: "sysctl",
  observe: (kernel, open) =>
    observeSysctls(kernel.files, SYSCTL_RULES, open.map((entry) => entry.key)),
  plan: (want, observed, open) => planSysctls(SYSCTL_RULES, want, observed, open),
  apply: (kernel, steps, journal) => Promise.resolve(applySysctls(kernel.files, steps, journal)),
};
