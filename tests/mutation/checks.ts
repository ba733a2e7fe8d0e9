import type { Check } from './check.ts';
import * as exporter from './checks-exporter.ts';
import * as importer from './checks-importer.ts';

export const CHECKS: readonly Check[] = [...Object.values(importer), ...Object.values(exporter)].filter(
  (value): value is Check => typeof value === 'object',
);
