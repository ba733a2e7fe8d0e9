/** Waits for a fact that nobody tells. Long: a dozen processes start here, on machines that are busy with other tests. */
const WAIT_MS = 60_000;
const POLL_MS = 20;

/** @param context said when it never becomes so */
export async function until(
  what: string,
  isSo: () => boolean | Promise<boolean>,
  context: () => unknown = () => '',
): Promise<void> {
  const deadline = performance.now() + WAIT_MS;
  while (!(await isSo())) {
    if (performance.now() > deadline) throw new Error(`still waiting for ${what} ${JSON.stringify(context())}`);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}
