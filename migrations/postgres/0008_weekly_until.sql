-- Until when the subscriber got the weekly digest. The next digest still has the posts of that time; then it is NULL again.
ALTER TABLE subscriber ADD COLUMN weekly_until BIGINT;
