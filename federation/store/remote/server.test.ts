import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect } from 'node:http2';
import { after, before, describe, it } from 'node:test';
import type { RosterMember } from '../../../trust/contract.ts';
import { gatewayId } from '../../../trust/spiffe.ts';
import type { ClusterId } from '../../model/ids.ts';
import { parseClusterId } from '../../model/ids.ts';
import { commitOf, EAST, headOf, hintThat, text, WEST } from '../conformance/rig.fixture.ts';
import { StoreLimitError, StoreRefusedError, StoreUnavailableError } from '../contract.ts';
import type { StoreAddress } from './address.ts';
import { parseStoreAddress } from './address.ts';
import { Channel } from './channel.ts';
import { RemoteStore } from './client.ts';
import type { MemberIdentity, StoreIdentity } from './identity.ts';
import { proofOf } from './identity.ts';
import { fetchPinnedCertificate } from './pinned-certificate.ts';
import { headToWire } from './wire.ts';
import { SessionRefusedError } from './wire-errors.ts';
import type { TestServer } from './server.fixture.ts';
import { DOMAIN, startTestServer, TestClusterset, testComponents } from './server.fixture.ts';

const EDGE = parseClusterId('edge');
const SECRET = new Uint8Array(32).fill(5);
const refused = (error: unknown): boolean => error instanceof StoreRefusedError;

