#!/bin/sh
# Called by keepalived at each change: GROUP|INSTANCE NAME STATE PRIORITY. docs/high-availability.md.
# lb's rules are the same on both balancers all the time, so there is nothing to switch: whoever gets
# the VIP makes sure that they are all there, and knows which backends are well.
set -u
PATH=$PATH:/usr/local/sbin:/usr/local/bin:/usr/sbin:/sbin

logger -t lb-vrrp "$2 is now $3"
[ "$3" != MASTER ] || lb reconcile 2>&1 | logger -t lb-vrrp
