import { resolve } from 'node:path';
import type { SiteConfig } from '../controller/config/site.ts';

/**
 * The unit for `isthmus up` as a service. The state folder must be writable and private; everything else of the machine
 * is read-only for it, and it needs no capability unless a gateway listens below port 1024.
 */
export function systemdUnit(config: SiteConfig): string {
  const program = resolve(import.meta.dirname, '../bin/isthmus');
  return `[Unit]
Description=Isthmus site ${config.cluster} of ${config.clusterset}
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=${program} up --state-dir ${config.stateDir}
Restart=always
RestartSec=1
# Envoy drains for 2 s, the controller ends its calls within 0.5 s.
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
