import type { ClusterId } from '../federation/model/ids.ts';
import type { Roster } from '../trust/contract.ts';
import type { ControllerComponents } from './controller.ts';
import type { Engine } from './engine.ts';
import { ReplicaRole } from './leadership/replica-role.ts';
import { type Office, type Role, SoleRole } from './leadership/role.ts';
import { Shadow } from './leadership/shadow.ts';
import type { StartedParts } from './started-parts.ts';

/** What this controller is among those of its site, from what its folder says and where its lease is. */
export interface MakeRoleInit {
  readonly cluster: ClusterId;
  readonly roster: () => Roster;
  /** Path of the leader's gateway ports. */
  readonly ports: string;
  readonly onFollowing: (message: string) => void;
}

export function makeRole(
  components: ControllerComponents & { readonly parts: StartedParts; readonly office: Office; readonly engine: Engine },
  init: MakeRoleInit,
): Role {
  const { parts, office, engine, kubernetes } = components;
  const { replica } = parts;
  if (replica === undefined) return new SoleRole({ office, nowMs: components.clock.monotonicMs() });
  const shadow = new Shadow({ ...components, ...parts, engine }, init);
  const role = new ReplicaRole(
    { ...components, board: parts.leases, office },
    {
      cluster: init.cluster,
      replica,
      learn: async () => {
        await kubernetes?.keep.pullPorts();
        await shadow.learn();
      },
      onFollowing: init.onFollowing,
    },
  );
  if (kubernetes !== undefined) role.onLeading((isLeader) => kubernetes.keep.lead(isLeader));
  return role;
}
