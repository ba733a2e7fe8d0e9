/**
 * How to cut a refused response into smaller ones that find the culprit. Envoy's error text mostly names it: those
 * names go one by one and the rest together, else halves. The text only steers the order: what is refused in the end
 * was refused alone.
 */
export function splitRefused(names: readonly string[], message: string): (readonly string[])[] {
  const named = names.filter((name) => message.includes(name));
  const rest = names.filter((name) => !message.includes(name));
  if (named.length > 0 && rest.length > 0) return [rest, ...named.map((name) => [name])];
  if (names.length <= SINGLES_MAX) return names.map((name) => [name]);
  const middle = Math.ceil(names.length / 2);
  return [names.slice(0, middle), names.slice(middle)];
}

/** Below this, one by one is as fast as halves. */
const SINGLES_MAX = 4;
