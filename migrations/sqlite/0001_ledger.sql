-- The readers, the issues, and one row for each copy. Times are milliseconds since 1970, UTC.
-- Columns are whole numbers, TEXT and BLOB only, so that the same statements work in PostgreSQL.

CREATE TABLE meta (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
);

CREATE TABLE subscriber (
    id           INTEGER PRIMARY KEY,
    addr_key     BLOB NOT NULL UNIQUE,      -- keyed hash of the normalised address
    email        TEXT NOT NULL,
    name         TEXT,
    language     TEXT,
    standing     TEXT NOT NULL,             -- active, unconfirmed, unsubscribed, suppressed
    source       TEXT NOT NULL,
    consented_at BIGINT,
    added_at     BIGINT NOT NULL,
    changed_at   BIGINT NOT NULL
);

-- Kept when a reader is erased, so that an import cannot bring the address back.
CREATE TABLE suppression (
    addr_key BLOB PRIMARY KEY,
    reason   TEXT NOT NULL,
    source   TEXT NOT NULL,
    since    BIGINT NOT NULL
) WITHOUT ROWID;

CREATE TABLE issue (
    id             INTEGER PRIMARY KEY,
    post           TEXT NOT NULL UNIQUE,    -- the post's permanent id
    state          TEXT NOT NULL,           -- sending, paused, done, cancelled, baseline
    subject        TEXT NOT NULL,
    label          TEXT NOT NULL,           -- the post's slug: for people and for the outbox folder
    letter         TEXT NOT NULL,           -- the frozen letter, JSON; empty for a baseline
    letter_sha256  BLOB NOT NULL,
    frozen_at      BIGINT NOT NULL,
    audience       BIGINT NOT NULL,
    paused_because TEXT
);

CREATE TABLE delivery (
    id            INTEGER PRIMARY KEY,
    issue         BIGINT NOT NULL REFERENCES issue (id),
    addr_key      BLOB NOT NULL,
    -- Fixed at the freeze.
    address       TEXT NOT NULL,
    name          TEXT,
    message_id    TEXT NOT NULL,
    boundary_seed TEXT NOT NULL,
    unsubscribe   TEXT NOT NULL,            -- the signed token in this copy
    bounce        TEXT NOT NULL,            -- the token of its envelope sender; empty if there is none
    -- Moved by the transition table and nothing else.
    state         TEXT NOT NULL,
    token         BLOB,
    attempts      BIGINT NOT NULL DEFAULT 0,
    owner         TEXT,
    lease_until   BIGINT,
    next_at       BIGINT NOT NULL,
    resends       BIGINT NOT NULL DEFAULT 0,
    had_unknown   BIGINT NOT NULL DEFAULT 0,
    bytes_sha256  BLOB,
    dated         BIGINT,
    reason        TEXT,
    last_phase    TEXT,
    last_reply    TEXT,
    changed_at    BIGINT NOT NULL,
    UNIQUE (issue, addr_key)                -- this line is the de-duplication
);

-- Claims go in the order of the rows, so that neighbours share pages and commits stay small.
CREATE INDEX delivery_waiting ON delivery (issue, id) WHERE state = 'pending';
CREATE INDEX delivery_held ON delivery (issue) WHERE state IN ('claimed', 'armed');

-- One row for each arm. Only its end is ever filled in.
CREATE TABLE attempt (
    token    BLOB PRIMARY KEY,
    delivery BIGINT NOT NULL REFERENCES delivery (id),
    n        BIGINT NOT NULL,
    epoch    BIGINT NOT NULL,
    armed_at BIGINT NOT NULL,
    ended_at BIGINT,
    result   TEXT,
    reply    TEXT
) WITHOUT ROWID;

-- Append only; each row carries the hash of the one before it.
CREATE TABLE event (
    id     INTEGER PRIMARY KEY,
    at     BIGINT NOT NULL,
    kind   TEXT NOT NULL,
    issue  BIGINT,
    subject TEXT,                           -- the reader's key in hex, where the event is about one
    actor  TEXT NOT NULL,
    detail TEXT NOT NULL,
    hash   BLOB NOT NULL
);
