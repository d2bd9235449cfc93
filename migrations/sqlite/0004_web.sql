-- Readers who sign up, choose and leave on the web; the small letters that answer them; weekly digests.

-- Rises with every farewell: a confirmation of an earlier generation is void.
ALTER TABLE subscriber ADD COLUMN generation BIGINT NOT NULL DEFAULT 1;
ALTER TABLE subscriber ADD COLUMN asked_at BIGINT;      -- a sign-up that was not confirmed yet
ALTER TABLE subscriber ADD COLUMN left_at BIGINT;       -- left, having read until then
ALTER TABLE subscriber ADD COLUMN cadence TEXT NOT NULL DEFAULT 'each'; -- each, weekly
ALTER TABLE subscriber ADD COLUMN topics TEXT;          -- categories, one a line between line breaks; without it all

-- What a reader agreed to, and how (GDPR, article 7(1)). The network is forgotten after thirty days.
CREATE TABLE consent (
    id       INTEGER PRIMARY KEY,
    addr_key BLOB NOT NULL,
    at       BIGINT NOT NULL,
    word     TEXT NOT NULL,             -- asked, confirmed, undone, left, chose
    form     TEXT NOT NULL,             -- which form, and its version
    wording  BLOB NOT NULL,             -- SHA-256 of the words that it showed
    network  TEXT                       -- a /24 or a /56
);
CREATE INDEX consent_reader ON consent (addr_key);

-- A small letter that one reader asked for. At most one dot is written for each.
CREATE TABLE errand (
    id          INTEGER PRIMARY KEY,
    addr_key    BLOB NOT NULL,
    mailbox     BLOB NOT NULL,          -- the address without dots and plusses that its provider ignores: for limits
    address     TEXT NOT NULL,
    language    TEXT,
    kind        TEXT NOT NULL,          -- confirm, known, data
    generation  BIGINT NOT NULL,
    state       TEXT NOT NULL,          -- waiting, armed, sent, failed, void, unknown
    created_at  BIGINT NOT NULL,
    attempts    BIGINT NOT NULL DEFAULT 0,
    owner       TEXT,
    lease_until BIGINT,
    next_at     BIGINT NOT NULL,
    last_reply  TEXT,
    changed_at  BIGINT NOT NULL
);
CREATE INDEX errand_waiting ON errand (next_at) WHERE state = 'waiting';
CREATE INDEX errand_mailbox ON errand (mailbox, created_at);

-- Which posts an issue carries, where they are not the one that it is named after: a digest.
CREATE TABLE issue_post (
    issue BIGINT NOT NULL REFERENCES issue (id),
    post  TEXT NOT NULL,
    PRIMARY KEY (issue, post)
) WITHOUT ROWID;
CREATE INDEX issue_post_post ON issue_post (post);
-- A digest's week, such as 2026-W47; one week is one series of issues, and nobody gets two of it.
ALTER TABLE issue ADD COLUMN series TEXT;
