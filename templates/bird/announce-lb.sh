#!/bin/sh
# Announces the VIPs as long as this load balancer is fit to serve them, by BIRD (bird.conf beside this).
# docs/high-availability.md. Run it every few seconds:
#
#   announce-lb.sh                  once
#   announce-lb.sh 5 58             every 5 seconds, for 58 seconds: in a line of /etc/cron.d
#
# withdrawn after two failures in a row, announced again after the first success.
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin
every_s=${1:-0} for_s=${2:-0}
check=${CHECK_LB:-/usr/local/lib/lb/check-lb.sh}
socket=${BIRD_SOCKET:-/run/bird/bird.ctl}
failed=${LB_RUN:-/run/lb}/announce.failed

# Says so where it is news.
switch() {
  birdc -s "$socket" "$1" '"lb_vip*"' 2>&1 | grep -v '^BIRD\|already\|^$'
}

pass() {
  if reason=$("$check"); then
    rm -f "$failed"
    switch enable
  elif [ -e "$failed" ] || ! touch "$failed" 2>/dev/null; then
    # Where nothing can be noted (no /run/lb yet, a full disk), the first failure counts.
    ! switch disable || printf '%s\n' "$reason"
  fi
}

end_s=$(($(date +%s) + for_s))
pass
[ "$every_s" -gt 0 ] || exit 0
while [ $(($(date +%s) + every_s)) -le "$end_s" ]; do
  sleep "$every_s"
  pass
done
