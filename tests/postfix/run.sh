#!/usr/bin/env bash
# Runs a command against a real Postfix: a private instance on loopback that accepts mail for every address of every
# domain into one Maildir and cannot relay mail.
#
#   tests/postfix/run.sh COMMAND [ARGUMENT...]   with POSTFIX_PORT, POSTFIX_MAILDIR and POSTFIX_DIR in its environment
#   tests/postfix/run.sh                         tests the instance and the checker
#   . tests/postfix/run.sh                       defines postfix_start, postfix_drain and postfix_stop
#
# It installs nothing, and touches neither /etc/postfix nor a Postfix that is already running.

# Prints everything that is missing.
postfix_require() {
    local missing=()
    command -v postfix >/dev/null && command -v postconf >/dev/null ||
        missing+=("postfix, from the Debian package: DEBIAN_FRONTEND=noninteractive apt-get install -y postfix")
    command -v python3 >/dev/null || missing+=("python3")
    [ "$(id -u)" -eq 0 ] || missing+=("root: Postfix starts its daemons under several users")
    [ ${#missing[@]} -eq 0 ] && return 0
    printf 'tests/postfix: this is missing: %s\n' "${missing[@]}" >&2
    return 1
}

# postfix_start DIR PORT: writes an instance into the empty or new folder DIR and starts it on 127.0.0.1:PORT.
postfix_start() {
    local dir=$1 port=$2
    postfix_require || return 1
    mkdir -p "$dir/etc" "$dir/queue" "$dir/data" "$dir/mail/all" "$dir/log"
    # The daemons run as postfix and nobody, and must be able to reach their folders.
    chmod 755 "$dir" "$dir/etc" "$dir/queue" "$dir/log"
    chown postfix: "$dir/data"
    chown -R nobody: "$dir/mail"
    cat >"$dir/etc/main.cf" <<MAIN
compatibility_level = 3.6
queue_directory = $dir/queue
data_directory = $dir/data
maillog_file = $dir/log/postfix.log
maillog_file_prefixes = $dir
myhostname = mail.letterpress.test
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
# Every domain is local, so nothing is relayed; the transports below prevent it in any case.
mydestination =
virtual_mailbox_domains = static:all
virtual_mailbox_maps = static:all/
virtual_mailbox_base = $dir/mail
virtual_mailbox_limit = 0
virtual_minimum_uid = 1
virtual_uid_maps = static:$(id -u nobody)
virtual_gid_maps = static:$(id -g nobody)
default_transport = error:nothing leaves this test
relay_transport = error:nothing leaves this test
disable_dns_lookups = yes
smtpd_relay_restrictions = reject_unauth_destination
smtpd_recipient_restrictions =
smtpd_tls_security_level = none
smtpd_peername_lookup = no
smtpd_client_connection_count_limit = 0
smtpd_client_event_limit_exceptions = static:all
smtpd_error_sleep_time = 0
in_flow_delay = 0
smtputf8_enable = yes
message_size_limit = 52428800
biff = no
MAIN
    cat >"$dir/etc/master.cf" <<MASTER
127.0.0.1:$port inet n - n - 200 smtpd
pickup    unix   n - n 60 1 pickup
cleanup   unix   n - n - 0 cleanup
qmgr      unix   n - n 300 1 qmgr
rewrite   unix   - - n - - trivial-rewrite
bounce    unix   - - n - 0 bounce
defer     unix   - - n - 0 bounce
trace     unix   - - n - 0 bounce
verify    unix   - - n - 1 verify
flush     unix   n - n 1000? 0 flush
proxymap  unix   - - n - - proxymap
proxywrite unix  - - n - 1 proxymap
showq     unix   n - n - - showq
error     unix   - - n - - error
retry     unix   - - n - - error
virtual   unix   - n n - - virtual
anvil     unix   - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
MASTER
    if ! postfix -c "$dir/etc" start >"$dir/log/start" 2>&1; then
        cat "$dir/log/start" >&2
        return 1
    fi
    for _ in $(seq 600); do
        if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then return 0; fi
        sleep 0.1
    done
    printf 'tests/postfix: nothing answers on port %s\n' "$port" >&2
    tail -n 20 "$dir/log/postfix.log" >&2
    return 1
}

# postfix_drain DIR: waits until everything that was accepted is in the Maildir, as long as the queue changes within a minute.
postfix_drain() {
    local queue last='' same=0
    while [ "$same" -lt 600 ]; do
        queue=$(postqueue -c "$1/etc" -p || true)
        case $queue in 'Mail queue is empty'*) return 0 ;; esac
        if [ "$queue" = "$last" ]; then same=$((same + 1)); else same=0; fi
        last=$queue
        sleep 0.1
    done
    printf 'tests/postfix: the queue does not become empty\n' >&2
    postqueue -c "$1/etc" -p >&2
    return 1
}

# postfix_stop DIR: stops that instance.
postfix_stop() {
    postfix -c "$1/etc" stop >>"$1/log/start" 2>&1
}

postfix_main() {
    set -euo pipefail
    local here dir status=0
    here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
    postfix_require
    dir=$(mktemp -d "${TMPDIR:-/tmp}/letterpress-postfix.XXXXXX")
    POSTFIX_PORT=$(python3 "$here/../ports.py")
    export POSTFIX_PORT POSTFIX_DIR=$dir POSTFIX_MAILDIR=$dir/mail/all
    # Its services may still be writing. A failure here would be that of the command.
    trap 'postfix_stop "$POSTFIX_DIR" || true
        rm -rf "$POSTFIX_DIR" 2>/dev/null || { sleep 2; rm -rf "$POSTFIX_DIR" || true; }' EXIT
    postfix_start "$dir" "$POSTFIX_PORT"
    if [ $# -eq 0 ]; then set -- python3 "$here/try_instance.py" "$here/check_maildir.py"; fi
    # What the command has said comes last, after the log.
    "$@" 2>"$dir/wrong" || status=$?
    [ "$status" -eq 0 ] || tail -n 20 "$dir/log/postfix.log" >&2
    cat "$dir/wrong" >&2
    return "$status"
}

if [ "${BASH_SOURCE[0]}" = "$0" ]; then postfix_main "$@"; fi
