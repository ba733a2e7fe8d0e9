/** What the controllers asked of their API servers, beside what `deploy/manifests/access.ts` gives them. */
import { CLUSTER_RULES, NAMESPACE_RULES, type Rule } from '../../../deploy/manifests/access.ts';
import { DEFAULT_NAMESPACE, OWN_NAMES } from '../../../kubernetes/names.ts';
import type { AuditEvent } from '../audit.ts';
import type { Site } from './site.ts';

const CONTROLLER = `system:serviceaccount:${DEFAULT_NAMESPACE}:${OWN_NAMES.controller}`;

async function asked(site: Site): Promise<readonly AuditEvent[]> {
  const lines = await site.server.auditLines();
  return lines.filter(({ user }) => user.username === CONTROLLER);
}

/** Requests that RBAC refused. */
export async function refusals(site: Site): Promise<readonly string[]> {
  const refused = (await asked(site)).filter(({ responseStatus }) => responseStatus?.code === 403);
  return [...new Set(refused.map(({ verb, requestURI }) => `${verb} ${requestURI}`))];
}

/** Rights that a rule gives, one a line, and nobody used on any of these servers, but for those that are expected. */
export async function unusedRights(sites: readonly Site[], expected: readonly string[]): Promise<readonly string[]> {
  const events = (await Promise.all(sites.map((site) => asked(site)))).flat();
  const given = [...CLUSTER_RULES, ...NAMESPACE_RULES].flatMap((rule) => rightsOf(rule));
  const unused = given.filter((right) => !events.some((event) => isUse(event, right))).map(lineOf);
  return unused.filter((line) => !expected.includes(line));
}

interface Right {
  readonly group: string;
  readonly resource: string;
  readonly verb: string;
  readonly name: string | undefined;
}

function rightsOf({ apiGroups, resources, verbs, resourceNames }: Rule): readonly Right[] {
  return apiGroups.flatMap((group) =>
    resources.flatMap((resource) =>
      verbs.flatMap((verb) => (resourceNames ?? [undefined]).map((name): Right => ({ group, resource, verb, name }))),
    ),
  );
}

function isUse({ verb, objectRef }: AuditEvent, right: Right): boolean {
  const { apiGroup = '', resource = '', subresource, name } = objectRef ?? {};
  const whole = subresource === undefined ? resource : `${resource}/${subresource}`;
  return (
    apiGroup === right.group &&
    whole === right.resource &&
    (verb === right.verb || isCreatingPatch(verb, right)) &&
    (right.name === undefined || name === right.name)
  );
}

/** Server-side apply of what is not there takes both rights; the log tells the one that was asked for. */
function isCreatingPatch(verb: string, right: Right): boolean {
  return verb === 'patch' && right.verb === 'create';
}

function lineOf({ group, resource, verb, name }: Right): string {
  return [verb, group === '' ? resource : `${resource}.${group}`, ...(name === undefined ? [] : [name])].join(' ');
}
