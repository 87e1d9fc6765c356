/**
 * Builds `dist/lb`, one executable, in the form that can be had:
 *
 * - compiled: by `deno compile`, which needs `denort` from `DENORT_BIN` or from Deno's own server;
 * - self-extracting: templates/launcher.sh and an archive of this Deno and the bundled program.
 *
 * Two builds of one commit on one machine are the same bytes (esbuild names chunks by where their
 * sources lie).
 */
import config from "../deno.json" with { type: "json" };
import { parseArgs } from "node:util";

const ROOT = new URL("..", import.meta.url).pathname;
const LAUNCHER = "launcher.sh";
const HEAD_BYTES = 4096;
/** Started by name as a thread (lib/queue/worker/worker_threads.ts): to be there as a file of its own. */
const THREAD = "lib/queue/thread/main.ts";
/** Of ink's, for who works on ink: looked for only where the environment has DEV, and then not found. */
const ABSENT = "--external=react-devtools-core";
/** Long enough for a slow line, short enough not to be waited for where the server is out of reach. */
const DENORT_PROBE_MS = 3000;
const DENORT_COMPILE_MS = 180_000;

interface Compression {
  readonly pack: readonly [string, ...string[]];
  readonly suffix: string;
  readonly unpack: string;
}

const COMPRESSIONS: Readonly<Record<"gzip" | "zstd", Compression>> = {
  gzip: { pack: ["gzip", "-9n"], suffix: ".gz", unpack: "gzip -dc" },
  zstd: { pack: ["zstd", "-19", "-T0", "-q"], suffix: ".zst", unpack: "zstd -dc" },
};

const HELP = `Usage: deno task build [options]

  --form FORM    auto (default), compiled or self-extracting
  --zstd         smaller, faster to unpack; the machine needs zstd (self-extracting only)
  --output FILE  default dist/lb
`;

