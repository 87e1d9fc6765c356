import { type Guest, runGuest } from "./guest.ts";
import { image } from "./image.ts";
import type { Machine } from "./machine.ts";
import { tools } from "./tools.ts";

/** What fits Deno and a dozen of namespaces, with as much again for what they write. */
const MEMORY = "1024M";

/** Linux as a process. It has IPVS, but of nf_tables next to nothing. */
export const uml: Machine = {
  name: "uml",
  what: "User Mode Linux, of Debian's package",
  async prepare() {
    await tools();
    return releaseIn(await tree());
  },
  run: async (job) => await runGuest(await guest(job.folder), job),
};

function tree(): Promise<string> {
  return image({
    name: "uml",
    packages: ["user-mode-linux", "busybox-static"],
  });
}

function releaseIn(files: string): string {
  const [release] = Array.from(Deno.readDirSync(`${files}/usr/lib/uml/modules`));
  return release?.name ?? "";
}

async function guest(folder: string): Promise<Guest> {
  const files = await tree();
  return {
    busybox: `${files}/bin/busybox`,
    module_folder: `${files}/usr/lib/uml/modules/${releaseIn(files)}`,
    // Where it is a module, a machine has loaded IPv6 before anybody could ask.
    modules: ["overlay", "ipv6"],
    mounts: {
      machine: ["-t", "hostfs", "-o", "ro,/", "hostfs"],
      job: ["-t", "hostfs", "-o", folder, "hostfs"],
    },
    command: (initramfs, own) => [
      `${files}/usr/bin/linux.uml`,
      ...[`initrd=${initramfs}`, `mem=${MEMORY}`, `uml_dir=${own}/`, "umid=guest"],
      // Without panic=: it ends then, while a restart would do the job again.
      ...["con=null", "con0=null,fd:1", "quiet"],
    ],
  };
}
