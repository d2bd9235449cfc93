-- What came back by mail: bounces, complaints, readers who left. One row for each mail, however often it is delivered.

CREATE TABLE notice (
    fingerprint BYTEA PRIMARY KEY,           -- of the mail's own id and what it says
    at          BIGINT NOT NULL,
    addr_key    BYTEA NOT NULL,
    delivery    BIGINT REFERENCES delivery (id), -- where the mail named a copy
    issue       BIGINT REFERENCES issue (id),    -- that copy's
    kind        TEXT NOT NULL,              -- failed, delayed, delivered, relayed, expanded, complaint, leave
    fault       TEXT NOT NULL,              -- dead, soft, sender; empty for what is no failure
    status      TEXT,
    diagnostic  TEXT                        -- what a stranger's server said: hostile, and may hold the address
);

CREATE INDEX notice_delivery ON notice (delivery);
CREATE INDEX notice_hard ON notice (issue) WHERE fault = 'dead' OR kind = 'complaint';
