#!/bin/sh
# Builds lb from this checkout and installs it. Safe to run again.
set -eu
here=$(cd -- "$(dirname -- "$0")" && pwd)
. "$here/.ci/setup.sh"

usage() {
  cat <<'END'
Usage: ./install.sh [--prefix DIR] [--demo]
       ./install.sh [--prefix DIR] --uninstall

  --prefix DIR   install as DIR/bin/lb (default /usr/local)
  --demo         then run `lb demo`: the main job on real packets (needs root)
  --uninstall    undo what lb did to this machine, then remove lb and its caches
  --help         print this

Gets what is missing from npm and Debian: Deno, nftables, iproute2, procps, netbase.
From the environment:

  LB_CACHE=DIR        where lb unpacks itself (root: /var/cache/lb, others: ~/.cache/lb)
  LB_BUILD_CACHE=DIR  where a Deno of our own is kept (~/.cache/lb-build)
END
}

prefix=/usr/local demo='' uninstall=''
while [ $# -gt 0 ]; do
  case $1 in
    --prefix) [ -n "${2-}" ] || fail '--prefix needs a folder'; prefix=$2; shift ;;
    --prefix=?*) prefix=${1#*=} ;;
    --demo) demo=yes ;;
    --uninstall) uninstall=yes ;;
    --help | -h) usage; exit 0 ;;
    *) usage >&2; say "error: unknown option $1"; exit 2 ;;
  esac
  shift
done
case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
bin=$prefix/bin/lb

# Where lb unpacks itself for this user: the rule of templates/launcher.sh.
if [ -n "${LB_CACHE-}" ]; then cache=$LB_CACHE
elif [ -w /var/cache ]; then cache=/var/cache/lb
else cache=${XDG_CACHE_HOME:-$HOME/.cache}/lb
fi

# Removes the folders of other builds, but none that a running lb may yet load a part from.
forget_unpacked() {
  for folder in "$cache"/*; do
    case ${folder##*/} in "$1" | *[!0-9a-f]*) continue ;; esac
    [ -x "$folder/deno" ] || continue
    if readlink /proc/[0-9]*/exe 2>/dev/null | grep -qxF -- "$folder/deno"; then
      say "Kept $folder: it is in use"
    else
      rm -rf "$folder"
    fi
  done
}

unpacked_hash() {
  head -c 4096 "$1" | sed -n 's/^hash=//p'
}

uninstall() {
  if [ -x "$bin" ] && [ -e "${LB_STATE:-/var/lib/lb}" ]; then
    "$bin" uninstall --yes || fail "lb could not undo what it did (above), so lb itself stays"
  fi
  rm -f "$bin" "$bin".new.*
  forget_unpacked none
  rm -rf "$cache"/.new.*
  [ ! -d "$cache" ] || rmdir "$cache" 2>/dev/null || :
  rm -rf "$build_cache"/deno-* "$build_cache/deno_dir" "$build_cache/bench"
  [ ! -d "$build_cache" ] || rmdir "$build_cache" 2>/dev/null || :
  say "Removed $bin and its caches. Debian packages stay."
}

need_runtime() {
  if [ "$(id -u)" -eq 0 ]; then
    # procps: the demo compares every sysctl before and after. netbase: without /etc/protocols nft
    # prints 6 for tcp.
    need nft:nftables ip:iproute2 sysctl:procps /etc/protocols:netbase
  elif ! command -v nft >/dev/null || ! command -v ip >/dev/null; then
    say 'Note: lb needs nftables and iproute2 at run time; as root: apt-get install nftables iproute2'
  fi
}

build() {
  need_deno
  cd "$here"
  say "Building with Deno $deno_version ($deno)"
  "$deno" install --quiet --frozen </dev/null || fail 'deno install failed: is the npm registry within reach?'
  # denort comes from neither npm nor Debian: only where somebody brought one is it used.
  form=self-extracting
  [ -z "${DENORT_BIN-}" ] || form=compiled
  "$deno" task --quiet build --form "$form" </dev/null
}

# Said before minutes are spent on building.
check_prefix() {
  [ ! -d "$bin" ] || fail "$bin is a folder"
  { mkdir -p "$prefix/bin" && [ -w "$prefix/bin" ]; } ||
    fail "cannot write to $prefix/bin: run this as root, or choose a folder of yours with --prefix"
}

# By rename, and only once it has run from where it will be: until then the lb before it works.
install_lb() {
  new=$bin.new.$$
  trap 'rm -f "$new"' EXIT
  cp "$here/dist/lb" "$new"
  chmod 755 "$new"
  # Twice: the first start unpacks and compiles, the second shows that what it left is good.
  { "$new" --version >/dev/null && version=$("$new" --version); } ||
    fail 'the new lb does not start; nothing was replaced'
  sync "$new"
  mv -f "$new" "$bin"
  forget_unpacked "$(unpacked_hash "$bin")"
}

next_steps() {
  case :$PATH: in *:"$prefix/bin":*) lb=lb ;; *) lb=$bin ;; esac
  cat <<END
Installed $bin: $version
Next:
  $lb demo          the main job on real packets, in network namespaces of its own
  $lb init          what this machine can do, and a commented /etc/lb/lb.toml
  $lb apply --plan  what it would change; without --plan, changes it
END
}

if [ -n "$uninstall" ]; then
  uninstall
  exit
fi
[ -z "$demo" ] || [ "$(id -u)" -eq 0 ] || fail '--demo makes network namespaces: run it as root'
check_prefix
need_runtime
build
install_lb
next_steps
[ -z "$demo" ] || exec "$bin" demo
