import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Where controllers of this site listen on this host: a sole one, or several replicas, of which one leads. Looked up at
 * every attempt, because replicas come and go while the gateway runs.
 */
export interface ControllerSocketsInit {
  /** Of a controller that is the only one. */
  readonly sole: string;
  /** Holds a folder for each replica. */
  readonly replicas: string;
  /** Name of the socket in a replica's folder. */
  readonly socket: string;
}

/** Far above what anybody runs on one host; bounds what one attempt costs. */
const REPLICAS_MAX = 16;

/** At least one path, sorted, the sole controller's first. Small and synchronous: a handful of names, once an attempt. */
export function controllerSockets({ sole, replicas, socket }: ControllerSocketsInit): readonly string[] {
  const found = namesIn(replicas)
    .map((name) => join(replicas, name, socket))
    .filter((path) => existsSync(path))
    .slice(0, REPLICAS_MAX);
  return found.length === 0 || existsSync(sole) ? [sole, ...found] : found;
}

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder).toSorted();
  } catch {
    // No replica has ever run here.
    return [];
  }
}