describe('a store server', { timeout: 120_000 }, () => {
  let server: TestServer;
  let address: StoreAddress;
  const owned = new AsyncDisposableStack();

  before(async () => {
    server = owned.use(await startTestServer());
    address = parseStoreAddress(server.served.link);
  });
  after(() => owned.disposeAsync());

  const clientOf = (identity: StoreIdentity, at = address): RemoteStore =>
    owned.use(new RemoteStore(testComponents(), { address: at, identity }));
  const channelTo = async (): Promise<Channel> => {
    const pinned = await fetchPinnedCertificate(testComponents(), { address, timeoutMs: 5_000 });
    const channel = new Channel(testComponents(), { address, ...pinned });
    owned.defer(() => channel.close());
    return channel;
  };
  const nonceFrom = async (channel: Channel): Promise<Uint8Array> => {
    const error: unknown = await channel.unary('login', {}, { timeoutMs: 5_000 }).catch((reason: unknown) => reason);
    assert.ok(error instanceof SessionRefusedError && error.nonce !== undefined);
    return error.nonce;
  };

  describe('and its key', () => {
    it('is not spoken to when it shows another key than the pinned one', async () => {
      const stranger = clientOf(server.clusterset.identity(EAST), { ...address, pins: ['00'.repeat(32)] });
      await assert.rejects(stranger.heads(), (error) => {
        assert.ok(error instanceof StoreUnavailableError);
        assert.match(error.message, /127\.0\.0\.1:\d+ answered with another key than the pinned one: sha256:/);
        assert.match(error.hint ?? '', /new link/);
        return true;
      });
    });

    it('is accepted when any of several pins is its own, as while a key is replaced', async () => {
      const pins = ['00'.repeat(32), ...address.pins];
      await clientOf(server.clusterset.identity(EAST), { ...address, pins }).heads();
    });
  });

  describe('and strangers', () => {
    it('refuses every call without a session or with an invented one', async () => {
      const channel = await channelTo();
      for (const session of [undefined, 'x', 'A'.repeat(43)]) {
        const options = { timeoutMs: 5_000, session };
        await assert.rejects(channel.unary('getRoster', {}, options), SessionRefusedError);
        await assert.rejects(channel.unary('commit', { cluster: EAST }, options), SessionRefusedError);
        await assert.rejects(channel.unary('claim', { cluster: EAST }, options), SessionRefusedError);
        await assert.rejects(firstPart(channel.stream('heads', {}, { session })), SessionRefusedError);
        await assert.rejects(firstPart(channel.stream('watch', {}, { session })), SessionRefusedError);
      }
    });

    it('answers a call without a session from its headers alone, before any of its body', async () => {
      const { certificate } = await fetchPinnedCertificate(testComponents(), { address, timeoutMs: 5_000 });
      const url = `https://127.0.0.1:${address.port}`;
      const session = connect(url, { ca: certificate, checkServerIdentity: () => undefined });
      const call = session.request(
        {
          ':method': 'POST',
          ':path': '/isthmus.store.v1.Store/Commit',
          'content-type': 'application/grpc',
          te: 'trailers',
        },
        { endStream: false },
      );
      const [headers] = (await once(call, 'response')) as [Record<string, string>];
      assert.equal(headers['grpc-status'], '16');
      call.on('error', () => undefined);
      session.destroy();
    });

    it('refuses certificates of other roles, clusters, trust domains and times', async () => {
      const { clusterset } = server;
      const foreign = new TestClusterset();
      const twoHoursAgo = Date.now() - 2 * 60 * 60 * 1000;
      const logins: readonly (readonly [string, MemberIdentity])[] = [
        ['a gateway', clusterset.identity(EAST, { id: gatewayId(EAST, DOMAIN, 'main') })],
        ['another cluster', { ...clusterset.identity(WEST), cluster: EAST }],
        ['another clusterset', foreign.identity(EAST)],
        ['expired', clusterset.identity(EAST, { nowMs: twoHoursAgo })],
        [
          'no certificate',
          { ...clusterset.identity(EAST), svid: () => ({ ...clusterset.identity(EAST).svid(), chain: [] }) },
        ],
        ['another key', withKeyOf(clusterset.identity(EAST), clusterset.identity(EAST))],
        ['no member', { ...clusterset.identity(EAST), cluster: parseClusterId('nowhere') }],
      ];
      for (const [what, identity] of logins) await assert.rejects(clientOf(identity).heads(), refused, what);
    });

    it('takes a login once: the same proof again is refused', async () => {
      const channel = await channelTo();
      const nonce = await nonceFrom(channel);
      const pin = address.pins[0] ?? '';
      const proof = proofOf(server.clusterset.identity(WEST), { address, pin, nonce });
      await channel.unary('login', {}, { timeoutMs: 5_000, proof });
      await assert.rejects(channel.unary('login', {}, { timeoutMs: 5_000, proof }), SessionRefusedError);
    });

    it('refuses a login that was made for another server', async () => {
      const channel = await channelTo();
      const nonce = await nonceFrom(channel);
      const proof = proofOf(server.clusterset.identity(WEST), { address, pin: '11'.repeat(32), nonce });
      await assert.rejects(channel.unary('login', {}, { timeoutMs: 5_000, proof }), refused);
    });

    it('refuses proofs that are garbage or too large, and goes on', async () => {
      const channel = await channelTo();
      for (const proof of [text('garbage'), new Uint8Array(17 * 1024), new Uint8Array([0x0a, 0xff])]) {
        await assert.rejects(channel.unary('login', {}, { timeoutMs: 5_000, proof }));
      }
      await server.client(EAST).heads();
    });
  });

  describe('and its members', () => {
    it('lets a member write nothing but its own cluster and leases', async () => {
      const west = server.client(WEST);
      await assert.rejects(west.commit(commitOf(EAST, {})), refused);
      await assert.rejects(west.beat(EAST, headOf({ beat: 1 })), refused);
      await assert.rejects(west.lease.acquire('east/leader', 'w', 1_000), refused);
      await assert.rejects(west.lease.release('east/leader', 'w'), refused);
      assert.equal(await west.read(EAST), undefined);
    });

    it('lets nobody but the authority write the roster or see and answer joins', async () => {
      const west = server.client(WEST);
      const roster = { version: 50, bytes: server.clusterset.roster(50) };
      await assert.rejects(west.putRoster(roster), refused);
      await assert.rejects(west.join.offer({ tokenId: 't', credential: SECRET, expiresAtMs: 1 }), refused);
      await assert.rejects(west.join.pending(), refused);
      await assert.rejects(west.join.answer({ tokenId: 't', bytes: text('a') }), refused);
      await assert.rejects(west.join.request({ tokenId: 't', bytes: text('a') }), refused);
      await assert.rejects(west.join.answerFor('t'), refused);
    });

    it('refuses a roster of the authority that its readers would refuse', async () => {
      const east = server.client(EAST);
      const { clusterset } = server;
      const stored = await east.roster();
      await assert.rejects(east.putRoster({ version: 60, bytes: text('{}') }), refused);
      await assert.rejects(east.putRoster({ version: 60, bytes: clusterset.roster(61) }), refused);
      await assert.rejects(east.putRoster({ version: 60, bytes: new TestClusterset().roster(60) }), refused);
      assert.equal((await east.roster())?.version, stored?.version);
    });

    it('refuses a message beyond its limit and goes on serving', async () => {
      const channel = await channelTo();
      const identity = server.clusterset.identity(WEST);
      const pin = address.pins[0] ?? '';
      const proof = proofOf(identity, { address, pin, nonce: await nonceFrom(channel) });
      const { session } = await channel.unary('login', {}, { timeoutMs: 5_000, proof });
      const puts = Array.from({ length: 34 }, (_, index) => ({ key: `r${index}`, bytes: new Uint8Array(1024 * 1024) }));
      const request = { cluster: WEST, head: headToWire(headOf({})), puts };
      await assert.rejects(channel.unary('commit', request, { timeoutMs: 30_000, session }), StoreUnavailableError);
      const large = { ...request, puts: [{ key: 'large', bytes: new Uint8Array(1024 * 1024) }] };
      await assert.rejects(channel.unary('commit', large, { timeoutMs: 30_000, session }), StoreLimitError);
      const twice = { ...request, puts: [{ key: 'a' }, { key: 'a' }] };
      await assert.rejects(channel.unary('commit', twice, { timeoutMs: 30_000, session }), refused);
      const negative = { cluster: WEST, head: { head: {}, order: { version: -1n, writerId: 'a' } } };
      await assert.rejects(channel.unary('commit', negative, { timeoutMs: 30_000, session }), refused);
      assert.equal(await server.client(EAST).read(WEST), undefined);
    });

    it('shuts out a member that the roster has removed or quarantined, at once and in its watches', async () => {
      const [east, west, edge] = [server.client(EAST), server.client(WEST), server.client(EDGE)];
      const watching = new AbortController();
      const hints = west.watch(watching.signal)[Symbol.asyncIterator]();
      await hintThat(hints, ({ kind }) => kind === 'gap');
      await edge.heads();
      const status = new Map<ClusterId, RosterMember['status']>([
        [WEST, 'removed'],
        [EDGE, 'quarantined'],
      ]);
      const without = (member: RosterMember): RosterMember => ({
        ...member,
        status: status.get(member.cluster) ?? member.status,
      });
      await east.putRoster({ version: 70, bytes: server.clusterset.roster(70, without) });
      for (const client of [west, edge]) {
        await assert.rejects(client.heads(), (error) => {
          assert.ok(error instanceof StoreRefusedError);
          assert.match(error.message, /no active member/);
          return true;
        });
      }
      await east.heads();
      await east.putRoster({ version: 71, bytes: server.clusterset.roster(71) });
      // Taken back in, and by a watch that has come back by itself.
      await hintThat(hints, ({ kind }) => kind === 'gap');
      watching.abort();
      await waitFor(() => west.heads());
    });
  });

  describe('and joiners', () => {
    it('lets the holder of a token use the join calls of that token, and nothing else', async () => {
      const east = server.client(EAST);
      const credential = new Uint8Array(createHash('sha256').update(SECRET).digest());
      const expiresAtMs = Date.now() + 60_000;
      for (const tokenId of ['t1', 't2']) await east.join.offer({ tokenId, credential, expiresAtMs });
      const joiner = clientOf({ kind: 'joiner', tokenId: 't1', storeSecret: SECRET });
      await joiner.join.request({ tokenId: 't1', bytes: text('please') });
      await east.join.answer({ tokenId: 't1', bytes: text('welcome') });
      assert.equal(Buffer.from((await joiner.join.answerFor('t1')) ?? []).toString(), 'welcome');
      assert.ok((await joiner.roster()) !== undefined);
      const attempts = {
        commit: () => joiner.commit(commitOf(EAST, {})),
        heads: () => joiner.heads(),
        read: () => joiner.read(EAST),
        changes: () => joiner.changes(EAST, headOf({}).order),
        pending: () => joiner.join.pending(),
        otherToken: () => joiner.join.request({ tokenId: 't2', bytes: text('please') }),
        otherAnswer: () => joiner.join.answerFor('t2'),
        offer: () => joiner.join.offer({ tokenId: 't3', credential, expiresAtMs }),
        answer: () => joiner.join.answer({ tokenId: 't1', bytes: text('mine') }),
        lease: () => joiner.lease.acquire('east/leader', 'j', 1_000),
        claim: () => joiner.claim({ cluster: EAST, root: SECRET, roster: { version: 1, bytes: SECRET } }),
      };
      for (const [what, attempt] of Object.entries(attempts)) await assert.rejects(attempt(), refused, what);
    });

    it('refuses a token with another secret and one that was never offered', async () => {
      const guess = new Uint8Array(32).fill(6);
      for (const [tokenId, storeSecret] of [
        ['t1', guess],
        ['t9', SECRET],
        ['', SECRET],
      ] as const) {
        await assert.rejects(clientOf({ kind: 'joiner', tokenId, storeSecret }).roster(), refused);
      }
    });
  });
});

function withKeyOf(identity: MemberIdentity, other: MemberIdentity): MemberIdentity {
  return { ...identity, svid: () => ({ chain: identity.svid().chain, key: other.svid().key }) };
}

async function firstPart(parts: AsyncIterable<unknown>): Promise<unknown> {
  for await (const part of parts) return part;
  return undefined;
}

/** Until it succeeds: a client that was refused tries again after its back-off. */
async function waitFor(attempt: () => Promise<unknown>): Promise<void> {
  for (;;) {
    try {
      await attempt();
      return;
    } catch (error) {
      assert.ok(error instanceof StoreRefusedError || error instanceof StoreUnavailableError, String(error));
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
