import { codeOnly, type Source, withoutComments } from "./source.ts";

/** What a file may not hold. */
interface Rule {
  readonly why: string;
  /** The files it is for. */
  readonly where: RegExp;
  readonly except?: RegExp;
  /** Which part of the file is looked at. */
  readonly of: (text: string) => string;
  readonly never: RegExp;
}

const EVERYWHERE = /./;
const PROGRAM = /^(?:lib|cmd)\/|^main\.ts$/;
const LINES_MAX = 400;

function whole(text: string): string {
  return text;
}

const RULES: readonly Rule[] = [
  {
    why: "only main.ts ends the program",
    where: PROGRAM,
    except: /^main\.ts$/,
    of: codeOnly,
    never: /\bDeno\.exit\b/,
  },
  {
    why: "programs and foreign functions are called in lib/sys only",
    where: PROGRAM,
    except: /^lib\/sys\//,
    of: codeOnly,
    never: /\bDeno\.(?:Command|dlopen)\b|["']node:child_process["']/,
  },
  {
    why: "programs get an argument list, never a shell",
    where: PROGRAM,
    of: withoutComments,
    never: /["'`](?:\/bin\/)?(?:sh|bash|dash)["'`]\s*,\s*["'`]-\w*c["'`]/,
  },
  {
    why: "`any` switches the types off; say what it is, or unknown",
    where: EVERYWHERE,
    of: codeOnly,
    // As a type: a value may be called so.
    never: /(?:[:<|&]|=>|\bas|\bextends)\s*any\b|,\s*any\s*>/,
  },
  {
    why: "the compiler and the linter are right, or are set in deno.json",
    where: EVERYWHERE,
    of: whole,
    // Split, so that this file does not hold what it forbids.
    never: new RegExp("@ts-" + "(?:ignore|nocheck|expect-error)|deno-(?:lint|fmt)-" + "ignore"),
  },
  {
    why: "what is left to do is an issue, not a comment",
    where: EVERYWHERE,
    of: whole,
    never: new RegExp("\\b(?:TO" + "DO|FIX" + "ME|XX" + "X)\\b"),
  },
  {
    why: "a file with tests is named *_test.ts, or nobody runs it",
    where: EVERYWHERE,
    except: /_test\.ts$/,
    of: codeOnly,
    // At the left margin: a contract suite registers its tests from inside a function.
    never: /^Deno\.test\(/m,
  },
];

/** Every rule this file breaks, each with its first place. */
export function brokenRules(source: Source): string[] {
  const broken = RULES.filter(({ where, except }) =>
    where.test(source.path) && !except?.test(source.path)
  ).flatMap(({ why, of, never }) => {
    const text = of(source.text);
    const at = text.search(never);
    return at < 0 ? [] : [`${source.path}:${text.slice(0, at).split("\n").length}: ${why}`];
  });
  return [...broken, ...tooLong(source)];
}

function tooLong({ path, text }: Source): string[] {
  const lines = text.trimEnd().split("\n").length;
  return lines > LINES_MAX ? [`${path} has ${lines} lines; at most ${LINES_MAX}`] : [];
}
