/**
 * The mark a transaction leaves in the kernel: `REVISION . NONCE`, in the spelling of nft's revision set.
 * The nonce keeps apart two transactions of one revision, and two load balancers on one machine.
 */
export function newToken(revision: number): string {
  const [nonce] = crypto.getRandomValues(new Uint32Array(1));
  return `${revision} . ${nonce}`;
}
