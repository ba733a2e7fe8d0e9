import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ControllerLogin } from '../../gateway-config/agent/controller-login.ts';
import type { ControllerTarget } from '../../gateway-config/agent/controller-target.ts';
import { Controllers } from '../../gateway-config/agent/controllers.ts';
import { findEnvoy } from '../../gateway-config/agent/envoy-binary.ts';
import { type GatewayAgent, runGatewayAgent } from '../../gateway-config/agent/gateway-agent.ts';
import {
  clock,
  GATEWAY,
  log,
  makeFolder,
  random,
  startController,
  TestAuthority,
  type TestController,
  type TestControllerInit,
} from '../../gateway-config/agent/site.fixture.ts';
import type { ServerSvid } from '../../gateway-config/xds/remote-port.ts';
import { GatewayTokens } from '../../controller/gateway-tokens.ts';
import { Metrics } from '../../runtime/metrics.ts';
import { toPem } from '../../trust/certificates.ts';
import type { GatewayAuthenticator } from '../../trust/gateway-authenticator.ts';

/** A site whose gateway is elsewhere: controllers with a TCP port on loopback, and the two files that an agent is given. */
export class RemoteSite implements AsyncDisposable {
  readonly authority = new TestAuthority();
  readonly folder: string;
  readonly tokens: GatewayTokens;
  readonly login: ControllerLogin;
  readonly #owned = new AsyncDisposableStack();
  #controllers = 0;

  private constructor(folder: string) {
    this.folder = folder;
    this.tokens = new GatewayTokens({ clock, random }, { path: join(folder, 'state', 'gateway-tokens.json') });
    this.login = new ControllerLogin({ caFile: this.caFile, tokenFile: this.tokenFile });
  }

  static async make(): Promise<RemoteSite> {
    const folder = await makeFolder();
    const site = new RemoteSite(folder.path);
    site.#owned.use(folder);
    await site.writeCa(toPem([site.authority.clusterCa]));
    await site.writeToken(await site.tokens.create(GATEWAY));
    return site;
  }

  get caFile(): string {
    return join(this.folder, 'ca.pem');
  }

  get tokenFile(): string {
    return join(this.folder, 'token');
  }

  writeCa(pem: string): Promise<void> {
    return writeFile(this.caFile, pem);
  }

  writeToken(token: string, mode = 0o600): Promise<void> {
    return writeFile(this.tokenFile, `${token}\n`, { mode });
  }

  async controller(
    init: Omit<TestControllerInit, 'socketPath' | 'authority' | 'remote'> & {
      readonly svid?: ServerSvid;
      readonly authenticator?: GatewayAuthenticator;
      readonly port?: number;
    } = {},
  ): Promise<TestController> {
    this.#controllers += 1;
    const { svid = this.authority.controllerSvid(), authenticator = this.tokens, port = 0 } = init;
    return this.#owned.use(
      await startController({
        ...init,
        socketPath: join(this.folder, `c${this.#controllers}.sock`),
        authority: this.authority,
        remote: { host: '127.0.0.1', port, svid, authenticator },
      }),
    );
  }

  /** What the agent calls its controllers by, without an agent. */
  client(targets: readonly ControllerTarget[], login = this.login, gateway = GATEWAY): Controllers {
    const controllers = new Controllers({ clock }, { targets: () => targets, gateway, login });
    this.#owned.defer(() => controllers.close());
    return controllers;
  }

  /** An agent with its Envoy, which need not be live yet. */
  async agent(targets: () => readonly ControllerTarget[], name = 'g', gateway = GATEWAY): Promise<GatewayAgent> {
    const agent = await runGatewayAgent(
      {
        controllers: targets,
        login: this.login,
        stateDir: join(this.folder, name),
        gateway,
        envoy: { binary: findEnvoy({ env: process.env }), concurrency: 1, stdout: 'ignore', stderr: 'ignore' },
      },
      { clock, log, random, metrics: new Metrics() },
    );
    this.#owned.defer(() => agent.close());
    return agent;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#owned.disposeAsync();
  }
}

export function target({ server }: TestController): ControllerTarget {
  return { kind: 'tls', address: '127.0.0.1', port: server.port ?? 0 };
}
