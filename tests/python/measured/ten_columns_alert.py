"""Ten columns of numbers, in the alert."""


def filter(alert):
    c = alert["candidate"]
    return c["f0"] > 99 and c["f1"] + c["f2"] + c["f3"] + c["f4"] + c["f5"] + c["f6"] + c["f7"] + c["f8"] + c["f9"] > 0
