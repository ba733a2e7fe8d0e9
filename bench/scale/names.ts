import { parseClusterId } from '../../federation/model/ids.ts';

export const DOMAIN = 'bench.example';
/** The cluster whose controller is measured; it founded the clusterset. */
export const READER = parseClusterId('reader');
/** Where several read at once, each must be a cluster of its own: two writers of one name would fence each other. */
export const MORE_READERS = ['reader-2', 'reader-3'].map(parseClusterId);
