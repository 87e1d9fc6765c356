/** What somebody can do where another run holds the lock, in the words of who has options. */
export const WAIT_LONGER = ", or wait longer with --lock-timeout";
