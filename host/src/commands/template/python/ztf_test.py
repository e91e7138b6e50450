"""Run with `python -m pytest`. An alert from a file: `next(fastavro.reader(open("alert.avro", "rb")))`."""

from {module} import filter


def alert(magnitude, before=None):
    return {"candidate": {"magpsf": magnitude, "rb": 0.9}, "prv_candidates": before}


def test_a_bright_first_detection_passes():
    assert filter(alert(17.5)) == {"magnitude": 17.5}
    assert filter(alert(17.5, before=[{"magpsf": None}]))


def test_faint_and_earlier_ones_do_not():
    assert not filter(alert(19.5))
    assert not filter(alert(17.5, before=[{"magpsf": 18.0}]))


def test_the_limit_can_be_set():
    assert filter(alert(19.5), magnitude=20.0)
