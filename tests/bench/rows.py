# SPDX-License-Identifier: Apache-2.0
"""The rows of the table: each takes a stage and returns figures."""
import json
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from accepting import accepting, answering_at_once
from suite import SERVICES, wait_for
from table import Figure, number

RECORD_BYTES = 670
BATCH = ("--batch=100", "--connections=32")
TRIGGER_FIRST = 90_000_000  # persons of the delivery row, apart from the others
TRIGGERS_PER_SECOND = 50
WATCHED = 2 / 3  # of the time that a load lasts: the end of it
ROUND_SECONDS, BEHIND_SECONDS = 1.0, 3.0  # kept up with: the lag grows by less than a round's worth meanwhile, and is less than that
RATES_TRIED, STEP_DOWN = 8, 0.88  # of a rate that is kept up with: down to two fifths of the first guess


def loaded():
    return f"load average {os.getloadavg()[0]:.1f}"


def append_limit(stage):
    return stage.limit("lmdb_limit", stage.directory / "limit", stage.limit_seconds)


def http_limit(stage, *arguments):
    """Small requests against a handler that answers at once, from the same sender."""
    with answering_at_once(stage, tls=False) as port:
        sender = [stage.build / "tests" / "bench_load", f"--port={port}", "--key=none", f"--seconds={stage.limit_seconds}", *arguments]
        return json.loads(subprocess.run(sender, capture_output=True, text=True, check=True).stdout)


def batches(stage):
    """accepting events in batches of 100, synced before 200"""
    stage.with_persons(stage.few)
    limit = append_limit(stage)
    accepted = 0
    with stage.costs("accepting batches", lambda: accepted):
        result = stage.load(*BATCH)
        accepted = result["accepted"]
    note = f"p99 {result['p99_ms']:.0f} ms, {loaded()}"
    rate = result["events_per_second"]
    stage.wait_folded(3600)
    return [Figure("events accepted, batches of 100", rate, "events/s", limit, "bare LMDB append", least=200_000, note=note),
            Figure("… as a part of a bare append", rate / limit, "", least=0.5)]


def singles(stage):
    """accepting single events: requests a second, and latency at half of that"""
    stage.with_persons(stage.few)
    connections = f"--connections={stage.options.connections}"
    limit = http_limit(stage, connections)["requests_per_second"]
    sync = stage.limit("disk_sync", stage.directory / "limit", 1)
    full = stage.load(connections)
    stage.wait_folded(3600)
    half = stage.load(connections, f"--rate={full['requests_per_second'] / 2:.0f}", seconds=stage.options.seconds / 2)
    stage.wait_folded(3600)
    return [Figure("single events accepted", full["requests_per_second"], "requests/s", limit, "answered at once", least=40_000,
                   note=f"p50 {full['p50_ms']:.1f} ms, {loaded()}"),
            Figure("… p99 at half load", half["p99_ms"], "ms", sync["p99_ms"], "one fdatasync", most=10, note=loaded())]


def slope(samples):
    """Of the line of least squares through (time, value)."""
    times, values = zip(*samples)
    middle, mean = sum(times) / len(times), sum(values) / len(values)
    spread = sum((time - middle) ** 2 for time in times)
    return sum((time - middle) * (value - mean) for time, value in samples) / spread if spread else 0.0


def sustain(stage, rate, seconds):
    """Sends at a rate: by how many events a second the services fall behind once it runs, how far they are behind at its end, and what
    was really sent. A round of the writers takes up to a second, so how far behind they are goes up and down by as much."""
    samples, over = [], threading.Event()

    def watch():
        begun = time.monotonic()
        while not over.wait(0.25):
            if time.monotonic() - begun > seconds * (1 - WATCHED):
                samples.append((time.monotonic(), stage.lag()))

    watcher = threading.Thread(target=watch)
    watcher.start()
    result = stage.load(*BATCH, f"--rate={rate / 100:.1f}", seconds=seconds)
    behind = stage.lag()
    over.set()
    watcher.join()
    stage.wait_folded(3600)
    return slope(samples), behind, result["events_per_second"]


