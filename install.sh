#!/bin/sh
# Installs lb: built from the checkout that this file lies in, or else downloaded as a release:
#   curl -fsSL https://HOST/install.sh | sh -s -- --prefix ~/.local
# Safe to run again. The brace is closed on the last line: where the download of this file is cut
# off, the shell finds no end and runs none of it.
{
set -eu

# Where releases are: filled in by .ci/release --base-url.
release_url=''

# What is busy for longer hangs; what takes longer in all is no download.
idle_max_s=${LB_TIMEOUT:-30} total_max_s=3600

# The service manager, where it runs, and the service that lb has there.
systemd=${LB_SYSTEMD:-/run/systemd/system} unit=${LB_UNITS:-/etc/systemd/system}/lb-queue.service
# What runs lb by itself, where lb init has seen to that.
schedules="${LB_CRON:-/etc/cron.d}/lb ${unit%/*}/lb-reconcile.timer"
# What man and the shells find by themselves, below the prefix, and the command of lb that prints it.
manual='share/man/man1/lb.1 man'
completions='share/bash-completion/completions/lb bash
share/zsh/site-functions/_lb zsh
share/fish/vendor_completions.d/lb.fish fish'

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

wrong_usage() {
  usage >&2
  say "error: $*"
  exit 2
}

usage() {
  cat <<'END'
Usage: ./install.sh [options]                              builds lb from this checkout
       curl -fsSL URL/install.sh | sh -s -- [options]      downloads a release of it

  --prefix DIR   install as DIR/bin/lb (default /usr/local), its manual and completions in DIR/share
  --version X    this release instead of the newest (download only)
  --zstd         the form that is smaller and unpacks faster; the machine then needs zstd
  --demo         then run `lb demo`: the main job on real packets (needs root)
  --uninstall    undo what lb did to this machine, then remove lb and its caches
  --help         print this

Building gets what is missing from npm and Debian: Deno, curl, nftables, iproute2, procps, netbase.
Downloading needs curl or wget; where nft or ip are missing, root has apt-get install them.
From the environment:

  LB_BASE_URL=URL     the folder of releases to download from
  LB_TIMEOUT=SECONDS  give a download up after so long without a byte (30)
  LB_CACHE=DIR        where lb unpacks itself (root: /var/cache/lb, others: ~/.cache/lb)
  LB_BUILD_CACHE=DIR  where a Deno of our own is kept (~/.cache/lb-build)
END
}

read_options() {
  prefix=/usr/local wanted='' zstd='' demo='' uninstall=''
  while [ $# -gt 0 ]; do
    case $1 in
      --prefix) [ -n "${2-}" ] || wrong_usage '--prefix needs a folder'; prefix=$2; shift ;;
      --prefix=?*) prefix=${1#*=} ;;
      --version) [ -n "${2-}" ] || wrong_usage '--version needs a version'; wanted=$2; shift ;;
      --version=?*) wanted=${1#*=} ;;
      --zstd) zstd=yes ;;
      --demo) demo=yes ;;
      --uninstall) uninstall=yes ;;
      --help | -h) usage; exit 0 ;;
      *) wrong_usage "unknown option $1" ;;
    esac
    shift
  done
  [ -z "$here" ] || [ -z "$wanted" ] ||
    wrong_usage '--version is for downloads: this file lies in a checkout, and builds that'
  case $prefix in /*) ;; *) prefix=$PWD/$prefix ;; esac
  bin=$prefix/bin/lb
  new=$bin.new.$$
}

# Sets $here, empty unless this is the install.sh of a checkout: read from a pipe, $0 is the shell.
find_checkout() {
  here=''
  if [ "${0##*/}" = install.sh ] && [ -f "$0" ]; then
    here=$(cd -- "$(dirname -- "$0")" && pwd)
    [ -f "$here/.ci/build.ts" ] || here=''
  fi
  if [ -n "$here" ]; then
    . "$here/.ci/setup.sh"
  else
    PATH=$PATH:/usr/sbin:/sbin
    build_cache=${LB_BUILD_CACHE:-${XDG_CACHE_HOME:-${HOME-}/.cache}/lb-build}
  fi
}

# Sets $cache, where lb unpacks itself for this user: the rule of templates/launcher.sh.
find_cache() {
  if [ -n "${LB_CACHE-}" ]; then cache=$LB_CACHE
  elif [ -w /var/cache ]; then cache=/var/cache/lb
  else cache=${XDG_CACHE_HOME:-${HOME-}/.cache}/lb
  fi
}

