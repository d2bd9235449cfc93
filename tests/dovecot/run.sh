#!/usr/bin/env bash
# Runs `letterpress inbox --imap` on a mailbox of a real Dovecot, kills it with SIGKILL in mid-run, and checks the ledger, the
# subscribers and the mailbox afterwards. Then it logs in with OAuth tokens, which Dovecot has checked by a small server.
#
#   tests/dovecot/run.sh BINARY SUBSCRIBERS KILLS
#
# The Dovecot is a private one on loopback with its own configuration and certificate. The script installs nothing, and
# touches neither /etc/dovecot nor a Dovecot that is already running.
set -euo pipefail

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
if [ $# -ne 3 ]; then sed -n '2,8p' "$0" | sed 's/^# \?//' >&2; exit 2; fi
missing=()
[ -x "$(command -v dovecot)" ] && [ -x /usr/lib/dovecot/imap ] || missing+=("dovecot, from the Debian package dovecot-imapd")
command -v openssl >/dev/null || missing+=("openssl")
command -v python3 >/dev/null || missing+=("python3")
[ "$(id -u)" -eq 0 ] || missing+=("root: Dovecot starts its services under several users")
if [ ${#missing[@]} -gt 0 ]; then printf 'tests/dovecot: this is missing: %s\n' "${missing[@]}" >&2; exit 1; fi

binary=$(realpath "$1") subscribers=$2 kills=$3
dir=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-dovecot.XXXXXX")
dovecot=
stop() {
    # Only the process started here; its services end with it.
    if [ -n "$dovecot" ]; then kill "$dovecot" 2>/dev/null || true; wait "$dovecot" 2>/dev/null || true; fi
    # Its services may still be writing. A failure here would be that of the test.
    rm -rf "$dir" 2>/dev/null || { sleep 2; rm -rf "$dir" || true; }
}
# What a test has said comes last, after the logs.
failed() {
    tail -n 20 "$dir/start.log" "$dir/dovecot.log" >&2 || true
    cat "$dir/wrong" >&2
    exit 1
}
trap stop EXIT
# Dovecot's services run as several users, and must be able to reach their folders.
chmod 755 "$dir"
mkdir -p "$dir/mail/Maildir/"{new,cur,tmp} "$dir/site"
chown -R nobody: "$dir/mail"

# An authority and a certificate signed by it: a self-signed certificate would be refused.
(
    cd "$dir"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj "/CN=Test authority" \
        -keyout ca.key -out ca.pem
    openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj "/CN=127.0.0.1" -keyout key.pem -out request.pem
    printf 'subjectAltName = IP:127.0.0.1\nbasicConstraints = CA:FALSE\n' >extensions
    openssl x509 -req -in request.pem -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile extensions -out cert.pem
) >"$dir/openssl.log" 2>&1 || { cat "$dir/openssl.log" >&2; exit 1; }

port=$(python3 "$here/../ports.py") provider=$(python3 "$here/../ports.py")
printf 'bounces:{PLAIN}a long phrase 비밀\n' >"$dir/passwd"
printf 'a long phrase 비밀\n' >"$dir/site/password"
cat >"$dir/oauth2.conf" <<CONF
introspection_url = http://127.0.0.1:$provider/introspect
introspection_mode = post
username_attribute = user
active_attribute = active
active_value = true
scope = imap
CONF
cat >"$dir/dovecot.conf" <<CONF
base_dir = $dir/run
state_dir = $dir/state
log_path = $dir/dovecot.log
protocols = imap
listen = 127.0.0.1
ssl = required
ssl_cert = <$dir/cert.pem
ssl_key = <$dir/key.pem
mail_location = maildir:~/Maildir
auth_mechanisms = plain oauthbearer xoauth2
auth_failure_delay = 0
# The services of runs that were killed may still be ending, and tokens are refused on purpose.
mail_max_userip_connections = 0
service anvil {
  unix_listener anvil-auth-penalty {
    mode = 0
  }
}
passdb {
  driver = oauth2
  mechanisms = oauthbearer xoauth2
  args = $dir/oauth2.conf
}
passdb {
  driver = passwd-file
  mechanisms = plain
  args = $dir/passwd
}
userdb {
  driver = static
  args = uid=nobody gid=nogroup home=$dir/mail
}
service imap-login {
  inet_listener imap {
    port = 0
  }
  inet_listener imaps {
    port = $port
  }
}
CONF
dovecot -F -c "$dir/dovecot.conf" >"$dir/start.log" 2>&1 &
dovecot=$!
for _ in $(seq 600); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then break; fi
    kill -0 "$dovecot" 2>/dev/null || { echo "Dovecot has ended" >"$dir/wrong"; failed; }
    sleep 0.1
done
python3 "$here/story.py" "$binary" "$dir" "$port" --subscribers "$subscribers" --kills "$kills" >"$dir/summary" 2>"$dir/wrong" || failed
python3 "$here/oauth.py" "$binary" "$dir" "$port" "$provider" OAUTHBEARER 2>"$dir/wrong" || failed
# The predecessor is used only if the standard is not offered.
sed -i 's/^auth_mechanisms = .*/auth_mechanisms = plain xoauth2/' "$dir/dovecot.conf"
doveadm -c "$dir/dovecot.conf" reload 2>"$dir/wrong" || failed
rm "$dir/oauth/letterpress.tokens"
python3 "$here/oauth.py" "$binary" "$dir" "$port" "$provider" XOAUTH2 2>"$dir/wrong" || failed
cat "$dir/summary"