def path(stage, persons=None):
    """the whole way: events a second that all services keep up with"""
    stage.with_persons(persons or stage.options.people)
    seconds = stage.options.seconds
    begun = time.monotonic()
    sent = stage.load(*BATCH, f"--events={int(seconds * 20_000)}", seconds=3600)["accepted"]
    stage.wait_folded(3600)
    rate = sent / (time.monotonic() - begun)
    tries = []
    for _ in range(RATES_TRIED):
        with stage.costs(f"the whole way at {rate:,.0f}/s", lambda: real * seconds):
            growth, behind, real = sustain(stage, rate, seconds)
        tries.append(f"{growth:+,.0f}/s and {behind / rate:.1f} s behind at {rate:,.0f}")
        kept_up = growth * seconds * WATCHED < rate * ROUND_SECONDS and behind < rate * BEHIND_SECONDS
        if kept_up:
            break
        rate *= STEP_DOWN
    return [Figure("the whole way, sustained", real if kept_up else 0, "events/s", append_limit(stage), "bare LMDB append",
                   least=30_000, note=f"lag {'; '.join(tries)}; {loaded()}")]


def delivery(stage):
    """from an event to the webhook that a journey sends for it, at 5,000 events a second"""
    suite = stage.with_persons(stage.few)
    count = int(min(stage.options.seconds, 30) * TRIGGERS_PER_SECOND)
    hook = stage.port()
    events = [{"type": "identify", "userId": f"user-{TRIGGER_FIRST + i:08}", "messageId": f"known-{time.time()}-{i}",
               "traits": {"name": f"{TRIGGER_FIRST + i:08}", "email": f"trigger-{i}@bench.example"}} for i in range(count)]
    suite.send(events)
    stage.wait_folded(600)
    journey = suite.post("/api/v1/journeys", {
        "name": "Bench", "entry": {"event": {"event": "Bench Trigger"}},
        "steps": [{"id": "send", "type": "send", "channel": "webhook", "url": f"http://127.0.0.1:{hook}/", "secret": "s3cret",
                   "content": {"person": "{{name}}"}}, {"id": "end", "type": "exit"}]})
    suite.post(f"/api/v1/journeys/{journey['id']}/publish")
    wait_for(lambda: suite.get("/api/v1/status")["quiet"], "the journey is published", 600)
    sync = stage.limit("disk_sync", stage.directory / "limit", 1)
    with stage.background("--batch=10", "--connections=8", "--rate=500"):
        result = json.loads(stage.program("delivery", suite.ports["gateway", "HTTP_PORT"], suite.bootstrap["write_key"], hook,
                                          TRIGGER_FIRST, count, TRIGGERS_PER_SECOND, check=False))
    suite.post(f"/api/v1/journeys/{journey['id']}/pause")
    stage.wait_folded(600)
    return [Figure("event to delivery p99, at 5,000 events/s", result["p99_ms"], "ms", sync["p50_ms"] * 16, "16 syncs", most=100,
                   note=f"p50 {result['p50_ms']:.1f} ms, {result['arrived']} of {result['sent']} arrived, {loaded()}")]


def burst_by(stage, how, *arguments):
    stage.with_persons(stage.options.people)
    begun = time.monotonic()
    result = stage.load(*BATCH, "--rate=2000", *arguments)
    behind = stage.lag()
    stage.wait_folded(7200)
    total = time.monotonic() - begun
    return [Figure(f"burst{how} accepted", result["events_per_second"], "events/s", append_limit(stage), "bare LMDB append", least=190_000,
                   note=f"for {result['seconds']:.0f} s, {result['failures']} refused, {loaded()}"),
            Figure("… worked off", result["accepted"] / total, "events/s",
                   note=f"{behind:,} behind at its end, {total - result['seconds']:.0f} s more")]


