#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""How Sidelight's costs grow: with series on the page, scrapes, submissions, connections, endpoints; start and memory.

Prints a table and writes JSON. Needs wrk for load and valgrind for instructions; what is missing is skipped and said.
The servers' files are made beside --out's build directory, so on the disk that is measured. See docs/performance.md.
"""
import argparse
import json
import os
import resource
import shutil
import signal
import statistics
import sys
import tempfile
import time

sys.dont_write_bytecode = True  # no __pycache__ in the tree
import growth_lib as lib

PAGES = [(100, 0), (1000, 0), (10000, 0), (100000, 0), (5000, 300)]  # counters, histograms of 17 lines
CONNECTIONS = [1, 64, 1000, 10000]
ENDPOINTS = [10, 100, 1000]
HEALTH = b"GET /health HTTP/1.1\r\nHost: a\r\nUser-Agent: wrk/4.1\r\nAccept: */*\r\n\r\n"
SUBMISSION = ('{"name":"Ann Example","email":"ann@example.org","message":"Please call me back about the order of last'
              ' week; thank you."}')


class Bench:
    """The binaries, a directory on the measured disk, and the results so far."""

    def __init__(self, args, work):
        self.sidelight, self.many = os.path.abspath(args.sidelight), os.path.abspath(args.many)
        self.quick = args.quick
        self.work = work
        self.figures = {}
        self.rows = []

    def put(self, part, name, value, unit, goal=None):
        """Keeps a figure; a goal is a (operator, number)."""
        met = None if goal is None else (value <= goal[1] if goal[0] == "<=" else value >= goal[1])
        self.figures.setdefault(part, []).append(
            {"name": name, "value": round(value, 4), "unit": unit} |
            ({} if goal is None else {"goal": f"{goal[0]} {goal[1]}", "met": met}))
        text = "" if goal is None else f"{goal[0]} {goal[1]:,} {'' if met else '  MISSED'}"
        print(f"  {name:62s} {lib.number(value):>12s} {unit:16s} {text}", flush=True)

    def skip(self, part, why):
        self.figures[part] = {"skipped": why}
        print(f"  skipped: {why}", flush=True)

    def serve(self, *sets, valgrind=None, store=None):
        return lib.Server([self.sidelight, "--set", "listen.public=127.0.0.1:0", "--set", "listen.metrics=127.0.0.1:0",
                           "--set", "drain.delay=0s", "--set", "contact.rate=off"] +
                          [x for s in sets for x in ("--set", s)], self.work, valgrind, store)

    def serve_many(self, valgrind=None, **flags):
        return lib.Server([self.many, "--public", "127.0.0.1:0", "--metrics", "127.0.0.1:0"] +
                          [x for k, v in flags.items() for x in (f"--{k}", str(v))], self.work, valgrind)


# --- the page ---

def page_cpu(server, headers, n):
    """Median milliseconds of the main thread's CPU for a scrape, the kernel's sending included; and the bytes."""
    times, size = [], 0
    with lib.Scraper(server.metrics, headers) as scraper:
        scraper.scrape()
        for _ in range(n):
            before = lib.thread_ns(server.pid)
            size = scraper.scrape()
            time.sleep(0.002)  # the end of the request, after its last byte
            times.append((lib.thread_ns(server.pid) - before) / 1e6)
    return statistics.median(times), size


def page_instructions(bench, **flags):
    """User instructions of a scrape without gzip, by callgrind; the difference of two runs leaves the start out."""
    total = []
    for n in (1, 5):  # the first one also sorts
        server = bench.serve_many(valgrind=True, **flags)
        with lib.Scraper(server.metrics, "") as scraper:
            for _ in range(n):
                scraper.scrape()
        total.append(server.stop())
    return (total[1] - total[0]) / 4


def page(bench):
    own = page_instructions(bench) if lib.have("valgrind") else 0  # of a page without any of ours
    for series, histograms in PAGES:
        flags = {"series": series, "histograms": histograms}
        lines = series + 17 * histograms
        name = f"{series:,} counters" + (f" + {histograms} histograms = {lines:,} lines" if histograms else "")
        goal = {10000: ("<=", 5), 100000: ("<=", 50)}.get(lines)
        server = bench.serve_many(**flags)
        n = max(9, min(101, 300000 // (lines + 1)))
        for what, headers in (("", ""), (", gzip", "Accept-Encoding: gzip\r\n")):
            ms, size = page_cpu(server, headers, n)
            bench.put("page", f"{name}{what}: {size:,} bytes", ms, "ms CPU", goal)
        server.stop()
        if lib.have("valgrind") and not (bench.quick and lines > 20000):
            more = page_instructions(bench, **flags) - own
            bench.put("page", f"{name}: each line", more / lines, "instructions")


# --- scrapes beside requests ---

def scraped(bench):
    """The public port's p99 with a scrape each 100 ms, and without; rounds take turns."""
    server = bench.serve_many(series=10000, routes=10)
    kinds = [("paced, 500 requests/s", lambda: lib.paced(server.public, 500, 1 if bench.quick else 3))]
    if lib.have("wrk"):
        kinds.append(("all the load that fits",
                      lambda: lib.wrk(bench.work, server.public, "/r/000000", 16, 1 if bench.quick else 3)))
    for name, load in kinds:
        with_ms, without_ms, ratios = [], [], []
        for _ in range(2 if bench.quick else 7):
            without = load()["p99_ms"]
            scraper = lib.start_scraping(server.metrics, 0.1)
            loaded = load()["p99_ms"]
            lib.stop_scraping(scraper)
            without_ms.append(without)
            with_ms.append(loaded)
            ratios.append(loaded / without)
        bench.put("scraped", f"{name}: p99 without scrapes", statistics.median(without_ms), "ms")
        bench.put("scraped", f"{name}: p99 with 10 scrapes/s of 10,000 series", statistics.median(with_ms), "ms")
        bench.put("scraped", f"{name}: ratio, median of {len(ratios)} (from {min(ratios):.2f} to {max(ratios):.2f})",
                  statistics.median(ratios), "x")
    server.stop()


