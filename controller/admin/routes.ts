import { sortedJson } from './sorted-json.ts';

/**
 * What can be asked of a running controller. `/debug` and `/v1` are on the unix socket only, because they show what this
 * cluster knows of all others; health and metrics may also have a TCP port.
 */
export type Surface = 'socket' | 'health' | 'metrics';

export interface Answer {
  readonly status: number;
  readonly type: 'application/json' | 'text/plain; charset=utf-8' | 'text/plain; version=0.0.4; charset=utf-8';
  readonly body: string;
  /** The methods that would be answered, with status 405 (RFC 9110, section 15.5.6). */
  readonly allow?: string;
}

export interface Route {
  readonly surfaces: readonly Surface[];
  /** Absent: GET and HEAD, without effects. Parameters come in the query; no body is ever read. */
  readonly method?: 'POST';
  readonly answer: (query: URLSearchParams) => Answer | Promise<Answer>;
}

export type Routes = Readonly<Record<string, Route>>;

/** One line of `/healthz` or `/readyz`. */
export interface HealthCheckResult {
  /** Stable word, e.g. `sources`. */
  readonly name: string;
  readonly ok: boolean;
  /** Shown whether ok or not: a kept last good is ok and still worth a sentence. */
  readonly message?: string | undefined;
}

/** Where the answers come from. Each is called per request and must be quick. */
export interface AdminParts {
  readonly healthz: () => readonly HealthCheckResult[];
  readonly readyz: () => readonly HealthCheckResult[];
  /** Prometheus text. */
  readonly metrics: () => Promise<string>;
  /** Plain values for `/debug/NAME`, e.g. `state`, `ir`, `xds`. */
  readonly debug: Readonly<Record<string, () => unknown>>;
  /** Plain values for `/v1/NAME`, e.g. `clusters`, `services`, `gateways`, `endpoints`, `status`. */
  readonly api: Readonly<Record<string, () => unknown>>;
}

export function adminRoutes(parts: AdminParts): Routes {
  const json = (value: () => unknown): Route => ({
    surfaces: ['socket'],
    answer: () => ({ status: 200, type: 'application/json', body: sortedJson(value()) }),
  });
  const named = (prefix: string, values: Readonly<Record<string, () => unknown>>): [string, Route][] =>
    Object.entries(values).map(([name, value]) => [`${prefix}/${name}`, json(value)]);
  return {
    '/healthz': { surfaces: ['socket', 'health'], answer: () => healthAnswer(parts.healthz()) },
    '/readyz': { surfaces: ['socket', 'health'], answer: () => healthAnswer(parts.readyz()) },
    '/metrics': {
      surfaces: ['socket', 'metrics'],
      answer: async () => ({
        status: 200,
        type: 'text/plain; version=0.0.4; charset=utf-8',
        body: await parts.metrics(),
      }),
    },
    ...Object.fromEntries([...named('/debug', parts.debug), ...named('/v1', parts.api)]),
  };
}

/** As the Kubernetes components answer: a line a check, `[+]` or `[-]`, and one verdict. */
export function healthAnswer(checks: readonly HealthCheckResult[]): Answer {
  const lines = checks.map(({ name, ok, message }) => {
    const detail = message === undefined ? '' : `: ${message.replaceAll('\n', ' ')}`;
    return `[${ok ? '+' : '-'}] ${name}${detail}`;
  });
  const ok = checks.every((check) => check.ok);
  const body = [...lines, ok ? 'ok' : 'not ok', ''].join('\n');
  return { status: ok ? 200 : 503, type: 'text/plain; charset=utf-8', body };
}
