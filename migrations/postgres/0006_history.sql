-- The twin of migrations/sqlite/0006_history.sql.

ALTER TABLE subscriber RENAME COLUMN standing TO status;
ALTER TABLE subscriber RENAME COLUMN cadence TO frequency;
ALTER TABLE subscriber RENAME COLUMN left_at TO unsubscribed_at;
ALTER TABLE consent RENAME COLUMN word TO action;
ALTER TABLE errand RENAME TO transactional_email;
ALTER TABLE notice RENAME TO inbound_report;
ALTER TABLE inbound_report RENAME COLUMN fault TO class;
ALTER TABLE pace RENAME TO rate_limit;
ALTER TABLE rate_limit RENAME COLUMN lane TO bucket;
ALTER TABLE delivery RENAME COLUMN lane TO domain;

ALTER INDEX consent_reader RENAME TO consent_subscriber;
ALTER INDEX errand_waiting RENAME TO transactional_email_waiting;
ALTER INDEX errand_mailbox RENAME TO transactional_email_mailbox;
ALTER INDEX notice_delivery RENAME TO inbound_report_delivery;
DROP INDEX notice_hard;
CREATE INDEX inbound_report_hard ON inbound_report (issue) WHERE class = 'dead' OR kind = 'complaint';

-- The weekly digest is for a few of many subscribers.
CREATE INDEX subscriber_weekly ON subscriber (id) WHERE frequency = 'weekly';

-- A foreign key costs a query for each row that is inserted. `ledger verify` finds rows without their issue or delivery.
ALTER TABLE delivery DROP CONSTRAINT delivery_issue_fkey;
ALTER TABLE inbound_report DROP CONSTRAINT notice_delivery_fkey;
ALTER TABLE attempt DROP CONSTRAINT attempt_delivery_fkey;

-- Claims go by time, then in the order of the rows: a retry that is not due yet costs nothing.
DROP INDEX delivery_waiting;
CREATE INDEX delivery_waiting ON delivery (issue, next_at, id) WHERE state = 'pending';
DROP INDEX delivery_lane;
CREATE INDEX delivery_domain ON delivery (issue, domain, next_at, id) WHERE state = 'pending' AND domain IS NOT NULL;
-- With these two, the counts of an issue that is being sent cost as much as it has left to do.
DROP INDEX delivery_held;
CREATE INDEX delivery_held ON delivery (issue, state) WHERE state IN ('claimed', 'armed');
CREATE INDEX delivery_unsent ON delivery (issue, state)
    WHERE state IN ('failed', 'skipped', 'unknown', 'failed_uncertain');

-- When nothing was open any more and the counts were written; NULL before.
ALTER TABLE issue ADD COLUMN finished_at BIGINT;
UPDATE issue SET finished_at = frozen_at WHERE state = 'baseline';
CREATE INDEX issue_unfinished ON issue (id) WHERE finished_at IS NULL;
CREATE INDEX issue_rehearsal ON issue (id) WHERE rehearsal = 1;
-- The right side of each Message-ID; empty in issues of earlier versions, whose deliveries have theirs.
ALTER TABLE issue ADD COLUMN message_domain TEXT NOT NULL DEFAULT '';
-- When the details of its deliveries were removed (store.keep_details).
ALTER TABLE issue ADD COLUMN compacted_at BIGINT;

-- The deliveries of a finished issue, by state.
CREATE TABLE issue_count (
    issue      BIGINT NOT NULL REFERENCES issue (id),
    state      TEXT NOT NULL,
    deliveries BIGINT NOT NULL,
    PRIMARY KEY (issue, state)
);

-- One row for each arm, in the order of the deliveries. Attempts that did not end with `sent` are few and move at once;
-- the others follow in short transactions, until `old_attempt` is empty.
ALTER TABLE attempt RENAME TO old_attempt;
CREATE TABLE attempt (
    issue    BIGINT NOT NULL,
    delivery BIGINT NOT NULL,
    n        BIGINT NOT NULL,               -- the arms of this delivery, from 1
    epoch    BIGINT NOT NULL,
    armed_at BIGINT NOT NULL,
    ended_at BIGINT,
    result   TEXT,
    reply    TEXT,
    token    BYTEA,                         -- until it ends with `sent`
    PRIMARY KEY (issue, delivery, n)
);
INSERT INTO attempt (issue, delivery, n, epoch, armed_at, ended_at, result, reply, token)
    SELECT issue, delivery, row_number() OVER (PARTITION BY delivery ORDER BY armed_at, n), epoch, armed_at, ended_at,
           result, reply, old_attempt.token
    FROM old_attempt JOIN delivery ON delivery.id = delivery WHERE coalesce(result, '') <> 'sent';
DELETE FROM old_attempt WHERE coalesce(result, '') <> 'sent';

-- The deliveries up to this number still store what can be derived.
INSERT INTO meta (key, value) SELECT 'derive_until', CAST(max(id) AS TEXT) FROM delivery HAVING max(id) IS NOT NULL;
