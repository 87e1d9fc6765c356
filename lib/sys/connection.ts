/** Closes a connection that a time-out may have closed already. */
export function closeQuietly(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // It is closed already.
  }
}
