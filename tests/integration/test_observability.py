# SPDX-License-Identifier: Apache-2.0
"""What operators watch: health, metrics, and a real Prometheus that scrapes them."""
import json
import shutil
import subprocess
import urllib.parse

import pytest

from suite import SERVICES, Ports, request, wait_for


def scrape(suite, name):
    answer = request(suite.ports[name, "OPS_PORT"], "GET", "/metrics")
    assert answer.status == 200
    return answer.body


def value_of(page, series):
    for line in page.decode().splitlines():
        if line.startswith(series + " "):
            return float(line.split()[-1])
    raise AssertionError(f"{series} is not in the page")


def test_each_service_says_how_it_is(suite):
    for name in SERVICES:
        port = suite.ports[name, "OPS_PORT"]
        assert request(port, "GET", "/healthz").status == 200
        ready = request(port, "GET", "/readyz")
        assert ready.status == 200 and ready.json["ready"] is True
        assert request(port, "GET", "/nothing").status == 404


@pytest.mark.skipif(not shutil.which("promtool"), reason="promtool (Debian: prometheus) is not installed")
def test_promtool_is_content_with_every_page(suite):
    for name in SERVICES:
        checked = subprocess.run(["promtool", "check", "metrics"], input=scrape(suite, name), capture_output=True)
        assert checked.returncode == 0 and not checked.stderr, (name, checked.stderr.decode())


def test_lag_is_shown_while_a_follower_is_away_and_gone_afterwards(suite):
    suite.send([{"type": "page", "userId": "u", "messageId": "before"}])
    suite.wait_quiet()
    suite.kill("identity")
    suite.send([{"type": "page", "userId": "u", "messageId": f"m{i}"} for i in range(500)])
    suite.start("identity")
    suite.wait_quiet()
    page = scrape(suite, "identity")
    assert value_of(page, 'quanyu_feed_lag_records{leader="gateway"}') == 0
    assert value_of(page, 'quanyu_feed_lag_seconds{leader="gateway"}') == 0
    assert value_of(scrape(suite, "gateway"), "quanyu_events_accepted_total") == 501


@pytest.mark.skipif(not shutil.which("prometheus"), reason="prometheus is not installed")
def test_a_real_prometheus_scrapes_all_services(suite):
    targets = [f"127.0.0.1:{suite.ports[name, 'OPS_PORT']}" for name in SERVICES]
    config = suite.directory / "prometheus.yml"
    config.write_text(json.dumps({
        "global": {"scrape_interval": "1s"},
        "scrape_configs": [{"job_name": "quanyu", "static_configs": [{"targets": targets}]}]}))
    port = Ports.take()
    log = open(suite.directory / "prometheus.log", "wb")
    process = subprocess.Popen(
        ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={suite.directory}/prometheus",
         f"--web.listen-address=127.0.0.1:{port}"], stdout=log, stderr=log)
    try:
        def all_up():
            try:
                answer = request(port, "GET", "/api/v1/query?query=" + urllib.parse.quote('sum(up{job="quanyu"})'))
            except OSError:
                return False
            if answer.status != 200:
                return False
            result = answer.json.get("data", {}).get("result", [])
            return bool(result) and float(result[0]["value"][1]) == len(SERVICES)

        wait_for(all_up, "five targets up", 60)
    finally:
        process.terminate()
        process.wait(30)
        log.close()
