#!/usr/bin/env python3
"""echo_server_test - crowds of clients, good and bad, against echo_server; what it leaves behind.

usage: echo_server_test.py PATH-OF-ECHO_SERVER PATH-OF-ECHO_LOAD [--full] (prints TAP)

--full: 200,000 connections made and dropped on each back end instead of some thousand, and figures.
"""
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import time

SERVER, LOAD = map(os.path.realpath, sys.argv[1:3])
FULL = "--full" in sys.argv[3:]
SLOWDOWN = float(os.environ.get("TAP_SLOWDOWN", "1"))
PATIENCE = 60 * SLOWDOWN

number = 0
failures = 0


class Failure(Exception):
    pass


def check(condition, what):
    if not condition:
        raise Failure(what)


def run(case, *arguments):
    global number, failures
    number += 1
    name = "echo_server__" + case.__name__ + "".join("_" + str(each) for each in arguments)
    try:
        skip = case(*arguments)
    except (Failure, OSError, subprocess.SubprocessError) as failure:
        failures += 1
        print("# %s: %s" % (type(failure).__name__, failure))
        print("not ok %d - %s" % (number, name), flush=True)
    else:
        print("ok %d - %s%s" % (number, name, " # SKIP " + skip if skip else ""), flush=True)


def eventually(condition, what):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        check(time.monotonic() < deadline, "never: " + what)
        time.sleep(0.01)


class Server:
    """A running echo_server, which is ended at the latest with the case."""

    def __init__(self, *options, descriptors=None):
        def limit():
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))

        self.process = subprocess.Popen(
            [SERVER, *map(str, options)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            preexec_fn=limit if descriptors else None)
        self.told = {}
        while "max_connections" not in self.told:
            line = self.process.stdout.readline()
            check(line, "it does not start")
            name, value = line.split()
            self.told[name] = value
        self.port = int(self.told["port"])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()

    def ask(self, path="/metrics"):
        with socket.create_connection(("127.0.0.1", int(self.told["metrics_port"]))) as peer:
            peer.settimeout(PATIENCE)
            peer.sendall(b"GET %s HTTP/1.1\r\nHost: here\r\n\r\n" % path.encode())
            reply = b""
            while piece := peer.recv(65536):
                reply += piece
        head, body = reply.decode().split("\r\n\r\n", 1)
        return head, body

    def metric(self, name):
        return int(re.search("^%s (\\d+)$" % re.escape(name), self.ask()[1], re.M).group(1))

    def ended(self, reason):
        return self.metric('echo_connections_ended_total{reason="%s"}' % reason)

    def open(self):
        return self.metric("echo_connections_open")

    def descriptors(self):
        return len(os.listdir("/proc/%d/fd" % self.process.pid))

    def memory_kib(self):
        with open("/proc/%d/status" % self.process.pid, encoding="ascii") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read()).group(1))

    def terminate(self, by=signal.SIGTERM):
        self.process.send_signal(by)

    def totals(self):
        """What it prints at its end, which must be in order."""
        out, err = self.process.communicate(timeout=PATIENCE)
        check(self.process.returncode == 0, "status %d: %s" % (self.process.returncode, err))
        totals = {name: int(value) for name, value in map(str.split, out.splitlines())}
        endings = sum(totals[name] for name in ("finished", "idle", "reset", "error", "limit",
                                                "resources", "drained", "cut"))
        check(totals["open"] == 0 and totals["accepted"] == endings, "totals %s" % totals)
        return totals


