import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type CorefileWish, patchCorefile } from './corefile.ts';
import { chooseCoreDnsMode } from './coredns-version.ts';

const KUBEADM = `.:53 {
    errors
    kubernetes cluster.local in-addr.arpa ip6.arpa {
       pods insecure
       fallthrough in-addr.arpa ip6.arpa
       ttl 30
    }
    forward . /etc/resolv.conf
    cache 30
    reload
}
`;
const FORWARD: CorefileWish = { mode: 'forward', servers: [{ address: '10.96.0.53', port: 53 }] };
const PLUGIN: CorefileWish = { mode: 'kubernetes-plugin' };

function patched(text: string, wish: CorefileWish): string {
  const outcome = patchCorefile(text, wish);
  assert.equal(outcome.kind, 'changed');
  return outcome.kind === 'changed' ? outcome.text : '';
}

describe('the Corefile', () => {
  it('gets a block that forwards the zone', () => {
    const text = patched(KUBEADM, FORWARD);
    assert.ok(text.startsWith(KUBEADM));
    assert.match(text, /^clusterset\.local:53 \{\n {4}errors\n {4}cache 5\n {4}forward \. 10\.96\.0\.53:53\n\}$/m);
  });

  it('gets the zone and the option where CoreDNS knows it', () => {
    const text = patched(KUBEADM, PLUGIN);
    assert.match(
      text,
      /kubernetes cluster\.local in-addr\.arpa ip6\.arpa clusterset\.local \{\n +multicluster clusterset\.local # isthmus\n/,
    );
  });

  const short = KUBEADM.replace(/ \{\n +pods[^}]*\}/, '');
  for (const [what, text] of [
    ['of kubeadm', KUBEADM],
    ['without braces', short],
    ['without an end of line', KUBEADM.trimEnd()],
  ] as const) {
    for (const wish of [FORWARD, PLUGIN]) {
      it(`${what} is patched once for ${wish.mode}, and as before when that is taken out`, () => {
        const once = patched(text, wish);
        assert.deepEqual(patchCorefile(once, wish), { kind: 'unchanged' });
        assert.equal(patched(once, { mode: 'none' }).trimEnd(), text.trimEnd());
        assert.deepEqual(patchCorefile(text, { mode: 'none' }), { kind: 'unchanged' });
      });
    }
  }

  it('goes from one way to the other, and to another address', () => {
    const forward = patched(KUBEADM, FORWARD);
    assert.equal(patched(forward, PLUGIN), patched(KUBEADM, PLUGIN));
    assert.equal(patched(patched(KUBEADM, PLUGIN), FORWARD), forward);
    const moved: CorefileWish = { mode: 'forward', servers: [{ address: 'fd00::53', port: 53 }] };
    assert.equal(patched(forward, moved), patched(KUBEADM, moved));
    assert.match(patched(forward, moved), /forward \. \[fd00::53\]:53/);
  });

  it('is left alone when somebody else answers the zone', () => {
    const others = `${KUBEADM}clusterset.local {\n    forward . 10.0.0.9\n}\n`;
    for (const wish of [FORWARD, PLUGIN]) {
      const outcome = patchCorefile(others, wish);
      assert.deepEqual([outcome.kind, outcome.kind === 'refused' && outcome.reason], ['refused', 'OthersBlock']);
    }
    assert.equal(patchCorefile(`# clusterset.local\n${KUBEADM}`, FORWARD).kind, 'changed');
  });

  it('without the plugin has nothing to give the option to', () => {
    const outcome = patchCorefile('.:53 {\n    forward . 1.2.3.4\n}\n', PLUGIN);
    assert.deepEqual([outcome.kind, outcome.kind === 'refused' && outcome.reason], ['refused', 'NoKubernetesPlugin']);
  });
});

describe('the way CoreDNS learns the zone', () => {
  for (const [image, mode] of [
    ['registry.k8s.io/coredns/coredns:v1.12.1', 'forward'],
    ['registry.k8s.io/coredns/coredns:v1.12.2', 'kubernetes-plugin'],
    ['coredns/coredns:1.13.0', 'kubernetes-plugin'],
    ['mirror:5000/coredns:v1.11.4-eksbuild.2', 'forward'],
    ['mirror:5000/coredns:v2.0.0-eksbuild.2@sha256:0a1b', 'kubernetes-plugin'],
    ['coredns/coredns@sha256:0a1b', 'forward'],
    ['coredns/coredns:latest', 'forward'],
  ] as const) {
    it(`with ${image} is ${mode}`, () => assert.equal(chooseCoreDnsMode(image).mode, mode));
  }
});