# Removes the folders of other builds, but none that a running lb may yet load a part from.
forget_unpacked() {
  for folder in "$cache"/*; do
    case ${folder##*/} in "$1" | *[!0-9a-f]*) continue ;; esac
    [ -x "$folder/deno" ] || continue
    if readlink /proc/[0-9]*/exe 2>/dev/null | grep -qxF -- "$folder/deno"; then
      say "Kept $folder: it is in use"
    else
      # Another install may be at it as well, and busybox minds what somebody else has removed.
      rm -rf "$folder" 2>/dev/null || [ ! -e "$folder" ] || { sleep 1; rm -rf "$folder"; }
    fi
  done
}

unpacked_hash() {
  head -c 4096 "$1" | sed -n 's/^hash=//p'
}

# Files of installs that ended or were killed, and of this one; $busy tells if another runs.
remove_temporary() {
  busy=''
  for file in "$bin".new.*; do
    [ -e "$file" ] || continue
    # What was killed and not yet waited for has no command line.
    if [ "$file" != "$new" ] && grep -q . "/proc/${file##*.}/cmdline" 2>/dev/null; then
      busy=yes
    else
      rm -f "$file"
    fi
  done
}

# Called by traps. Helpers are killed with 9 because a shell that was forked just now still catches
# others as we do, and then forgets them.
# shellcheck disable=SC2086,SC2317 # words; called
clean_up() {
  [ -z "$helpers" ] || kill -9 $helpers 2>/dev/null || :
  # What the new lb unpacked to show that it runs, if it is not to be had.
  [ -z "$tried" ] || forget_others
  rm -f "$new"
}

# Folders of builds other than the one in place, unless another install needs one of them just now.
forget_others() {
  remove_temporary
  [ -z "$busy" ] || return 0
  if [ -f "$bin" ]; then forget_unpacked "$(unpacked_hash "$bin")"; else forget_unpacked none; fi
}

uninstall() {
  # shellcheck disable=SC2086 # words
  if [ -x "$bin" ] && { [ -e "${LB_STATE:-/var/lib/lb}" ] || grep -qs '^# Made by "lb init' $schedules; }; then
    "$bin" uninstall --yes </dev/null ||
      fail "lb could not undo what it did (above), so lb itself stays"
  fi
  remove_unit
  remove_extras
  rm -f "$bin" "$bin".new.*
  forget_unpacked none
  rm -rf "$cache"/.new.*
  [ ! -d "$cache" ] || rmdir "$cache" 2>/dev/null || :
  rm -rf "$build_cache"/deno-* "$build_cache/deno_dir" "$build_cache/bench"
  [ ! -d "$build_cache" ] || rmdir "$build_cache" 2>/dev/null || :
  say "Removed $bin, its manual, completions and caches. Debian packages stay."
}

need_for_build() {
  if [ "$(id -u)" -eq 0 ]; then
    # procps: the demo compares every sysctl before and after. netbase: without /etc/protocols nft
    # prints 6 for tcp.
    need nft:nftables ip:iproute2 sysctl:procps /etc/protocols:netbase
  elif ! command -v nft >/dev/null || ! command -v ip >/dev/null; then
    say 'Note: lb needs nftables and iproute2 at run time; as root: apt-get install nftables iproute2'
  fi
}

build() {
  need_for_build
  need_deno
  cd "$here"
  say "Building with Deno $deno_version ($deno)"
  "$deno" install --quiet --frozen </dev/null || fail 'deno install failed: is the npm registry within reach?'
  # denort comes from neither npm nor Debian: only where somebody brought one is it used.
  form=self-extracting
  [ -z "${DENORT_BIN-}" ] || form=compiled
  "$deno" task --quiet build --form "$form" ${zstd:+--zstd} </dev/null
  cp "$here/dist/lb" "$new"
}

# The first of these command lines whose program is here.
first_of() {
  for line; do
    ! command -v "${line%% *}" >/dev/null || { printf '%s\n' "$line"; return; }
  done
  return 1
}

# Sets $fetcher, which writes what is at an address to its standard output, and $hasher.
choose_tools() {
  hasher=$(first_of sha256sum 'openssl dgst -sha256 -r' 'shasum -a 256' 'busybox sha256sum') ||
    fail 'nothing here can check a SHA-256: install sha256sum (coreutils), openssl or busybox'
  fetcher=$(first_of curl wget 'busybox wget') ||
    fail 'nothing here can download: install curl or wget'
  case $fetcher in
    curl) fetcher="curl -fsSL --proto =$protocols" ;;
    wget) case $(wget --version 2>/dev/null) in
      # By default it tries twenty times.
      "GNU Wget"*) fetcher='wget -nv --tries=1 -O -' ;;
      *) fetcher='wget -q -O -' ;;
    esac ;;
    *) fetcher="$fetcher -q -O -" ;;
  esac
}

