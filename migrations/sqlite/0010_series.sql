-- Whoever confirmed a sign-up or chose topics since the last run, and may so begin a series. A run empties it.
CREATE TABLE series_candidate (
    addr_key BLOB PRIMARY KEY,
    at       BIGINT NOT NULL,
    signed_up BIGINT NOT NULL               -- 1: by confirming a sign-up, 0: by choosing topics
) WITHOUT ROWID;

-- Who gets a series, and how far they are. Times within a series are milliseconds since its start.
CREATE TABLE series_progress (
    series     TEXT NOT NULL,
    addr_key   BLOB NOT NULL,
    started_at BIGINT NOT NULL,
    reached    BIGINT NOT NULL,             -- the time of the last step that was scheduled; -1: none yet
    next_at    BIGINT,                      -- when the next step is due; NULL: there is none
    PRIMARY KEY (series, addr_key)
) WITHOUT ROWID;
CREATE INDEX series_progress_next ON series_progress (series, next_at) WHERE next_at IS NOT NULL;
CREATE INDEX series_progress_subscriber ON series_progress (addr_key);
CREATE INDEX issue_series ON issue (series) WHERE series IS NOT NULL;
