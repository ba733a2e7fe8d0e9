import { resolve } from 'node:path';
import type { SiteConfig } from '../controller/config/site.ts';

/**
 * The unit for `isthmus up` as a service. The state folder must be writable and private; everything else of the machine
 * is read-only for it. It runs as the user who printed it, to whom the state folder belongs, and it needs no capability unless a gateway listens below port 1024.
 */
export function systemdUnit(
  config: SiteConfig,
  { user, gateways }: { readonly user: string; readonly gateways?: string | undefined },
): string {
  const flags = [
    ...['--state-dir', config.stateDir],
    ...(config.replica === undefined ? [] : ['--replica', config.replica]),
    ...(gateways === undefined ? [] : ['--gateways', gateways]),
  ];
  const program = resolve(import.meta.dirname, '../bin/isthmus');
  return `[Unit]
Description=Isthmus site ${config.cluster} of ${config.clusterset}
Wants=network-online.target
After=network-online.target

[Service]
User=${user}
ExecStart=${program} up ${flags.join(' ')}
Restart=always
RestartSec=1
# What is wrong with the configuration does not mend by a restart.
RestartPreventExitStatus=2
# Gateways get 8 s to end, then the controller 8 s.
TimeoutStopSec=20
KillMode=mixed
LimitNOFILE=1048576
UMask=0077
NoNewPrivileges=yes
ProtectSystem=strict
ProtectHome=read-only
PrivateTmp=yes
PrivateDevices=yes
ProtectKernelTunables=yes
ProtectKernelModules=yes
ProtectControlGroups=yes
RestrictSUIDSGID=yes
CapabilityBoundingSet=
ReadWritePaths=${config.stateDir}

[Install]
WantedBy=multi-user.target
`;
}