def start_load(server, mode, **options):
    return subprocess.Popen(
        [LOAD, "--port", str(server.port), "--timeout", str(PATIENCE), mode] +
        [text for name, value in options.items() for text in ("--" + name, str(value))],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish_load(load, good=True):
    out, err = load.communicate(timeout=2 * PATIENCE)
    if good:
        check(load.returncode == 0, "%s: %s %s" % (load.args[5:], err, out.replace("\n", ", ")))
    return {name: float(value) for name, value in map(str.split, out.splitlines())}


def load(server, mode, **options):
    return finish_load(start_load(server, mode, **options))


def returns_to(server, descriptors):
    """Nobody is left, and what they took is given back."""
    eventually(lambda: server.open() == 0, "no connection open")
    eventually(lambda: server.descriptors() <= descriptors, "as many descriptors as before: " +
               "%d, not %d" % (server.descriptors(), descriptors))
    # What is left: 17 accepts, and what is done for the one who asks.
    eventually(lambda: server.metric("tp_pool_timers_armed") <= 1, "no timer armed")
    eventually(lambda: server.metric("tp_pool_io_in_flight") <= 18, "no operation in flight")
    eventually(lambda: server.metric("tp_pool_submitted_total") -
               server.metric("tp_pool_executed_total") <= 1, "no callback is missing")


# ---- The cases -----------------------------------------------------------------------------------


def the_crowd_comes_and_goes(backend, most):
    """As many as allowed at once, all kinds of peers beside them, and many one after the other."""
    crowd = min(most, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 300)
    with Server("--backend", backend, "--drain-timeout", 30, "--max-connections",
                crowd + 200) as server:
        print("# %s: back end %s, %s descriptors, %d connections at once" %
              (backend, server.told["backend"], server.told["descriptors"], crowd))
        load(server, "ping", connections=8, messages=10)
        eventually(lambda: server.open() == 0, "no connection open")
        before = server.descriptors()

        holding = start_load(server, "hold", connections=crowd)
        others = [start_load(server, "slow", connections=30, bytes=200000, read=20000),
                  start_load(server, "half", connections=30, bytes=200000),
                  start_load(server, "reset", connections=30),
                  start_load(server, "pipeline", connections=8, messages=40)]
        eventually(lambda: server.open() >= crowd, "all are connected")
        for each in others:
            finish_load(each)
        holding.terminate()
        check(finish_load(holding)["messages"] == crowd, "not all were answered")
        returns_to(server, before)

        rounds = [2000, 6000] if not FULL else [20000, 200000]
        memory = []
        for total in rounds:
            counts = load(server, "churn", connections=100, total=total, timeout=20 * PATIENCE)
            check(counts["connections"] == total, "churn: %s" % counts)
            returns_to(server, before)
            memory.append(server.memory_kib())
        grown = memory[1] - memory[0]
        print("# %s: %d connections made and dropped, %.0f a second; %d descriptors before, %d "
              "after; VmRSS %d KiB after the first %d, %d KiB after all; %d callbacks" %
              (backend, sum(rounds), counts["connections_per_second"], before,
               server.descriptors(), memory[0], rounds[0], memory[1],
               server.metric("tp_pool_executed_total")))
        check(SLOWDOWN > 1 or grown < 4096, "grown by %d KiB" % grown)
        server.terminate()
        totals = server.totals()
        check(totals["accepted"] == 8 + crowd + 98 + sum(rounds), "totals %s" % totals)
        return None


def silence_ends_a_connection(backend):
    with Server("--backend", backend, "--idle-timeout", 0.4) as server:
        talking = start_load(server, "ping", connections=5, seconds=1.5)
        held = load(server, "hold", connections=50)
        check(held["dropped_by_server"] == 50, "held %s" % held)
        check(finish_load(talking)["orderly"] == 5, "those who talk were dropped")
        check(server.ended("idle") == 50, "not idle?")
        # Who does not read is as silent as who does not write.
        deaf = socket.create_connection(("127.0.0.1", server.port))
        deaf.setblocking(False)
        try:
            while True:
                deaf.send(bytes(65536))
        except BlockingIOError:
            pass
        eventually(lambda: server.ended("idle") == 51, "the deaf one is dropped")
        deaf.close()
        eventually(lambda: server.open() == 0, "no connection open")
        server.terminate()
        server.totals()


def what_has_come_is_sent_before_the_end(backend, by):
    with Server("--backend", backend, "--drain-timeout", 30) as server:
        slow = start_load(server, "slow", connections=20, bytes=30000, read=1000)
        holding = start_load(server, "hold", connections=20)
        eventually(lambda: server.metric("echo_received_bytes_total") == 20 * 30064, "all came")
        server.terminate(getattr(signal, by))
        totals = server.totals()
        check(finish_load(slow)["bytes_received"] == 600000, "lost")
        check(finish_load(holding)["dropped_by_server"] == 20, "they still hold")
        check(totals["cut"] == 0 and totals["sent_bytes"] == 20 * 30064, "totals %s" % totals)


def the_end_does_not_wait_for_ever(backend):
    with Server("--backend", backend, "--drain-timeout", 0.3) as server:
        deaf = socket.create_connection(("127.0.0.1", server.port))
        deaf.setblocking(False)
        sent = 0
        before = -1
        while before != sent:
            before = sent
            try:
                while True:
                    sent += deaf.send(bytes(65536))
            except BlockingIOError:
                time.sleep(0.1)
        server.terminate()
        totals = server.totals()
        check(totals["cut"] == 1 and totals["accepted"] == 1, "totals %s" % totals)
        deaf.close()


def lack_of_descriptors_is_waited_out(backend):
    with Server("--backend", backend, "--max-connections", 1000, descriptors=64) as server:
        peers = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(100)]
        for peer in peers:
            peer.sendall(b"hello")
        eventually(lambda: server.descriptors() > 60, "all descriptors in use")
        while peers:  # whoever was served makes room, in whatever order
            ready, _, _ = select.select(peers, [], [], PATIENCE)
            check(ready, "%d are not served" % len(peers))
            for peer in ready:
                check(peer.recv(5) == b"hello", "no echo")
                peer.close()
                peers.remove(peer)
        eventually(lambda: server.open() == 0, "no connection open")
        check(server.metric("echo_accept_pauses_total") > 0, "no lack")
        load(server, "ping", connections=8, messages=10)
        server.terminate()
        check(server.totals()["accepted"] == 108, "not all were served")


