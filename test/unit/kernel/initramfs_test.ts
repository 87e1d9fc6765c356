import assert from "node:assert/strict";
import { archive, file, folder, loadOrder } from "../../kernel/machine/initramfs.ts";

const DEP = `kernel/drivers/virtio/virtio.ko: kernel/drivers/virtio/virtio_ring.ko
kernel/drivers/virtio/virtio_ring.ko:
kernel/fs/9p/9p.ko: kernel/net/9p/9pnet.ko kernel/fs/netfs/netfs.ko
kernel/net/9p/9pnet.ko:
kernel/net/9p/9pnet_virtio.ko: kernel/net/9p/9pnet.ko kernel/drivers/virtio/virtio.ko kernel/drivers/virtio/virtio_ring.ko
`;

Deno.test("modules come after those they need, each once", () => {
  assert.deepEqual(loadOrder(DEP, ["9p", "9pnet_virtio"]), [
    "kernel/fs/netfs/netfs.ko",
    "kernel/net/9p/9pnet.ko",
    "kernel/fs/9p/9p.ko",
    "kernel/drivers/virtio/virtio_ring.ko",
    "kernel/drivers/virtio/virtio.ko",
    "kernel/net/9p/9pnet_virtio.ko",
  ]);
  assert.throws(() => loadOrder(DEP, ["pnet"]), /modules\.dep has no pnet/);
});

Deno.test("an archive is headers, names and contents, each padded to four bytes, and an end", () => {
  const text = new TextDecoder().decode(
    archive([folder("bin"), file("init", new TextEncoder().encode("hello"))]),
  );
  const [, bin, init, end] = text.split("070701");
  const hex = (value: number) => value.toString(16).padStart(8, "0");
  assert.equal(bin?.slice(8, 16), hex(0o040755));
  assert.equal(bin?.slice(104), "bin\0\0\0");
  assert.equal(init?.slice(48, 56), hex("hello".length));
  assert.equal(init?.slice(88, 96), hex("init\0".length));
  assert.equal(init?.slice(104), "init\0\0hello\0\0\0");
  assert.equal(end?.slice(104), "TRAILER!!!\0\0\0\0");
});
