#!/usr/bin/env python3
"""A port on loopback for a server that is started later; as a program, prints it.

It is below those that the kernel chooses for everybody else, who would otherwise sometimes take it before that server listens.
"""
import random
import socket


def free_port():
    for port in random.sample(range(20_000, 32_000), 1_000):
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                pass
    raise SystemExit("no port is free")


if __name__ == "__main__":
    print(free_port())
