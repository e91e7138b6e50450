"""ZTF: a known Solar System object lies near."""


def filter(alert):
    # ZTF writes the text "null" for most of the others.
    return alert["candidate"]["ssnamenr"] not in (None, "null")
