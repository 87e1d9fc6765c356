#!/bin/sh
# lb: this head, then a tar archive of the Deno runtime and the program, unpacked once into a folder
# that only its owner can write, named by the archive's hash, and run from there. LB_CACHE=/some/folder
# chooses where. Once it is unpacked only builtins run: cron starts lb every minute.
hash=@HASH@
shared=/var/cache/lb

# A folder of another user's is trusted below /var/cache only, where nobody but root can have made it.
usable() {
  [ -x "$home/deno" ] && [ ! -L "$cache" ] && { [ -O "$home" ] || [ "$cache" = "$shared" ]; }
}

die() {
  echo "lb: cannot unpack itself into $cache: $1" >&2
  echo "lb: it needs a private folder with @MEGABYTES@ MB free, not mounted noexec: LB_CACHE=/some/folder chooses one" >&2
  exit 5
}

check_private() {
  [ ! -L "$1" ] || die "$1 is a symbolic link; name the folder itself"
  [ -O "$1" ] || die "$1 belongs to another user"
  case $(ls -ld "$1") in
    ?????w* | ????????w*) die "others may write to $1; chmod go-w it" ;;
  esac
}

make_cache() {
  case $cache in
    /.cache/lb) die 'HOME is not set' ;;
    /*) ;;
    *) die 'the path must be absolute' ;;
  esac
  error=$(mkdir -p "${cache%/*}/" 2>&1) || die "$error"
  [ -d "$cache" ] || error=$(mkdir -m "$mode" "$cache" 2>&1) || [ -d "$cache" ] || die "$error"
  check_private "$cache"
  [ ! -e "$home" ] || check_private "$home"
}

extract() {
  tail -c +@ARCHIVE_START@ "$self" | { @DECOMPRESS@ || echo '@DECOMPRESS@ did not reach the end' >&2; } |
    tar -xomf - -C "$1"
}

# A subshell, so that umask and traps end with it.
unpack() (
  case $cache in
    "$shared") mode=755 && umask 022 ;;
    *) mode=700 && umask 077 ;;
  esac
  unset GZIP
  make_cache
  # What killed first starts left behind.
  find "$cache" -maxdepth 1 -name '.new.*' -mmin +60 -exec rm -rf {} +
  new=$(mktemp -d "$cache/.new.XXXXXX" 2>&1) || die "$new"
  trap 'rm -rf "$new"' EXIT
  trap 'exit 5' HUP INT TERM
  { error=$(extract "$new" 2>&1) && [ -z "$error" ]; } || die "$error"
  error=$("$new/deno" --version 2>&1) || die "the runtime does not start there: $error"
  chmod "$mode" "$new" && sync "$new/deno"
  # Another first start may have been faster: then its folder stays and ours goes, also where mv put
  # ours inside it.
  [ -x "$home/deno" ] || { rm -rf "$home"; error=$(mv "$new" "$home" 2>&1); }
  rm -rf "${home:?}/${new##*/}"
  usable || die "$error"
)

# `bash lb` finds lb on PATH and does not say where.
self=$0
[ -f "$self" ] || self=$(command -v -- "$0")

cache=${LB_CACHE:-$shared}
home=$cache/$hash
if [ -z "${LB_CACHE-}" ] && ! usable && ! { [ -O /var/cache ] && [ -w /var/cache ]; }; then
  cache=${XDG_CACHE_HOME:-${HOME-}/.cache}/lb
  home=$cache/$hash
fi
usable || unpack || exit

case $self in /*) ;; *) self=$PWD/$self ;; esac
export LB_BUILD=self-extracting LB_HOME="$home" LB_SELF="$self"
export DENO_DIR="$home/deno_dir" DENO_NO_UPDATE_CHECK=1
exec "$home/deno" run -A --v8-flags=@ENGINE_FLAGS@ --no-config --no-lock --no-npm --no-remote --cached-only --no-check --quiet \
  "$home/app/main.js" "$@"
