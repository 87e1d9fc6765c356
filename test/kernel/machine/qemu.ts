import { type Guest, runGuest } from "./guest.ts";
import { image, must } from "./image.ts";
import type { Machine } from "./machine.ts";
import { tools } from "./tools.ts";

const MEMORY_MB = 2048;

/** Seen: four times on a machine that does nothing else, twice that where it is shared. */
const PATIENCE = 8;

/**
 * Debian's kernel in a virtual machine. Its processor is emulated: where these tests run, /dev/kvm is
 * missing, or opens and then hangs.
 */
export const qemu: Machine = {
  name: "qemu",
  what: "Debian's kernel in qemu",
  async prepare() {
    await tools();
    return releaseIn(await tree());
  },
  run: async (job) => await runGuest(await guest(job.folder), job),
};

function tree(): Promise<string> {
  return image({
    name: "qemu",
    packages: ["linux-image-amd64", "busybox-static"],
    program: "qemu-system-x86",
    // In the guest it would take longer than all the rest.
    finish: async (files) => {
      await must("depmod", "--basedir", files, releaseIn(files));
    },
  });
}

function releaseIn(files: string): string {
  const [release] = Array.from(Deno.readDirSync(`${files}/lib/modules`));
  return release?.name ?? "";
}

/** The machine's files, which nothing changes meanwhile, may be cached; what is handed over may not. */
const MOUNT = ["-t", "9p", "-o"];
const MACHINE_OPTIONS = "ro,trans=virtio,version=9p2000.L,msize=512000,cache=loose";
const JOB_OPTIONS = "trans=virtio,version=9p2000.L,msize=512000,cache=none";

async function guest(folder: string): Promise<Guest> {
  const files = await tree();
  const release = releaseIn(files);
  return {
    busybox: `${files}/bin/busybox`,
    module_folder: `${files}/lib/modules/${release}`,
    kernel_config: `${files}/boot/config-${release}`,
    modules: ["virtio_pci", "9p", "9pnet_virtio", "overlay"],
    mounts: {
      machine: [...MOUNT, MACHINE_OPTIONS, "machine"],
      job: [...MOUNT, JOB_OPTIONS, "job"],
    },
    patience: PATIENCE,
    // Beside the program's own libraries, those it needs and that are not installed here.
    env: { LD_LIBRARY_PATH: ["usr/lib", "lib"].map(libraries(files)).join(":") },
    command: (initramfs) => [
      `${files}/usr/bin/qemu-system-x86_64`,
      ...["qemu", "seabios"].flatMap((name) => ["-L", `${files}/usr/share/${name}`]),
      ...["-machine", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"],
      ...["-m", `${MEMORY_MB}`, "-nographic", "-vga", "none", "-nic", "none", "-no-reboot"],
      ...share("machine", "/", ",readonly=on,multidevs=remap"),
      ...share("job", folder, ""),
      ...["-kernel", `${files}/boot/vmlinuz-${release}`, "-initrd", initramfs],
      ...["-append", "console=ttyS0 quiet panic=-1"],
    ],
  };
}

function libraries(files: string): (place: string) => string {
  return (place) => `${files}/${place}/x86_64-linux-gnu`;
}

function share(tag: string, path: string, more: string): string[] {
  return ["-virtfs", `local,path=${path},mount_tag=${tag},security_model=none${more}`];
}