async function main(): Promise<void> {
  const { values } = parseArgs({
    args: Deno.args,
    options: {
      form: { type: "string", default: "auto" },
      zstd: { type: "boolean", default: false },
      output: { type: "string", default: `${ROOT}dist/lb` },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return console.log(HELP);
  if (!["auto", "compiled", "self-extracting"].includes(values.form)) {
    throw new Error(`--form ${values.form}: use auto, compiled or self-extracting`);
  }
  const output = await absolute(values.output);
  const compression = COMPRESSIONS[values.zstd ? "zstd" : "gzip"];
  const form = await build(values.zstd ? "self-extracting" : values.form, output, compression);
  const { size } = await Deno.stat(output);
  console.error(`${output}: ${form}, ${(size / 1e6).toFixed(1)} MB`);
}

async function build(form: string, output: string, compression: Compression): Promise<string> {
  if (form === "compiled" || form === "auto" && await denortCanBeHad()) {
    await compile(output);
    return "compiled";
  }
  await selfExtracting(output, compression);
  return "self-extracting";
}

/** The file's place is made, and the path is good from any folder. */
async function absolute(path: string): Promise<string> {
  const folder = path.includes("/") ? path.slice(0, path.lastIndexOf("/") + 1) : "./";
  await Deno.mkdir(folder, { recursive: true });
  return `${await Deno.realPath(folder)}/${path.slice(path.lastIndexOf("/") + 1)}`;
}

async function denortCanBeHad(): Promise<boolean> {
  if (Deno.env.get("DENORT_BIN")) return true;
  const url = `https://dl.deno.land/release/v${Deno.version.deno}/denort-${Deno.build.target}.zip`;
  try {
    const response = await fetch(url, {
      method: "HEAD",
      signal: AbortSignal.timeout(DENORT_PROBE_MS),
    });
    return response.ok;
  } catch {
    return false;
  }
}

/**
 * lb lives for a second beside what else the machine does: memory counts for more than the time that
 * collecting garbage takes, and nobody waits on its pauses. While V8 marks in small steps, garbage piles up
 * beside them. At 10,000 services the peak is 250 MB with these, 410 MB without, in the same time.
 */
const V8_FLAGS = "--max-semi-space-size=4,--heap-growing-percent=40,--no-incremental-marking";

async function compile(output: string): Promise<void> {
  const made = `${output}.${Deno.pid}.new`;
  const flags = [
    "compile",
    "-A",
    "--no-check",
    "--frozen",
    "--include",
    "templates",
    "--include",
    THREAD,
    `--v8-flags=${V8_FLAGS}`,
  ];
  const argv = [Deno.execPath(), ...flags, "--output", made, "main.ts"] as const;
  await run(argv, AbortSignal.timeout(DENORT_COMPILE_MS));
  await Deno.rename(made, output);
}

async function selfExtracting(output: string, compression: Compression): Promise<void> {
  const stage = await Deno.makeTempDir({ prefix: "lb-build-" });
  try {
    await fill(`${stage}/tree`);
    const archive = await Deno.readFile(await pack(`${stage}/tree`, compression));
    const { size } = await Deno.stat(Deno.execPath());
    const made = `${output}.${Deno.pid}.new`;
    using file = await Deno.open(made, { write: true, createNew: true, mode: 0o755 });
    await writeAll(file, await head(archive, size, compression));
    await writeAll(file, archive);
    await Deno.rename(made, output);
  } finally {
    await Deno.remove(stage, { recursive: true });
  }
}

async function writeAll(file: Deno.FsFile, bytes: Uint8Array): Promise<void> {
  for (let at = 0; at < bytes.length;) at += await file.write(bytes.subarray(at));
}

/** Lays out what LB_HOME holds at run time. */
async function fill(tree: string): Promise<void> {
  await Deno.mkdir(`${tree}/templates`, { recursive: true });
  await Deno.mkdir(`${tree}/deno_dir`);
  await Deno.copyFile(Deno.execPath(), `${tree}/deno`);
  const how = [ABSENT, "--minify", "--code-splitting", "--outdir", `${tree}/app`];
  await run([Deno.execPath(), "bundle", "--frozen", ...how, "main.ts", THREAD]);
  await loadLater(`${tree}/app`);
  await copyFolder(`${ROOT}templates`, `${tree}/templates`, (name) => name !== LAUNCHER);
  await Deno.writeTextFile(`${tree}/build.json`, JSON.stringify(await buildInfo()) + "\n");
}

/** How a bundle gets CommonJS packages what they `require`: in a chunk that every start loads. */
const REQUIRE = new RegExp(
  'import\\{createRequire as (__deno_internal_createRequire)\\} ?from ?"node:module";' +
    "var (\\w+)=\\1\\(import\\.meta\\.url\\);",
);

/** Another chunk, for when it is needed. */
const IMPORT = /\bimport ?\("(\.\/[\w-]+\.js)"\)/g;

/** As commander has them, for ways that lb does not go: 8 ms of each command. */
const BUILTIN = /\bimport ([\w$]+) ?from ?"(node:(?:child_process|fs))";/g;

/**
 * What a command does not need is not loaded: cron starts one every minute.
 *
 * @throws {Error} where this Deno bundles in another way
 */
async function loadLater(app: string): Promise<void> {
  let imports = 0;
  for await (const { name } of Deno.readDir(app)) {
    if (!name.endsWith(".js")) continue;
    const text = requiringLater(name, await Deno.readTextFile(`${app}/${name}`));
    // Where an import names its file, Deno 2.9 reads that one, and all it leads to, before the first line runs: 224
    // chunks, and half of the time that `lb --version` takes.
    const later = text
      .replace(IMPORT, (_, path) => `import(String("${path}"))`)
      .replace(BUILTIN, (_, it, builtin) => {
        const get = `(_,name)=>process.getBuiltinModule("${builtin}")[name]`;
        return `var ${it}=new Proxy({},{get:${get}});`;
      });
    imports += later === text ? 0 : 1;
    await Deno.writeTextFile(`${app}/${name}`, later);
  }
  if (imports === 0) throw new Error("the bundle imports in an unknown way");
}

/** Only ink's packages require anything, and `node:module` takes 25 ms: who comes to require loads it. */
function requiringLater(name: string, text: string): string {
  if (!text.includes("__deno_internal_createRequire")) return text;
  if (!REQUIRE.test(text)) throw new Error(`${name} of the bundle requires in an unknown way`);
  return text.replace(
    REQUIRE,
    (_, _maker, it) =>
      `var ${it}=(name)=>(${it}=process.getBuiltinModule("node:module")` +
      ".createRequire(import.meta.url))(name);",
  );
}

async function copyFolder(from: string, to: string, wanted: (name: string) => boolean) {
  for await (const { name, isDirectory } of Deno.readDir(from)) {
    if (!wanted(name)) continue;
    if (isDirectory) {
      await Deno.mkdir(`${to}/${name}`);
      await copyFolder(`${from}/${name}`, `${to}/${name}`, wanted);
    } else await Deno.copyFile(`${from}/${name}`, `${to}/${name}`);
  }
}

async function buildInfo(): Promise<Record<string, string>> {
  const { version } = config;
  const { target } = Deno.build;
  return { version, commit: await commit(), deno: Deno.version.deno, target };
}

async function commit(): Promise<string> {
  try {
    return (await run(["git", "rev-parse", "HEAD"])).trim();
  } catch {
    // No git here, or the sources came as an archive: a build is possible all the same.
    return "unknown";
  }
}

/** The blocking factor of 1 leaves nothing behind the end mark: no tar stops before gzip is done. */
async function pack(tree: string, compression: Compression): Promise<string> {
  const tarball = `${tree}.tar`;
  const owner = ["--owner=0", "--group=0", "--numeric-owner", "--mode=u=rwX,go=rX"];
  const order = ["--sort=name", "--mtime=@0", "--format=ustar", "-b", "1"];
  await run(["tar", ...owner, ...order, "-C", tree, "-cf", tarball, "."]);
  await run([...compression.pack, tarball]);
  return `${tarball}${compression.suffix}`;
}

/** The launcher with its blanks filled in, padded so that where the archive starts is known beforehand. */
async function head(archive: Uint8Array, tree_bytes: number, { unpack }: Compression) {
  const blanks: Record<string, string> = {
    HASH: hex(await crypto.subtle.digest("SHA-256", archive.slice())).slice(0, 32),
    ARCHIVE_START: `${HEAD_BYTES + 1}`,
    DECOMPRESS: unpack,
    ENGINE_FLAGS: V8_FLAGS,
    MEGABYTES: `${Math.ceil(tree_bytes / 1e6)}`,
  };
  const template = await Deno.readTextFile(`${ROOT}templates/${LAUNCHER}`);
  const text = template.replaceAll(/@([A-Z_]+)@/g, (blank, name) => blanks[name] ?? blank);
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > HEAD_BYTES) throw new Error(`${LAUNCHER} is longer than ${HEAD_BYTES} bytes`);
  const padded = new Uint8Array(HEAD_BYTES).fill(0x0a);
  padded.set(bytes);
  return padded;
}

function hex(bytes: ArrayBuffer): string {
  return Array.from(new Uint8Array(bytes), (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** Runs a program in the checkout and gives its standard output. @throws what it said, where it fails */
async function run(argv: readonly [string, ...string[]], signal?: AbortSignal): Promise<string> {
  const [program, ...args] = argv;
  const env = { NO_COLOR: "1" };
  const options = { args, cwd: ROOT, env, signal, stdout: "piped", stderr: "piped" } as const;
  const { success, stdout, stderr } = await new Deno.Command(program, options).output();
  const text = new TextDecoder();
  if (!success) throw new Error(`${argv.join(" ")} failed:\n${text.decode(stderr)}`);
  return text.decode(stdout);
}

try {
  await main();
} catch (error) {
  console.error(`build: ${error instanceof Error ? error.message : error}`);
  Deno.exit(1);
}
