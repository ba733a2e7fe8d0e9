/**
 * Resource versions are compared as numbers, which KEP-5504 (Kubernetes 1.35) allows and etcd has always been. A server
 * whose versions are something else gets no answer, and then nothing is concluded.
 */
const NUMBER = /^[1-9]\d*$/;

export function isOlder(version: string, than: string): boolean {
  if (!NUMBER.test(version) || !NUMBER.test(than)) return false;
  return version.length === than.length ? version < than : version.length < than.length;
}
