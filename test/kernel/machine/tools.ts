import { image } from "./image.ts";

/** What tests ask, in guests, beside what is installed here: no test of our own kernel takes it. */
const PACKAGES = ["ipvsadm", "libpopt0", "libnl-3-200", "libnl-genl-3-200"];

/** The folder they are in. @throws {Unavailable} */
export function tools(): Promise<string> {
  return image({ name: "tools", packages: PACKAGES });
}

/** What has to be in the environment of a program that runs them. */
export function toolsEnv(folder: string, path: string): Record<string, string> {
  const libraries = ["usr/lib", "lib"].map((place) => `${folder}/${place}/x86_64-linux-gnu`);
  return { PATH: `${path}:${folder}/sbin`, LD_LIBRARY_PATH: libraries.join(":") };
}
