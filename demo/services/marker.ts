/**
 * Text that every service puts into each header and body. Whoever records the wire between two networks and finds it
 * has found plaintext; random ciphertext holds these 32 characters once in 10^77 tries.
 */
export const PLAINTEXT_MARKER = 'isthmus-plaintext-marker-7c1e9a4';

/** Request header by which callers carry the marker as well. */
export const MARKER_HEADER = 'x-plaintext-marker';

/** Response header with the name of the service process that answered. */
export const SERVED_BY_HEADER = 'x-served-by';