def more_than_allowed_are_turned_away():
    with Server("--max-connections", 10) as server:
        guests = [socket.create_connection(("127.0.0.1", server.port)) for _ in range(10)]
        eventually(lambda: server.open() == 10, "10 are served")
        late = socket.create_connection(("127.0.0.1", server.port))
        late.settimeout(PATIENCE)
        check(late.recv(1) == b"" and server.ended("limit") == 1, "it is served, too")
        for guest in guests:
            guest.sendall(b"x")
            check(guest.recv(1) == b"x", "no echo")
            guest.close()
        eventually(lambda: server.open() == 0, "no connection open")
        late = socket.create_connection(("127.0.0.1", server.port))
        late.sendall(b"y")
        check(late.recv(1) == b"y", "no room again")
        late.close()
        server.terminate()
        server.totals()


def metrics_are_what_prometheus_reads():
    with Server() as server:
        load(server, "ping", connections=4, messages=25)
        eventually(lambda: server.ended("finished") == 4, "they are gone")
        head, body = server.ask()
        check(head.startswith("HTTP/1.0 200 OK\r\n") and "version=0.0.4" in head, head)
        check("Content-Length: %d" % len(body) in head and body.endswith("\n"), "length")
        kinds = dict(re.findall(r"^# TYPE (\w+) (counter|gauge)$", body, re.M))
        for line in body.splitlines():
            sample = re.fullmatch(r'(\w+)(\{\w+="\w+"\})? \d+', line)
            check(line.startswith("# ") or sample and sample[1] in kinds, line)
            check(not sample or (kinds[sample[1]] == "counter") == sample[1].endswith("_total"),
                  line)
        check(server.metric("echo_messages_total") == 100, "messages")
        check(server.metric("echo_received_bytes_total") == 6400, "bytes received")
        check(server.metric("echo_sent_bytes_total") == 6400, "bytes sent")
        check('tp_pool_io_backend{name="%s"} 1' % server.told["backend"] in body, "back end")
        check(server.ask("/")[0].startswith("HTTP/1.0 404 "), "no 404")
        server.terminate(signal.SIGINT)
        server.totals()


def errors_are_told():
    for arguments in (["--port", "x"], ["--port", "65536"], ["--backend", "kqueue"], ["--what"],
                      ["--threads", "0"], ["stray"]):
        result = subprocess.run([SERVER] + arguments, capture_output=True, text=True, check=False)
        check(result.returncode == 2 and "echo_server: " in result.stderr, "%s" % arguments)
    with Server() as server:
        result = subprocess.run([SERVER, "--port", str(server.port)], capture_output=True,
                                text=True, check=False)
        check(result.returncode == 1, "status %d" % result.returncode)
        check(result.stderr == "echo_server: port %d: Address already in use\n" % server.port,
              result.stderr)
        server.terminate()
        server.totals()


def main():
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    os.environ.pop("TP_IO_BACKEND", None)  # it would win
    backends = ["epoll"]
    with Server() as server:
        if server.told["backend"] == "io_uring":
            backends = ["uring", "epoll"]
    for backend in backends:
        full = FULL or (backend == backends[0] and SLOWDOWN == 1)
        run(the_crowd_comes_and_goes, backend, 10000 if full else 1000)
        run(silence_ends_a_connection, backend)
        run(what_has_come_is_sent_before_the_end, backend,
            "SIGTERM" if backend == "epoll" else "SIGINT")
        run(the_end_does_not_wait_for_ever, backend)
        run(lack_of_descriptors_is_waited_out, backend)
    run(more_than_allowed_are_turned_away)
    run(metrics_are_what_prometheus_reads)
    run(errors_are_told)
    print("1..%d" % number)
    sys.exit(1 if failures else 0)


main()
