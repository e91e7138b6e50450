"""Run with `python -m pytest`. An alert from a file: `next(fastavro.reader(open("alert.avro", "rb")))`."""

from {module} import filter


def alert(flux, before=None):
    return {"diaSource": {"psfFlux": flux, "reliability": 0.9}, "prvDiaSources": before}


def test_a_bright_first_detection_passes():
    assert filter(alert(20000.0)) == {"flux": 20000.0}


def test_faint_and_earlier_ones_do_not():
    assert not filter(alert(200.0))
    assert not filter(alert(20000.0, before=[{}]))


def test_the_limit_can_be_set():
    assert filter(alert(200.0), magnitude=26.0)
