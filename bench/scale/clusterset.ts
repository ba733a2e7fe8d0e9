import { saveSiteTrust } from '../../controller/site-trust.ts';
import { stateFolder } from '../../controller/state-folder.ts';
import { type ClusterId, compareText } from '../../federation/model/ids.ts';
import type { Store } from '../../federation/store/contract.ts';
import { SystemRandom } from '../../runtime/random.ts';
import { foundClusterset } from '../../trust/authority.ts';
import { issueClusterCa, SERIAL_BYTES } from '../../trust/certificates.ts';
import type { Roster, RosterMember } from '../../trust/contract.ts';
import { ClusterIssuer } from '../../trust/issuer.ts';
import { PrivateKey } from '../../trust/private-key.ts';
import { preparePrivateFolder } from '../../trust/private-file.ts';
import { signRoster } from '../../trust/roster.ts';
import { trustDomainOf } from '../../trust/spiffe.ts';
import { type MemberIdentity, MemberWriter } from './member.ts';
import { DOMAIN, MORE_READERS, READER } from './names.ts';
import { memberName, type Shape } from './shape.ts';

/** A clusterset of real keys: one reader, whose state folder a controller can start from, and members that only publish. */

interface Member {
  readonly caKey: PrivateKey;
  readonly ca: Uint8Array;
}

export class BenchClusterset {
  readonly #rootKey = PrivateKey.generate();
  readonly #random = new SystemRandom();
  readonly #reader: Member;
  readonly #root: Uint8Array;
  readonly #members = new Map<ClusterId, Member>();
  readonly #nowMs = Date.now();
  readonly roster: Roster;

  constructor(members: number) {
    const caKey = PrivateKey.generate();
    const founded = foundClusterset({
      domain: DOMAIN,
      dev: false,
      cluster: READER,
      rootKey: this.#rootKey,
      caPublicKey: caKey.publicKey,
      nowMs: this.#nowMs,
      serials: { root: this.#serial(), clusterCa: this.#serial() },
    });
    this.#root = founded.root;
    this.#reader = { caKey, ca: founded.clusterCa };
    for (let index = 0; index < members; index += 1)
      this.#members.set(memberName(index), this.#admit(memberName(index)));
    for (const reader of MORE_READERS) this.#members.set(reader, this.#admit(reader));
    const listed = [...this.#members].map(([cluster, { ca }]) => this.#listed(cluster, ca));
    this.roster = {
      ...founded.roster,
      version: 2,
      members: [...listed, ...founded.roster.members].sort((a, b) => compareText(a.cluster, b.cluster)),
    };
  }

  get rosterBytes(): Uint8Array {
    return signRoster(this.#rootKey, this.roster);
  }

  /** DER. */
  get root(): Uint8Array {
    return this.#root;
  }

  /** What `isthmus join` leaves behind. */
  async enrolReader(root: string, cluster: ClusterId): Promise<void> {
    const folder = stateFolder(root);
    await preparePrivateFolder(folder.root);
    const { caKey, ca: clusterCa } = cluster === READER ? this.#reader : this.#of(cluster);
    await saveSiteTrust(folder, { caKey, clusterCa, roots: [this.#root], rosterBytes: this.rosterBytes });
  }

  identityOf(cluster: ClusterId): MemberIdentity {
    const { caKey, ca } = cluster === READER ? this.#reader : this.#of(cluster);
    const issuer = new ClusterIssuer(
      { key: caKey, certificate: ca, random: this.#random },
      { cluster, clustersetDomain: DOMAIN },
    );
    const key = PrivateKey.generate();
    return { cluster, key, chain: issuer.issueController(key.publicKey, this.#nowMs).chain };
  }

  writer(store: Store, shape: Shape, index: number): MemberWriter {
    return new MemberWriter({ store }, { ...this.identityOf(memberName(index)), shape, index });
  }

  #of(cluster: ClusterId): Member {
    const member = this.#members.get(cluster);
    if (member === undefined) throw new Error(`${cluster} is no member`);
    return member;
  }

  #admit(cluster: ClusterId): Member {
    const caKey = PrivateKey.generate();
    const ca = issueClusterCa({
      issuerKey: this.#rootKey,
      issuerCertificate: this.#root,
      publicKey: caKey.publicKey,
      trustDomain: trustDomainOf(cluster, DOMAIN),
      nowMs: this.#nowMs,
      serial: this.#serial(),
    });
    return { caKey, ca };
  }

  #listed(cluster: ClusterId, ca: Uint8Array): RosterMember {
    return {
      cluster,
      incarnation: 1,
      trustDomain: trustDomainOf(cluster, DOMAIN),
      caCertificates: [Buffer.from(ca).toString('base64')],
      status: 'active',
      joinedAtMs: this.#nowMs,
    };
  }

  #serial(): Uint8Array {
    return this.#random.bytes(SERIAL_BYTES);
  }
}
