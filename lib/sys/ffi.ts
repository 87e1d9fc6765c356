import { LbError } from "../model/error.ts";
import { errnoName } from "../model/errno.ts";

const SYMBOLS = {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  recvmmsg: { parameters: ["i32", "buffer", "u32", "i32", "pointer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  write: { parameters: ["i32", "buffer", "usize"], result: "isize" },
  poll: { parameters: ["buffer", "usize", "i32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  // On a thread of its own, whose errno nobody can read.
  epoll_wait: {
    parameters: ["i32", "buffer", "i32", "i32"],
    result: "i32",
    nonblocking: true,
  },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  fcntl: { parameters: ["i32", "i32", "i32"], result: "i32" },
  prctl: { parameters: ["i32", "isize", "isize", "isize", "isize"], result: "i32" },
  syscall: { parameters: ["isize", "isize", "isize", "isize"], result: "isize" },
  close: { parameters: ["i32"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
} as const satisfies Deno.ForeignLibraryInterface;

/** glibc's name, then musl's. */
const LIBRARY_NAMES = ["libc.so.6", `libc.musl-${Deno.build.arch}.so.1`];

type Library = Deno.DynamicLibrary<typeof SYMBOLS>;

interface OpenLibrary extends Library {
  /** Where this thread's errno lives, for as long as the thread does. */
  readonly errno: Deno.UnsafePointerView;
}

let library: OpenLibrary | undefined;

/** The C library's functions, opened when first used. @throws {LbError} `unsupported` without one */
export function libc(): OpenLibrary["symbols"] {
  library ??= openLibrary();
  return library.symbols;
}

/** Name of the error of the last call that failed; to be read before anything else is called. */
export function lastErrno(): string {
  return library ? errnoName(library.errno.getInt32()) : "errno 0";
}

/** Closes the library, for tests that count open resources. It opens again when used again. */
export function closeLibc(): void {
  library?.close();
  library = undefined;
}

function openLibrary(): OpenLibrary {
  const opened = openFirst();
  const pointer = opened.symbols.__errno_location();
  if (!pointer) throw new LbError("unsupported", "the C library does not say where errno is");
  return {
    symbols: opened.symbols,
    close: () => opened.close(),
    errno: new Deno.UnsafePointerView(pointer),
  };
}

function openFirst(): Library {
  const causes: unknown[] = [];
  for (const name of LIBRARY_NAMES) {
    try {
      return Deno.dlopen(name, SYMBOLS);
    } catch (cause) {
      causes.push(cause);
    }
  }
  const tried = LIBRARY_NAMES.join(", ");
  throw new LbError("unsupported", `cannot open the C library (tried ${tried})`, { cause: causes });
}