# fetch URL: what is there becomes the file $new. In the background, because Debian's busybox wget
# knows no time-out, and because a shell heeds no signal while a foreground program runs.
fetch() {
  # shellcheck disable=SC2086 # words
  $fetcher "$1" >"$new" &
  helpers=$!
  loader=$helpers status=0
  watch "$loader" "$1" &
  watcher=$!
  helpers="$loader $watcher"
  wait "$loader" || status=$?
  kill -9 "$watcher" 2>/dev/null || :
  # Or bash says that it was killed.
  wait "$watcher" 2>/dev/null || :
  helpers=''
  [ "$status" -eq 0 ] ||
    fail "could not download $1 (${fetcher%% *} ended with $status); nothing was replaced"
}

# watch PID URL: ends a download that hangs, or whose install.sh was killed.
watch() {
  size='' idle_s=0 total_s=0
  # Nothing may wait for an end of our output that only this sleep still holds open.
  while sleep 1 >/dev/null 2>&1; do
    before=$size size=$(wc -c <"$new") || size=unknown
    if [ "$size" = "$before" ]; then idle_s=$((idle_s + 1)); else idle_s=0; fi
    total_s=$((total_s + 1))
    if [ "$idle_s" -lt "$idle_max_s" ] && [ "$total_s" -lt "$total_max_s" ] && kill -0 $$; then
      continue
    fi
    say "Giving up on $2: $size bytes in $total_s s, none in the last $idle_s s"
    kill "$1"
    return
  done
}

# Sets $sum to what SHA256SUMS, now in $new, says of a file. A last line that was cut off has no end.
read_sum() {
  sum=''
  while read -r value file; do
    [ "${file#\*}" != "$1" ] || sum=$value
  done <"$new"
  [ -n "$sum" ] || fail "$base/SHA256SUMS does not name $1: there is no such release; nothing was replaced"
}

check_sum() {
  # shellcheck disable=SC2086 # words
  found=$($hasher <"$new") || fail "$hasher failed; nothing was replaced"
  [ "${found%% *}" = "$sum" ] || fail "$1 is not what it should be, its SHA-256 differs" \
    "(expected $sum, got ${found%% *}): cut off or changed on its way; nothing was replaced"
}

find_release() {
  case $idle_max_s in
    *[!0-9]* | '') fail "LB_TIMEOUT=$idle_max_s: say it in whole seconds" ;;
  esac
  base=${LB_BASE_URL:-$release_url} protocols=https
  base=${base%/}
  case $base in
    https://?*) ;;
    http://?*) protocols=http,https ;;
    '') fail 'this install.sh does not know where releases are: set LB_BASE_URL to the address' \
      'of a folder that .ci/release made' ;;
    *) fail "LB_BASE_URL=$base: an address begins with https:// or http://" ;;
  esac
  arch=$(uname -m)
  case $arch in arm64) arch=aarch64 ;; esac
}

download() {
  find_release
  choose_tools
  if [ -z "$wanted" ]; then
    fetch "$base/VERSION"
    # No version at all, such as a proxy's log-in page, is told by its letters below.
    wanted=$(head -c 64 "$new")
  fi
  case $wanted in
    *[!0-9A-Za-z.+-]* | '') fail "${wanted:-nothing} is no version (from $base/VERSION, or --version)" ;;
  esac
  name=lb-$wanted-linux-$arch${zstd:+-zstd}
  fetch "$base/SHA256SUMS"
  read_sum "$name"
  say "Downloading $base/$name"
  fetch "$base/$name"
  check_sum "$base/$name"
}

# For a downloaded lb, which may have come without anything else.
need_for_run() {
  missing=''
  command -v nft >/dev/null || missing=' nftables'
  command -v ip >/dev/null || missing="$missing iproute2"
  [ -n "$missing" ] || return 0
  if [ "$(id -u)" -eq 0 ] && command -v apt-get >/dev/null; then
    say "lb needs what is missing here; installing from Debian:$missing"
    # shellcheck disable=SC2086 # words
    if apt-get -qq update >&2 </dev/null && DEBIAN_FRONTEND=noninteractive apt-get -qq -y \
      --no-install-recommends install $missing >&2 </dev/null; then return 0; fi
  fi
  say "Note: lb needs these programs' packages at run time:$missing"
}