# --- submissions ---

def disk(bench, when):
    """What this file system allows: a WAL is written over again and again, then synced."""
    for size in (4096, 32768):
        rate = lib.syncs(bench.work, size, 0.5 if bench.quick else 1.5)
        bench.put("contact", f"the disk, {when}: writes of {size // 1024} KiB, each with fdatasync", rate, "per second")


def syncs_per_commit(bench, server):
    """By strace, in a round of its own: it slows everything down."""
    counter = lib.SyncCounter(server.pid, bench.work)
    commits = server.sample("store_commit_seconds_count")
    lib.wrk(bench.work, server.public, "/contact", 64, 1, SUBMISSION)
    commits = server.sample("store_commit_seconds_count") - commits
    syncs = counter.stop()
    if syncs is not None and commits > 0:
        bench.put("contact", "syncs a commit (checkpoints included)", syncs / commits, "syncs")


def contact(bench):
    if not lib.have("wrk"):
        bench.skip("contact", "wrk is not installed")
        return
    disk(bench, "before")
    server = bench.serve("threads=1", "log.level=info")
    rounds = []
    before = [server.sample(f"store_batch_size_{x}") for x in ("sum", "count")]
    cpu = lib.process_ns(server.pid)
    for _ in range(2 if bench.quick else 5):
        rounds.append(lib.wrk(bench.work, server.public, "/contact", 64, 1 if bench.quick else 4, SUBMISSION))
    cpu = lib.process_ns(server.pid) - cpu
    stored, commits = [server.sample(f"store_batch_size_{x}") - b for x, b in zip(("sum", "count"), before)]
    rates = [r["rate"] for r in rounds]
    bench.put("contact", f"durable submissions, 64 connections, median of {len(rates)} rounds "
              f"({min(rates):,.0f}..{max(rates):,.0f})", statistics.median(rates), "per second", (">=", 10000))
    for p in ("p50", "p99"):
        bench.put("contact", f"{p} of them", statistics.median(r[f"{p}_ms"] for r in rounds), "ms")
    bench.put("contact", "failed", sum(r["errors"] for r in rounds), "answers", ("<=", 0))
    bench.put("contact", "CPU of the server, user and kernel", cpu / 1000 / max(stored, 1), "us each")
    bench.put("contact", "submissions a commit", stored / max(commits, 1), "submissions")
    if lib.have("strace"):
        syncs_per_commit(bench, server)
    server.stop()
    disk(bench, "after")


# --- connections and endpoints ---

