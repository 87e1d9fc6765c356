#!/bin/busybox sh
# The first program of a guest, in its initramfs. Puts the files of the machine it runs on, read-only,
# below a folder of memory that takes every write, and goes on there with inside.sh. /settings says how.

busybox=/bin/busybox
$busybox mkdir -p /proc
$busybox mount -t proc proc /proc
$busybox --install -s /bin
PATH=/bin
. /settings

fail() {
  echo "init: $*"
  poweroff -f
}

for file in $modules; do insmod "/modules/$file" || fail "no $file"; done
# shellcheck disable=SC2086 # lists of words
mount $machine_files /machine || fail 'the files of the machine are out of reach'
mount -t tmpfs -o mode=755 memory /memory && mkdir /memory/upper /memory/work &&
  mount -t overlay -o lowerdir=/machine,upperdir=/memory/upper,workdir=/memory/work overlay /new ||
  fail 'no overlay'
mount -t devtmpfs devtmpfs /new/dev && mount -t sysfs sysfs /new/sys &&
  mount -t tmpfs -o mode=755 run /new/run && mount -t proc proc /new/proc || fail 'no /dev, /sys, /run or /proc'
# shellcheck disable=SC2086
mount $job_files "/new$shared" || fail "$shared is out of reach"

release=$(uname -r)
mkdir -p "/new/lib/modules/$release" /new/boot
mount -o bind "/machine$module_folder" "/new/lib/modules/$release" || fail 'no modules'
if [ -n "$kernel_config" ]; then cp "/machine$kernel_config" "/new/boot/config-$release"; fi
umount /proc
exec switch_root /new /bin/sh "$inside" "$folder"
