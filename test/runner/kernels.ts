/** Which test files run on which kernel. */
import { type Machine, ROOT } from "../kernel/machine/machine.ts";
import { own } from "../kernel/machine/own.ts";
import { qemu } from "../kernel/machine/qemu.ts";
import { uml } from "../kernel/machine/uml.ts";

/** The kernels there are, in the order they are tested. */
export const MACHINES: readonly Machine[] = [own, uml, qemu];

/** A name of {@linkcode MACHINES}. */
export type MachineName = Machine["name"];

/** One file on one kernel. */
export interface KernelFile {
  readonly on: MachineName;
  readonly path: string;
  /** Of its tests only those whose names match. */
  readonly only?: RegExp;
}

interface Elsewhere {
  readonly path: string;
  /** What this kernel shows that our own may not. */
  readonly why: string;
  readonly only?: RegExp;
}

/**
 * What runs on other kernels beside our own, which runs everything: files that show something there. An
 * emulated processor takes five times as long, so that of what takes long only a part is asked for.
 */
export const ELSEWHERE: Readonly<Record<Exclude<MachineName, "own">, readonly Elsewhere[]>> = {
  uml: [
    {
      path: "test/contract/nft_kernel_test.ts",
      why: "what cannot be had here is skipped with nft's own words",
    },
  ],
  qemu: [
    {
      path: "test/contract/nft_kernel_test.ts",
      why: "nft of linux 6.1, with everything in modules",
    },
  ],
};

/** Every test of the kernel suite, kernel by kernel. */
export function kernelFiles(): KernelFile[] {
  const everywhere: KernelFile[] = ownFiles().map((path) => ({ on: "own", path }));
  const others = (["uml", "qemu"] as const).flatMap((on) =>
    ELSEWHERE[on].map(({ path, only }) => ({ on, path, only }))
  );
  return [...everywhere, ...others];
}

/** The tests that need a real kernel. An engine's contract is held against a fake one elsewhere. */
function ownFiles(): string[] {
  const contracts = testsIn("test/contract").filter((path) => path.endsWith("_kernel_test.ts"));
  return [...contracts, ...testsIn("test/kernel")];
}

/** The files with tests in a folder of the checkout, by their paths. */
export function testsIn(folder: string): string[] {
  return Array.from(Deno.readDirSync(ROOT + folder), ({ name }) => `${folder}/${name}`)
    .filter((path) => path.endsWith("_test.ts")).sort();
}
