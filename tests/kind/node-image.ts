/** Which node image kind uses: one by name, for those with a registry, or one from an archive. */
import type { Commands } from './commands.ts';

/** Of kind 0.33, by name: pulled by Docker when it is not there. */
export const UPSTREAM_IMAGE = 'kindest/node:v1.34.0';

/** @throws CommandError when the archive cannot be loaded */
export async function nodeImage(commands: Commands, env: NodeJS.ProcessEnv): Promise<string> {
  const { KIND_NODE_IMAGE: named, KIND_NODE_ARCHIVE: archive } = env;
  if (archive === undefined || archive === '') return named ?? UPSTREAM_IMAGE;
  const said = await commands.run('docker', ['load', '--input', archive]);
  const [, loaded] = /^Loaded image: (\S+)$/m.exec(said) ?? [];
  const image = named ?? loaded;
  if (image === undefined) throw new Error(`${archive} names no image: give KIND_NODE_IMAGE`);
  return image;
}
