"""ZTF: positive, no star underneath, seen twice half an hour apart, no Solar System object."""

from itertools import pairwise

MINUTE = 1 / (24 * 60)


def filter(alert):
    now, history = alert["candidate"], alert["prv_candidates"]
    return history is not None and now["isdiffpos"] == "t" and no_star(now) and no_object(now) and stays([now, *history])


def no_star(now):
    distance, star = now["distpsnr1"], now["sgscore1"]
    return distance is None or distance > 1.5 or (star is not None and star < 0.5)


def no_object(now):
    distance = now["ssdistnr"]
    return distance is None or distance < 0 or distance > 5


def stays(detections):
    """Whether two consecutive detections, in the packet's order, are far enough apart in time."""
    times = [detection["jd"] for detection in detections if detection["isdiffpos"] == "t"]
    return any(after - before >= 30 * MINUTE for before, after in pairwise(times))
