/** Real certificates for test gateways: a root, a CA per cluster, a leaf per gateway, and some that must be refused. */
import { randomBytes } from 'node:crypto';
import { parseClusterId } from '../../federation/model/ids.ts';
import { issueClusterCa, issueLeaf, issueRoot, SERIAL_BYTES, toPem } from '../../trust/certificates.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { gatewayId, trustDomainOf } from '../../trust/spiffe.ts';

export interface TestLeaf {
  readonly chainPem: string;
  readonly keyPem: string;
}

export interface TestCluster {
  readonly caKey: PrivateKey;
  readonly ca: Uint8Array;
  readonly gateway: TestLeaf;
}

export interface TestTrust {
  readonly clusters: Readonly<Record<string, TestCluster>>;
  /** Cluster CA certificates, DER in base64, as the roster has them. */
  readonly anchors: Readonly<Record<string, readonly string[]>>;
}

export function makeTrust(names: readonly string[], domain: string, gatewaySet: string): TestTrust {
  const rootKey = PrivateKey.generate();
  const frame = { nowMs: Date.now(), serial: serial() };
  const root = issueRoot({ ...frame, key: rootKey, clustersetDomain: domain });
  const clusters: Record<string, TestCluster> = {};
  for (const name of names) {
    const caKey = PrivateKey.generate();
    const trustDomain = trustDomainOf(parseClusterId(name), domain);
    const issuer = { issuerKey: rootKey, issuerCertificate: root };
    const ca = issueClusterCa({ ...frame, ...issuer, serial: serial(), publicKey: caKey.publicKey, trustDomain });
    clusters[name] = { caKey, ca, gateway: makeLeaf({ caKey, ca }, name, domain, gatewaySet) };
  }
  const anchors = Object.entries(clusters).map(([name, { ca }]) => [name, [Buffer.from(ca).toString('base64')]]);
  return { clusters, anchors: Object.fromEntries(anchors) };
}

export function makeLeaf(
  issuer: Pick<TestCluster, 'caKey' | 'ca'>,
  cluster: string,
  domain: string,
  gatewaySet: string,
): TestLeaf {
  const key = PrivateKey.generate();
  const leaf = issueLeaf({
    nowMs: Date.now(),
    serial: serial(),
    issuerKey: issuer.caKey,
    issuerCertificate: issuer.ca,
    publicKey: key.publicKey,
    id: gatewayId(parseClusterId(cluster), domain, gatewaySet),
  });
  return { chainPem: toPem([leaf, issuer.ca]), keyPem: key.revealPem() };
}

function serial(): Uint8Array {
  return new Uint8Array(randomBytes(SERIAL_BYTES));
}
