/** Requests at a steady pace, each of which must be answered by the service. What fails is kept with its time. */
import { Agent, request } from 'node:http';

const EVERY_MS = 20;
const TIMEOUT_MS = 5_000;

export class Load {
  readonly failures: string[] = [];
  answered = 0;
  readonly #agent = new Agent({ keepAlive: true });
  readonly #timer: NodeJS.Timeout;
  readonly #open = new Set<Promise<void>>();

  constructor(urls: readonly string[]) {
    this.#timer = setInterval(() => {
      for (const url of urls) this.#send(url);
    }, EVERY_MS);
  }

  /** Resolves when the last request has its answer. */
  async stop(): Promise<void> {
    clearInterval(this.#timer);
    await Promise.all(this.#open);
    this.#agent.destroy();
  }

  #send(url: string): void {
    const sent = new Promise<void>((resolve) => {
      const fail = (why: string): void => {
        this.failures.push(`${new Date().toISOString()} ${url}: ${why}`);
        resolve();
      };
      const call = request(url, { agent: this.#agent, timeout: TIMEOUT_MS }, (response) => {
        response.resume();
        response.once('end', () => {
          if (response.statusCode !== 200) return fail(`status ${response.statusCode ?? 0}`);
          this.answered += 1;
          resolve();
        });
        response.once('error', (error) => fail(error.message));
      });
      call.once('timeout', () => call.destroy(new Error('time-out')));
      call.once('error', (error) => fail(error.message));
      call.end();
    });
    this.#open.add(sent);
    void sent.then(() => this.#open.delete(sent));
  }
}
