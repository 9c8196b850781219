import pytest
from stock import Stock


@pytest.fixture
def stock(klamm):
    klamm.call("POST", "/topics", {"name": "movements", "partitions": 2})
    stock = Stock(klamm.bootstrap_servers)
    yield stock
    stock.close()


def movement(article, count):
    return {"key": article, "value": str(count)}


def test_movements_add_up(klamm, stock):
    klamm.produce("movements", [movement("bolt", 100), movement("nut", 50), movement("bolt", -30)])
    stock.take(3)
    assert stock.counts == {"bolt": 70, "nut": 50}


def test_what_is_counted_is_committed(klamm, stock):
    klamm.produce("movements", [movement("bolt", 1)] * 5)
    stock.take(5)
    lag = klamm.call("GET", "/groups/stock/lag")
    assert lag["total"] == 0
    assert [(it["committed"], it["end"]) for it in lag["partitions"] if it["end"]] == [(5, 5)]


def test_each_test_begins_as_new(klamm):
    names = [topic["name"] for topic in klamm.call("GET", "/topics")]
    assert "movements" not in names


def test_a_request_that_cannot_be_is_told_why(klamm):
    with pytest.raises(AssertionError, match="there is no topic movements"):
        klamm.call("GET", "/topics/movements/records")
