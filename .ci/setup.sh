# Sourced by install.sh and test/run.sh (POSIX sh): what a fresh Debian machine lacks, from npm's and
# Debian's registries only. Progress goes to stderr; nothing asks.

deno_version=2.9.6
# Of the package for this processor, as npm's registry has it ("integrity", in hexadecimal), and of the
# binary in it, where they are known.
deno_sha512_x64=de67784ca2c2bb3b0b0e67cea02e4a37b34065ac525643209bae2f83a7e80f4d090400c2a584b6ff942a5dfce09cfe59433de22cff6f05026d120735d7a380a1
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
    x86_64) package=linux-x64-glibc sha512=$deno_sha512_x64 sha256=$deno_sha256_x64 ;;
    aarch64) package=linux-arm64-glibc sha512='' sha256='' ;;
    *) fail "there is no Deno for $(uname -m) on npm: put Deno $deno_version on PATH" ;;
  esac
  folder=$build_cache/deno-$deno_version
  deno=$folder/node_modules/@deno/$package/deno
  is_wanted_deno "$deno" || fetch_deno
  PATH=${deno%/*}:$PATH
  # Then all of it is in one place, and goes with it.
  export DENO_DIR="${DENO_DIR:-$build_cache/deno_dir}"
}

fetch_deno() {
  say "Fetching Deno $deno_version from npm's registry"
  rm -rf "$folder.new"
  mkdir -p "$folder.new"
  unpack_deno || install_deno
  rm -rf "$folder"
  mv "$folder.new" "$folder"
  is_wanted_deno "$deno" || fail "$deno does not start: $("$deno" --version 2>&1)"
}

# The package alone: Debian's npm brings 378 others. Fails where it cannot be had like this, for instance
# from a registry that wants to be asked as ~/.npmrc says, and npm is to try.
unpack_deno() {
  { [ -n "$sha512" ] && choose_fetcher; } || return 1
  registry=${NPM_CONFIG_REGISTRY:-${npm_config_registry:-https://registry.npmjs.org}}
  url=${registry%/}/@deno/$package/-/$package-$deno_version.tgz
  archive=$folder.new/package.tgz
  # shellcheck disable=SC2086 # words
  if ! silently $fetcher "$archive" "$url"; then
    command -v npm >/dev/null || fail "could not download $url"
    return 1
  fi
  echo "$sha512  $archive" | sha512sum -c --status ||
    fail "$url is not the Deno it should be: its SHA-512 differs"
  target=$folder.new/node_modules/@deno/$package
  { mkdir -p "$target" && tar -xzf "$archive" -C "$target" --strip-components=1 && rm "$archive"; } ||
    fail "cannot unpack $archive"
}

# Sets $fetcher, which takes a file and an address.
choose_fetcher() {
  if ! command -v curl >/dev/null && ! command -v wget >/dev/null; then
    ! command -v npm >/dev/null || return 1
    need curl:curl /etc/ssl/certs/ca-certificates.crt:ca-certificates
  fi
  if command -v curl >/dev/null; then
    fetcher='curl -fsSL --retry 3 --connect-timeout 30 --speed-time 60 --speed-limit 1000 -o'
  else
    fetcher='wget -nv -T 60 -O'
  fi
}

install_deno() {
  need npm:npm
  silently npm install --prefix "$folder.new" --cache "$folder.new/cache" --ignore-scripts --no-audit \
    --no-fund --no-save --no-update-notifier --loglevel=error "@deno/$package@$deno_version" ||
    fail "npm could not fetch @deno/$package@$deno_version; is its registry within reach?"
  [ -z "$sha256" ] || echo "$sha256  $folder.new/${deno#"$folder/"}" | sha256sum -c --status ||
    fail "npm's @deno/$package is not the Deno it should be: its SHA-256 differs"
  rm -rf "$folder.new/cache"
}
