/**
 * Test equipment: a real cron in the balancer's network namespace, in a mount namespace of its own with folders of
 * its own. Its sendmail is a stand-in, which says so and writes each mail to a file.
 */
import assert from "node:assert/strict";
import { inside } from "../../lib/demo/namespace.ts";
import { children } from "../../lib/sys/children.ts";
import { process } from "../../lib/sys/process.ts";
import type { Programs } from "../bench/programs.ts";
import { type Lab, LB } from "./harness.ts";

/** Lays the machine's folders over with those of the test, waits for the end of its input, and becomes cron. */
const SCRIPT = `#!/bin/sh
set -e
folder=$1 own=$1/own
shift
mount --bind "$folder" /mnt
mount -t tmpfs none /run
mkdir -p "$folder"
mount --bind /mnt "$folder"
mount -t overlay none -o "lowerdir=$own/sbin:/usr/sbin" /usr/sbin
mount -t overlay none -o "lowerdir=$own/etc:/etc" /etc
mount --bind "$own/cron.d" /etc/cron.d
mount -t tmpfs none /var/spool
mkdir -p /var/spool/cron/crontabs
echo mounted
cat >/dev/null
exec "$@"
`;

/** Accepts every account, so that nothing of the machine's own set-up matters. */
const PAM =
  "account required pam_permit.so\\nauth required pam_permit.so\\nsession required pam_permit.so\\n";

const SENDMAIL = (folder: string) =>
  `#!/bin/sh
# Test equipment, no sendmail: keeps what it is given.
cat >"${folder}/coming.$$" && mv "${folder}/coming.$$" "${folder}/mail.$(date +%s%N)"
`;

/** A running cron. */
export interface Cron {
  /** What was mailed so far, oldest first, each without its head. */
  mails(): string[];
  /** Waits until so many were mailed. @throws after the time */
  mailed(count: number, timeout_ms: number): Promise<void>;
  close(): Promise<void>;
}

/** Has \`lb init --timer cron\` write its line, and starts cron. */
export async function startCron({ topology, balancer }: Lab, programs: Programs): Promise<Cron> {
  const { folder } = topology;
  const own = `${folder}/own`;
  lay(own);
  const argv = ["unshare", "--mount", `${own}/script`, folder, ...programs.argv("cron"), "-f"];
  const cron = children.spawn(inside(topology.balancer, argv));
  const close = async () => {
    cron.kill();
    await cron.ended;
  };
  try {
    const { value } = await cron.lines.next();
    assert.equal(value, "mounted", value === undefined ? (await cron.ended).stderr : "");
    const places = balancer.argv("init", "--timer", "cron").slice(LB.length);
    const enter = ["nsenter", "--mount", "--net", "--target", `${cron.pid}`] as const;
    const { code, stderr } = await process.run(
      [...enter, "env", `LB_SELF=${own}/lb`, `${own}/lb`, ...places],
    );
    assert.equal(code, 0, stderr);
    await cron.closeInput();
  } catch (error) {
    await close();
    throw error;
  }
  const mails = () => mailsIn(`${own}/mail`);
  return {
    mails,
    async mailed(count, timeout_ms) {
      for (const end_ms = Date.now() + timeout_ms; mails().length < count;) {
        assert.ok(Date.now() < end_ms, `${mails().length} mails, not ${count}`);
        await new Promise((wake) => setTimeout(wake, 200));
      }
    },
    close,
  };
}

function lay(own: string): void {
  for (const name of ["sbin", "etc/pam.d", "etc/cron.d", "cron.d", "mail"]) {
    Deno.mkdirSync(`${own}/${name}`, { recursive: true });
  }
  const write = (name: string, text: string, mode = 0o644) => {
    Deno.writeTextFileSync(`${own}/${name}`, text);
    Deno.chmodSync(`${own}/${name}`, mode);
  };
  write("etc/pam.d/cron", PAM.replaceAll("\\n", "\n"));
  write("etc/crontab", "");
  write("sbin/sendmail", SENDMAIL(`${own}/mail`), 0o755);
  write("script", SCRIPT, 0o755);
  // A cron job's environment is bare, and where Deno's cache is may be no secret of cron's.
  const cache = Deno.env.get("DENO_DIR");
  const env = ["DENO_NO_UPDATE_CHECK=1", ...(cache ? [`DENO_DIR=${cache}`] : [])];
  write("lb", `#!/bin/sh\nexec env ${[...env, ...LB].join(" ")} "$@"\n`, 0o755);
}

function mailsIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name)
    .filter((name) => name.startsWith("mail.")).sort()
    .map((name) => Deno.readTextFileSync(`${folder}/${name}`))
    .map((text) => text.slice(text.indexOf("\n\n") + 2));
}
