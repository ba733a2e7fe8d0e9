/** Which way a cluster's own CoreDNS learns `clusterset.local`: by itself, or by forwarding to ours. */
export type CoreDnsMode = 'kubernetes-plugin' | 'forward';

export interface CoreDnsChoice {
  readonly mode: CoreDnsMode;
  readonly reason: 'HasMulticlusterOption' | 'TooOld' | 'UnknownVersion';
  readonly message: string;
}

/** The option `multicluster` of the plugin `kubernetes` came with CoreDNS 1.12.2. */
const FIRST = [1, 12, 2] as const;
const TAG = /:v?(\d{1,4})\.(\d{1,4})\.(\d{1,4})(?:[-+.][\w.+-]*)?(?:@sha256:[0-9a-f]+)?$/;

/**
 * @param image of the container, `registry.k8s.io/coredns/coredns:v1.12.1`. One whose tag says nothing (a digest, `latest`) is
 *   served by forwarding, which every version can do: an option that a version does not know stops it from starting.
 */
export function chooseCoreDnsMode(image: string): CoreDnsChoice {
  const version = TAG.exec(image)?.slice(1).map(Number);
  if (version === undefined) {
    return { mode: 'forward', reason: 'UnknownVersion', message: `the image ${image} does not tell its version` };
  }
  const text = version.join('.');
  if (isBefore(version, FIRST)) {
    return {
      mode: 'forward',
      reason: 'TooOld',
      message: `CoreDNS ${text} has no option multicluster: it came with ${FIRST.join('.')}`,
    };
  }
  return {
    mode: 'kubernetes-plugin',
    reason: 'HasMulticlusterOption',
    message: `CoreDNS ${text} answers clusterset.local by itself`,
  };
}

function isBefore(version: readonly number[], first: readonly number[]): boolean {
  const at = first.findIndex((number, index) => version[index] !== number);
  return at !== -1 && (version[at] ?? 0) < (first[at] ?? 0);
}