# Said before minutes are spent on building or downloading.
check_prefix() {
  [ ! -d "$bin" ] || fail "$bin is a folder"
  { mkdir -p "$prefix/bin" && [ -w "$prefix/bin" ]; } ||
    fail "cannot write to $prefix/bin: run this as root, or choose a folder of yours with --prefix"
  [ -z "$zstd" ] || command -v zstd >/dev/null || fail '--zstd needs zstd'
}

# The name beside $bin is taken here and now: whoever else may write there must not have put it there.
reserve() {
  helpers='' tried=''
  trap clean_up EXIT
  trap 'exit 129' HUP
  trap 'exit 130' INT
  trap 'exit 143' TERM
  remove_temporary
  (set -C && : >"$new") || fail "cannot make $new"
}

try_new() {
  chmod 755 "$new"
  tried=yes
  # Twice: the first start unpacks and compiles, the second shows that what it left is good.
  { "$new" --version >/dev/null && version=$("$new" --version); } </dev/null ||
    fail 'the new lb does not start; nothing was replaced'
  [ -z "$wanted" ] || case $version in
    "lb $wanted "*) ;;
    *) fail "what was to be lb $wanted says it is $version; nothing was replaced" ;;
  esac
}

# An older lb refuses the state of a newer one: better said here than by cron every minute.
check_state() {
  [ -e "${LB_STATE:-/var/lib/lb}/lb.db" ] || return 0
  words=$("$new" history --limit 1 2>&1 >/dev/null </dev/null) || [ $? -ne 4 ] || case $words in
    *'newer lb'*) say "$words"; fail 'this lb is too old for the state here; nothing was replaced' ;;
  esac
}

# By rename, and only once it has run from where it will be: until then the lb before it works.
put_in_place() {
  try_new
  check_state
  sync "$new" || fail "cannot write $new to the disk; nothing was replaced"
  mv -f "$new" "$bin"
  sync "$prefix/bin" || :
  # An lb that was started before the rename may not be seen running yet.
  sleep 1
  forget_others
  tried=''
}

# Where systemd runs services, it runs the worker of the engine nfqueue, too.
install_unit() {
  [ "$(id -u)" -eq 0 ] && [ -d "$systemd" ] || return 0
  if "$bin" queue --unit "$bin" >"$unit.new" && mv -f "$unit.new" "$unit"; then
    systemctl daemon-reload || :
  else
    rm -f "$unit.new"
    say "warning: cannot write $unit; lb starts its queue worker by itself then"
  fi
}

remove_unit() {
  grep -qs "^ExecStart=$bin " "$unit" || return 0
  rm -f "$unit"
  systemctl daemon-reload || :
}

# Its manual page and its completions. They are worth a warning, and no more.
install_extras() {
  printf '%s\n' "$manual" "$completions" | while read -r path shell; do
    file=$prefix/$path command=man
    [ "$shell" = man ] || command="completions $shell"
    # shellcheck disable=SC2086 # words
    { mkdir -p "${file%/*}" && "$bin" $command </dev/null >"$file.new" && mv -f "$file.new" "$file"; } 2>/dev/null || {
      rm -f "$file.new"
      say "warning: cannot write $file"
    }
  done
}

# Those that lb printed: somebody may have others there.
remove_extras() {
  printf '%s\n' "$manual" "$completions" | while read -r path _; do
    ! grep -qs -e '^\.\\" Made by "lb man"' -e '^# [a-z]* completion for lb\. ' "$prefix/$path" || rm -f "$prefix/$path"
    rm -f "$prefix/$path.new"
  done
}

next_steps() {
  case :$PATH: in *:"$prefix/bin":*) lb=lb ;; *) lb=$bin ;; esac
  cat <<END
Installed $bin: $version
Next:
  $lb demo          the main job on real packets, in network namespaces of its own
  $lb init          asks for a first service, and writes a commented /etc/lb/lb.toml
  $lb apply --plan  what it would change; without --plan, changes it
END
}

main() {
  find_checkout
  read_options "$@"
  find_cache
  if [ -n "$uninstall" ]; then
    uninstall
    exit
  fi
  [ -z "$demo" ] || [ "$(id -u)" -eq 0 ] || fail '--demo makes network namespaces: run it as root'
  check_prefix
  reserve
  if [ -n "$here" ]; then build; else download; fi
  put_in_place
  [ -n "$here" ] || need_for_run
  install_unit
  install_extras
  next_steps
  [ -z "$demo" ] || exec "$bin" demo
}

main "$@"; exit; }
