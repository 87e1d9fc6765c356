import assert from "node:assert/strict";
import { process } from "../../../lib/sys/process.ts";
import { apartTest, lbAfter } from "./apart.ts";

/** A folder that stands for the machine's schedules. Its systemctl is test equipment: it writes down what it is told. */
class Machine {
  constructor(readonly folder: string) {
    for (const name of ["cron.d", "units", "systemd", "bin"]) Deno.mkdirSync(`${folder}/${name}`);
    const systemctl = `#!/bin/sh\necho "$*" >>${folder}/systemctl\n`;
    Deno.writeTextFileSync(`${folder}/bin/systemctl`, systemctl, { mode: 0o755 });
  }

  get cron(): string {
    return `${this.folder}/cron.d/lb`;
  }

  lb(...argv: readonly string[]) {
    const { folder } = this;
    const places = ["config /lb.toml", "state /state", "run-dir /run"].flatMap((text) => {
      const [name, path] = text.split(" ");
      return [`--${name}`, `${folder}${path}`];
    });
    const env =
      `export PATH=${folder}/bin:$PATH LB_CRON=${folder}/cron.d LB_UNITS=${folder}/units ` +
      `LB_SYSTEMD=${folder}/systemd`;
    return lbAfter(env, ...argv, ...places);
  }

  /** What systemctl was told since the last time. */
  systemctl(): string[] {
    const path = `${this.folder}/systemctl`;
    try {
      return Deno.readTextFileSync(path).split("\n").filter((line) => line !== "");
    } catch {
      return [];
    } finally {
      Deno.writeTextFileSync(path, "");
    }
  }

  names(folder: string): string[] {
    return Array.from(Deno.readDirSync(`${this.folder}/${folder}`), ({ name }) => name).sort();
  }
}

function test(name: string, work: (machine: Machine) => Promise<void>): void {
  apartTest(name, () => inMachine(work));
}

async function inMachine(work: (machine: Machine) => Promise<void>): Promise<void> {
  const folder = Deno.makeTempDirSync({ prefix: `lb-timer-${Deno.pid}-` });
  try {
    await work(new Machine(folder));
  } finally {
    Deno.removeSync(folder, { recursive: true });
  }
}

const UNITS = ["lb-reconcile.service", "lb-reconcile.timer", "lb-restore.service"];

test("--timer cron writes a line with the places of this lb, once, and --timer none removes it", async (machine) => {
  const { folder, cron } = machine;
  const { exitCode, stderr } = await machine.lb("init", "--timer", "cron");
  assert.equal(exitCode, 0, stderr);
  assert.match(
    stderr,
    new RegExp(`^cron runs lb reconcile \\(as you said.*\\): ${cron}, written\\.$`, "m"),
  );
  const text = Deno.readTextFileSync(cron);
  assert.equal(
    Deno.statSync(cron).mode! & 0o7777,
    0o644,
    "cron takes no file that others can write",
  );
  const places =
    `reconcile --config ${folder}/lb.toml --state ${folder}/state --run-dir ${folder}/run`;
  const jobs = text.split("\n").filter((line) => / root /.test(line));
  assert.match(jobs[0]!, new RegExp(`^@reboot root /\\S+ .*${places}$`));
  assert.match(
    jobs[1]!,
    new RegExp(`^\\* \\* \\* \\* \\* root /\\S+ .*${places} --every 5s --for 58s$`),
  );
  assert.equal(jobs.length, 2);
  assert.ok(text.endsWith("\n"), "cron heeds no last line without an end");
  const again = await machine.lb("init", "--timer", "cron");
  assert.match(again.stderr, new RegExp(`: ${cron}\\.$`, "m"), "nothing was written");
  const usual = await machine.lb("init");
  assert.match(usual.stderr, /^cron runs lb reconcile \(it was so before\)/m);
  const none = await machine.lb("init", "--timer", "none");
  assert.match(none.stderr, new RegExp(`^Removed ${cron}\\.$`, "m"));
  assert.deepEqual(machine.names("cron.d"), []);
});

