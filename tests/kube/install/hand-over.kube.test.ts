/** `isthmus join` and `isthmus leave` with --kubernetes, as somebody meets them whose cluster is not as he thinks. */
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import type { KubeObject } from '../../../kubernetes/api/objects.ts';
import { CONFIG_MAPS, NAMESPACES, SECRETS } from '../../../kubernetes/api/resources.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import { namespace } from '../objects.ts';
import { type KubeServer, startKubeServer } from '../server.ts';
import { Admin } from './programs.ts';
import { tokenFor } from './token.fixture.ts';

const JOIN = ['join', '--kubernetes', '--token-file', '-'];
const LEAVE = ['leave', '--kubernetes'];

describe('a token and a request to leave, handed to an installation whose controllers do not run', () => {
  let server: KubeServer;
  let admin: Admin;
  before(async () => {
    server = await startKubeServer({ name: 'hand-over' });
    admin = new Admin(server);
    const install = ['install', '--clusterset', 'prod.example.org', '--wait', '0s'];
    for (const args of [
      ['--cluster', 'west'],
      ['--cluster', 'east', '--authority', '--namespace', 'east'],
    ]) {
      const { code, stderr } = await admin.isthmus([...install, ...args]);
      assert.equal(code, 0, stderr);
    }
  });
  after(() => server?.[Symbol.asyncDispose]());

  const tokenIn = (place: string) =>
    server.admin.get<KubeObject & { data?: Record<string, string> }>(SECRETS, {
      namespace: place,
      name: OWN_NAMES.joinToken,
    });

  it('leaving before joining is refused', async () => {
    const { code, stderr } = await admin.isthmus(LEAVE);
    assert.equal(code, 2);
    assert.match(stderr, /^error: this cluster is in no clusterset$/m);
    assert.equal(
      await server.admin.get(CONFIG_MAPS, { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.leave }),
      undefined,
    );
  });

  it('a token of another cluster, or of another clusterset, is not put there', async () => {
    const north = await admin.isthmus(JOIN, tokenFor('north'));
    assert.equal(north.code, 2);
    assert.match(north.stderr, /^error: the token is for cluster north, and west is installed there$/m);
    const other = await admin.isthmus(JOIN, tokenFor('west', 'other.example.org'));
    assert.equal(other.code, 2);
    assert.match(other.stderr, /^error: the token is for clusterset other\.example\.org, and prod\.example\.org is/m);
    assert.equal(await tokenIn(DEFAULT_NAMESPACE), undefined);
  });

  it('a namespace without an installation is told before anything is put there', async () => {
    await server.admin.apply(NAMESPACES, namespace('empty'));
    const cases = ['nowhere', 'empty'].flatMap((place) => [JOIN, LEAVE].map((args) => ({ place, args })));
    const ask = async ({ place, args }: (typeof cases)[number]): Promise<void> => {
      const { code, stderr } = await admin.isthmus([...args, '--namespace', place], tokenFor('west'));
      assert.equal(code, 2);
      assert.match(stderr, new RegExp(`^error: there is no installation of Isthmus in namespace ${place}$`, 'm'));
      assert.match(stderr, /^hint: .*isthmus install/m);
    };
    await Promise.all(cases.map(ask));
    assert.deepEqual((await server.admin.list(SECRETS, { namespace: 'empty' })).items, []);
  });

  it('the authority neither joins nor leaves', async () => {
    const joined = await admin.isthmus([...JOIN, '--namespace', 'east'], tokenFor('east'));
    assert.equal(joined.code, 2);
    assert.match(joined.stderr, /^error: the authority does not join/m);
    const left = await admin.isthmus([...LEAVE, '--namespace', 'east']);
    assert.equal(left.code, 2);
    assert.match(left.stderr, /^error: the authority cannot leave/m);
    assert.equal(await tokenIn('east'), undefined);
  });

  it('a token is put into a Secret, and who is silent is told when nobody takes it', async () => {
    const token = tokenFor('west');
    const { code, stderr } = await admin.isthmus([...JOIN, '--wait', '1s'], `${token}\n`);
    assert.equal(code, 1, stderr);
    assert.match(stderr, /^error: cluster west has not joined after 1s$/m);
    assert.match(stderr, new RegExp(`^hint: kubectl -n ${DEFAULT_NAMESPACE} logs `, 'm'));
    const secret = await tokenIn(DEFAULT_NAMESPACE);
    assert.equal(Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString(), token);
  });

  it('a newer token takes the place of one that lies there', async () => {
    const token = tokenFor('west');
    const { code, stderr } = await admin.isthmus([...JOIN, '--wait', '0s'], token);
    assert.equal(code, 0, stderr);
    const secret = await tokenIn(DEFAULT_NAMESPACE);
    assert.equal(Buffer.from(secret?.data?.['token'] ?? '', 'base64').toString(), token);
  });

  it('a cluster that has joined takes no token, and is asked to leave; who is silent is told', async () => {
    const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.trust };
    await server.admin.create(CONFIG_MAPS, { metadata: where });
    const again = await admin.isthmus(JOIN, tokenFor('west'));
    assert.equal(again.code, 2);
    assert.match(again.stderr, /^error: cluster west has joined already$/m);
    const { code, stderr } = await admin.isthmus([...LEAVE, '--timeout', '1s']);
    assert.equal(code, 1);
    assert.match(stderr, /^error: the cluster has not left after 1s$/m);
    assert.match(stderr, /^hint: .*isthmus-leave/m);
    const asked = await server.admin.get(CONFIG_MAPS, { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.leave });
    assert.notEqual(asked, undefined);
  });

  it('a request that the controller refuses is not waited for', async () => {
    const where = { namespace: DEFAULT_NAMESPACE, name: OWN_NAMES.leave };
    const data = { state: 'refused: this cluster is the authority of its clusterset' };
    await server.admin.patch(CONFIG_MAPS, where, { type: 'merge', body: { data } });
    const { code, stderr } = await admin.isthmus([...LEAVE, '--timeout', '60s']);
    assert.equal(code, 2);
    assert.match(stderr, /^error: this cluster is the authority of its clusterset$/m);
    assert.match(stderr, /^hint: .*delete configmap isthmus-leave$/m);
  });

  it('what was meant for a cluster is not done to a site of this machine, and the other way round', async () => {
    const wrong = [
      [['join', '--context', 'west', '--token-file', '-'], /^error: --context without --kubernetes/m],
      [['leave', '--namespace', 'east'], /^error: --namespace without --kubernetes/m],
      [[...JOIN, '--gateway-address', '198.51.100.7'], /^error: --gateway-address is for sites without Kubernetes$/m],
      [[...LEAVE, '--purge'], /^error: --purge is for sites without Kubernetes$/m],
    ] as const;
    const said = await Promise.all(wrong.map(([args]) => admin.isthmus(args, tokenFor('west'))));
    for (const [at, { code, stderr }] of said.entries()) {
      assert.equal(code, 2);
      assert.match(stderr, wrong[at]?.[1] ?? /never/);
    }
  });

  it('what cannot be understood is told before any cluster is asked', async () => {
    const odd = await admin.isthmus(JOIN, 'isthmus1.nonsense');
    assert.equal(odd.code, 2);
    assert.match(odd.stderr, /^hint: make one on the authority/m);
    const wait = await admin.isthmus([...JOIN, '--wait', 'soon'], tokenFor('west'));
    assert.equal(wait.code, 2);
    assert.match(wait.stderr, /^error: soon is not a duration$/m);
  });
});
