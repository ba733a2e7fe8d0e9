import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SITE_SCHEMA } from '../../controller/config/site-schema.ts';
import { installManifests } from './all.ts';
import { VALUES_SCHEMA } from './values.ts';

/** What a kubelet does to pods, that no API server tells. */
interface PodSpec {
  readonly template: {
    readonly spec: {
      readonly containers: readonly {
        readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string }[];
      }[];
    };
  };
}

const values = VALUES_SCHEMA.parse({ cluster: 'east', clusterset: 'prod.example.org' });
const manifests = installManifests({ values, release: { namespace: 'isthmus-system', version: '0.0.0' } });

test('the state folder is below its mount: the mount itself is open to all users of the pod', () => {
  const document = { apiVersion: 'isthmus.dev/v1alpha1', kind: 'Site', metadata: { name: 'east' } };
  const { stateDir } = SITE_SCHEMA.parse({ ...document, spec: { clusterset: 'prod.example.org', network: 'n' } }).spec;
  const deployments = manifests.filter(({ kind }) => kind === 'Deployment');
  assert.equal(deployments.length, 2);
  for (const { spec } of deployments) {
    const [container] = (spec as PodSpec).template.spec.containers;
    const mount = container?.volumeMounts.find(({ name }) => name === 'state')?.mountPath ?? '';
    assert.ok(mount.length > 1 && stateDir.startsWith(`${mount}/`), `${stateDir} is not below ${mount}`);
  }
});
