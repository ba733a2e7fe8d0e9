/**
 * A store's URL as it may be shown: in logs, errors, status and metrics. User, password and the whole query are left out
 * (pins and file names are no secrets, but a claim is, and a parameter that is not known yet may be). Total: any text
 * gives a text, because what is shown is often what could not be parsed.
 */
const SHOWN_CHARACTERS_MAX = 300;

export function displayStoreUrl(url: string): string {
  const [, scheme = '', rest = ''] = /^([a-z][a-z0-9+]*:)(.*)$/is.exec(url) ?? [];
  // A path is all there is, and has no query.
  if (['embedded:', 'memory:'].includes(scheme)) return shown(url);
  if (!rest.startsWith('//')) return `${scheme === '' ? '' : shown(scheme)}[hidden]`;
  const [, place = '', query = ''] = /^([^?#]*)(.*)$/s.exec(rest.slice(2)) ?? [];
  // A password may hold an unescaped `@`, `/` or `?`: nothing before the last `@` is shown, and what that is part of neither.
  if (query.includes('@')) return `${shown(scheme)}//[hidden]`;
  return shown(`${scheme}//${place.slice(place.lastIndexOf('@') + 1)}`);
}

function shown(text: string): string {
  const plain = text.replace(/[^\p{L}\p{N}\p{P}\p{S}]+/gu, ' ');
  return plain.length > SHOWN_CHARACTERS_MAX ? `${plain.slice(0, SHOWN_CHARACTERS_MAX)}...` : plain;
}
