# SPDX-License-Identifier: Apache-2.0
"""Sums of money are exact, also where they are larger than any brand's."""
from suite import request

LARGEST = "9999999999999.99"
COUNT = 9600


def purchases(user, event, count, total=LARGEST, **more):
    return [{"type": "track", "event": event, "userId": user, "messageId": f"{user}-{event}-{number}",
             "timestamp": "2025-12-31T08:00:00Z", "properties": {"total": total, "currency": "CNY"}, **more}
            for number in range(count)]


def test_sums_beyond_64_bits_neither_turn_round_nor_lose_a_cent(suite):
    suite.send(purchases("rich", "Order Completed", COUNT) + purchases("poor", "Order Completed", 1, "1.00"))
    suite.wait_quiet()
    metrics = suite.lookup("user_id", "rich").json["metrics"]
    assert metrics["gross"] == metrics["revenue"] == "95999999999999904.00"
    assert metrics["average_order"] == LARGEST
    assert suite.count({"metric": "gross", "lt": 0}) == 0
    suite.advance("1d")  # scores are taken at midnight
    suite.wait_quiet()
    for rule in ({"metric": "gross", "gte": "90000000000000000"}, {"metric": "monetary_score", "is": 5},
                 {"event": "Order Completed", "sum": {"property": "total", "gte": "95999999999999904"}}):
        assert suite.count(rule) == 1, rule

    suite.send(purchases("rich", "Order Refunded", COUNT))
    suite.wait_quiet()
    metrics = suite.lookup("user_id", "rich").json["metrics"]
    assert (metrics["gross"], metrics["revenue"]) == ("95999999999999904.00", "0.00")
    assert suite.count({"metric": "revenue", "is": 0}) == 1
    dump = suite.cli("dump", "--canonical").stdout
    suite.stop()
    suite.start()
    assert suite.lookup("user_id", "rich").json["metrics"] == metrics
    assert suite.cli("dump", "--canonical").stdout == dump


def test_a_total_beyond_all_bounds_counts_as_none_and_is_counted(suite):
    suite.send(purchases("odd", "Order Completed", 1, "99999999999999999.99") + purchases("odd", "Order Refunded", 1, 10**40))
    suite.wait_quiet()
    metrics = suite.lookup("user_id", "odd").json["metrics"]
    assert (metrics["orders"], metrics["gross"], metrics["revenue"]) == (1, "0.00", "0.00")
    page = request(suite.ports["tagging", "OPS_PORT"], "GET", "/metrics").body.decode()
    assert "\nquanyu_amounts_beyond_bounds_total 2\n" in page