def burst(stage):
    """a burst as fast as can be sent, up to 200,000 a second, with all services running: accepted, and worked off"""
    return burst_by(stage, "")


def burst_tls(stage):
    """the same burst over TLS"""
    return burst_by(stage, " over TLS", "--tls")


def identity(stage):
    """resolving identities on one core, feed in to durable feed out, nine in ten known"""
    persons = min(stage.options.people, 1_000_000)
    events = int(stage.options.seconds * 20_000)
    out = stage.program("identity_fold", stage.directory / "identity_fold", persons, events)
    wall, processor = re.search(r"nine in ten known: \d+ events, (\d+)/s, (\d+)/s of processor", out).groups()
    return [Figure("identities resolved, one core", float(wall), "events/s", append_limit(stage), "bare LMDB append", least=100_000,
                   note=f"{int(processor):,}/s of processor time, {persons:,} persons, {loaded()}")]


def many(stage):
    """the same while --people become ten and a hundred times as many, four identifiers each, with what one takes of memory and disk"""
    sizes = [stage.options.people // 100, stage.options.people // 10, stage.options.people]
    events = max(int(stage.options.seconds * 20_000), sizes[-1] // 5)
    directory = stage.directory / "identity_many"
    out = stage.program("identity_fold", directory, ",".join(map(str, sizes)), events)
    shutil.rmtree(directory)
    known = re.findall(r"nine in ten known: \d+ events, (\d+)/s, (\d+)/s of processor", out)
    taken = re.findall(r"size: (\d+) persons, (\d+) identifiers, (\d+) bytes of state and (\d+) of memory", out)
    figures = []
    for (wall, processor), (persons, identifiers, disk, memory) in zip(known, taken):
        note = f"{int(processor):,}/s of processor time, {int(identifiers):,} identifiers, {memory} bytes of memory and {disk} of state a person"
        figures.append(Figure(f"identities resolved, one core, {int(persons):,} persons", float(wall), "events/s", append_limit(stage),
                              "bare LMDB append", least=100_000, note=f"{note}, {loaded()}"))
    first, last = int(known[0][1]), int(known[-1][1])
    return [*figures, Figure("… processor time of an event, of what it was among the fewest", first / last, "", most=1.25)]


def graph(stage):
    """joining, splitting, explaining and looking up among --people, and other rules for all of them, tried and applied"""
    persons = stage.options.people
    result = json.loads(stage.program("identity_graph", stage.directory / "identity_graph", persons))
    shutil.rmtree(stage.directory / "identity_graph")
    decisions, questions = ("join_by_hand", "split_by_undoing", "evidence_taken_back"), ("explain", "lookup")
    events = ("new_identifier", "event_of_990_identifiers", "event_of_a_tablet")
    name = {key: key.replace("_", " ") for key in result}
    own = ", ".join(f"{name[key]} {result[key]['own_p99_ms']:.3f}" for key in decisions + events)
    rules, tried = result["rules"], result["dry_run"]
    return [*(Figure(f"{name[key]}, durable, p99", result[key]["durable_p99_ms"], "ms", most=5,
                     note=f"{persons:,} persons, ms of processor p99: {own}; {loaded()}") for key in decisions),
            *(Figure(f"{name[key]}, p99", result[key]["durable_p99_ms"], "ms", most=2) for key in questions),
            Figure("other rules tried on everybody", tried["durable_s"], "s", most=600, note=f"{tried['own_s']:.0f} s of processor"),
            Figure("other rules applied to everybody", rules["durable_s"], "s",
                   note=f"{rules['identifiers']:,} identifiers, {result['bytes'] / persons:,.0f} bytes of state a person")]


def duplicates(stage):
    """looking for likely duplicates among many persons, of whom a fifth registered twice"""
    persons = min(stage.options.people, 100_000)
    out = stage.program("identity_duplicates", stage.directory / "identity_duplicates", persons)
    compared, = re.search(r"([\d.]+) each", out).groups()
    processor, memory = re.search(r"([\d.]+) s of processor time, .* (\d+) MiB of memory", out).groups()
    precision, recall = re.search(r"precision ([\d.]+), recall ([\d.]+)", out).groups()
    return [Figure("likely duplicates found, processor time", float(processor), "s",
                   note=f"{persons:,} persons, {compared} comparisons each, {memory} MiB, precision {precision}, recall {recall}, {loaded()}")]


def rights(stage):
    """finding out who asks and what they may do, of 100,000 members of staff"""
    out = stage.program("gateway_access", stage.directory / "gateway_access", 100_000)
    mean, most = re.search(r"rights: ([\d.]+) us, 99 % within ([\d.]+) us", out).groups()
    hashed = float(re.search(r"password: ([\d.]+) ms", out).group(1))
    return [Figure("rights of a request, p99", float(most), "us", most=50,
                   note=f"mean {float(mean):.1f} us, a password takes {hashed:.0f} ms, {loaded()}")]


def dedup(stage):
    """remembering message ids: the processor's time of a commit of 40,000 new ones, while they become many"""
    ids = min(stage.options.people, 1_000_000) * 40
    result = json.loads(stage.program("gateway_dedup", stage.directory / "gateway_dedup", ids, 40_000))
    return [Figure("message ids remembered, 40,000 in a commit, the worst one", result["own_worst_ms"], "ms", result["own_mean_ms"],
                   "the mean", note=f"{ids:,} ids, known again in {result['again_us']:.0f} us, durable in {result['mean_ms']:.0f} ms, "
                                    f"{result['worst_ms']:.0f} ms at worst, {loaded()}")]


def staff(stage):
    """the first page of 100,000 members of staff in 50,000 units, by the filter and in the scope that take longest"""
    pages = json.loads(stage.program("gateway_staff", stage.directory / "gateway_staff", 100_000, 50_000))
    slowest = max(pages, key=lambda name: pages[name]["p99_ms"])
    each = ", ".join(f"{name} {page['own_ms']:.2f}" for name, page in pages.items())
    return [Figure(f"first page of staff: {slowest}, p99", pages[slowest]["p99_ms"], "ms", most=2,
                   note=f"ms of processor: {each}; {loaded()}")]


def profile(stage, persons=None):
    """one profile over HTTP, assembled and on record"""
    stage.with_persons(persons or stage.options.people)
    body = {"identifiers": [{"kind": "user_id", "value": "user-########"}]}
    result = stage.ask("/api/v1/persons/lookup", body, min(stage.options.seconds, 15))
    sync = stage.limit("disk_sync", stage.directory / "limit", 1)
    return [Figure("one profile, assembled and recorded, p99", result["p99_ms"], "ms", sync["p99_ms"], "one fdatasync", most=5,
                   note=f"p50 {result['p50_ms']:.2f} ms, {loaded()}")]


CITIES = {"0.1 %": {"is": "拉萨"}, "10 %": {"is": "成都"}, "90 %": {"in": ["成都", "上海"]}}


def audience_rule(tag, city, window):
    conditions = [{"tag": tag}, {"trait": "city", **city}, {"metric": "revenue", "gte": "0.01", "lt": "100000"},
                  {"not": {"stage": "dormant"}}]
    return {"all": conditions + ([{"event": "Order Completed", "within": "30d", "count": {"gte": 1}}] if window else [])}


def audience(stage, persons=None):
    """an audience of five conditions, while events arrive"""
    suite = stage.with_persons(persons or stage.options.people)
    tag = "buyer"
    if suite.api("GET", f"/api/v1/tags/{tag}").status == 404:
        suite.post("/api/v1/tags", {"tag": tag, "rule": {"metric": "orders", "gte": 1}})
    stage.wait_folded(3600)
    wait_for(lambda: suite.count({"tag": tag}) == suite.count({"metric": "orders", "gte": 1}), "the tag is given", 3600, every=0.2)
    limit = stage.limit("memory_scan", stage.persons)
    figures = []
    with stage.background("--batch=10", "--connections=4", "--rate=200"):
        for window in (False, True):
            for name, city in CITIES.items():
                rule = audience_rule(tag, city, window)
                result = stage.ask("/api/v1/audiences/count", {"rule": rule}, min(stage.options.seconds, 10) / 2)
                what = f"audience of {name}, {'with' if window else 'without'} an event window, p99"
                figures.append(Figure(what, result["p99_ms"], "ms", limit, "flat columns", most=50 if window else 10,
                                      note=f"p50 {result['p50_ms']:.2f} ms, {suite.count(rule):,} people, {loaded()}"))
    stage.wait_folded(600)
    return figures


def millions(stage):
    """an audience of five conditions over 10 million people, in process, while 2,000 events a second arrive"""
    persons = 10_000_000 if stage.options.people >= 1_000_000 else 10 * stage.options.people
    out = stage.program("tagging_audience", stage.directory / "millions", persons, 2000)
    shutil.rmtree(stage.directory / "millions")
    limit = stage.limit("memory_scan", persons)
    figures = []
    for name, found, median, p99 in re.findall(r"^(.*?): (\d+) persons .*median ([\d.]+) ms, p99 ([\d.]+) ms", out, re.MULTILINE):
        figures.append(Figure(f"audience of {persons:,}: {name}, p99", float(p99), "ms", limit, "flat columns",
                              most=50 if "events" in name else 10, note=f"p50 {median} ms, {int(found):,} people, {loaded()}"))
    held = re.search(r"^(against .*?): median ([\d.]+) ms, p99 ([\d.]+) ms", out, re.MULTILINE)
    figures.append(Figure(f"… held {held[1]}, p99", float(held[3]), "ms", most=10, note=f"p50 {held[2]} ms, {loaded()}"))
    return figures


def audit(stage):
    """audit records, durable, and a proof"""
    records = int(stage.options.seconds * 20_000)
    out = stage.program("audit_append", records, 1000, stage.directory)
    rate, limit = re.search(r"durable records: (\d+)/s; bare append of the same bytes: (\d+)/s", out).groups()
    proof = re.search(r"inclusion proof .*p99 +([\d.]+) ms", out)
    figures = [Figure("audit records, durable", float(rate), "records/s", float(limit), "bare LMDB append", least=100_000, note=loaded())]
    if proof:
        figures.append(Figure("… proof, p99", float(proof[1]), "ms", most=1))
    return figures


def audit_callers(stage):
    """audit records from callers at once, each answered with its index when it is durable"""
    suite, seconds = stage.suite, max(2, int(min(stage.options.seconds, 10)))
    where = (suite.data / "keys", f"tcp://127.0.0.1:{suite.ports['audit', 'RPC_PORT']}")

    def call(callers, records, rate=0):
        out = stage.program("audit_callers", *where, callers, seconds, records, rate)
        return map(float, re.search(r"(\d+) durable records/s.*latency: p50 ([\d.]+) ms, p99 ([\d.]+) ms", out, re.DOTALL).groups())

    many, many_p50, many_p99 = call(32, 250)
    single, single_p50, single_p99 = call(100, 1)
    calm, calm_p50, calm_p99 = call(64, 1, 10_000)
    return [Figure("audit records from 32 callers, 250 a call", many, "records/s", append_limit(stage), "bare LMDB append", least=100_000,
                   note=f"p50 {many_p50:.1f} ms, p99 {many_p99:.1f} ms, {loaded()}"),
            Figure("… from 100 callers, one a call", single, "records/s", append_limit(stage), "bare LMDB append",
                   note=f"p50 {single_p50:.1f} ms, p99 {single_p99:.1f} ms"),
            Figure("… one record while 10,000 a second come, p99", calm_p99, "ms", stage.limit("disk_sync", stage.directory / "limit", 1)["p99_ms"], "one sync", most=5,
                   note=f"p50 {calm_p50:.2f} ms, {calm:,.0f}/s, {loaded()}")]


def audit_search(stage):
    """an auditor's questions of as many records as there are people: the first page of the slowest filter, counts, histograms"""
    records = stage.options.people
    out = stage.program("audit_search", records, stage.directory)
    limit = float(re.search(r"^limit: .*p99 ([\d.]+) ms", out, re.MULTILINE)[1])
    asked = re.findall(r"^(page|count): (.*?) +p50 +([\d.]+) ms  p99 +([\d.]+) ms  processor p99 +([\d.]+) ms", out, re.MULTILINE)
    pages = max((one for one in asked if one[0] == "page"), key=lambda one: float(one[3]))
    counts = max((one for one in asked if one[0] == "count"), key=lambda one: float(one[3]))
    return [Figure(f"audit, first page of {records:,} records, slowest filter ({pages[1]}), p99", float(pages[3]), "ms", limit,
                   "as many records read", most=50, note=f"p50 {pages[2]} ms, processor {pages[4]} ms, {loaded()}"),
            Figure(f"… counts, the slowest ({counts[1]}), p99", float(counts[3]), "ms", note=f"p50 {counts[2]} ms, processor {counts[4]} ms")]


def verify(stage):
    """an audit log verified from its files, and proofs of it, as it grows"""
    out = stage.program("audit_verify", int(stage.options.seconds * 20_000), 2, stage.directory)
    found = re.findall(r"verified (\d+) records: (\d+)/s; with indexes: (\d+)/s; bare SHA-256: (\d+)/s; proof p50 ([\d.]+) ms, p99 ([\d.]+) ms, "
                       r"of processor ([\d.]+) ms; store ([\d.]+) MB", out)
    size, rate, whole, limit, p50, p99, processor, store = map(float, found[-1])
    grown = f"{float(found[0][1]):,.0f}/s at half of {size:,.0f} records; the store holds {store:.0f} MB; {loaded()}"
    return [Figure("audit log verified, without indexes", rate, "records/s", limit, "bare SHA-256", least=1_000_000, note=grown),
            Figure("… with indexes", whole, "records/s", limit, "bare SHA-256"),
            Figure("… proof, p99", p99, "ms", most=1, note=f"p50 {p50:.2f} ms; p99 of processor {processor:.2f} ms; {loaded()}")]


def memory(stage):
    """RssAnon of all services for one million persons, and its growth under load"""
    stage.with_persons(stage.options.people)
    before = stage.memory()
    stage.load(*BATCH, "--rate=100")
    stage.wait_folded(3600)
    middle = sum(stage.memory().values())
    stage.load(*BATCH, "--rate=100")
    stage.wait_folded(3600)
    after = sum(stage.memory().values())
    each = ", ".join(f"{name} {before[name]:.0f}" for name in SERVICES)
    return [Figure(f"memory, {stage.persons:,} persons, all services", sum(before.values()), "MB", most=1024, note=each),
            Figure("… growth under load, second half", after - middle, "MB",
                   note=f"{stage.options.seconds:.0f} s at 10,000/s each; first half {middle - sum(before.values()):+.0f}")]


def kill(stage):
    """after kill -9 under load: ready again, nothing acknowledged lost, nothing counted twice"""
    suite = stage.with_persons(stage.few)
    stage.wait_folded(3600)
    before = int(stage.suite.get("/api/v1/summary")["events"])
    sent = accepted = 0
    longest = 0.0, ""
    for name in SERVICES:
        results = []
        load = threading.Thread(target=lambda: results.append(stage.load("--batch=10", "--connections=4", "--rate=200", seconds=2, check=False)))
        load.start()
        time.sleep(1)  # under load is what is measured
        suite.kill(name, signal.SIGKILL)
        begun = time.monotonic()
        suite.spawn(name)
        wait_for(lambda: suite.is_ready(name), f"{name} is ready", 60)
        longest = max(longest, (time.monotonic() - begun, name))
        load.join()
        sent, accepted = sent + results[0]["sent"], accepted + results[0]["accepted"]
        wait_for(lambda: suite.api("GET", "/api/v1/status").status == 200, "the gateway answers", 60)
    stage.wait_folded(600)
    counted = int(stage.suite.get("/api/v1/summary")["events"]) - before
    return [Figure("ready after kill -9, the slowest service", longest[0], "s", most=2, note=f"{longest[1]}, {loaded()}"),
            Figure("… acknowledged events lost", max(accepted - counted, 0), "", most=0),
            Figure("… events counted that were never sent", max(counted - sent, 0), "", most=0, note=f"{accepted:,} accepted")]


def units(stage):
    """50,000 units: whether one is below another, one more change, and a page of what is below one"""
    count = 50_000
    tree = json.loads(stage.program("gateway_units", count))
    regions = "".join(f"BENCH-R{i},Region,region,{f'BENCH-R{i - 1}' if i % 20 else ''}\n" for i in range(500))
    stores = "".join(f"BENCH-S{i},Store,store,BENCH-R{i % 500}\n" for i in range(count - 500))
    begun = time.monotonic()
    answer = stage.suite.api("POST", "/api/v1/units/import", "code,name,kind,parent_code\n" + regions + stores)
    imported = time.monotonic() - begun
    if answer.status != 200:
        raise SystemExit(f"units: {answer}")
    took = []
    for i in range(200):
        begun = time.monotonic()
        stage.suite.get(f"/api/v1/units?below=code:BENCH-R{i}&limit=50")
        took.append(time.monotonic() - begun)
    return [Figure("whether a unit is below another one, 50,000 units", tree["within_ns"], "ns", most=50_000, note=loaded()),
            Figure("… the tree made anew for one more change", tree["change_ms"], "ms"),
            Figure("… 50,000 made by CSV, durable and on record", imported, "s"),
            Figure("… a page of 50 below one, p99", sorted(took)[-2] * 1e3, "ms", note=f"p50 {sorted(took)[100] * 1e3:.2f} ms")]


MOVES = {"moving the region": 100, "moving 1,000 stores": None}


def people(stage):
    """a list of the people in a subtree counted from bitmaps, and a region moved with all of its people: flat and deep trees"""
    persons, stores, figures = min(stage.options.people, 1_000_000), 50_000, []
    for tree, depth in (("flat", 1), ("29 levels deeper", 29)):
        out = stage.program("tagging_people", stage.directory / "people", persons, stores, depth)
        shutil.rmtree(stage.directory / "people")
        for what, found, median, p99 in re.findall(r"^(.*?): (\d+) people, median ([\d.]+) ms, p99 ([\d.]+) ms", out, re.MULTILINE):
            figures.append(Figure(f"{what}, {stores:,} stores, {tree}, p99", float(p99), "ms",
                                  most=MOVES.get(what, 10), note=f"p50 {median} ms, {int(found):,} people, {loaded()}"))
    return figures


def growth(stage):
    """the rows path, profile and audience, with a hundredth of the persons and with all of them"""
    small, rows = {}, (path, profile, audience)
    if stage.persons <= stage.few:
        small = {figure.what: figure.value for row in rows for figure in row(stage, stage.few)}
    figures = [figure for row in rows for figure in row(stage)]
    for figure in figures:
        if figure.what in small:
            figure.note = f"{number(small[figure.what])} with {stage.few:,} persons; {figure.note}"
    return figures


def measure(name, stage):
    return ROWS[name](stage)


BY_NAME = ("path", "profile", "audience", "many")  # only where they are named; `growth` has the first three
# In this order: what needs few persons comes before what makes many.
ALL = (batches, singles, accepting, units, delivery, kill, growth, burst, burst_tls, memory, identity, many, graph, duplicates, rights, staff, dedup, audit, audit_callers, verify, audit_search, people, millions, path, profile, audience)
ROWS = {row.__name__: row for row in ALL}
