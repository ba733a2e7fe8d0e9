/** The API server's audit log: which requests it was asked, so that a test can count them. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** audit.k8s.io/v1 Event, the fields that tests look at. */
export interface AuditEvent {
  readonly stage: 'ResponseStarted' | 'ResponseComplete' | 'Panic';
  readonly verb: string;
  readonly requestURI: string;
  readonly userAgent?: string;
  readonly user: { readonly username: string };
  readonly objectRef?: {
    readonly apiGroup?: string;
    readonly resource?: string;
    readonly namespace?: string;
    readonly name?: string;
    readonly subresource?: string;
  };
  readonly responseStatus?: { readonly code?: number };
}

/**
 * For a server started with `audit`. A watch that is open has one event, of the stage `ResponseStarted`; all others
 * are there with `ResponseComplete`, once they have been answered.
 */
export async function readAudit(dir: string): Promise<readonly AuditEvent[]> {
  const lines = (await readFile(join(dir, 'audit.log'), 'utf8')).split('\n');
  lines.pop(); // empty, or what the server is just writing
  return lines.map((line) => JSON.parse(line) as AuditEvent); // the server's own log
}

export function auditArguments(dir: string): readonly string[] {
  return [`--audit-policy-file=${join(dir, 'audit-policy.json')}`, `--audit-log-path=${join(dir, 'audit.log')}`];
}
