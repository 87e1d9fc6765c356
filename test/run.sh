#!/bin/sh
# Runs the test suites, after getting what they need from npm and Debian. `./test/run.sh --list`
# names them; without arguments all but bench run.
set -eu
cd -- "$(dirname -- "$0")/.."
. ./.ci/setup.sh

need nft:nftables ip:iproute2 conntrack:conntrack tcpdump:tcpdump sysctl:procps \
  busybox:busybox curl:curl git:git /etc/protocols:netbase zsh:zsh fish:fish script:bsdutils depmod:kmod \
  /usr/lib/python3/dist-packages/prometheus_client:python3-prometheus-client \
  /usr/lib/python3/dist-packages/yaml:python3-yaml tmux:tmux \
  jq:jq mandoc:mandoc groff:groff-base
need_deno
"$deno" install --quiet --frozen </dev/null
exec "$deno" run -A test/runner/main.ts "$@" </dev/null
