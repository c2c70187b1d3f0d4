/** The monotonic clock of this page, in seconds. */
export const now = () => performance.now() / 1000;