test("where nobody says what, another namespace's lb gets no timer, and is told why", async (machine) => {
  const { exitCode, stdout } = await machine.lb("init", "--json");
  assert.equal(exitCode, 0);
  const { timer } = JSON.parse(stdout);
  assert.equal(timer.kind, "none");
  assert.match(timer.why, /own network namespace/);
  assert.deepEqual([machine.names("cron.d"), machine.names("units")], [[], []]);
});

test("--timer systemd writes units, enables them, and takes the place of cron's line", async (machine) => {
  await machine.lb("init", "--timer", "cron");
  const { exitCode, stderr } = await machine.lb("init", "--timer", "systemd");
  assert.equal(exitCode, 0, stderr);
  assert.deepEqual([machine.names("units"), machine.names("cron.d")], [UNITS, []]);
  assert.deepEqual(machine.systemctl(), [
    "daemon-reload",
    "enable lb-restore.service lb-reconcile.timer",
    "restart lb-reconcile.timer",
  ]);
  const again = await machine.lb("init", "--timer", "systemd");
  assert.doesNotMatch(again.stderr, /written/);
  assert.deepEqual(machine.systemctl(), [
    "daemon-reload",
    "enable lb-restore.service lb-reconcile.timer",
    "start lb-reconcile.timer",
  ], "somebody may have disabled it, and a timer that runs is left to run");
  const uninstalled = await machine.lb("uninstall", "--yes");
  assert.equal(uninstalled.exitCode, 0, uninstalled.stderr);
  assert.deepEqual(machine.names("units"), []);
  assert.deepEqual(machine.systemctl(), [
    "disable --now lb-restore.service lb-reconcile.timer",
    "daemon-reload",
  ]);
});

for (const what of ["edited", "foreign", "another lb's"]) {
  test(`a file that is ${what} is not written over, and not removed`, async (machine) => {
    const { cron } = machine;
    if (what === "foreign") {
      Deno.writeTextFileSync(cron, "* * * * * root /usr/local/bin/lb reconcile\n");
    } else await machine.lb("init", "--timer", "cron");
    let text = Deno.readTextFileSync(cron);
    if (what === "edited") text = text.replace("5s", "9s");
    if (what === "another lb's") text = text.replace(/state in \S+;/, "state in /srv/other;");
    Deno.writeTextFileSync(cron, text);
    const { exitCode, stderr } = await machine.lb("init", "--timer", "cron");
    assert.equal(exitCode, 5);
    assert.match(
      stderr,
      /cron\.d\/lb (was edited|was not made by lb|is of another lb).*left as it is/,
    );
    const { exitCode: code, stderr: words } = await machine.lb("uninstall", "--yes");
    assert.equal(Deno.readTextFileSync(cron), text);
    assert.equal(code, what === "edited" ? 1 : 0, "nobody's, or somebody else's, is none of lb's");
    if (what === "edited") assert.match(words, /attention: .*cron\.d\/lb was edited.*remove it/);
  });
}

test("what systemctl refused at an init, the next one brings about", async (machine) => {
  const systemctl = `${machine.folder}/bin/systemctl`;
  const before = Deno.readTextFileSync(systemctl);
  Deno.writeTextFileSync(systemctl, "#!/bin/sh\necho refused >&2\nexit 1\n");
  const refused = await machine.lb("init", "--timer", "systemd");
  assert.equal(refused.exitCode, 7);
  assert.match(refused.stderr, /systemctl daemon-reload failed: refused/);
  Deno.writeTextFileSync(systemctl, before);
  assert.equal((await machine.lb("init", "--timer", "systemd")).exitCode, 0);
  assert.deepEqual(machine.systemctl().slice(1), [
    "enable lb-restore.service lb-reconcile.timer",
    "start lb-reconcile.timer",
  ]);
});

test("an uninstall tells what systemctl refuses, and minds no unit that is gone already", async (machine) => {
  await machine.lb("init", "--timer", "systemd");
  Deno.removeSync(`${machine.folder}/units/lb-restore.service`);
  const refuse = "#!/bin/sh\necho refused >&2\nexit 1\n";
  const systemctl = `${machine.folder}/bin/systemctl`;
  const before = Deno.readTextFileSync(systemctl);
  Deno.writeTextFileSync(systemctl, refuse);
  const { exitCode, stderr } = await machine.lb("uninstall", "--yes");
  assert.equal(exitCode, 1);
  assert.match(stderr, /attention: systemctl disable --now lb-reconcile\.timer failed: refused/);
  Deno.writeTextFileSync(systemctl, before);
  assert.equal((await machine.lb("uninstall", "--yes")).exitCode, 0);
  assert.deepEqual(machine.names("units"), []);
});

