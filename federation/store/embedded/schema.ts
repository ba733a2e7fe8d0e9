/**
 * The tables of an embedded store (docs/reference/store.md explains them). `seq` counts writes: readers of hints ask
 * for what is above the last one they saw, so that looking costs in proportion to what changed.
 */
export const SCHEMA_SQL = `
CREATE TABLE clusters (
  cluster TEXT PRIMARY KEY,
  incarnation INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  writer_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  beat INTEGER NOT NULL,
  head BLOB NOT NULL,
  signature BLOB NOT NULL,
  signer_chain TEXT NOT NULL,
  records INTEGER NOT NULL,
  bytes INTEGER NOT NULL,
  seq INTEGER NOT NULL
) STRICT;
CREATE INDEX clusters_by_seq ON clusters (seq);
CREATE TABLE records (
  cluster TEXT NOT NULL,
  key TEXT NOT NULL,
  bytes BLOB NOT NULL,
  PRIMARY KEY (cluster, key)
) STRICT;
CREATE TABLE log (
  cluster TEXT NOT NULL,
  seq INTEGER NOT NULL,
  incarnation INTEGER NOT NULL,
  epoch INTEGER NOT NULL,
  writer_id TEXT NOT NULL,
  version INTEGER NOT NULL,
  touched TEXT NOT NULL,
  size INTEGER NOT NULL,
  PRIMARY KEY (cluster, seq)
) STRICT;
CREATE TABLE roster (
  id INTEGER PRIMARY KEY CHECK (id = 1),
  version INTEGER NOT NULL,
  bytes BLOB NOT NULL
) STRICT;
CREATE TABLE joins (
  token_id TEXT PRIMARY KEY,
  credential BLOB NOT NULL,
  expires_at_ms INTEGER NOT NULL,
  request BLOB,
  answer BLOB
) STRICT;
CREATE TABLE leases (
  name TEXT PRIMARY KEY,
  holder TEXT NOT NULL,
  transitions INTEGER NOT NULL,
  expires_at_ms INTEGER NOT NULL
) STRICT;
CREATE TABLE writes (
  subject TEXT PRIMARY KEY,
  seq INTEGER NOT NULL
) STRICT;
INSERT INTO writes (subject, seq) VALUES ('any', 0), ('roster', 0), ('join', 0);
`;
