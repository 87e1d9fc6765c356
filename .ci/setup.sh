# Sourced by install.sh and test/run.sh (POSIX sh): what a fresh Debian machine lacks, from npm's and
# Debian's registries only. Progress goes to stderr; nothing asks.

deno_version=2.9.6
# Beside npm's own check: of the binary in the package for this processor, where one is known.
deno_sha256_x64=bceb5b6a6239b0b010418406d8c77a508f67cf4337d94288f1c19fe71304aab0

# A bare environment (cron, CI) may lack HOME, and a user's PATH the folders that ip and nft are in.
[ -n "${HOME-}" ] || HOME=$(getent passwd "$(id -u)" | cut -d: -f6)
PATH=$PATH:/usr/sbin:/sbin
build_cache=${LB_BUILD_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/lb-build}
export HOME PATH

# A company's own certificate authority counts, as it does for apt and git.
export DENO_TLS_CA_STORE="${DENO_TLS_CA_STORE:-system,mozilla}"
[ ! -r /etc/ssl/certs/ca-certificates.crt ] ||
  export NODE_EXTRA_CA_CERTS="${NODE_EXTRA_CA_CERTS:-/etc/ssl/certs/ca-certificates.crt}"

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "error: $*"
  exit 1
}

# need COMMAND:PACKAGE… installs the packages whose command (or file, by its path) is missing.
need() {
  missing=''
  for pair; do
    [ -e "${pair%%:*}" ] || command -v "${pair%%:*}" >/dev/null || missing="$missing ${pair#*:}"
  done
  [ -n "$missing" ] || return 0
  if ! command -v apt-get >/dev/null; then
    fail "these are missing, and there is no apt-get to install them:$missing"
  fi
  [ "$(id -u)" -eq 0 ] || fail "these are missing; as root: apt-get install$missing"
  say "Installing from Debian:$missing"
  [ -n "${apt_updated-}" ] || silently apt_get update || fail 'apt-get update failed'
  apt_updated=yes
  # shellcheck disable=SC2086 # a list of names
  silently apt_get install $missing || fail "apt-get could not install:$missing"
}

# A machine that has just started holds the lock while it updates itself.
apt_get() {
  DEBIAN_FRONTEND=noninteractive apt-get -q -y --no-install-recommends \
    -o DPkg::Lock::Timeout=120 -o Acquire::Retries=3 "$@"
}

# Runs a command whose words matter only if it fails.
silently() {
  words=$("$@" 2>&1 </dev/null) || {
    say "$words"
    return 1
  }
}

is_wanted_deno() {
  case $("$1" --version 2>/dev/null) in "deno $deno_version "*) ;; *) return 1 ;; esac
}

# Sets $deno: the one on PATH where it has the right version, else one of our own, fetched once.
need_deno() {
  deno=$(command -v deno || :)
  [ -z "$deno" ] || ! is_wanted_deno "$deno" || return 0
  case $(uname -m) in
    x86_64) arch=x64 sha256=$deno_sha256_x64 ;;
    aarch64) arch=arm64 sha256='' ;;
    *) fail "there is no Deno for $(uname -m) on npm: put Deno $deno_version on PATH" ;;
  esac
  folder=$build_cache/deno-$deno_version
  deno=$folder/node_modules/@deno/linux-$arch-glibc/deno
  is_wanted_deno "$deno" || fetch_deno "@deno/linux-$arch-glibc@$deno_version" "$folder" "$sha256"
  PATH=${deno%/*}:$PATH
  # Then all of it is in one place, and goes with it.
  export DENO_DIR="${DENO_DIR:-$build_cache/deno_dir}"
}

fetch_deno() {
  need npm:npm
  say "Fetching Deno $deno_version from npm"
  rm -rf "$2.new"
  mkdir -p "$2.new"
  silently npm install --prefix "$2.new" --cache "$2.new/cache" --ignore-scripts --no-audit \
    --no-fund --no-save --no-update-notifier --loglevel=error "$1" ||
    fail "npm could not fetch $1; is its registry within reach?"
  [ -z "$3" ] || echo "$3  $2.new/${deno#"$2/"}" | sha256sum -c --quiet >&2 ||
    fail "$1 is not the Deno it should be: its SHA-256 differs"
  rm -rf "$2" "$2.new/cache"
  mv "$2.new" "$2"
  is_wanted_deno "$deno" || fail "$deno does not start: $("$deno" --version 2>&1)"
}
