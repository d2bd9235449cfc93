-- Whether a delivery may still be sent: 1 until it ends, 0 if it ended without being sent, NULL once it is sent. With one
-- index for what is not sent, the cost of a run and of the counts depends on that alone.
--
-- No index names `state`, so that a claim and an arm change no indexed column, and their updates touch no index (HOT). That
-- needs space in the page of the row.
ALTER TABLE delivery SET (fillfactor = 60);
ALTER TABLE attempt SET (fillfactor = 80);
ALTER TABLE delivery ADD COLUMN open BIGINT GENERATED ALWAYS AS (
    CASE WHEN state IN ('pending', 'claimed', 'armed') THEN 1 WHEN state <> 'sent' THEN 0 END) STORED;

DROP INDEX delivery_waiting;
DROP INDEX delivery_held;
DROP INDEX delivery_unsent;
CREATE INDEX delivery_unsent ON delivery (issue, open, next_at, id) WHERE open IS NOT NULL;
DROP INDEX delivery_domain;
CREATE INDEX delivery_domain ON delivery (issue, domain, next_at, id) WHERE open = 1 AND domain IS NOT NULL;