def instructions(make, paths, conns):
    """User instructions a request: the same connections with few and with many requests, subtracted."""
    few = 1 if conns > 500 else 2000 // conns
    more = max(1, 10000 // conns)
    total, longest = [], 0
    for rounds in (few + more, few):  # the second one idles for as long, so that both have the same ticks
        server = make()
        begin = time.monotonic()
        clients = lib.Clients(server.public, conns)
        clients.ask(paths, rounds)
        longest = max(longest, time.monotonic() - begin)
        time.sleep(max(0, begin + longest - time.monotonic()))
        clients.close()
        total.append(server.stop())
    return (total[0] - total[1]) / (more * conns)


def connections(bench):
    if not lib.have("valgrind"):
        bench.skip("connections", "valgrind is not installed")
        return
    for conns in CONNECTIONS[:3] if bench.quick else CONNECTIONS:
        per = instructions(lambda: bench.serve("threads=1", valgrind=True), [HEALTH], conns)
        bench.put("connections", f"GET /health, {conns:,} connections, all of them busy", per, "instructions")


def endpoints(bench):
    if not lib.have("valgrind"):
        bench.skip("endpoints", "valgrind is not installed")
        return
    for routes in ENDPOINTS:
        paths = [HEALTH.replace(b"/health", b"/r/%06d" % (i * routes // 10)) for i in range(10)]
        per = instructions(lambda r=routes: bench.serve_many(valgrind=True, routes=r), paths, 1)
        bench.put("endpoints", f"a small static answer, {routes:,} endpoints in the table", per, "instructions")


# --- memory and start ---

def memory(bench):
    server = bench.serve()
    time.sleep(2)
    bench.put("memory", f"idle, {os.cpu_count()} CPUs, resident", lib.rss_kb(server.pid) / 1024, "MB", ("<=", 12))
    server.stop()
    for conns in (1000, 10000):
        for rounds, what in ((0, "that sent nothing yet"), (3, "after three requests")):
            server = bench.serve("threads=1")
            warm = lib.Clients(server.public, 1)
            warm.ask([HEALTH], 10)
            before = lib.rss_kb(server.pid)
            clients = lib.Clients(server.public, conns)
            clients.ask([HEALTH], rounds)
            lib.wait_for(lambda: server.sample('worker_connections{worker="0"}') == conns + 1)
            time.sleep(0.3)
            per = (lib.rss_kb(server.pid) - before) / conns
            bench.put("memory", f"{conns:,} idle connections {what}, each", per, "KB", ("<=", 2))
            clients.close()
            warm.close()
            server.stop()


def start(bench):
    """From the start of the program to the last byte of the first answer."""
    for what, fresh in (("a new store", True), ("a store that is there", False)):
        store = tempfile.mkdtemp(dir=bench.work)
        times = []
        for _ in range(11):
            if fresh:
                store = tempfile.mkdtemp(dir=bench.work)
            times.append(lib.start_to_answer([bench.sidelight, "--set", "listen.metrics=127.0.0.1:0", "--set",
                                              "drain.delay=0s"], store, HEALTH))
        times = times[1:]  # the first one reads the program from the disk
        bench.put("start", f"start to first answer, {what}, median of {len(times)} "
                  f"({min(times):.1f}..{max(times):.1f})", statistics.median(times), "ms", ("<=", 20))


PARTS = {"page": (page, "The page of metrics"), "scraped": (scraped, "Requests while the page is read"),
         "contact": (contact, "Submissions"), "connections": (connections, "Instructions a request, by connections"),
         "endpoints": (endpoints, "Instructions a request, by endpoints"), "memory": (memory, "Memory"),
         "start": (start, "Start")}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("--sidelight", default="build/dev/sidelight")
    parser.add_argument("--many", default="build/dev/bench/many")
    parser.add_argument("--out", default="bench/growth.json")
    parser.add_argument("--only", default=",".join(PARTS), help="parts, by commas: " + ", ".join(PARTS))
    parser.add_argument("--quick", action="store_true", help="short rounds: to see that it works")
    args = parser.parse_args()
    if not set(args.only.split(",")) <= set(PARTS):
        parser.error("--only takes " + ", ".join(PARTS))
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started ends, too
    work = tempfile.mkdtemp(prefix="growth-", dir=os.path.dirname(os.path.abspath(args.many)))
    bench = Bench(args, work)
    try:
        for name in args.only.split(","):
            measure, title = PARTS[name]
            print(title, flush=True)
            measure(bench)
    finally:
        lib.stop_all()
        shutil.rmtree(work, ignore_errors=True)
    with open(args.out, "w", encoding="utf-8") as f:
        json.dump({"machine": lib.machine(), "figures": bench.figures}, f, indent=1)
        f.write("\n")
    missed = [x["name"] for part in bench.figures.values() if isinstance(part, list) for x in part
              if x.get("met") is False]
    print(f"written: {args.out}; goals missed: {len(missed)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