test("what cannot be had is exit 4", async (machine) => {
  Deno.removeSync(`${machine.folder}/systemd`);
  const { exitCode, stderr } = await machine.lb("init", "--timer", "systemd");
  assert.equal(exitCode, 4);
  assert.match(stderr, /systemd does not run here/);
  Deno.removeSync(`${machine.folder}/cron.d`);
  const cron = await machine.lb("init", "--timer", "cron");
  assert.equal(cron.exitCode, 4);
  assert.match(cron.stderr, /is cron installed\?/);
});

/** This machine's usual places, empty, for whoever is started in it, and a first process that can be looked at. */
const AT_HOME = `set -e
mount -t overlay none -o "lowerdir=$1/etc:/etc" /etc
for folder in /etc/lb /var/lib /run; do mount -t tmpfs none $folder; done
shift
exec "$@"
`;

async function lbAtHome({ folder }: Machine, env: Record<string, string>, ...argv: string[]) {
  Deno.mkdirSync(`${folder}/etc/lb`, { recursive: true });
  Deno.writeTextFileSync(`${folder}/home`, AT_HOME);
  const main = new URL("../../../main.ts", import.meta.url).pathname;
  const apart = ["unshare", ..."--net --mount --pid --fork --mount-proc".split(" ")] as const;
  const lb = [
    Deno.execPath(),
    ..."run --quiet --no-prompt --no-check -A".split(" "),
    main,
    ...argv,
  ];
  const run = [apart[0], ...apart.slice(1), "sh", `${folder}/home`, folder, ...lb] as const;
  const { code, stdout, stderr } = await process.run([run[0], ...run.slice(1)], { env });
  assert.equal(code, 0, stderr);
  return JSON.parse(stdout).timer as { kind: string; why: string; written: boolean };
}

/** Overlays are what a test can lay over /etc without touching it. */
const hasOverlay = Deno.readTextFileSync("/proc/filesystems").includes("overlay");

Deno.test({
  name:
    "where nobody says what, the usual lb gets systemd's timer where that runs, else cron's, else none" +
    (hasOverlay ? "" : " (skipped: no overlay file system)"),
  ignore: !hasOverlay || Deno.uid() !== 0,
  fn: () =>
    inMachine(async (machine) => {
      const { folder } = machine;
      const env = {
        PATH: `${folder}/bin:${Deno.env.get("PATH")}`,
        LB_CRON: `${folder}/cron.d`,
        LB_UNITS: `${folder}/units`,
      };
      const kinds: string[] = [];
      for (const gone of ["", "systemd", "cron.d"]) {
        if (gone !== "") Deno.renameSync(`${folder}/${gone}`, `${folder}/no-${gone}`);
        for (const name of machine.names("units")) Deno.removeSync(`${folder}/units/${name}`);
        const timer = await lbAtHome(
          machine,
          { ...env, LB_SYSTEMD: `${folder}/systemd` },
          ..."init --json".split(" "),
        );
        kinds.push(timer.kind);
        assert.equal(timer.written, timer.kind !== "none", timer.why);
      }
      assert.deepEqual(kinds, ["systemd", "cron", "none"]);
      assert.doesNotMatch(
        Deno.readTextFileSync(`${folder}/no-cron.d/lb`),
        /--state|--config|--run-dir/,
      );
    }),
});

const hasAnalyze = (await process.run(["which", "systemd-analyze"])).code === 0;

Deno.test({
  name: hasAnalyze
    ? "systemd takes the units"
    : "systemd takes the units (skipped: no systemd-analyze)",
  ignore: !hasAnalyze,
  fn: () =>
    inMachine(async (machine) => {
      await machine.lb("init", "--timer", "systemd");
      const paths = UNITS.map((name) => `${machine.folder}/units/${name}`);
      const { code, stdout, stderr } = await process.run(["systemd-analyze", "verify", ...paths]);
      assert.deepEqual({ code, said: stdout + stderr }, { code: 0, said: "" });
    }),
});
