#!/bin/sh
# Is this load balancer fit to have traffic? Exit 0: yes. Exit 1: no, and it says why.
# For keepalived (keepalived/keepalived.conf) and BIRD (bird/announce-lb.sh): docs/high-availability.md.
# Needs jq. One run takes about 0.2 s of processor time.
#
# A backend that is ill is no reason: it is ill for the other balancer, too. These are:
#   - lb does not run, or nothing is in force here (a boot before lb reconcile, an uninstall)
#   - rules were deleted or changed behind lb's back (lb reconcile repairs that, and then it is fit again)
#   - a service has no backend left that gets connections, of those it could have
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin

unfit() {
  printf 'lb is not fit here: %s\n' "$*"
  exit 1
}

command -v jq >/dev/null || unfit 'jq is missing (Debian package jq)'
status=$(timeout 10 lb status --json 2>/dev/null)
code=$?
# 0 all is well, 1 something needs attention: what, is looked at below.
[ "$code" -le 1 ] || unfit "lb status ended with $code: $(printf '%s' "$status" | jq -r .error.message)"

reasons=$(printf '%s' "$status" | jq -r '
  (if .revision == null then "nothing was applied" else empty end),
  (.drifted[] | "\(.) differs from what was applied"),
  (.services[] | select(.backends != [] and all(.backends[]; .effective_weight == 0))
    | "no backend of \(.name) gets connections")
') || unfit 'lb status --json could not be read'
[ -z "$reasons" ] || unfit "$reasons"
