#!/usr/bin/env bash
# booted.sh ROOT: starts systemd in a Debian root that has the package as /tmp/letterpress.deb, and there installs it, makes two
# sites, and runs their timers and services. Prints one line: what was done, or why this machine cannot start it.
set -euo pipefail

root=$1
mkdir -p "$root/check" "$root/etc/credstore"
mv "$root/tmp/letterpress.deb" "$root/check/"
cat >"$root/check/run" <<'INSIDE'
#!/bin/bash
# Runs in the root, started by systemd. The last line of /check/log is "done" if everything was right.
exec >/check/log 2>&1
set -eux
trap 'journalctl --no-pager -u "letterpress*" | tail -n 50' ERR
dpkg -i /check/letterpress.deb
systemctl list-units --all 'letterpress*' | grep -q '^0 loaded units'
for site in blog news; do
    letterpress-site $site init --yes --title $site --url https://$site.example --from "$site <me@$site.example>"
    letterpress-site $site subscribers add kim@example.com
    printf '[smtp]\nhost = "localhost"\ntls = "none"\nuser = "kim"\npassword_file = "smtp-password"\n' \
        >>/var/lib/letterpress/$site/config.toml
done
test "$(stat -c %u /var/lib/private/letterpress/blog)" != "$(stat -c %u /var/lib/private/letterpress/news)"
# A password is read from the credentials of the unit. This one is empty, and the other site has none.
install -m 600 /dev/null /etc/credstore/letterpress-blog.smtp-password
! systemctl start letterpress@blog.service
journalctl --sync
journalctl --no-pager -u letterpress@blog.service | grep 'credentials/letterpress@blog.service/smtp-password is empty'
! systemctl start letterpress@news.service
journalctl --sync
journalctl --no-pager -u letterpress@news.service | grep 'cannot read the password file smtp-password'
for site in blog news; do sed -i '/^\[smtp\]/,$d' /var/lib/letterpress/$site/config.toml; done
# Timers fire, and the run of each is its own. Such frequent ones, and the failures above, reach the limit of starts.
mkdir -p /etc/systemd/system/letterpress@.timer.d /etc/systemd/system/letterpress@.service.d
printf '[Unit]\nStartLimitIntervalSec=0\n' >/etc/systemd/system/letterpress@.service.d/often.conf
printf '[Timer]\nOnCalendar=*:*:0/2\nRandomizedDelaySec=0\nAccuracySec=100ms\n' >/etc/systemd/system/letterpress@.timer.d/often.conf
systemctl daemon-reload
systemctl enable --now letterpress@blog.timer letterpress@news.timer letterpress-serve@blog.service
for site in blog news; do
    for _ in $(seq 600); do ! letterpress-site $site status --max-age 1h | grep '^healthy: the last run' || break; sleep 0.1; done
    letterpress-site $site status --max-age 1h | grep '^healthy'
    test -s /var/lib/letterpress/$site/public/rss.xml
    letterpress-site $site doctor --offline | grep "letterpress@$site.timer runs letterpress"
done
systemctl start letterpress-doctor@blog.service
systemctl is-active letterpress-serve@blog.service
systemctl stop letterpress-serve@blog.service
# The user that stays, for a web server that reads public/: the lines of docs/install.md, with another name.
systemctl stop letterpress@news.timer
# Waits for a run that the timer may have started.
systemctl start letterpress@news.service
sed -n '/^useradd --system/,/^chmod 755/p' /usr/share/doc/letterpress/install.md | sed 's/blog/news/g' >/check/lines
grep -q letterpress-site /check/lines
bash -eux /check/lines
runuser -u nobody -- test -s /var/lib/letterpress/news/public/rss.xml
! runuser -u nobody -- cat /var/lib/letterpress/news/letterpress.db
systemctl start letterpress@news.service
# Another site's folder is closed.
! systemd-run --quiet --wait --pipe --collect -p DynamicUser=yes -p User=letterpress-other cat /var/lib/letterpress/blog/config.toml
dpkg -r letterpress
systemctl list-units 'letterpress*' | grep -q '^0 loaded units'
dpkg -P letterpress
test -z "$(find /etc/systemd/system/*.wants /var/lib/systemd/timers -name '*letterpress*')"
test -s /var/lib/private/letterpress/blog/letterpress.db
echo done
INSIDE
cat >"$root/etc/systemd/system/check.service" <<'UNIT'
[Unit]
After=basic.target
[Service]
Type=oneshot
ExecStart=/bin/bash /check/run
ExecStopPost=/bin/systemctl --no-block poweroff
UNIT
mkdir -p "$root/etc/systemd/system/multi-user.target.wants"
ln -s ../check.service "$root/etc/systemd/system/multi-user.target.wants/check.service"
timeout 300 systemd-nspawn --quiet --register=no --keep-unit --private-network --directory="$root" --boot </dev/null >"$root/check/boot" 2>&1 || true
if [ ! -e "$root/check/log" ]; then
    printf 'systemd cannot be started on this machine, so only the commands of its units were run: %s\n' \
        "$(tr -d '\r' <"$root/check/boot" | grep -v '^$' | tail -n 1)"
elif [ "$(tail -n 1 "$root/check/log")" = "done" ]; then
    printf 'under systemd: two sites with a user each, credentials, timers, pages, doctor; removed and purged\n'
else
    cat "$root/check/log" >&2
    exit 1
fi
