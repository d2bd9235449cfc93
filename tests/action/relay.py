"""A mail server that counts what it accepts, and may stop answering after a final dot."""

import collections
import email
import email.policy
import socketserver
import threading


class Relay(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Conversation)
        self.accepted = collections.Counter()
        self.lock = threading.Lock()
        self.talking = 0
        # After so many more messages, a message is accepted and nobody learns of it.
        self.silent_after = None
        self.silent = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def handle_error(self, request, client_address):
        """A sender that was killed is no error of the server."""

    @property
    def port(self):
        return self.server_address[1]


class Conversation(socketserver.StreamRequestHandler):
    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")

    def handle(self):
        with self.server.lock:
            self.server.talking += 1
        try:
            self.converse()
        finally:
            with self.server.lock:
                self.server.talking -= 1

    def converse(self):
        self.say("220 relay.test ESMTP")
        recipient = None
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"EHLO":
                self.say("250-relay.test\r\n250 8BITMIME")
            elif verb == b"RCPT":
                recipient = line.split(b"<")[1].split(b">")[0].decode()
                self.say("250 ok")
            elif verb == b"DATA":
                self.say("354 go on")
                if not self.message(recipient):
                    return
            elif verb == b"QUIT":
                return self.say("221 bye")
            else:
                self.say("250 ok")

    def message(self, recipient):
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                return False
            lines.append(line)
        subject = str(email.message_from_bytes(b"".join(lines), policy=email.policy.default)["Subject"])
        relay = self.server
        with relay.lock:
            relay.accepted[(subject, recipient)] += 1
            if relay.silent_after is not None:
                relay.silent_after -= 1
                if relay.silent_after < 0:
                    relay.silent.set()
        if relay.silent.is_set():
            # Until the sender is gone.
            self.rfile.read()
            return False
        self.say("250 2.0.0 Ok: queued as 4F1A2")
        return True
