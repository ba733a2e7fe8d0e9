/** The identities of a clusterset under test: real keys and certificates, in the state folders that controllers start from. */
import { saveSiteTrust } from '../../controller/site-trust.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { type ClusterId, compareText, parseClusterId } from '../../federation/model/ids.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { foundClusterset } from '../../trust/authority.ts';
import { issueClusterCa, SERIAL_BYTES } from '../../trust/certificates.ts';
import type { Roster, RosterMember } from '../../trust/contract.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { signRoster } from '../../trust/roster.ts';
import { trustDomainOf } from '../../trust/spiffe.ts';

export const DOMAIN = 'faults.example';
/** The authority among them. */
export const EAST = parseClusterId('east');
export const WEST = parseClusterId('west');
export const EDGE = parseClusterId('edge');
export const CLUSTERS: readonly ClusterId[] = [EAST, WEST, EDGE];

interface Member {
  readonly caKey: PrivateKey;
  readonly ca: Uint8Array;
}

const random = new SystemRandom();

export class TestClusterset {
  readonly #rootKey = PrivateKey.generate();
  readonly #root: Uint8Array;
  readonly #members = new Map<ClusterId, Member>();
  readonly #nowMs: number;
  readonly roster: Roster;

  /** `development`: gateways may have loopback addresses. */
  constructor(nowMs: number, purpose: 'production' | 'development' = 'production') {
    this.#nowMs = nowMs;
    const caKey = PrivateKey.generate();
    const founded = foundClusterset({
      domain: DOMAIN,
      dev: purpose === 'development',
      cluster: EAST,
      rootKey: this.#rootKey,
      caPublicKey: caKey.publicKey,
      nowMs,
      serials: { root: random.bytes(SERIAL_BYTES), clusterCa: random.bytes(SERIAL_BYTES) },
    });
    this.#root = founded.root;
    this.#members.set(EAST, { caKey, ca: founded.clusterCa });
    const others = [WEST, EDGE].map((cluster) => this.#admit(cluster));
    const members = [...founded.roster.members, ...others].sort((one, other) =>
      compareText(one.cluster, other.cluster),
    );
    this.roster = { ...founded.roster, version: 2, members };
  }

  get rosterBytes(): Uint8Array {
    return signRoster(this.#rootKey, this.roster);
  }

  /** What `isthmus init` or `isthmus join` leaves in the state folder. */
  async enrol(cluster: ClusterId, stateDir: string): Promise<void> {
    const member = this.#members.get(cluster);
    if (member === undefined) throw new Error(`${cluster} is no member`);
    const folder = stateFolder(stateDir);
    await preparePrivateFolder(folder.root);
    const { caKey, ca: clusterCa } = member;
    const rootKey = cluster === EAST ? { rootKey: this.#rootKey } : {};
    await saveSiteTrust(folder, { caKey, clusterCa, roots: [this.#root], rosterBytes: this.rosterBytes, ...rootKey });
  }

  #admit(cluster: ClusterId): RosterMember {
    const caKey = PrivateKey.generate();
    const ca = issueClusterCa({
      issuerKey: this.#rootKey,
      issuerCertificate: this.#root,
      publicKey: caKey.publicKey,
      trustDomain: trustDomainOf(cluster, DOMAIN),
      nowMs: this.#nowMs,
      serial: random.bytes(SERIAL_BYTES),
    });
    this.#members.set(cluster, { caKey, ca });
    return {
      cluster,
      incarnation: 1,
      trustDomain: trustDomainOf(cluster, DOMAIN),
      caCertificates: [Buffer.from(ca).toString('base64')],
      status: 'active',
      joinedAtMs: this.#nowMs,
    };
  }
}
